import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';

import { openVault } from '../../src/core/open-vault.ts';
import { createSession } from '../../src/core/session.ts';
import { init, SecretValue } from '../../src/index.ts';
import type { Report } from './report.ts';
import { lastLine, PROJECT, run, type Ran } from './tools.ts';

const OWNER = 'owner-of-the-fuzzed-vault';
const PASSWORD = 'seven quiet herons by the weir';
const PATH = 'db/password';
const SEED = 20_260_101;
/** Of each operation, besides those that the schemas' own limits give. */
const EXAMPLES = 15;
/** So that it is noticed if nearly everything was left out. */
const REQUESTS_MIN = 5000;
const READY_MS = 60_000;

/**
 * Not among them: `unsupported_method`, since it does not know that `/secrets/copy` is also the
 * address of a secret by an id; `positive_data_acceptance`, since rules of the domain are told by
 * their codes and not by schemas.
 */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'negative_data_rejection',
  'ignored_auth',
] as const;

/** Operations that would end the run before it is done, or what would follow from them. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'vault.seal': 'nothing is answered afterwards',
  'seal.unseal': 'a vault that is open is that, whatever is brought',
  'events.open': 'its answer is a stream without an end',
  'access.deny': 'what the caller is denied is not looked at any more',
  'users.disable': 'the caller is a user',
  'users.remove': 'the caller is a user',
  'auth.signOut': 'the session is the caller’s',
  'auth.removeFactor': 'sessions end with the factor that they began with',
  'tokens.revoke': 'the session is the caller’s',
  'tokens.revokeCurrent': 'the session is the caller’s',
  'slots.remove': 'the key file opens the vault once more afterwards',
  'keys.rotateRoot': 'the key that opens the vault afterwards would have to be kept',
};

/** What there is in the vault, so that requests also find something. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  workspace_id: ['default', 'other'],
  environment: ['development', 'staging', 'production'],
  path: [PATH, 'plain'],
  role: ['deploy'],
  kind: ['approle'],
};
/** How many of a hundred requests name something that there is. */
const KNOWN_PERCENT = 75;
/** How what is malformed may be refused: also by the length of its head, or by what it does not match. */
const REFUSALS: readonly number[] = [400, 401, 403, 404, 405, 409, 412, 413, 415, 422];

type Server = ChildProcessByStdio<null, Readable, Readable>;

/**
 * Sends what a program makes up from our OpenAPI description to a server, and
 * holds every answer against that description.
 */
export async function fuzzRest(python: string, directory: string, report: Report): Promise<void> {
  const home = join(directory, 'home');
  const vault = join(directory, 'vault');
  const { invite, secretId } = await makeVault(vault, join(home, '.config'));
  const env = environmentOf(home);
  const server = start(vault, env);
  const said = collect(server.stderr);
  try {
    const address = await addressOf(server);
    const session = await acceptInvite(address, invite);
    const config = join(directory, 'schemathesis.toml');
    writeFileSync(config, configOf({ session, secretId }));
    const ran = fuzz(python, { config, address, directory });
    const sent = Number(/(\d+) generated/.exec(ran.stdout)?.[1] ?? 0);
    report.check('the fuzzer has no finding', ran.ok, lastLine(ran));
    report.check(`it sent enough to find something (${sent})`, sent > REQUESTS_MIN);
    if (!ran.ok) process.stdout.write(`${ran.stdout}\n${ran.stderr}\n`);
    const after = await fetch(`${address}/api/auth/who-am-i`, { headers: bearer(session) });
    report.check('the session of the fuzzer still counts afterwards', after.status === 200);
    const unforeseen = said().filter((line) => line.includes('"unforeseen"'));
    report.check('nothing happened that nobody foresaw', unforeseen.length === 0, unforeseen[0]);
  } finally {
    server.kill('SIGTERM');
    const [code] = server.exitCode === null ? await once(server, 'exit') : [server.exitCode];
    report.check('the fuzzed server ends in good order', code === 0, said().at(-1));
  }
  const verified = strongroom(['audit', 'verify', '--path', vault], env);
  report.check('the log of the fuzzed vault verifies', verified.ok, lastLine(verified));
}

async function makeVault(
  path: string,
  configDirectory: string,
): Promise<{ readonly invite: string; readonly secretId: string }> {
  mkdirSync(configDirectory, { recursive: true, mode: 0o700 });
  await init({ path, configDirectory, owner: OWNER });
  const vault = await openVault(path, { configDirectory, holder: 'peers' });
  try {
    const owner = createSession(vault, { principal: OWNER }, 'cli');
    await owner.workspaces.create({ name: 'other' });
    await owner.machines.create({ name: 'deploy' });
    await owner.approle.create({ machine: 'deploy' });
    for (const environment of NAMES['environment'] ?? []) {
      const value = SecretValue.text('not-a-real-password');
      await owner.secrets.create({ environment, path: PATH, value });
      await owner.secrets.write({ environment, path: 'plain', value: 'first' });
      await owner.secrets.write({ environment, path: 'plain', value: 'second' });
    }
    const { id } = await owner.secrets.describe({ environment: 'production', path: PATH });
    const { invite } = await owner.users.invite({ name: OWNER });
    return { invite: invite.reveal(), secretId: id };
  } finally {
    await vault.close();
  }
}

function environmentOf(home: string): NodeJS.ProcessEnv {
  const XDG_CONFIG_HOME = join(home, '.config');
  return { PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME, NO_COLOR: '1' };
}

const PROGRAM = join(PROJECT, 'bin', 'strongroom.js');

function strongroom(args: readonly string[], env: NodeJS.ProcessEnv): Ran {
  return run(process.execPath, [PROGRAM, ...args, '--principal', OWNER], { env });
}

function start(vault: string, env: NodeJS.ProcessEnv): Server {
  const limits = ['--address-limit', 'none', '--principal-limit', 'none'];
  const args = [PROGRAM, 'serve', '--path', vault, '--port', '0', '--json', ...limits];
  return spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

function collect(stream: Readable): () => readonly string[] {
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  return () => text.trim().split('\n');
}

async function addressOf(server: Server): Promise<string> {
  const printed = collect(server.stdout);
  for (const until = Date.now() + READY_MS; Date.now() < until && server.exitCode === null;) {
    try {
      return (JSON.parse(printed().join('\n')) as { readonly address: string }).address;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('the server does not start');
}

/** A session that has just begun, since a token cannot do everything. */
async function acceptInvite(address: string, invite: string): Promise<string> {
  const answer = await fetch(`${address}/api/auth/accept-invite`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ invite, password: PASSWORD }),
  });
  const { session } = (await answer.json()) as { readonly session?: string };
  if (session === undefined) throw new Error(`no session: status ${answer.status}`);
  return session;
}

function bearer(session: string): Record<string, string> {
  return { Authorization: `Bearer ${session}` };
}

/** The fuzzer's own file, since a credential has no place on a command line. */
function configOf(known: { readonly session: string; readonly secretId: string }): string {
  const names = { ...NAMES, secret_id: [known.secretId] };
  const probability = KNOWN_PERCENT / 100;
  return [
    '[headers]',
    `Authorization = "Bearer ${known.session}"`,
    ...Object.entries(names).flatMap(([name, values]) => [
      `[dictionaries.${name}]`,
      `values = ${JSON.stringify(values)}`,
    ]),
    '[checks.negative_data_rejection]',
    `expected-statuses = ${JSON.stringify(REFUSALS)}`,
    '[parameters]',
    ...Object.keys(names).map(
      (name) => `"path.${name}" = { dictionary = "${name}", probability = ${probability} }`,
    ),
    '',
  ].join('\n');
}

function fuzz(
  python: string,
  {
    config,
    address,
    directory,
  }: { readonly config: string; readonly address: string; readonly directory: string },
): Ran {
  const program = join(dirname(python), 'schemathesis');
  const options = {
    phases: 'examples,coverage,fuzzing',
    checks: CHECKS.join(','),
    'max-examples': String(EXAMPLES),
    seed: String(SEED),
    'generation-database': 'none',
    warnings: 'off',
  };
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const leftOut = Object.keys(LEFT_OUT).flatMap((name) => ['--exclude-operation-id', name]);
  const args = ['--config-file', config, 'run', `${address}/api/openapi.json`];
  return run(program, [...args, '--no-shrink', '--continue-on-failure', ...given, ...leftOut], {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: directory, NO_COLOR: '1' },
  });
}
