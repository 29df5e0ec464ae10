import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatToken } from '../crypto/token.ts';
import { createKeyFile, readKeyFile } from './key-file.ts';

const VAULT = '01900000-0000-7000-8000-000000000001';
const KEY = new Uint8Array(32).fill(5);
const TOKEN = formatToken('key', KEY);

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'key-file-'));
  path = join(directory, 'master.key');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function write(text: string | Uint8Array, mode = 0o600): void {
  writeFileSync(path, text);
  chmodSync(path, mode);
}

function modeOf(name: string): string {
  return (statSync(name).mode & 0o777).toString(8);
}

/** Runs a script in a process of its own, whose umask and working directory can be set. */
function run(script: string): void {
  const module = pathToFileURL(join(import.meta.dirname, 'key-file.ts')).href;
  const head = `
    import { createKeyFile } from ${JSON.stringify(module)};
    const id = '${VAULT}';
    const key = new Uint8Array(32).fill(5);
  `;
  const options = ['--input-type=module', '--eval', head + script];
  execFileSync(process.execPath, options, { cwd: directory });
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}

test('what was written is read', () => {
  createKeyFile(path, VAULT, KEY);
  expect(readKeyFile(path)).toEqual(KEY);
});

describe('whatever the umask', () => {
  test.each(['000', '022', '077'])('modes are 0600 and 0700: %s', (umask) => {
    const deep = join(directory, 'a', 'b', 'master.key');
    run(`process.umask(0o${umask}); createKeyFile(${JSON.stringify(deep)}, id, key);`);
    expect(modeOf(deep)).toBe('600');
    expect(modeOf(join(directory, 'a', 'b'))).toBe('700');
    expect(modeOf(join(directory, 'a'))).toBe('700');
    expect(readKeyFile(deep)).toEqual(KEY);
  });

  test('the owner can write the file', () => {
    run(`process.umask(0o277); createKeyFile(${JSON.stringify(path)}, id, key);`);
    expect(modeOf(path)).toBe('600');
  });
});

test('a relative path is one from the working directory', () => {
  run("createKeyFile('master.key', id, key);");
  expect(readKeyFile(path)).toEqual(KEY);
});

test('a key file that cannot be written leaves nothing behind', () => {
  // 31 bytes are no key: the text is made after the file was.
  expect(() => createKeyFile(path, VAULT, new Uint8Array(31))).toThrow(RangeError);
  expect(thrownBy(() => readKeyFile(path))).toMatchObject({ code: 'key_not_found' });
});

describe('a key file that is open to others is refused', () => {
  test.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])('mode %o', (mode) => {
    write(TOKEN, mode);
    const shown = `0${mode.toString(8)}`;
    expect(thrownBy(() => readKeyFile(path))).toMatchObject({
      code: 'key_file_exposed',
      message: `the key file ${path} is open to other users (mode ${shown})`,
      details: { path, mode: shown },
      hint: `chmod 600 ${path}`,
    });
  });

  test('also behind a link', () => {
    write(TOKEN, 0o644);
    const link = join(directory, 'link');
    symlinkSync(path, link);
    expect(thrownBy(() => readKeyFile(link))).toMatchObject({ code: 'key_file_exposed' });
  });

  test('with a hint that a shell understands', () => {
    const odd = join(directory, "it's here");
    writeFileSync(odd, TOKEN);
    chmodSync(odd, 0o644);
    const hint = `chmod 600 '${directory}/it'\\''s here'`;
    expect(thrownBy(() => readKeyFile(odd))).toMatchObject({ hint });
    execFileSync('/bin/sh', ['-c', hint]);
    expect(readKeyFile(odd)).toEqual(KEY);
  });
});

test.each([0o600, 0o400, 0o700])('mode %o is private', (mode) => {
  write(TOKEN, mode);
  expect(readKeyFile(path)).toEqual(KEY);
});

test('a link to a private file is followed, as mounted keys are links', () => {
  write(TOKEN);
  const link = join(directory, 'link');
  symlinkSync(path, link);
  expect(readKeyFile(link)).toEqual(KEY);
});

describe('a key file that is not there', () => {
  test('is named', () => {
    expect(thrownBy(() => readKeyFile(path))).toMatchObject({
      code: 'key_not_found',
      message: `there is no key file at ${path}`,
      details: { path },
    });
  });

  test('may be below something that is no directory', () => {
    write('');
    expect(thrownBy(() => readKeyFile(join(path, 'master.key')))).toMatchObject({
      code: 'key_not_found',
      message: `there is no key file at ${join(path, 'master.key')}`,
    });
  });

  test('or a name that cannot be opened', () => {
    const loop = join(directory, 'loop');
    symlinkSync(loop, loop);
    expect(thrownBy(() => readKeyFile(loop))).toMatchObject({
      code: 'key_not_found',
      message: `the key file ${loop} cannot be read`,
    });
  });
});

describe('the content of a key file', () => {
  test.each([
    ['the token alone', TOKEN],
    ['Windows line ends', `# a\r\n\r\n${TOKEN}\r\n`],
    ['comments after the key', `${TOKEN}\n# kept by two people\n`],
    ['spaces around', `  ${TOKEN}  \n`],
  ])('may be %s', (_, text) => {
    write(text);
    expect(readKeyFile(path)).toEqual(KEY);
  });

  test.each([
    ['nothing', ''],
    ['comments alone', '# a comment\n'],
    ['a token cut short', TOKEN.slice(0, -1)],
    ['a token with a typing error', TOKEN.replace('BQ', 'BR')],
    ['a token of another type', formatToken('recovery', KEY)],
    ['two tokens', `${TOKEN}\n${TOKEN}\n`],
    ['bytes', new Uint8Array([0xff, 0xfe, 0x00])],
    ['a large file', `${TOKEN}\n${'#\n'.repeat(10_000)}`],
  ])('must not be %s', (_, text) => {
    write(text);
    expect(thrownBy(() => readKeyFile(path))).toMatchObject({
      code: 'wrong_key',
      message: `${path} is not a key file, or was altered`,
    });
  });

  test('must not be a directory', () => {
    mkdirSync(path, { mode: 0o700 });
    expect(thrownBy(() => readKeyFile(path))).toMatchObject({ code: 'wrong_key' });
  });

  test('must not be a pipe, for whose writer nobody waits', () => {
    execFileSync('mkfifo', ['-m', '600', path]);
    expect(thrownBy(() => readKeyFile(path))).toMatchObject({ code: 'wrong_key' });
  });

  test('is in no error', () => {
    write(`${TOKEN}x`);
    const error = thrownBy(() => readKeyFile(path));
    expect(String(error) + JSON.stringify(error)).not.toContain(TOKEN.slice(7, 20));
    expect(readFileSync(path, 'utf8')).toContain(TOKEN);
  });
});
