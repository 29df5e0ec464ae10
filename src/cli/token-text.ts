import { TOKEN_FORM } from '../crypto/token.ts';
import { StrongroomError } from '../errors.ts';

const TOKEN = new RegExp(`^${TOKEN_FORM.source}$`);

/**
 * A text that calls are to be made with. What cannot be a token is not sent: it may be another secret.
 * Whether one is good is the server's to say.
 *
 * @param source - What gave it, such as `STRONGROOM_TOKEN`.
 * @throws {@link StrongroomError} `unauthenticated`, which does not repeat it.
 */
export function tokenIn(text: string, source: string): string {
  const token = text.trim();
  if (TOKEN.test(token)) return token;
  throw new StrongroomError('unauthenticated', `${source} is not a token`, {
    hint: 'a token is like sr_token_… and is given whole: `strongroom token create` prints one once, and `strongroom login` does without',
  });
}
