import { StrongroomError } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';

/** How large a JSON document may be in every way. */
export interface JsonLimits {
  readonly depthMax: number;
  /** Values, members' names included. */
  readonly tokensMax: number;
}

/** What a request's body may be. */
export const BODY_LIMITS: JsonLimits = { depthMax: 24, tokensMax: 100_000 };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);

/**
 * Parses JSON (RFC 8259) that a stranger sent. Its depth and the number of its
 * tokens are counted before anything is built; a name that an object has twice,
 * which others may read otherwise, is refused.
 *
 * @param bytes - UTF-8.
 * @throws {@link StrongroomError} `invalid_request`; `request_too_large` for too many levels or tokens. Neither repeats anything of the document.
 */
export function parseJsonBody(bytes: Uint8Array, limits: JsonLimits = BODY_LIMITS): unknown {
  const names = scan(bytes, limits);
  let value: unknown;
  try {
    value = JSON.parse(utf8Decode(bytes));
  } catch {
    // What JSON.parse says of a fault repeats what it found there.
    throw malformed('the body is not JSON');
  }
  if (countNames(value) !== names) throw malformed('an object of the body has a name twice');
  return value;
}

/** @returns How many members all objects have together. */
function scan(bytes: Uint8Array, { depthMax, tokensMax }: JsonLimits): number {
  let depth = 0;
  let tokens = 1;
  let names = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) at = endOfString(bytes, at);
    else if (OPEN.has(byte)) depth += 1;
    else if (CLOSE.has(byte)) depth -= 1;
    else if (byte === COLON) names += 1;
    else if (byte !== COMMA) continue;
    if (byte === COLON || byte === COMMA || OPEN.has(byte)) tokens += 1;
    if (depth > depthMax || tokens > tokensMax) {
      throw new StrongroomError('request_too_large', 'the body has too many levels or members');
    }
  }
  return names;
}

function endOfString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at += 1) {
    if (bytes[at] === BACKSLASH) at += 1;
    else if (bytes[at] === QUOTE) return at;
  }
  return bytes.length;
}

function countNames(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const members: readonly unknown[] = Object.values(value);
  const own = Array.isArray(value) ? 0 : members.length;
  return members.reduce<number>((sum, member) => sum + countNames(member), own);
}

function malformed(reason: string): StrongroomError {
  return new StrongroomError('invalid_request', reason);
}
