import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { COMMAND, olderNode } from '../bench/commands.ts';
import { ended, Sandbox, written } from './sandbox.ts';

const older = olderNode();
if (older === undefined) {
  process.stderr.write('tests on a Node that is too old are skipped: there is none on PATH\n');
}

let sandbox: Sandbox;

beforeAll(() => {
  sandbox = new Sandbox();
  sandbox.write('old', `#!/bin/sh\nexec '${older?.path ?? ''}' '${COMMAND}' "$@"\n`);
  sandbox.write('.env', 'PLAIN_KEY=not-a-real-key-0123456789\n');
  expect(sandbox.run('chmod +x old; strongroom init --yes').code).toBe(0);
});

afterAll(() => sandbox[Symbol.dispose]());

/** A program that ends with 3 a while after its first SIGINT, and says how many it had. */
const COUNT = `${process.execPath} -e '${[
  'let count = 0;',
  'const end = () => { console.log("count", count); process.exit(3); };',
  'process.on("SIGINT", () => { count += 1; if (count === 1) setTimeout(end, 500); });',
  'console.log("ready"); setInterval(() => {}, 1000);',
].join(' ')}'`;

test('the command asks for the Node that package.json asks for', () => {
  const root = join(import.meta.dirname, '..');
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly engines: { readonly node: string };
  };
  const min = /^const NODE_MIN = \[(\d+), (\d+)\];$/m.exec(
    readFileSync(join(root, 'bin', 'strongroom.js'), 'utf8'),
  );
  expect(engines.node).toBe(`>=${min?.[1]}.${min?.[2]}`);
});

describe.skipIf(older === undefined)('started with a Node that is too old', () => {
  test('the command works, with its input and its exit codes', () => {
    const stdin = 'line\n'.repeat(50_000);
    expect(sandbox.run('./old run -- cat', { stdin }).stdout).toBe(stdin);
    expect(sandbox.run(`./old run -- sh -c 'exit 7'`).code).toBe(7);
    expect(sandbox.run('./old get MISSING').code).toBe(sandbox.run('strongroom get MISSING').code);
  });

  test.each(['TERM', 'INT', 'KILL', 'HUP'])(
    'a program that ends by SIG%s ends it so too',
    (name) => {
      expect(sandbox.run(`exec ./old run -- sh -c 'kill -${name} $$'`).code).toBe(`SIG${name}`);
    },
  );

  test('a program that ends by a signal that Node ignores gives an exit code of its own', () => {
    const program = `${process.execPath} -e 'process.on("SIGPIPE", () => {}); process.removeAllListeners("SIGPIPE"); process.kill(process.pid, "SIGPIPE")'`;
    expect(sandbox.run(`./old run -- ${program}`).code).toBe(128 + 13);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGUSR1'] as const)(
    '%s to the command alone reaches the program',
    async (signal) => {
      const name = signal.slice(3);
      const trap = `trap 'echo got it; exit 5' ${name}; echo ready; while :; do sleep 0.05; done`;
      const child = sandbox.start('./old', 'run', '--', 'sh', '-c', trap);
      await written(child, 'ready');
      child.kill(signal);
      expect(await ended(child)).toBe(5);
    },
  );

  test.each(['', ' </dev/null'])('Ctrl-C at a terminal reaches it once (run%s)', async (input) => {
    for (const options of ['', '--mask ']) {
      const command = `./old run ${options}-- ${COUNT}${input}`;
      expect(await sandbox.onTerminal(command, 'ready', '\u0003')).toMatch(/^3 [^]*count 1\n$/);
    }
  });
});

test.each(['', ' </dev/null'])(
  'with --mask too Ctrl-C reaches a program once (run%s)',
  async (input) => {
    const command = `strongroom run --mask -- ${COUNT}${input}`;
    expect(await sandbox.onTerminal(command, 'ready', '\u0003')).toMatch(/^3 [^]*count 1\n$/);
  },
);
