import { StrongroomError } from '../errors.ts';

/**
 * The header that a token goes in (RFC 6750 §2.1).
 *
 * @throws {@link StrongroomError} `invalid_input` for what no header can carry, which would look as if no server were there.
 */
export function bearer(token: string | undefined): { readonly Authorization?: string } {
  if (token === undefined) return {};
  if (/^[\x21-\x7e]+$/.test(token)) return { Authorization: `Bearer ${token}` };
  throw new StrongroomError('invalid_input', 'the token has characters that none has', {
    hint: 'a token is like sr_token_… and is given whole, without a line end: `strongroom token create` prints one',
  });
}
