import { spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect } from '../../src/client/client.ts';
import { addStrongroom, installed } from './packages.ts';
import type { Report } from './report.ts';
import { startServer, type RunningServer } from './running-server.ts';
import { lastLine, PROJECT, run } from './tools.ts';

const EXAMPLE = join(PROJECT, 'examples', 'next');
const PLACE = { environment: 'production', path: 'SIGNING_KEY' };
const MARKER = 'mArKeR-4e87';
/** How long the application may take to have a new value. */
const RENEWED_MS = 15_000;
const READY_MS = 60_000;

/** Builds the example for Next.js, serves it, and looks for the secret in what browsers get. */
export async function nextExample(directory: string, report: Report): Promise<void> {
  const app = join(directory, 'app');
  cpSync(EXAMPLE, app, { recursive: true });
  const got = installed('next', packagesOfExample());
  if ('missing' in got) {
    report.leaveOut('Next.js', got.missing);
    return;
  }
  cpSync(got.directory, app, { recursive: true, verbatimSymlinks: true });
  addStrongroom(app);
  const env = { PATH: process.env['PATH'], HOME: directory, NEXT_TELEMETRY_DISABLED: '1' };
  const next = join(app, 'node_modules', 'next', 'dist', 'bin', 'next');
  const built = run(process.execPath, [next, 'build'], { cwd: app, env });
  report.check('the Next.js example is built, without secrets', built.ok, lastLine(built));
  if (!built.ok) return;
  const vault = join(directory, 'vault');
  mkdirSync(vault);
  const server = await startServer(vault);
  try {
    const own = { STRONGROOM_ADDR: server.address, STRONGROOM_TOKEN: server.token };
    const command = [next, 'start', '--port', '0', '--hostname', '127.0.0.1'];
    const child = spawn(process.execPath, command, {
      cwd: app,
      env: { ...env, ...own },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(child, 'exit');
    try {
      await askExample(child, { app, server, report });
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  } catch (error) {
    report.check('the Next.js example runs', false, String(error));
  } finally {
    await server.stop();
  }
}

/** What the example itself says that it needs, each with its version, but for ourselves. */
function packagesOfExample(): readonly string[] {
  const { dependencies } = JSON.parse(readFileSync(join(EXAMPLE, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const others = Object.entries(dependencies).filter(([name]) => name !== 'strongroom');
  return others.map(([name, version]) => `${name}@${version}`);
}

async function askExample(
  child: ChildProcess,
  {
    app,
    server,
    report,
  }: { readonly app: string; readonly server: RunningServer; readonly report: Report },
): Promise<void> {
  const client = connect({ address: server.address, token: server.token });
  await client.secrets.write({ ...PLACE, value: `${MARKER}-1` });
  const address = await addressOf(child);
  const page = await text(address);
  report.check(
    'a server component uses a secret',
    page.includes(signatureOf(`${MARKER}-1`, 'hello')),
  );
  const route = async (): Promise<string> => text(`${address}/sign/hello`);
  report.check(
    'a route handler uses a secret',
    (await route()).includes(signatureOf(`${MARKER}-1`, 'hello')),
  );
  await client.secrets.write({ ...PLACE, value: `${MARKER}-2` });
  const until = performance.now() + RENEWED_MS;
  let after = await route();
  while (!after.includes(signatureOf(`${MARKER}-2`, 'hello')) && performance.now() < until) {
    await sleep(200);
    after = await route();
  }
  report.check(
    'and takes over a new one',
    after.includes(signatureOf(`${MARKER}-2`, 'hello')),
    after,
  );
  const files = readdirSync(join(app, '.next', 'static'), { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => readFileSync(join(each.parentPath, each.name), 'utf8'));
  const sent = [...files, page, after, await text(address, { RSC: '1' })];
  const has = (word: string): boolean => sent.some((each) => each.includes(word));
  report.check('browsers get the part that is theirs', has('text to sign'));
  const words = [MARKER, server.token, 'STRONGROOM_TOKEN', 'StrongroomError', 'SIGNING_KEY'];
  const found = words.filter(has);
  report.check(
    'and nothing of the secret or of what reads it',
    found.length === 0,
    found.join(' '),
  );
}

const signatureOf = (key: string, of: string): string =>
  createHmac('sha256', key).update(of).digest('hex');

async function text(
  address: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  return (await fetch(address, { headers })).text();
}

/** Where it says that it listens. */
async function addressOf(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const timer = setTimeout(() => lines.close(), READY_MS);
  try {
    for await (const line of lines) {
      const [address] = /http:\/\/(?:127\.0\.0\.1|localhost):\d+/.exec(line) ?? [];
      if (address !== undefined) return address;
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error('next start did not say where it listens');
}
