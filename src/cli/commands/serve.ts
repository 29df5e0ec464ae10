import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { Option, type Command } from 'commander';

import type { Server, ServeOptions } from '../../http/serve.ts';
import type { RateLimit } from '../../core/rate-limits.ts';
import { StrongroomError } from '../../errors.ts';
import { shellWord } from '../../lib/shell-word.ts';
import type { Session } from '../../core/session.ts';
import type { UnsealedVault } from '../../core/vault.ts';
import type { SlotKey } from '../../seal/slot.ts';
import { holdKeys } from '../openers.ts';
import { collect } from '../global-options.ts';
import {
  requireFirstEnvironment,
  requireNoServer,
  requireOwnDirectory,
} from '../new-vault-place.ts';
import { plainText } from '../plain-value.ts';
import { packageVersion } from '../package-version.ts';
import { locateVault, PROJECT_DIRECTORY } from '../project.ts';
import { smallStart } from '../small-start.ts';
import { formatFacts } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { RESTART, typedKey } from '../typed-keys.ts';
import { addExamples } from '../usage.ts';
import { keysOf } from '../vault-keys.ts';
import { noteKeyBesideVault, principalOf, type GlobalOptions } from '../vault-access.ts';

interface ServeCommandOptions extends GlobalOptions {
  readonly host: string;
  readonly port: string;
  readonly owner?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsMin: '1.2' | '1.3';
  readonly clientCertificates?: boolean;
  readonly insecureHttp?: boolean;
  readonly defaultEnvironment?: string;
  readonly trustedProxy?: readonly string[];
  readonly addressLimit?: string;
  readonly principalLimit?: string;
  readonly metricsOpen?: boolean;
  readonly securityEvents?: readonly string[];
  readonly ownerToken?: boolean;
}

const STDERR = 2;
const PORT_MAX = 65_535;
/** Long enough to make what is used from then on. */
const TOKEN_TTL = '1h';

/** `strongroom serve`: the vault over HTTP, until a signal ends it. */
export function registerServe(program: Command, terminal: Terminal): void {
  const command = program
    .command('serve')
    .description('serve the vault over HTTP; a new one is made where there is none')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'where to listen; 0 for any that is free', '8200')
    .option('--tls-cert <file>', 'certificate in PEM, with those that lead to its authority')
    .option('--tls-key <file>', 'its key; both are read again when they change')
    .addOption(
      new Option('--tls-min <version>', 'oldest version of TLS')
        .choices(['1.2', '1.3'])
        .default('1.3'),
    )
    .option('--client-certificates', 'ask clients for a certificate, by which machines sign in')
    .option('--insecure-http', 'plain HTTP also beyond this machine: everybody on the way can read')
    .option('--default-environment <name>', 'where a request names none (default: development)')
    .addOption(
      new Option('--trusted-proxy <network>', 'whose X-Forwarded-For counts').argParser(collect),
    )
    .option('--address-limit <rate>', 'calls of one address: a second/at once, or none')
    .option('--principal-limit <rate>', 'calls of one principal: a second/at once, or none')
    .option('--metrics-open', 'let anyone read /metrics, instead of who may read sys/metrics')
    .addOption(
      new Option(
        '--security-events <target>',
        'where denials and the like go too: a file, syslog://, https://',
      ).argParser(collect),
    )
    .option(
      '--owner <name>',
      'owner of a new vault, or whom --owner-token is for, instead of the system user',
    )
    .option('--owner-token', 'print a token of the owner that is good for an hour')
    .action(async (_: object, command: Command) => {
      await run(command.optsWithGlobals<ServeCommandOptions>(), terminal);
    });
  addExamples(
    command,
    'strongroom serve',
    'strongroom serve --host 0.0.0.0 --tls-cert server.pem --tls-key server.key',
    'strongroom serve --path /var/lib/strongroom --trusted-proxy 10.0.0.7',
  );
}

/** What the server prints once it stands. */
interface Standing {
  readonly directory: string;
  readonly server: Server;
  /** Key files of a vault that was made. */
  readonly keyFiles: readonly string[] | undefined;
  readonly owner: string;
  readonly wantsToken: boolean;
  readonly token: string | undefined;
  /** With which the owner of a vault that was made chooses a password. */
  readonly invite: string | undefined;
}

async function run(options: ServeCommandOptions, terminal: Terminal): Promise<void> {
  requireNoServer(options);
  const begun = performance.now();
  const started = smallStart();
  const { serve } = await import('../../http/serve.ts');
  const { hardenProcess } = await import('../../http/harden-process.ts');
  const { descriptorSink } = await import('../../http/line-sink.ts');
  const { ServerLog } = await import('../../http/server-log.ts');
  hardenProcess();
  const directory = directoryOf(options.path);
  const serving = servingOptions(options);
  const log = new ServerLog(descriptorSink(STDERR));
  using keys = holdKeys(await keysOf(options, terminal));
  const isNew = !existsSync(join(directory, 'vault.db'));
  const owner = options.owner ?? principalOf(options).value;
  if (isNew) {
    requireOwnDirectory(directory);
    if (serving.environment !== undefined) requireFirstEnvironment(serving.environment);
  }
  let keyFiles: readonly string[] | undefined;
  const prepare = async (): Promise<void> => {
    if (isNew) keyFiles = await makeVault(directory, owner, keys.keys);
  };
  const server = await serve({ ...serving, directory, keys: keys.keys, log, prepare });
  endOnSignal(server, log);
  const wantsToken = isNew || options.ownerToken === true;
  const given = await firstHour(server, owner, { isNew, wantsToken });
  await tellStanding({ directory, server, keyFiles, owner, wantsToken, ...given }, terminal);
  if (server.vault?.keyBesideVault !== undefined) noteKeyBesideVault(terminal);
  started();
  const { address, vault } = server;
  const ms = Math.round(performance.now() - begun);
  log.write('info', 'listening', { address, vault: vault?.id, ms, version: serving.version });
}

function servingOptions(options: ServeCommandOptions): Omit<ServeOptions, 'directory' | 'log'> {
  const { tlsCert: certificate, tlsKey: key, port } = options;
  if ((certificate === undefined) !== (key === undefined)) {
    throw new StrongroomError('usage', 'TLS needs both a certificate and its key', {
      hint: 'give --tls-cert FILE and --tls-key FILE',
    });
  }
  if (options.clientCertificates === true && certificate === undefined) {
    throw new StrongroomError('usage', 'client certificates come by TLS alone', {
      hint: 'give --tls-cert FILE and --tls-key FILE too',
    });
  }
  if (!/^\d{1,5}$/.test(port) || Number(port) > PORT_MAX) {
    throw new StrongroomError('usage', 'that is no port', { hint: 'as in --port 8200' });
  }
  return {
    host: options.host,
    port: Number(port),
    tls: certificate === undefined || key === undefined ? undefined : { certificate, key },
    tlsMin: `TLSv${options.tlsMin}`,
    clientCertificates: options.clientCertificates,
    insecureHttp: options.insecureHttp,
    environment: options.defaultEnvironment,
    trustedProxies: options.trustedProxy,
    rateLimits: {
      address: limitOf('--address-limit', options.addressLimit),
      principal: limitOf('--principal-limit', options.principalLimit),
    },
    metricsOpen: options.metricsOpen,
    securityEvents: options.securityEvents,
    acceptRollback: options.acceptRollback,
    version: packageVersion(),
  };
}

/** A limit such as `200/400`: lasting, a second, and at once after a rest. */
function limitOf(option: string, text: string | undefined): RateLimit | null | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return null;
  const [, perSecond, burst] = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text) ?? [];
  if (perSecond !== undefined && burst !== undefined) {
    return { perSecond: Number(perSecond), burst: Number(burst) };
  }
  throw new StrongroomError('usage', `that is no value of ${option}`, {
    hint: `as in ${option} 200/400: calls a second, and at once after a rest; or ${option} none`,
  });
}

/** The vault that there is, or the place of a new one. */
function directoryOf(path: string | undefined): string {
  return locateVault(path)?.value ?? resolve(PROJECT_DIRECTORY);
}

/** Makes a vault that this process can open again without a person. */
async function makeVault(
  directory: string,
  owner: string,
  keys: readonly SlotKey[] | undefined,
): Promise<readonly string[]> {
  const { initVault } = await import('../../core/init-vault.ts');
  const made = await initVault(directory, {
    owner,
    slots: keys?.flatMap((key) =>
      key.kind === 'keyfile' || key.kind === 'env' || key.kind === 'passphrase' ? [key] : [],
    ),
  });
  return made.keyFiles;
}

/**
 * What the owner begins with. A server that cannot give it ends, instead of standing without a word.
 *
 * @throws {@link StrongroomError} `principal_unknown`.
 */
async function firstHour(
  server: Server,
  owner: string,
  { isNew, wantsToken }: { readonly isNew: boolean; readonly wantsToken: boolean },
): Promise<Pick<Standing, 'token' | 'invite'>> {
  try {
    const token = wantsToken ? await ownerToken(server, owner) : undefined;
    const invite = isNew ? await ownerInvite(server, owner) : undefined;
    return { token, invite };
  } catch (error) {
    await server.close();
    if (!(error instanceof StrongroomError) || error.code !== 'principal_unknown') throw error;
    throw new StrongroomError(error.code, `the vault has no user ${owner} to give a token to`, {
      hint: 'name the owner that it has: --owner NAME',
      cause: error,
    });
  }
}

/** Somebody's token for the first hour, until others are made. It is given by whoever has the vault's key. */
async function ownerToken({ vault }: Server, principal: string): Promise<string | undefined> {
  if (vault === undefined) return undefined;
  const session = await sessionOf(vault, principal);
  const { token } = await session.tokens.create({ ttl: TOKEN_TTL, label: 'strongroom serve' });
  return plainText(token);
}

/** With it the first owner becomes somebody who can sign in, which no token is enough for. */
async function ownerInvite({ vault }: Server, name: string): Promise<string | undefined> {
  if (vault === undefined) return undefined;
  const session = await sessionOf(vault, name);
  const { invite } = await session.users.invite({ name, ttl: TOKEN_TTL });
  return plainText(invite);
}

async function sessionOf(vault: UnsealedVault, principal: string): Promise<Session> {
  const { createSession } = await import('../../core/session.ts');
  return createSession(vault, { principal, userAgent: 'strongroom serve' }, 'cli');
}

async function tellStanding(standing: Standing, terminal: Terminal): Promise<void> {
  const { directory, server, keyFiles, owner, wantsToken, token, invite } = standing;
  const { address, vault } = server;
  const json = { address, path: directory, sealed: vault === undefined, keyFiles, token, invite };
  const facts = formatFacts({
    address,
    vault: vault === undefined ? `${directory}, sealed` : directory,
    'key file': keyFiles === undefined || keyFiles.length === 0 ? undefined : keyFiles.join(', '),
  });
  terminal.result(json, facts);
  if (terminal.isJson) return;
  if (vault === undefined) {
    const isTyped = typedKey((await server.seals()).kinds) !== undefined;
    const unseal = `to open it: strongroom unseal --address ${shellWord(address)}`;
    terminal.note(isTyped ? unseal : RESTART);
    if (wantsToken) {
      terminal.note(
        'there is no token, because the vault is sealed: it is made by a server that starts with the key',
      );
    }
  }
  if (keyFiles !== undefined && keyFiles.length > 0) {
    terminal.note(
      'without its key file nobody can open the vault: keep a copy in a safe place, and once signed in make a recovery key, `strongroom keys slots add recovery`',
    );
  }
  if (token !== undefined) terminal.write(`\n${firstSecret(address, token)}\n`);
  if (invite !== undefined) terminal.write(`\n${firstSignIn(address, owner, invite)}\n`);
}

/** How the owner becomes somebody with a password. */
function firstSignIn(address: string, owner: string, invite: string): string {
  return [
    `To sign in as ${owner} with a password that you choose now, within the same hour:`,
    '',
    `  strongroom login ${shellWord(address)} --invite-file -`,
    '',
    `It asks for this invite, which is good once: ${invite}`,
    'That ends the token above: unset STRONGROOM_TOKEN.',
  ].join('\n');
}

/** What can be typed as it stands. */
function firstSecret(address: string, token: string): string {
  return [
    "This token is the owner's, for one hour. To put the first secret:",
    '',
    `  export STRONGROOM_TOKEN=${token}`,
    `  curl ${shellWord(`${address}/api/secrets/workspaces/default/secrets`)} \\`,
    '    -H "Authorization: Bearer $STRONGROOM_TOKEN" -H \'Content-Type: application/json\' \\',
    `    -d '{"name": "db/password", "value": "correct horse battery staple"}'`,
  ].join('\n');
}

/** The first signal ends the server in good order; a second one ends the process. */
function endOnSignal(server: Server, log: ServeOptions['log']): void {
  const end = async (signal: string): Promise<void> => {
    log.write('info', 'ending', { signal });
    await server.close();
    log.write('info', 'ended');
    await log.close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      end(signal).then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}
