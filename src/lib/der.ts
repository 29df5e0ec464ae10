/** One element of DER (X.690 §10). */
export interface Der {
  readonly tag: number;
  /** What is in it. */
  readonly body: Uint8Array;
  /** All of it, header included. */
  readonly whole: Uint8Array;
}

/** Tags that are looked for. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

const LENGTH_BYTES_MAX = 4;

/**
 * Reads the one element that some bytes are.
 *
 * @throws RangeError if they are anything else.
 */
export function readDer(bytes: Uint8Array, tag?: number): Der {
  const element = elementAt(bytes, 0);
  if (element.whole.length !== bytes.length) throw malformed();
  return tag === undefined ? element : requireTag(element, tag);
}

/**
 * The elements in a constructed one.
 *
 * @throws RangeError if it is not made up of elements.
 */
export function childrenOf({ body }: Der): readonly Der[] {
  const found: Der[] = [];
  for (let at = 0; at < body.length;) {
    const element = elementAt(body, at);
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

/**
 * An element that has to be there, of one tag.
 *
 * @throws RangeError if it is not.
 */
export function requireTag(element: Der | undefined, tag: number): Der {
  if (element?.tag !== tag) throw malformed();
  return element;
}

/** An object identifier in its dotted form. */
export function oidText(element: Der | undefined): string {
  const { body } = requireTag(element, TAG.oid);
  const parts: number[] = [];
  let part = 0;
  for (const byte of body) {
    part = part * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(part)) throw malformed();
    if ((byte & 0x80) !== 0) continue;
    parts.push(part);
    part = 0;
  }
  const [first = 0, ...rest] = parts;
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...rest].join('.');
}

/** A time (RFC 5280 §4.1.2.5) in milliseconds since 1970. */
export function timeMs(element: Der | undefined): number {
  const text = Buffer.from(element?.body ?? []).toString('latin1');
  const isShort = element?.tag === TAG.utcTime;
  if (!isShort && element?.tag !== TAG.generalizedTime) throw malformed();
  const digits = isShort ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits) ?? [];
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (!Number.isFinite(ms)) throw malformed();
  return ms;
}

function elementAt(bytes: Uint8Array, at: number): Der {
  const tag = bytes[at];
  const first = bytes[at + 1];
  // Tags of several bytes are in nothing that is read here.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  const { length, size } = first < 0x80 ? { length: first, size: 0 } : longLength(bytes, at, first);
  const from = at + 2 + size;
  const end = from + length;
  if (end > bytes.length) throw malformed();
  return { tag, body: bytes.subarray(from, end), whole: bytes.subarray(at, end) };
}

/** DER has one way only to write a length. */
function longLength(
  bytes: Uint8Array,
  at: number,
  first: number,
): { length: number; size: number } {
  const size = first & 0x7f;
  if (size === 0 || size > LENGTH_BYTES_MAX || bytes[at + 2] === 0) throw malformed();
  let length = 0;
  for (let index = 0; index < size; index += 1)
    length = length * 256 + (bytes[at + 2 + index] ?? 0);
  if (length < 0x80) throw malformed();
  return { length, size };
}

function malformed(): RangeError {
  return new RangeError('the bytes are not DER of what was expected');
}
