// What goes wrong must show no value, whatever goes wrong (hardening A84, A85),
// and what is written must stay where it was sent (A95).
import { lstatSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { reserveFile } from '../src/cli/private-output.ts';
import { Sandbox, type CommandOptions } from './sandbox.ts';

const MARKER = 'mark3r-not-to-be-seen-0123456789';
const ENCODED = Buffer.from(MARKER).toString('base64').slice(0, -4);

let sandbox: Sandbox;

beforeEach(() => {
  sandbox = new Sandbox();
});

afterEach(() => sandbox[Symbol.dispose]());

/** Runs what must fail, and looks for the marker in all it says. */
function failsSilently(line: string, options: CommandOptions = {}): string {
  const { code, stdout, stderr } = sandbox.run(line, options);
  expect(code, `${line}: ${stderr}`).not.toBe(0);
  for (const output of [stdout, stderr]) {
    expect(output, line).not.toContain(MARKER);
    expect(output, line).not.toContain(ENCODED);
  }
  expect(stderr, line).not.toBe('');
  return stderr;
}

describe('A84: a malformed file', () => {
  test.each([
    ['a line without =', `A=1\n${MARKER}\n`],
    ['a quote that is never closed', `A="${MARKER}\nB=2\n`],
    ['text after a closing quote', `A="${MARKER}" ${MARKER}\n`],
    ['a name with other characters', `${MARKER}+x=${MARKER}\n`],
    ['a control character', `A=${MARKER}\u0001${MARKER}\n`],
    ['NUL', `A=${MARKER}\0\n`],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from(`A=${MARKER}`), Buffer.from([0xff])])],
    ['UTF-16', Buffer.from(`\uFEFFA=${MARKER}`, 'utf16le')],
  ])('with %s names line and column, shows no value, and nothing is made', (_name, content) => {
    sandbox.write('.env', content);
    for (const more of ['', ' --json', ' --yes']) {
      expect(failsSilently(`strongroom init${more}`)).toMatch(/line \d+, column \d+/);
    }
    expect(readdirSync(sandbox.directory)).toStrictEqual(['.env']);
    expect(readdirSync(sandbox.home)).toStrictEqual([]);
  });

  test.each([
    ['json', `{ "A": "${MARKER}" "B"`],
    ['json', `{ "A": ["${MARKER}"] }`],
    ['json', `{ "${MARKER} x": "1" }`],
    ['yaml', `A: "${MARKER}`],
    ['yaml', `A: [${MARKER}]`],
    ['yaml', `${MARKER} x: 1`],
  ])('of %s shows no value, and nothing is imported', (format, stdin) => {
    sandbox.run('strongroom init --yes');
    failsSilently(`strongroom import - --format ${format} -e testing`, { stdin });
    expect(sandbox.run('strongroom list -e testing').stdout).toBe('');
  });

  test('of a value that is too large shows no value', () => {
    sandbox.write('.env', `A=${MARKER}${'x'.repeat(1024 * 1024)}\n`);
    expect(failsSilently('strongroom init --yes')).toContain('A is larger than 1 MiB');
    expect(readdirSync(sandbox.directory)).toStrictEqual(['.env']);
  });
});

describe('A85: no value shows when a command fails', () => {
  beforeEach(() => {
    sandbox.write('.env', `KEY=${MARKER}\nNODE_OPTIONS=${MARKER}\n`);
    expect(sandbox.run('strongroom init --yes').code).toBe(0);
  });

  test.each(['run', 'run --mask', 'export --format dotenv', 'export --format shell'])(
    'because a name must be allowed: %s',
    (command) => {
      const program = command.startsWith('run') ? '-- true' : '';
      expect(failsSilently(`strongroom ${command} -e development ${program}`)).toContain(
        'NODE_OPTIONS',
      );
      failsSilently(`strongroom ${command} -e development --json ${program}`);
    },
  );

  /** Each succeeds as long as nothing is wrong with the vault. */
  const COMMANDS = [
    'strongroom run -e development --allow-env NODE_OPTIONS -- true',
    'strongroom run -e development --allow-env NODE_OPTIONS --mask -- true',
    'strongroom export -e development --allow-env NODE_OPTIONS',
    'strongroom export -e development --allow-env NODE_OPTIONS --format shell',
    'strongroom export -e development --format json',
  ];

  test.each([
    [
      'the key is another',
      'for key in $HOME/.config/strongroom/vaults/*/master.key; do sed -i s/sr_key_.../sr_key_xyz/ "$key"; done',
    ],
    ['the key is gone', 'rm $HOME/.config/strongroom/vaults/*/master.key'],
    ['the database is cut off', 'truncate -s 65536 .strongroom/vault.db'],
    ['the database is another file', `cp .env .strongroom/vault.db`],
    [
      'the values were altered',
      `node -e 'new (require("node:sqlite").DatabaseSync)(".strongroom/vault.db").exec("update versions set envelope = zeroblob(100)")'`,
    ],
  ])('because %s', (_why, injury) => {
    for (const line of COMMANDS) expect(sandbox.run(`${line} >/dev/null`).code, line).toBe(0);
    const { code, stderr } = sandbox.run(injury);
    expect(code, stderr).toBe(0);
    for (const line of COMMANDS) failsSilently(line);
    for (const line of COMMANDS) failsSilently(line.replace('strongroom', 'strongroom --json'));
  });

  test('because the disk takes no more, neither of the vault nor of the output', () => {
    for (const line of COMMANDS) failsSilently(`ulimit -f 1; ${line}`);
    failsSilently('ulimit -f 0; strongroom export -e development --allow-env NODE_OPTIONS -o out');
    expect(readdirSync(sandbox.directory)).not.toContain('out');
    const full = 'strongroom export -e development --allow-env NODE_OPTIONS >/dev/full';
    failsSilently(full);
  });

  test('because a name of two secrets is one, or a value is bytes or holds NUL', () => {
    sandbox.run(
      `printf ${MARKER} | strongroom set a/B -e staging; printf ${MARKER} | strongroom set c/B -e staging`,
    );
    expect(failsSilently('strongroom run -e staging -- true')).toMatch(/a\/B and c\/B/);
    sandbox.run(`printf '${MARKER}\\377' | strongroom set RAW --binary -e testing`);
    expect(failsSilently('strongroom export -e testing')).toContain('RAW');
    sandbox.run(`printf '${MARKER}\\0' | strongroom set NUL -e production`);
    expect(failsSilently('strongroom run -e production -- true')).toContain('NUL');
  });

  test('because the file to write is there, and then no read is on record either', () => {
    const count = 'strongroom audit list --json --limit 1000 | grep -c secrets.read';
    sandbox.write('there', '');
    const before = sandbox.run(count).stdout;
    failsSilently('strongroom export -e development -o there');
    failsSilently('strongroom export -e development -o nowhere/out');
    expect(sandbox.run(count).stdout).toBe(before);
  });
});

describe('A95: what is exported goes to the file that was named', () => {
  test('names of secrets never become paths: those that could are refused', () => {
    sandbox.run('strongroom init --yes');
    for (const name of ['../x', '/etc/x', 'a/../../x', './x', 'a//x', 'x\\n', '.']) {
      const stdin = `{ "${name.replace('\\n', '\\u000a')}": "${MARKER}" }`;
      failsSilently('strongroom import - --format json -e testing', { stdin });
    }
    expect(sandbox.run('strongroom list -e testing').stdout).toBe('');
  });

  test('a link is not followed, with --force neither, whether it leads somewhere or not', () => {
    sandbox.run('strongroom init --yes && printf x | strongroom set A -e testing');
    const victim = sandbox.write('victim', 'untouched');
    symlinkSync(victim, join(sandbox.directory, 'link'));
    symlinkSync(join(sandbox.directory, 'not-there'), join(sandbox.directory, 'dangling'));
    for (const name of ['link', 'dangling']) {
      for (const force of ['', ' --force']) {
        failsSilently(`strongroom export -e testing -o ${name}${force}`);
      }
      failsSilently(`strongroom init --yes --path other --recovery-file ${name}`);
    }
    failsSilently('strongroom export -e testing -o .strongroom --force');
    failsSilently('strongroom export -e testing -o /dev/stdout --force');
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
    expect(readdirSync(sandbox.directory)).not.toContain('not-there');
  });

  test('a link that takes the place in between is replaced, not followed', () => {
    const victim = sandbox.write('victim', 'untouched');
    const path = join(sandbox.directory, 'out');
    for (const replace of [false, true]) {
      using file = reserveFile(path, { replace });
      sandbox.run('rm -f out && ln -s victim out');
      file.write('secret');
      expect(readFileSync(victim, 'utf8')).toBe('untouched');
      expect(readFileSync(path, 'utf8')).toBe('secret');
      expect(lstatSync(path).mode & 0o7777).toBe(0o600);
    }
  });

  test('whatever the umask and the file before, the file is for its owner alone', () => {
    sandbox.run('strongroom init --yes && printf x | strongroom set A -e testing');
    sandbox.write('open', '');
    sandbox.run(
      'umask 000; chmod 666 open; strongroom export -e testing -o open --force; strongroom export -e testing -o new',
    );
    for (const name of ['open', 'new']) {
      expect(lstatSync(join(sandbox.directory, name)).mode & 0o777).toBe(0o600);
    }
  });

  test('a link in the place of .gitignore is not written through', () => {
    const victim = sandbox.write('victim', 'untouched');
    symlinkSync(victim, join(sandbox.directory, '.gitignore'));
    const { code, stderr } = sandbox.run('strongroom init --yes');
    expect(code).toBe(0);
    expect(stderr).toContain('.gitignore cannot be written');
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
  });
});
