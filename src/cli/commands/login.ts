import type { Command } from 'commander';

import type { Client } from '../../client/client.ts';
import type { SignedIn } from '../../core/operations/signed-in.ts';
import { StrongroomError } from '../../errors.ts';
import { printable } from '../../lib/printable.ts';
import { packageVersion } from '../package-version.ts';
import { isSameServer, isProfileName, readProfiles, writeProfiles } from '../profiles.ts';
import { readOrAsk } from '../read-secret.ts';
import { locateServer } from '../server-target.ts';
import type { Terminal } from '../terminal.ts';
import { tokenIn } from '../token-text.ts';
import { addExamples } from '../usage.ts';
import {
  currentUser,
  requireNoPrincipal,
  withSession,
  type GlobalOptions,
} from '../vault-access.ts';

interface LoginOptions extends GlobalOptions {
  readonly name?: string;
  readonly passwordFile?: string;
  readonly codeFile?: string;
  readonly tokenFile?: string;
  readonly device?: boolean;
  readonly sso?: string;
  readonly inviteFile?: string;
  readonly fresh?: boolean;
  readonly confirm?: string;
  readonly jwtFile?: string;
  readonly trust?: string;
  readonly roleId?: string;
  readonly secretIdFile?: string;
}

/** Where somebody signs in, and how. */
interface Place {
  readonly address: string;
  readonly profile: string;
  readonly options: LoginOptions;
}

const PROFILE_DEFAULT = 'default';

/** Options each of which is another way to sign in. */
const WAYS = ['name', 'tokenFile', 'device', 'sso', 'confirm', 'jwtFile', 'roleId'] as const;

/** `strongroom login ADDRESS`: signs in to a server, which commands then use. */
export function registerLogin(program: Command, terminal: Terminal): void {
  const command = program
    .command('login')
    .description('sign in to a server, which commands then use')
    .argument('[address]', 'such as https://secrets.example')
    .option('--name <user>', 'who signs in, instead of the system user')
    .option('--password-file <file>', 'read the password from a file (- asks for it)')
    .option('--code-file <file>', 'read the code of a second factor from a file (- asks for it)')
    .option('--token-file <file>', 'use a token instead of a password (- asks for it)')
    .option('--device', 'show a code, and wait until it is confirmed on another machine')
    .option('--confirm <code>', 'let the machine in that shows this code, as who you are here')
    .option('--sso <provider>', 'prove who you are to a provider of the server, in a browser')
    .option(
      '--invite-file <file>',
      'an invite, with which a new password is chosen (- asks for it)',
    )
    .option('--fresh', 'with --sso: have the provider ask anew who you are')
    .option(
      '--jwt-file <file>',
      'sign a machine in with a token of somebody who is trusted (- asks for it)',
    )
    .option('--trust <name>', 'the trust that this token is for, instead of the one it fits')
    .option('--role-id <id>', 'sign a machine in with an AppRole')
    .option('--secret-id-file <file>', 'the secret id of the AppRole (- asks for it)')
    .action(async (address: string | undefined, _: object, command: Command) => {
      const place = placeOf(address, command.optsWithGlobals<LoginOptions>());
      requireNoPrincipal(place.options);
      if (place.options.confirm === undefined) await signIn(place, terminal);
      else await confirm(place, place.options.confirm, terminal);
    });
  addExamples(
    command,
    'strongroom login https://secrets.example --name ada',
    'strongroom login https://secrets.example --invite-file -',
    'strongroom login https://secrets.example --device',
    'strongroom login http://127.0.0.1:8200 --token-file ci.token --profile ci',
  );
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
      terminal.result({ ...who, address: server }, lines.map(printable).join('\n'));
      if (who.mustEnroll) terminal.warn('a second factor has to be set up before anything else');
    });
}

function placeOf(given: string | undefined, options: LoginOptions): Place {
  const { profile = PROFILE_DEFAULT, roleId, secretIdFile, trust, jwtFile } = options;
  const { sso, inviteFile, fresh } = options;
  if (!isProfileName(profile)) {
    throw new StrongroomError(
      'usage',
      'the name of a profile is lower-case letters, digits, - and _',
    );
  }
  if (WAYS.filter((way) => options[way] !== undefined).length > 1) {
    throw new StrongroomError('usage', 'there is more than one way to sign in among the options');
  }
  if ((roleId === undefined) !== (secretIdFile === undefined)) {
    throw new StrongroomError('usage', '--role-id and --secret-id-file go together');
  }
  if (fresh !== undefined && sso === undefined) {
    throw new StrongroomError('usage', '--fresh goes with --sso');
  }
  if (inviteFile !== undefined && WAYS.some((way) => way !== 'sso' && options[way] !== undefined)) {
    throw new StrongroomError('usage', 'an invite says itself who signs in', {
      hint: 'strongroom login https://secrets.example --invite-file FILE',
    });
  }
  if (trust !== undefined && jwtFile === undefined) {
    throw new StrongroomError('usage', '--trust goes with --jwt-file');
  }
  const address = given ?? locateServer(options)?.value;
  if (address !== undefined) return { address, profile, options };
  throw new StrongroomError('usage', 'which server?', {
    hint: 'strongroom login https://secrets.example',
  });
}

async function signIn(place: Place, terminal: Terminal): Promise<void> {
  const { address, profile } = place;
  const { connect } = await import('../../client/client.ts');
  const { keepSession } = await import('../session-store.ts');
  const userAgent = `strongroom-cli/${packageVersion()}`;
  const token = await tokenBy(connect({ address, userAgent }), place, terminal);
  const who = await connect({ address, token, userAgent }).auth.whoAmI();
  keepSession(profile, token);
  const { profiles } = readProfiles();
  writeProfiles({
    current: profile,
    profiles: { ...profiles, [profile]: { address, user: who.name } },
  });
  terminal.result({ address, profile, kind: who.kind, name: who.name }, '');
  if (!terminal.isJson) terminal.note(`signed in to ${address} as ${who.kind}:${who.name}`);
  if ((process.env['STRONGROOM_TOKEN'] ?? '') !== '') {
    terminal.warn('STRONGROOM_TOKEN is set, and goes before this sign-in: unset it');
  }
  if (locateServer({})?.profile !== profile) {
    terminal.note(`here, commands go elsewhere unless they have --profile ${profile}`);
  }
  if (who.mustEnroll) terminal.warn('a second factor has to be set up before anything else');
}

/** What calls are made with from now on, by the way that the options say. */
async function tokenBy(client: Client, place: Place, terminal: Terminal): Promise<string> {
  const { options } = place;
  if (options.tokenFile !== undefined) {
    using secret = await readOrAsk(options.tokenFile, 'Token', terminal);
    return tokenIn(secret.reveal(), 'what was given with --token-file');
  }
  if (options.jwtFile !== undefined) {
    using jwt = await readOrAsk(options.jwtFile, 'Token of the issuer', terminal);
    const given = { token: jwt.reveal().trim(), method: options.trust };
    using token = (await client.auth.signInJwt(given)).token;
    return token.reveal();
  }
  if (options.roleId !== undefined) {
    using secretId = await readOrAsk(options.secretIdFile, 'Secret id', terminal);
    using token = (await client.auth.signInAppRole({ roleId: options.roleId, secretId })).token;
    return token.reveal();
  }
  return tokenOfPerson(client, place, terminal);
}

async function tokenOfPerson(client: Client, place: Place, terminal: Terminal): Promise<string> {
  const { address, profile, options } = place;
  const { keepSession, readSession } = await import('../session-store.ts');
  const knownAt = `${profile}.known`;
  const { signInDevice } = await import('../device-sign-in.ts');
  const known = readSession(knownAt);
  const { device, sso: name, inviteFile } = options;
  let signedIn: SignedIn;
  if (device === true) signedIn = await signInDevice(client, terminal, address);
  else if (name !== undefined) signedIn = await bySso(client, terminal, { name, options, known });
  else if (inviteFile !== undefined)
    signedIn = await byInvite(client, terminal, { options, known });
  else signedIn = await byPassword(client, terminal, place, known);
  using session = signedIn.session;
  if (session === null) throw new StrongroomError('unauthenticated', 'the sign-in gave no session');
  if (signedIn.known !== null) keepSession(knownAt, signedIn.known.reveal());
  return session.reveal();
}

async function byPassword(
  client: Client,
  terminal: Terminal,
  { address, profile, options }: Place,
  known: string | undefined,
): Promise<SignedIn> {
  const { signInPerson } = await import('../sign-in.ts');
  const before = readProfiles().profiles[profile];
  const name =
    options.name ??
    (before !== undefined && isSameServer(before.address, address) ? before.user : undefined) ??
    currentUser();
  const { passwordFile, codeFile } = options;
  return signInPerson(client, terminal, { name, passwordFile, known, codeFile });
}

/** Chooses a password, which is asked for twice unless a file has it. */
async function byInvite(
  client: Client,
  terminal: Terminal,
  { options, known }: { readonly options: LoginOptions; readonly known: string | undefined },
): Promise<SignedIn> {
  const { acceptInvite } = await import('../sign-in.ts');
  const { inviteFile = '-', passwordFile, codeFile } = options;
  using invite = await readOrAsk(inviteFile, 'Invite', terminal);
  return await acceptInvite(client, terminal, { invite, passwordFile, known, codeFile });
}

async function bySso(
  client: Client,
  terminal: Terminal,
  given: {
    readonly name: string;
    readonly options: LoginOptions;
    readonly known: string | undefined;
  },
): Promise<SignedIn> {
  const { signInSso } = await import('../sso-sign-in.ts');
  const { inviteFile, fresh, codeFile } = given.options;
  using invite =
    inviteFile === undefined ? undefined : await readOrAsk(inviteFile, 'Invite', terminal);
  return await signInSso(client, terminal, { ...given, codeFile, invite, fresh });
}

/** Decides about a machine that shows a code. */
async function confirm(
  { address, options }: Place,
  code: string,
  terminal: Terminal,
): Promise<void> {
  const server = locateServer({ ...options, ...(options.profile === undefined && { address }) });
  if (server === undefined) throw new TypeError('the address names a server');
  const { decideDevice } = await import('../device-sign-in.ts');
  const { remoteSession } = await import('../remote-session.ts');
  const { withProof } = await import('../prove-again.ts');
  const decided = await decideDevice(remoteSession(server), terminal, code, (work) =>
    withProof(server, terminal, options, work),
  );
  terminal.result(decided, '');
  if (terminal.isJson) return;
  terminal.note(
    decided.isConfirmed ? `it is signed in as ${decided.subject}` : 'it was turned away',
  );
}
