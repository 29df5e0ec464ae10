/** Encodes bytes as base64 (RFC 4648 §4, padded). */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

/** Encodes bytes as base64url without padding (RFC 4648 §5). */
export function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

/**
 * Decodes base64 strictly: only the canonical encoding of some bytes is accepted.
 *
 * @returns The bytes, or `undefined` if the text is not canonical base64.
 */
export function fromBase64(text: string): Uint8Array | undefined {
  return decode(text, 'base64');
}

/**
 * Decodes unpadded base64url strictly.
 *
 * @returns The bytes, or `undefined` if the text is not canonical base64url.
 */
export function fromBase64Url(text: string): Uint8Array | undefined {
  return decode(text, 'base64url');
}

/** Node's decoder skips what it does not know, so the result is encoded again and compared. */
function decode(text: string, encoding: 'base64' | 'base64url'): Uint8Array | undefined {
  const decoded = Buffer.from(text, encoding);
  if (decoded.toString(encoding) !== text) {
    decoded.fill(0);
    return undefined;
  }
  const bytes = new Uint8Array(decoded);
  decoded.fill(0);
  return bytes;
}
