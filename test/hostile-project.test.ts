// A project from somebody else may bring anything under the names that the
// program looks for, and an output may fail in the middle (hardening A95).
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Sandbox } from './sandbox.ts';

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox[Symbol.dispose]());

function at(...names: readonly string[]): string {
  return join(sandbox.directory, ...names);
}

function makePipe(name: string): void {
  execFileSync('mkfifo', [at(name)]);
}

describe('A95: links in the directory of a vault', () => {
  test.each(['lock.json', 'lock.db', 'vault.db'])(
    'A95 init and get follow no %s out of it, and make nothing elsewhere',
    (name) => {
      const victim = sandbox.write('victim', 'precious');
      mkdirSync(at('.strongroom'));
      for (const target of [victim, at('missing')]) {
        symlinkSync(target, at('.strongroom', name));
        for (const command of ['init --yes', 'get X --path .strongroom']) {
          expect(sandbox.run(`strongroom ${command}`).code, command).not.toBe(0);
        }
        rmSync(at('.strongroom', name));
      }
      expect(readFileSync(victim, 'utf8')).toBe('precious');
      expect(existsSync(at('missing'))).toBe(false);
    },
  );

  test('A95 a notice that became a link after the vault was made is not written through', () => {
    sandbox.run('strongroom init --yes');
    const victim = sandbox.write('victim', 'precious');
    rmSync(at('.strongroom', 'lock.json'));
    symlinkSync(victim, at('.strongroom', 'lock.json'));
    const { code, stderr } = sandbox.run('strongroom list');
    expect(code).toBe(1);
    expect(stderr).toContain('lock.json is a link or no regular file');
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });
});

describe('a pipe that nobody writes to', () => {
  test('in the place of .env stops init with an error', () => {
    makePipe('.env');
    const { code, stderr } = sandbox.run('strongroom init --yes');
    expect(code).toBe(3);
    expect(stderr).toContain('.env is not a regular file');
    expect(existsSync(at('.strongroom'))).toBe(false);
  });

  test('in the place of .gitignore is left alone by init', () => {
    makePipe('.gitignore');
    const { code, stderr } = sandbox.run('strongroom init --yes');
    expect(code).toBe(0);
    expect(stderr).toContain('.gitignore cannot be written');
  });

  test('in the place of the settings is an error', () => {
    sandbox.run('strongroom init --yes');
    makePipe('strongroom.config.json');
    const { code, stderr } = sandbox.run('strongroom get X');
    expect(code).toBe(2);
    expect(stderr).toContain('is not a file of settings');
  });

  test.each(['import pipe', 'set X --file pipe', 'audit verify log --key pipe'])(
    'is not waited for by %s',
    (command) => {
      sandbox.run('strongroom init --yes');
      sandbox.write('log', '');
      makePipe('pipe');
      expect(sandbox.run(`strongroom ${command}`).code).not.toBe(0);
    },
  );

  test.each(['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'])(
    'is something else than standard input, which import reads as %s',
    (name) => {
      sandbox.run('strongroom init --yes');
      const imported = sandbox.run(`cat | strongroom import ${name} --yes`, { stdin: 'A=1\n' });
      expect(imported.stderr).toContain('1 made');
      expect(sandbox.run('strongroom get A').stdout).toBe('1');
    },
  );
});

describe('A95: an export with --force', () => {
  test.each(['vault.db', 'lock.db', 'new'])(
    'A95 writes no .strongroom/%s, however it is spelled',
    (name) => {
      sandbox.run('strongroom init --yes');
      symlinkSync('.strongroom', at('link'));
      for (const place of ['.strongroom', 'link', './.strongroom/../link', at('.strongroom')]) {
        for (const command of ['export', 'audit export']) {
          const { code, stderr } = sandbox.run(`strongroom ${command} --force -o ${place}/${name}`);
          expect(code, place).toBe(2);
          expect(stderr).toContain("is in the vault's directory");
        }
      }
      expect(existsSync(at('.strongroom', 'new'))).toBe(false);
      expect(sandbox.run('strongroom list').code).toBe(0);
    },
  );
});

test('control characters of others do not reach the terminal', () => {
  sandbox.run('strongroom init --yes');
  const hostile = '\u001B]0;x\u0007\u009B2J\u202E';
  const { stderr } = sandbox.run(`strongroom import '${hostile}'`);
  expect(stderr).toContain('\\u001b]0;x\\u0007\\u009b2J\\u202e');
  // oxlint-disable-next-line no-control-regex
  expect(stderr).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/);
});

describe.skipIf(!existsSync('/dev/full'))('standard output without room', () => {
  test.each(['get A', 'list', 'export', '--help', 'audit list', 'audit export'])(
    'is told as what it is by %s',
    (command) => {
      sandbox.run('strongroom init --yes');
      sandbox.run('strongroom set A', { stdin: 'text' });
      const { code, stderr } = sandbox.run(`strongroom ${command} > /dev/full`);
      expect(stderr).toContain('no space is left for standard output');
      expect(code).toBe(1);
    },
  );
});
