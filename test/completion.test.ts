// zsh and fish are tried by `npm run test:peers`.
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Sandbox } from './sandbox.ts';

let sandbox: Sandbox;

beforeAll(() => {
  sandbox = new Sandbox();
  sandbox.write('.env', 'STRIPE_KEY=not-a-real-key\nPORT=3000\n');
  expect(sandbox.run('strongroom init --yes').code).toBe(0);
  expect(sandbox.run('strongroom set payments/TOKEN -e production', { stdin: 'x' }).code).toBe(0);
  expect(sandbox.run('strongroom completion bash > completion.bash').code).toBe(0);
});

afterAll(() => sandbox[Symbol.dispose]());

/** What bash offers where the last word is being typed. */
function offered(...words: readonly string[]): readonly string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const script = `source ./completion.bash; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}
    _strongroom; printf "%s\\n" "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = sandbox.run(`bash --norc -c '${script.replaceAll("'", `'\\''`)}'`);
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

test('commands are completed, and those below them', () => {
  expect(offered('strongroom', 'un')).toEqual(['undelete', 'undo', 'unseal']);
  expect(offered('strongroom', 'log')).toEqual(['login', 'logout']);
  expect(offered('strongroom', '')).not.toContain('__complete');
  expect(offered('strongroom', 'audit', 'ver')).toEqual(['verify', 'verify-proof']);
  expect(offered('strongroom', 'env', '')).toEqual(['create', 'list']);
  expect(offered('strongroom', '--path', '.strongroom', 'audit', 'l')).toEqual(['list']);
});

test('options are completed, with those of every command', () => {
  expect(offered('strongroom', 'audit', 'list', '--o')).toEqual(['--outcome']);
  expect(offered('strongroom', 'get', '--p')).toEqual([
    '--path',
    '--profile',
    '--principal',
    '--passphrase-file',
  ]);
});

test('values of options are completed', () => {
  expect(offered('strongroom', 'login', 'https://secrets.example', '--tok')).toEqual([
    '--token-file',
  ]);
  expect(offered('strongroom', 'audit', 'list', '--outcome', 'd')).toEqual(['denied']);
  expect(offered('strongroom', 'set', 'A', '--type', 'pass')).toEqual(['password']);
  expect(offered('strongroom', 'get', '-e', 'prod')).toEqual(['production']);
  expect(offered('strongroom', 'get', '--environment', '=', 'prod')).toEqual(['production']);
});

test('names of secrets are completed, of the environment that was typed', () => {
  expect(offered('strongroom', 'get', '')).toEqual(['PORT', 'STRIPE_KEY']);
  expect(offered('strongroom', 'get', 'S')).toEqual(['STRIPE_KEY']);
  expect(offered('strongroom', 'get', '-e', 'production', '')).toEqual(['payments/TOKEN']);
  expect(offered('strongroom', 'rm', '--environment', '=', 'production', 'pay')).toEqual([
    'payments/TOKEN',
  ]);
  expect(offered('strongroom', 'audit', 'list', '--secret', 'P')).toEqual(['PORT']);
  expect(offered('strongroom', 'get', 'PORT', '')).toEqual([]);
});

test('files are completed where a file is due', () => {
  expect(offered('strongroom', 'audit', 'verify', 'compl')).toEqual(['completion.bash']);
  expect(offered('strongroom', 'run', '--', 'cat', 'compl')).toEqual(['completion.bash']);
});

test('whatever is wrong, completion offers nothing and says nothing', () => {
  const silent = { stdout: '', stderr: '', code: 0 };
  expect(sandbox.run('strongroom __complete secrets "" get --path /nonexistent')).toEqual(silent);
  expect(sandbox.run('strongroom __complete secrets "" get -e nowhere')).toEqual(silent);
  expect(sandbox.run('strongroom __complete secrets "" get --principal mallory')).toEqual(silent);
  expect(sandbox.run('strongroom __complete secrets "../ x"')).toEqual(silent);
  const env = { STRONGROOM_KEY_FILE: '/nonexistent' };
  expect(sandbox.run('strongroom __complete secrets', { env })).toEqual(silent);
});
