import { StrongroomError } from '../errors.ts';

/** What the request line names, taken apart once: router and authoriser see the same. */
export interface RequestTarget {
  /** Decoded segments of the path. None holds `/`, `\`, a control character, or is `.` or `..`. */
  readonly segments: readonly string[];
  /** Decoded parameters in their order. */
  readonly query: readonly (readonly [name: string, value: string])[];
}

const LENGTH_MAX = 8192;
const SEGMENTS_MAX = 48;
const PARAMETERS_MAX = 64;
/** RFC 3986 §3.3: what a segment may hold as it is, besides percent-encoded bytes. */
const SEGMENT = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+$/;
/** RFC 3986 §3.4, without `+` and `&` having another meaning. */
const QUERY = /^(?:[A-Za-z0-9._~!$'()*+,;=:@/?&-]|%[0-9A-Fa-f]{2})*$/;
const ENCODED = /%([0-9A-Fa-f]{2})/g;
/** Octets that mean the same, or something else, when they are not encoded. */
const NEVER_ENCODED = /^[A-Za-z0-9._~/\\%-]$/;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Takes a request target (RFC 9112 §3.2.1, origin form) apart. Whatever two
 * programs could read in two ways is refused and never normalised: empty and
 * dot segments, encoded characters that need no encoding, encoded slashes,
 * bytes that are not UTF-8.
 *
 * @throws {@link StrongroomError} `invalid_request`.
 */
export function parseTarget(target: string): RequestTarget {
  if (target.length > LENGTH_MAX) throw ambiguous('the address is too long');
  if (!target.startsWith('/')) throw ambiguous('the address is not a path');
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark + 1);
  return { segments: segmentsOf(path), query: parametersOf(query) };
}

function segmentsOf(path: string): readonly string[] {
  if (path === '/') return [];
  const segments = path.slice(1).split('/');
  if (segments.length > SEGMENTS_MAX) throw ambiguous('the address has too many segments');
  return segments.map(decodeSegment);
}

function decodeSegment(segment: string): string {
  if (!SEGMENT.test(segment)) throw ambiguous('a segment of the address is empty or ambiguous');
  const plain = segment.includes('%') ? decodeStrictly(segment) : segment;
  if (plain === '.' || plain === '..') throw ambiguous('the address has a dot segment');
  return plain;
}

function decodeStrictly(segment: string): string {
  for (const [, hex = ''] of segment.matchAll(ENCODED)) {
    if (NEVER_ENCODED.test(String.fromCharCode(Number.parseInt(hex, 16)))) {
      throw ambiguous('the address encodes a character that may not be encoded');
    }
  }
  return decode(segment);
}

function parametersOf(query: string): RequestTarget['query'] {
  if (query === '') return [];
  if (!QUERY.test(query)) throw ambiguous('the query of the address is ambiguous');
  const pairs = query.split('&');
  if (pairs.length > PARAMETERS_MAX) throw ambiguous('the address has too many parameters');
  return pairs.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw ambiguous('a parameter of the address has no name or no value');
    return [decodeParameter(pair.slice(0, at)), decodeParameter(pair.slice(at + 1))] as const;
  });
}

/** As forms are encoded (WHATWG URL §5.1): a plus is a space. */
function decodeParameter(text: string): string {
  return /[%+]/.test(text) ? decode(text.replaceAll('+', ' ')) : text;
}

function decode(text: string): string {
  let plain: string;
  try {
    plain = decodeURIComponent(text);
  } catch {
    throw ambiguous('the address is not UTF-8');
  }
  if (CONTROL.test(plain)) throw ambiguous('the address has a control character');
  return plain;
}

function ambiguous(reason: string): StrongroomError {
  return new StrongroomError('invalid_request', reason);
}
