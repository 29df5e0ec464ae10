import { randomBytes } from '../crypto/random.ts';
import { parseShare } from '../crypto/shamir.ts';
import type { ShareSet } from '../core/seals.ts';
import { StrongroomError } from '../errors.ts';
import { toBase64, toBase64Url } from '../lib/base64.ts';
import { wipe } from '../lib/bytes.ts';
import type { SecretValue } from '../secret-value.ts';

/** How far a round is. */
export interface RoundProgress {
  /** What the keepers of other shares say to add theirs to this round. */
  readonly nonce: string;
  readonly given: number;
  readonly needed: number;
}

/** A share that was brought. */
export interface BroughtShare {
  readonly share: SecretValue;
  /** The round that it belongs to. Without one, it begins a round of its own. */
  readonly nonce: string | undefined;
}

interface Round {
  readonly set: ShareSet;
  readonly shares: Map<number, SecretValue>;
  touchedAt: number;
}

const NONCE_BYTES = 16;
const ROUNDS_MAX = 32;
const IDLE_MS = 15 * 60_000;

/**
 * Shares that several people bring one after another. Whoever does not know a
 * round's nonce can neither add to it nor end it; and only who has a share of
 * this vault can begin one, so that strangers cannot take all the room.
 */
export class UnsealRounds {
  readonly #clock: () => number;
  readonly #rounds: Map<string, Round> = new Map();

  /** @param clock - Milliseconds, never set back. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /**
   * Takes a share. With the last one that is needed the round is over, and its
   * shares are the caller's, who wipes them.
   *
   * @throws {@link StrongroomError} `invalid_share` for what is no share of this vault or not of
   * this round; `rate_limited` while there are too many rounds.
   */
  take(
    { share, nonce }: BroughtShare,
    sets: readonly ShareSet[],
  ): RoundProgress & { readonly shares?: readonly SecretValue[] } {
    this.#forgetIdle();
    const { index, set } = placeOf(share, sets);
    const name = nonce ?? this.#begin(set);
    const round = this.#rounds.get(name);
    // Another one's round is not told from one that there is not.
    if (round === undefined || round.set.setId !== set.setId) throw noRound();
    const before = round.shares.get(index);
    if (before !== undefined && !before.equals(share)) throw notOfRound();
    if (before === undefined) round.shares.set(index, share);
    else share.wipe();
    round.touchedAt = this.#clock();
    const progress = { nonce: name, given: round.shares.size, needed: set.needed };
    if (round.shares.size < set.needed) return progress;
    this.#rounds.delete(name);
    return { ...progress, shares: [...round.shares.values()] };
  }

  /** Wipes every share, once the vault is open. */
  clear(): void {
    for (const name of this.#rounds.keys()) this.#drop(name);
  }

  #begin(set: ShareSet): string {
    if (this.#rounds.size >= ROUNDS_MAX) {
      throw new StrongroomError('rate_limited', 'too many rounds of shares are under way', {
        details: { retryAfter: 60 },
      });
    }
    const nonce = toBase64Url(randomBytes(NONCE_BYTES));
    this.#rounds.set(nonce, { set, shares: new Map(), touchedAt: this.#clock() });
    return nonce;
  }

  #forgetIdle(): void {
    const before = this.#clock() - IDLE_MS;
    for (const [name, { touchedAt }] of this.#rounds) if (touchedAt < before) this.#drop(name);
  }

  #drop(name: string): void {
    for (const share of this.#rounds.get(name)?.shares.values() ?? []) share.wipe();
    this.#rounds.delete(name);
  }
}

/** Which of which set a share says that it is. */
function placeOf(
  share: SecretValue,
  sets: readonly ShareSet[],
): { readonly index: number; readonly set: ShareSet } {
  const parsed = share.kind === 'text' ? parseShare(share.reveal().trim()) : undefined;
  if (parsed === undefined) throw notOfVault();
  wipe(parsed.bytes);
  const setId = toBase64(parsed.setId);
  const set = sets.find((each) => each.setId === setId);
  if (set === undefined) throw notOfVault();
  return { index: parsed.index, set };
}

function notOfVault(): StrongroomError {
  return new StrongroomError('invalid_share', 'this is not a share that opens the vault', {
    hint: 'check it for typing errors; it may have been replaced by another one',
  });
}

function notOfRound(): StrongroomError {
  return new StrongroomError('invalid_share', 'the round has another share of this number');
}

function noRound(): StrongroomError {
  return new StrongroomError('invalid_share', 'there is no such round of shares', {
    hint: 'a round ends after 15 minutes without a share; begin another without a nonce',
  });
}
