import type { Command } from 'commander';

import { StrongroomError } from '../../errors.ts';
import { packageVersion } from '../package-version.ts';
import { isProfileName, readProfiles, writeProfiles } from '../profiles.ts';
import { readSecretFile } from '../read-secret.ts';
import { locateServer } from '../server-target.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { currentUser, withSession, type GlobalOptions } from '../vault-access.ts';

interface LoginOptions extends GlobalOptions {
  readonly name?: string;
  readonly passwordFile?: string;
  readonly tokenFile?: string;
}

const PROFILE_DEFAULT = 'default';

/** `strongroom login ADDRESS`: signs in to a server, which commands then use. */
export function registerLogin(program: Command, terminal: Terminal): void {
  const command = program
    .command('login')
    .description('sign in to a server, which commands then use')
    .argument('[address]', 'such as https://secrets.example')
    .option('--name <user>', 'who signs in, instead of the system user')
    .option('--password-file <file>', 'read the password from a file')
    .option('--token-file <file>', 'use a token instead of a password (- asks for it)')
    .action(async (address: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<LoginOptions>();
      await signIn(address, options, terminal);
    });
  addExamples(
    command,
    'strongroom login https://secrets.example --name ada',
    'strongroom login http://127.0.0.1:8200 --token-file ci.token --profile ci',
  );
}

/** `strongroom logout`: ends the session, here and on the server. */
export function registerLogout(program: Command, terminal: Terminal): void {
  program
    .command('logout')
    .description('end the session with a server')
    .option('--everywhere', 'end every session and token of yours')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly everywhere?: boolean }>();
      const { everywhere } = options;
      const server = locateServer(options);
      if (server === undefined) {
        throw new StrongroomError('usage', 'there is no server to sign out of', {
          hint: 'name it with --profile or --address',
        });
      }
      const { dropSession } = await import('../session-store.ts');
      try {
        await withSession(options, terminal, async ({ auth }) => {
          const { credential } = await auth.whoAmI();
          if (credential?.kind === 'session') await auth.signOut({ everywhere });
          else terminal.note('the token stays good: `strongroom token revoke` ends it');
        });
      } catch (error) {
        // It has ended already; what lies here has to go all the same.
        if (!(error instanceof StrongroomError) || error.code !== 'unauthenticated') throw error;
      } finally {
        if (server.profile !== undefined) dropSession(server.profile);
      }
      forget(server.profile);
      terminal.result({ address: server.value }, '');
      if (!terminal.isJson) terminal.note(`signed out of ${server.value}`);
    });
}

/** `strongroom whoami`: who commands act as, and where. */
export function registerWhoAmI(program: Command, terminal: Terminal): void {
  program
    .command('whoami')
    .description('show who commands act as, and on which server')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const server = locateServer(options)?.value ?? null;
      const who = await withSession(options, terminal, (session) => session.auth.whoAmI());
      const until = who.credential?.expiresAt;
      const lines = [
        `${who.kind}:${who.name}${who.isOwner ? ', an owner of the vault' : ''}`,
        ...(who.roles.length === 0 ? [] : [`roles: ${who.roles.join(', ')}`]),
        `on ${server ?? 'a vault of this machine'}`,
        ...(until === undefined || until === null ? [] : [`until ${until}`]),
      ];
      terminal.result({ ...who, address: server }, lines.join('\n'));
      if (who.mustEnroll) terminal.warn('a second factor has to be set up before anything else');
    });
}

async function signIn(
  given: string | undefined,
  options: LoginOptions,
  terminal: Terminal,
): Promise<void> {
  const { profile = PROFILE_DEFAULT } = options;
  if (!isProfileName(profile)) {
    throw new StrongroomError(
      'usage',
      'the name of a profile is lower-case letters, digits, - and _',
    );
  }
  const address = given ?? locateServer(options)?.value;
  if (address === undefined) {
    throw new StrongroomError('usage', 'which server?', {
      hint: 'strongroom login https://secrets.example',
    });
  }
  const { connect } = await import('../../client/client.ts');
  const { keepSession, readSession } = await import('../session-store.ts');
  const userAgent = `strongroom-cli/${packageVersion()}`;
  const knownAt = `${profile}.known`;
  let token: string;
  if (options.tokenFile === undefined) {
    const { signInPerson } = await import('../sign-in.ts');
    const name = options.name ?? currentUser();
    using password =
      options.passwordFile === undefined
        ? await terminal.askSecret(`Password of ${name}`)
        : readSecretFile(options.passwordFile);
    const client = connect({ address, userAgent });
    const known = readSession(knownAt);
    const signedIn = await signInPerson(client, terminal, { name, password, known });
    using session = signedIn.session;
    if (session === null)
      throw new StrongroomError('unauthenticated', 'the sign-in gave no session');
    token = session.reveal();
    if (signedIn.known !== null) keepSession(knownAt, signedIn.known.reveal());
  } else {
    using secret =
      options.tokenFile === '-'
        ? await terminal.askSecret('Token')
        : readSecretFile(options.tokenFile);
    token = secret.reveal();
  }
  const who = await connect({ address, token, userAgent }).auth.whoAmI();
  keepSession(profile, token);
  const { profiles } = readProfiles();
  writeProfiles({
    current: profile,
    profiles: { ...profiles, [profile]: { address, user: who.name } },
  });
  terminal.result({ address, profile, kind: who.kind, name: who.name }, '');
  if (!terminal.isJson) terminal.note(`signed in to ${address} as ${who.kind}:${who.name}`);
  if (who.mustEnroll) terminal.warn('a second factor has to be set up before anything else');
}

/** The profile is not used any more where none is named. */
function forget(profile: string | undefined): void {
  const { current, profiles } = readProfiles();
  if (profile === undefined) return;
  const left = Object.fromEntries(Object.entries(profiles).filter(([name]) => name !== profile));
  writeProfiles({ ...(current === profile ? {} : { current }), profiles: left });
}
