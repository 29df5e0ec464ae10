import { StrongroomError } from '../errors.ts';
import { networkOfClient } from '../lib/ip-networks.ts';

/** How many bytes of bodies are received at a time. */
export interface BodyLimits {
  /** From one address (of IPv6: one /64). */
  readonly ofOne: number;
  /** In all. */
  readonly total: number;
}

/**
 * Bounds what bodies hold in memory while they are on their way, which those
 * who send them decide: of one network a share, so that one alone cannot take
 * up all. Several together can, and then others have to wait.
 */
export class BodyBudget {
  readonly #limits: BodyLimits;
  readonly #byNetwork: Map<string, number> = new Map();
  #taken = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** Begins a body from an address. */
  begin(ip: string): BodyShare {
    const network = networkOfClient(ip) ?? ip;
    let own = 0;
    return {
      take: (bytes) => {
        const ofOne = (this.#byNetwork.get(network) ?? 0) + bytes;
        if (ofOne > this.#limits.ofOne || this.#taken + bytes > this.#limits.total) throw tooMany();
        this.#byNetwork.set(network, ofOne);
        this.#taken += bytes;
        own += bytes;
      },
      giveBack: () => {
        const rest = (this.#byNetwork.get(network) ?? 0) - own;
        if (rest > 0) this.#byNetwork.set(network, rest);
        else this.#byNetwork.delete(network);
        this.#taken -= own;
        own = 0;
      },
    };
  }
}

/** What one body takes up. */
export interface BodyShare {
  /** @throws {@link StrongroomError} `rate_limited` if there is no room for so many bytes more. */
  take(bytes: number): void;
  giveBack(): void;
}

function tooMany(): StrongroomError {
  return new StrongroomError('rate_limited', 'too much is being sent at the moment', {
    details: { retryAfter: 1 },
    hint: 'try again in 1 second',
  });
}
