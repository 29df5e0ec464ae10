import { combine, split } from 'shamir-secret-sharing';
import { StrongroomError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';
import { randomBytes } from './random.ts';
import { formatChecked, parseChecked } from './token.ts';

/** How a secret is split. */
export interface ShamirParameters {
  /** Shares needed, 2 to `shares`. */
  readonly threshold: number;
  /** Shares made, at most 255. */
  readonly shares: number;
}

/** What {@link splitSecret} made. */
export interface SplitSecret {
  /** 8 random bytes that every share of this split carries. */
  readonly setId: Uint8Array;
  /** The shares as text, each to be kept by another person. */
  readonly shares: string[];
}

/** A share's parts (docs/spec/keyring.md). */
export interface Share {
  /** 8 bytes. */
  readonly setId: Uint8Array;
  /** The number of the share, from 1. */
  readonly index: number;
  readonly threshold: number;
  /** 32 bytes of the share and its coordinate; secret. */
  readonly bytes: Uint8Array;
}

const SECRET_BYTES = 32;
const SET_ID_BYTES = 8;
const VERSION = 1;
const VERSION_AT = 0;
const SET_ID_AT = 1;
const INDEX_AT = SET_ID_AT + SET_ID_BYTES;
const THRESHOLD_AT = INDEX_AT + 1;
const BYTES_AT = THRESHOLD_AT + 1;
const SHARE_BYTES = BYTES_AT + SECRET_BYTES + 1;
const COORDINATE_AT = SECRET_BYTES;

/**
 * Splits a secret so that `threshold` shares give it back and fewer tell
 * nothing (Shamir, 1979, over GF(2⁸)). A new set id is drawn.
 *
 * @param secret - 32 bytes.
 * @throws RangeError if the secret or the numbers are out of bounds.
 */
export async function splitSecret(
  secret: Uint8Array,
  parameters: ShamirParameters,
): Promise<SplitSecret> {
  const { threshold, shares } = parameters;
  if (secret.length !== SECRET_BYTES) throw new RangeError('a secret of 32 bytes was expected');
  if (!Number.isInteger(shares) || !Number.isInteger(threshold)) {
    throw new RangeError('whole numbers of shares were expected');
  }
  if (threshold < 2 || shares < threshold || shares > 255) {
    throw new RangeError('a threshold from 2 to the number of shares, at most 255, was expected');
  }
  const setId = randomBytes(SET_ID_BYTES);
  // The library takes plain arrays only, and a Buffer is none.
  const copy = new Uint8Array(secret);
  const raw = await split(copy, shares, threshold).finally(() => wipe(copy));
  const texts = raw.map((bytes, i) => formatShare({ setId, index: i + 1, threshold, bytes }));
  raw.forEach(wipe);
  return { setId, shares: texts };
}

/**
 * Puts a secret together from shares. Every share is checked before anything
 * is combined: its own check, that all are of one set, and that none is given
 * twice.
 *
 * @param shares - At least as many as the threshold, in any order.
 * @returns 32 bytes; the caller wipes them.
 * @throws {@link StrongroomError} `invalid_share` with the position (from 1) of the share among those given and a reason: `malformed`, `other_set` or `repeated`.
 * @throws {@link StrongroomError} `too_few_shares` with the numbers `needed` and `given`.
 */
export async function combineShares(shares: readonly string[]): Promise<Uint8Array> {
  const parsed: Share[] = [];
  try {
    for (const [i, text] of shares.entries()) {
      const share = parseShare(text);
      if (share === undefined) throw invalidShare(i + 1, 'malformed');
      parsed.push(share);
    }
    checkSet(parsed);
    return await combine(parsed.map((share) => share.bytes));
  } finally {
    for (const share of parsed) wipe(share.bytes);
  }
}

/**
 * Reads a share strictly.
 *
 * @returns Its parts, or `undefined` if the text is not a share, its check is wrong, its version is unknown, or its index, threshold or coordinate can't be.
 */
export function parseShare(text: string): Share | undefined {
  const packed = parseChecked('share', text, SHARE_BYTES);
  if (packed === undefined) return undefined;
  const share: Share = {
    setId: packed.slice(SET_ID_AT, INDEX_AT),
    index: packed[INDEX_AT] ?? 0,
    threshold: packed[THRESHOLD_AT] ?? 0,
    bytes: packed.slice(BYTES_AT),
  };
  const isKnown = packed[VERSION_AT] === VERSION;
  wipe(packed);
  // At x = 0 lies the secret itself.
  const isPossible = share.index !== 0 && share.threshold >= 2 && share.bytes[COORDINATE_AT] !== 0;
  if (isKnown && isPossible) return share;
  wipe(share.bytes);
  return undefined;
}

function formatShare(share: Share): string {
  const packed = new Uint8Array(SHARE_BYTES);
  packed[VERSION_AT] = VERSION;
  packed.set(share.setId, SET_ID_AT);
  packed[INDEX_AT] = share.index;
  packed[THRESHOLD_AT] = share.threshold;
  packed.set(share.bytes, BYTES_AT);
  const text = formatChecked('share', packed);
  wipe(packed);
  return text;
}

function checkSet(shares: readonly Share[]): void {
  const [first] = shares;
  if (first === undefined) throw tooFew(2, 0);
  const indexes = new Set<number>();
  const coordinates = new Set<number | undefined>();
  for (const [i, share] of shares.entries()) {
    if (!equalBytes(share.setId, first.setId) || share.threshold !== first.threshold) {
      throw invalidShare(i + 1, 'other_set');
    }
    const coordinate = share.bytes[COORDINATE_AT];
    if (indexes.has(share.index) || coordinates.has(coordinate)) {
      throw invalidShare(i + 1, 'repeated');
    }
    indexes.add(share.index);
    coordinates.add(coordinate);
  }
  if (shares.length < first.threshold) throw tooFew(first.threshold, shares.length);
}

const REASONS = {
  malformed: 'is not a share; check it for typing errors',
  other_set: 'belongs to another set of shares',
  repeated: 'was given already',
} as const;

function invalidShare(position: number, reason: keyof typeof REASONS): StrongroomError {
  return new StrongroomError('invalid_share', `share ${position} ${REASONS[reason]}`, {
    details: { position, reason },
  });
}

function tooFew(needed: number, given: number): StrongroomError {
  return new StrongroomError(
    'too_few_shares',
    `${needed} shares are needed, ${given} ${given === 1 ? 'was' : 'were'} given`,
    {
      details: { needed, given },
    },
  );
}
