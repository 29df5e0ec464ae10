import { utf8Decode } from '../lib/bytes.ts';

/** Gets a document from outside. */
export type FetchDocument = (address: string) => Promise<Uint8Array>;

/** The members of a JSON object that somebody else wrote. */
export type Members = Readonly<Record<string, unknown>>;

const PATH = '/.well-known/openid-configuration';

/**
 * What an issuer says of itself (OpenID Connect Discovery 1.0 §4).
 *
 * @returns `undefined` if it is no document of that very issuer.
 * @throws What `fetch` throws.
 */
export async function discover(issuer: string, fetch: FetchDocument): Promise<Members | undefined> {
  const document = parseMembers(await fetch(`${issuer.replace(/\/$/, '')}${PATH}`));
  return document?.['issuer'] === issuer ? document : undefined;
}

/** A JSON object in UTF-8, or `undefined` for anything else. */
export function parseMembers(bytes: Uint8Array): Members | undefined {
  try {
    const value: unknown = JSON.parse(utf8Decode(bytes));
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether something is a JSON object. */
export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
