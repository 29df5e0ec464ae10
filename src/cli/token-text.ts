import { StrongroomError } from '../errors.ts';

/** What tokens and sessions look like; whether one is good is the server's to say. */
const TOKEN = /^sr_[a-z]+_[A-Za-z0-9_-]{40,60}$/;

/**
 * A text that calls are to be made with. What cannot be a token is not sent: it may be another secret.
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
