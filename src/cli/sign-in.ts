import type { Client } from '../client/client.ts';
import type { SignedIn } from '../core/operations/signed-in.ts';
import { isTotpCode } from '../crypto/totp.ts';
import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import { isNotAccepted, untilAccepted } from './ask-again.ts';
import { choosePassword } from './choose-password.ts';
import { readOrAsk } from './read-secret.ts';
import type { Terminal } from './terminal.ts';

/** What somebody signs in with. */
export interface SignInGiven {
  readonly name: string;
  /** Where the password is, instead of with who is asked. */
  readonly passwordFile?: string | undefined;
  /** What an earlier sign-in left here. */
  readonly known: string | undefined;
  /** Where the code of a second factor is, instead of with who is asked. */
  readonly codeFile?: string | undefined;
}

/**
 * Signs a person in, and asks for the second factor where one is due; each again after a slip.
 *
 * @throws {@link StrongroomError} `unauthenticated`, `usage` if nobody can be asked.
 */
export async function signInPerson(
  client: Client,
  terminal: Terminal,
  { name, passwordFile, ...given }: SignInGiven,
): Promise<SignedIn> {
  const first = await untilAccepted(
    terminal,
    {
      ask: () => readOrAsk(passwordFile, `Password of ${name}`, terminal),
      file: passwordFile,
      isSlip: isNotAccepted,
    },
    (password) => client.auth.signIn({ name, password, known: given.known }),
  );
  return secondFactor(client, terminal, first, given);
}

/** What somebody who was invited signs in with. */
export interface InvitedGiven extends Omit<SignInGiven, 'name'> {
  readonly invite: SecretValue;
}

/**
 * Chooses a password with an invite, and signs in.
 *
 * @throws {@link StrongroomError} as {@link signInPerson}; `too_weak`, `invalid_input`.
 */
export async function acceptInvite(
  client: Client,
  terminal: Terminal,
  { invite, passwordFile, ...given }: InvitedGiven,
): Promise<SignedIn> {
  const asked = { invite: invite.reveal().trim(), known: given.known };
  const first = await choosePassword(terminal, passwordFile, (password) =>
    client.auth.acceptInvite({ ...asked, password }),
  );
  return secondFactor(client, terminal, first, given);
}

/**
 * Asks for the second factor after a first, where one is due.
 *
 * @throws {@link StrongroomError} as {@link signInPerson}.
 */
export async function secondFactor(
  client: Client,
  terminal: Terminal,
  first: SignedIn,
  { known, codeFile }: Pick<SignInGiven, 'known' | 'codeFile'>,
): Promise<SignedIn> {
  const { challenge, factors } = first;
  if (challenge === null) return first;
  const ways = factors.filter((factor) => factor === 'totp' || factor === 'recovery');
  if (ways.length === 0) {
    throw new StrongroomError('usage', 'the second factor of this user cannot be given here', {
      hint: 'sign in with a token: strongroom login --token-file FILE',
    });
  }
  const wanted = {
    ask: () => readOrAsk(codeFile, 'Code of your app, or a recovery code', terminal),
    file: codeFile,
    isSlip: isNotAccepted,
  };
  return untilAccepted(terminal, wanted, (code) => {
    const text = code.reveal().trim();
    const given = { challenge, code: text, known };
    return isTotpCode(text) ? client.auth.verifyTotp(given) : client.auth.useRecoveryCode(given);
  });
}
