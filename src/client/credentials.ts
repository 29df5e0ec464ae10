import { SecretValue } from '../secret-value.ts';
import type { ClientCredential, ConnectOptions } from './client-options.ts';

/** A credential is renewed when this part of its life is over. */
const RENEW_AT = 0.8;

/** How soon a renewal that failed is tried again, at the earliest, in milliseconds. */
const RETRY_MS_MIN = 1000;

/** What a client proves who it is with, renewed in time. */
export class Credentials {
  readonly #options: Pick<ConnectOptions, 'token' | 'signIn' | 'now'>;
  #current: Promise<ClientCredential> | undefined;
  /** The last that was got, unless it was refused. */
  #held: ClientCredential | undefined;
  #renewAt = Number.POSITIVE_INFINITY;

  constructor(options: Pick<ConnectOptions, 'token' | 'signIn' | 'now'>) {
    this.#options = options;
  }

  /** The text of the credential, or `undefined` without any. */
  async token(): Promise<string | undefined> {
    const { token, signIn, now = Date.now } = this.#options;
    if (signIn === undefined) return textOf(token);
    if (this.#current === undefined || now() >= this.#renewAt) {
      this.#renewAt = Number.POSITIVE_INFINITY;
      this.#current = this.#renewed(signIn, now);
    }
    return textOf((await this.#current).token);
  }

  /**
   * Forgets a credential that was refused, unless another call already has a newer one.
   *
   * @returns Whether there is another way to one.
   */
  renew(refused: string | undefined): boolean {
    if (this.#options.signIn === undefined) return false;
    if (textOf(this.#held?.token) === refused) {
      this.#current = undefined;
      this.#held = undefined;
    }
    return true;
  }

  /** Signs in once more. While the one before is still good, a failure only puts that off. */
  async #renewed(
    signIn: NonNullable<ConnectOptions['signIn']>,
    now: () => number,
  ): Promise<ClientCredential> {
    const asked = now();
    try {
      // Not at once: what fails then has to find its own promise in place.
      const signedIn = await Promise.resolve().then(signIn);
      this.#held = signedIn;
      this.#renewAt = asked + (endOf(signedIn) - asked) * RENEW_AT;
      return signedIn;
    } catch (error) {
      const held = this.#held;
      const left = held === undefined ? 0 : endOf(held) - now();
      if (held === undefined || left <= 0) {
        this.#current = undefined;
        throw error;
      }
      this.#renewAt = now() + Math.max(RETRY_MS_MIN, left / 2);
      return held;
    }
  }
}

function endOf({ expiresAt }: ClientCredential): number {
  return expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt);
}

function textOf(token: string | SecretValue | undefined): string | undefined {
  return token instanceof SecretValue ? token.reveal() : token;
}
