const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END \1-----/g;

/**
 * The DER of every block of one label in a PEM text (RFC 7468).
 *
 * @param label - Such as `CERTIFICATE`.
 */
export function pemBlocks(text: string, label: string): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const [, named, body = ''] of text.matchAll(BLOCK)) {
    if (named === label)
      found.push(new Uint8Array(Buffer.from(body.replaceAll(/\s/g, ''), 'base64')));
  }
  return found;
}
