import { connect } from '../client/client.ts';
import type { SessionRenewed } from '../core/operations/signed-in.ts';
import type { Session } from '../core/session.ts';
import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import { isNotAccepted, untilAccepted } from './ask-again.ts';
import { packageVersion } from './package-version.ts';
import { readOrAsk } from './read-secret.ts';
import { remoteSession } from './remote-session.ts';
import { locateServer, type ServerTarget } from './server-target.ts';
import { keepSession } from './session-store.ts';
import type { Terminal } from './terminal.ts';
import { requireNoPrincipal, withSession, type GlobalOptions } from './vault-access.ts';

/**
 * Runs a call that takes a proof of just now; where there is none, asks for the
 * password, goes on with the session that it gives, and runs it again. What was
 * not signed in to here, such as `STRONGROOM_TOKEN`, is left as it is.
 *
 * @throws {@link StrongroomError} what the call fails with; `unauthenticated` for a wrong password.
 */
export async function withProof<T>(
  server: ServerTarget,
  terminal: Terminal,
  options: { readonly passwordFile?: string | undefined },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = remoteSession(server);
  try {
    return await work(session);
  } catch (error) {
    if (!(error instanceof StrongroomError) || error.code !== 'reauth_required') throw error;
    if (ownProfile(server) === undefined || !(await isOfPerson(session))) throw error;
  }
  using token = (await reauthenticate(session, terminal, options.passwordFile)).session;
  if (token === null) throw new StrongroomError('unauthenticated', 'the proof gave no session');
  keep(server, token);
  const userAgent = `strongroom-cli/${packageVersion()}`;
  return await work(connect({ address: server.value, token, userAgent }));
}

/**
 * As {@link withProof}, with the server that the options name. Without one it is done in the vault of
 * this machine.
 *
 * @throws {@link StrongroomError} as {@link withProof}; `usage` if another is to act on a server.
 */
export async function withProvenSession<T>(
  options: GlobalOptions,
  terminal: Terminal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const server = locateServer(options);
  if (server === undefined) return withSession(options, terminal, work);
  requireNoPrincipal(options);
  return withProof(server, terminal, {}, work);
}

/**
 * As {@link withProvenSession}, for what gives the session another credential: that one is kept.
 *
 * @throws {@link StrongroomError} as {@link withProvenSession}.
 */
export async function withRenewal<T extends SessionRenewed>(
  options: GlobalOptions,
  terminal: Terminal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const answer = await withProvenSession(options, terminal, work);
  const server = locateServer(options);
  if (server !== undefined && answer.session !== null) keep(server, answer.session);
  return answer;
}

/** The profile whose session calls are made with; `undefined` where they are made with a token from elsewhere. */
function ownProfile({ profile }: ServerTarget): string | undefined {
  return (process.env['STRONGROOM_TOKEN'] ?? '') === '' ? profile : undefined;
}

function keep(server: ServerTarget, session: SecretValue): void {
  const profile = ownProfile(server);
  if (profile !== undefined) keepSession(profile, session.reveal());
}

async function isOfPerson({ auth }: Session): Promise<boolean> {
  const { kind, credential } = await auth.whoAmI();
  return kind === 'user' && credential?.kind === 'session';
}

async function reauthenticate(
  { auth }: Session,
  terminal: Terminal,
  passwordFile: string | undefined,
): Promise<SessionRenewed> {
  const { name } = await auth.whoAmI();
  const wanted = {
    ask: () => readOrAsk(passwordFile, `Password of ${name}`, terminal),
    file: passwordFile,
    isSlip: isNotAccepted,
  };
  return untilAccepted(terminal, wanted, async (password) => {
    try {
      return await auth.reauthenticate({ password });
    } catch (error) {
      if (!(error instanceof StrongroomError) || error.code !== 'mfa_required') throw error;
      // Neither is looked at without the other.
      using code = await terminal.askSecret('Code of your app');
      return await auth.reauthenticate({ password, code: code.reveal().trim() });
    }
  });
}
