const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Encodes text as UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Decodes UTF-8, keeping a byte order mark.
 *
 * @throws TypeError if the bytes are not well-formed UTF-8.
 */
export function utf8Decode(bytes: Uint8Array): string {
  return strictDecoder.decode(bytes);
}

/** Joins byte strings into a new one. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** An unsigned 64-bit big-endian integer. */
export function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/**
 * Encodes a tuple of byte strings injectively: each part as a 32-bit
 * big-endian length and its bytes. Two different tuples never encode alike,
 * which is what additional data and MAC inputs need.
 */
export function tuple(parts: readonly (Uint8Array | string)[]): Uint8Array {
  const bytes = parts.map((part) => (typeof part === 'string' ? utf8(part) : part));
  let length = 0;
  for (const part of bytes) length += 4 + part.length;
  const encoded = new Uint8Array(length);
  const view = new DataView(encoded.buffer);
  let offset = 0;
  for (const part of bytes) {
    view.setUint32(offset, part.length);
    encoded.set(part, offset + 4);
    offset += 4 + part.length;
  }
  return encoded;
}

/** Writes the lower 32 bits of a number, big-endian, as two's complement if it is negative. */
export function writeUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

/** Writes a safe integer as 64 bits, big-endian, as two's complement if it is negative. */
export function writeInt64(target: Uint8Array, offset: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  writeUint32(target, offset, high);
  writeUint32(target, offset + 4, value - high * 0x1_0000_0000);
}

/** Where the 16 bytes stand in the text of a UUID. */
const UUID_DIGITS: readonly number[] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/**
 * Writes the 16 bytes of a UUID, without an array of their own.
 *
 * @throws RangeError if the text is not a lower-case, hyphenated UUID.
 */
export function writeUuid(target: Uint8Array, offset: number, id: string): void {
  let wellFormed = id.length === 36;
  for (let i = 8; i <= 23; i += 5) wellFormed &&= id.charCodeAt(i) === 0x2d;
  for (let i = 0; i < 16; i += 1) {
    const at = UUID_DIGITS[i] ?? 0;
    const byte = (hexDigit(id.charCodeAt(at)) << 4) | hexDigit(id.charCodeAt(at + 1));
    wellFormed &&= byte >= 0;
    target[offset + i] = byte;
  }
  if (!wellFormed) throw new RangeError('a lower-case, hyphenated uuid was expected');
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}

/** Overwrites bytes with zeros. */
export function wipe(bytes: Uint8Array): void {
  bytes.fill(0);
}
