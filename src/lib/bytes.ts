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

/** Overwrites bytes with zeros. */
export function wipe(bytes: Uint8Array): void {
  bytes.fill(0);
}
