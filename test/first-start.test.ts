// What somebody does first with a checkout: `npm start`, and the lines of README.md that put a secret.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { written } from './sandbox.ts';

const root = resolve(import.meta.dirname, '..');
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const start = scripts['start'] ?? '';

const base = mkdtempSync(join(tmpdir(), 'strongroom-first-start-'));
const directory = join(base, 'empty');
const env = {
  PATH: [join(root, 'node_modules', '.bin'), dirname(process.execPath), process.env['PATH']].join(
    delimiter,
  ),
  HOME: join(base, 'home'),
  STRONGROOM_CONFIG_HOME: join(base, 'config'),
};

/** The lines for a shell that put a first secret, as a page has them. */
function firstSecretOf(page: string): string {
  const blocks = [...read(page).matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
  const [block = '', ...others] = blocks.filter((text) => text.includes('curl'));
  expect(others).toEqual([]);
  return block;
}

let server: ChildProcess;
let printed: string;
/** Where the server is, and where it would be without another port. */
let address: string;
let ownAddress: string;
let token: string;

beforeAll(async () => {
  for (const each of [directory, env.HOME]) mkdirSync(each);
  symlinkSync(join(root, 'bin'), join(directory, 'bin'));
  writeFileSync(join(env.HOME, '.curlrc'), 'silent\nwrite-out = "\\n%{http_code}"\n');
  // A group of its own, so that a signal reaches whatever the script starts.
  server = spawn('sh', ['-c', `${start} --port 0`], { cwd: directory, env, detached: true });
  printed = await written(server, '--invite-file');
  address = /^address +(\S+)$/m.exec(printed)?.[1] ?? '';
  token = /sr_token_[\w-]+/.exec(printed)?.[0] ?? '';
  const port = /--port[ =](\d+)/.exec(start)?.[1] ?? defaultPort();
  ownAddress = address.replace(/:\d+$/, `:${port}`);
});
afterAll(async () => {
  if (server.exitCode === null) {
    process.kill(-(server.pid ?? Number.NaN), 'SIGTERM');
    // When all that the script started has closed its output, not only the shell.
    await once(server, 'close');
  }
  rmSync(base, { recursive: true, force: true });
});

/** The port that a server has which is told none. */
function defaultPort(): string {
  const program = join(root, 'bin', 'strongroom.js');
  const { stdout } = spawnSync(process.execPath, [program, 'serve', '--help'], { env });
  return /--port[^\n]*\n?[^\n]*\(default: "(\d+)"\)/.exec(stdout.toString())?.[1] ?? '';
}

/** A page's lines with what the start printed in the places of address and token. */
function asPrinted(lines: string): string {
  return lines.replaceAll(ownAddress, address).replaceAll('sr_token_…', token);
}

describe('the first start', () => {
  it('prints the lines that README.md and the guide have for the first secret', () => {
    for (const page of ['README.md', 'docs/guide/server.md']) {
      expect(printed.replaceAll(/^ {2}/gm, '')).toContain(asPrinted(firstSecretOf(page)));
    }
  });

  it('takes the first secret by the lines of README.md', () => {
    const section = firstSecretOf('README.md');
    expect(section).toContain(ownAddress);
    const { stdout, stderr } = spawnSync('sh', ['-c', asPrinted(section)], { cwd: directory, env });
    const [body = '', status] = stdout.toString().split('\n');
    expect([status, stderr.toString()]).toEqual(['201', '']);
    expect(JSON.parse(body)).toMatchObject({ name: 'db/password', version: 1 });
  });

  it('ends in good order when the script alone is told to, as npm tells it', async () => {
    let log = '';
    server.stderr?.on('data', (chunk: Uint8Array) => (log += Buffer.from(chunk).toString()));
    const [exited, closed] = [once(server, 'exit'), once(server, 'close')];
    expect(server.kill('SIGTERM')).toBe(true);
    expect(await exited).toEqual([0, null]);
    await closed;
    expect(log).toContain(`"event":"ended"`);
  });
});
