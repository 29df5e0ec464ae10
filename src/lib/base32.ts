const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const BITS = 5;
const TEXT = /^[A-Z2-7]+$/;

/** Encodes bytes as base32 (RFC 4648 §6), without padding. */
export function toBase32(bytes: Uint8Array): string {
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= BITS) {
      bits -= BITS;
      text += ALPHABET[(value >> bits) & 31] ?? '';
    }
  }
  return bits === 0 ? text : text + (ALPHABET[(value << (BITS - bits)) & 31] ?? '');
}

/**
 * Decodes unpadded base32 of upper-case letters strictly.
 *
 * @returns The bytes, or `undefined` if the text is not canonical base32.
 */
export function fromBase32(text: string): Uint8Array | undefined {
  if (!TEXT.test(text)) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * BITS) / 8));
  let value = 0;
  let bits = 0;
  let at = 0;
  for (const character of text) {
    value = ((value << BITS) | ALPHABET.indexOf(character)) & 0xffff;
    bits += BITS;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (value >> bits) & 0xff;
    at += 1;
  }
  return toBase32(bytes) === text ? bytes : undefined;
}
