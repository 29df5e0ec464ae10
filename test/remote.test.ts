import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { totpCode, totpStep } from '../src/crypto/totp.ts';
import { fromBase32 } from '../src/lib/base32.ts';
import { EVERY_COMMAND } from './every-command.ts';
import { firstDocument } from './first-document.ts';
import { CONNECTION, FILES, FRESH, LINES, REFUSED } from './remote-lines.ts';
import { Sandbox, type Outcome } from './sandbox.ts';

const PASSWORD = 'seven quiet herons by the weir';
const OTHER_PASSWORD = 'eight quiet herons by the weir';
/** Which vault commands are about, where it is one of this machine. */
const HERE = { STRONGROOM_PATH: 'vault', STRONGROOM_BACKUP_PATH: 'backups' };

/** A command at a terminal, and what is typed when it asks. */
type Typed = readonly [line: string, answers: Parameters<Sandbox['atTerminal']>[1]];

const TYPED: readonly Typed[] = [
  ['strongroom set TYPED -e production', [['Value of TYPED', 'hunter2']]],
  ['strongroom verify TYPED -e production', [['Candidate for TYPED', 'hunter2']]],
  ['strongroom rotate TYPED -e production --given', [['Value of TYPED', 'hunter3']]],
  ['strongroom destroy TYPED -e production --all', [['Nothing brings it back', 'y']]],
];

/** As {@link FRESH}. */
const FRESH_TYPED: readonly Typed[] = [
  ['strongroom factor add --label phone', [['The code that it shows', codeOf]]],
  ['strongroom factor codes', []],
  [
    'strongroom factor remove $(strongroom factor list --json | grep -B1 -A9 \'"totp"\' | sed -n \'s/.*"id": "\\(.*\\)".*/\\1/p\' | head -1)',
    [],
  ],
  [
    'strongroom factor password',
    [
      ['Your password as it is', PASSWORD],
      ['New password', OTHER_PASSWORD],
      ['The same password again', OTHER_PASSWORD],
    ],
  ],
];

/** The code that an app would show, by what was written for it. */
function codeOf(output: string): string {
  const secret = /[?&]secret=([A-Z2-7]+)/.exec(output)?.[1] ?? '';
  return totpCode(fromBase32(secret) ?? new Uint8Array(), totpStep(Date.now()));
}

/** What is another one on a server, by its nature, in the lines that begin so. */
const OWN: readonly (readonly [string, RegExp])[] = [
  // The client's changes have idempotency keys, whose answers are kept under the same key.
  ['strongroom keys status', /(?<=^(?:default|billing) .* )\d+(?= *$)/gm],
  ['strongroom keys rotate', /(?<=wrapped )\d+(?= data keys)/g],
  ['strongroom jobs list', /(?<=^keys\.rewrap .*)\d+ of \d+/gm],
  // A vault of this machine is opened and closed by each command, on record.
  ['strongroom audit list --action secrets.create', /^ *\d+/gm],
  ['strongroom audit checkpoint', /^\d+$/gm],
  ['strongroom audit export -o', /(?<=wrote )\d+/g],
  ['strongroom audit verify', /\d+(?= entries)|\d+(?= shown)/g],
  ['strongroom audit verify-proof', /(?<=entry )\d+|\d+(?= entries)/g],
  // Who signed in to the server has asked it more.
  ['strongroom access replay', /\d+(?= entries decided again)/g],
  // A server is told from where it is called.
  ['strongroom audit secret', /^\d+|(?<= v\d+)(?: .*)?$/gm],
  // For several of these reasons.
  ['strongroom health', /^(?:database|audit entries) .*$/gm],
  ['strongroom backup', /\d+(?= audit entries)|[\d.]+ KiB/g],
  // Nobody signs in to a vault of this machine.
  ['strongroom factor list', /(?:never|TIME)(?= +ID$)/gm],
  // What is made at random.
  ['strongroom generate', /^\S{12}$|(?<="value": ").*(?=")/gm],
  ['strongroom factor add', /\b[A-Z2-7]{32}\b/g],
];

let local: Sandbox;
let remote: Sandbox;
let server: ChildProcess;
let address: string;
let token: string;
beforeAll(async () => {
  local = new Sandbox();
  remote = new Sandbox();
  const ended = await serve(local);
  expect(local.run('strongroom logout').code).toBe(0);
  ended.kill('SIGTERM');
  await once(ended, 'exit');
  server = await serve(remote);
  token = remote.run('strongroom token create | tee token').stdout.trim();
  expect(remote.run(`strongroom login ${address} --token-file token`).code).toBe(0);
});
afterAll(async () => {
  server.kill('SIGTERM');
  await once(server, 'exit');
  local[Symbol.dispose]();
  remote[Symbol.dispose]();
});

/** Makes a vault with a server, whose owner chooses a password. */
async function serve(sandbox: Sandbox): Promise<ChildProcess> {
  const args = ['serve', '--path', 'vault', '--port', '0', '--json'];
  const started = sandbox.start('env', 'STRONGROOM_BACKUP_PATH=backups', 'strongroom', ...args);
  const first = await firstDocument(started);
  address = String(first['address']);
  const files = { ...FILES, invite: String(first['invite']), password: PASSWORD };
  for (const [name, content] of Object.entries(files)) sandbox.write(name, content);
  const login = `strongroom login ${address} --invite-file invite --password-file password`;
  expect(sandbox.run(login).code).toBe(0);
  return started;
}

describe('the commands', () => {
  const typed = [...TYPED, ...FRESH_TYPED].map(([line]) => line);
  const compared = [...LINES, ...FRESH, ...typed];

  it.each(EVERY_COMMAND)('have a line that is compared, or a reason why not: %s', (command) => {
    const ways = [
      compared.some((line) => commandOf(line) === command),
      Object.keys(REFUSED).some((what) => `strongroom ${what}` === command),
      Object.hasOwn(CONNECTION, command),
    ];
    expect(ways.filter(Boolean)).toHaveLength(1);
  });

  it('that are refused on a server, or in one form, are not compared in it', () => {
    const isOf = (line: string, what: string): boolean => {
      const command = commandOf(`strongroom ${what}`) ?? 'strongroom';
      const form = `strongroom ${what}`.slice(command.length).trim();
      return (
        `${commandOf(line)} `.startsWith(`${command} `) &&
        ` ${line} `.includes(` ${form} `.trimEnd())
      );
    };
    for (const what of Object.keys(REFUSED)) {
      expect({ what, lines: compared.filter((line) => isOf(line, what)) }).toEqual({
        what,
        lines: [],
      });
      expect(isOf(REFUSED[what] ?? '', what)).toBe(true);
    }
  });

  it('that are about the connection are there', () => {
    expect(Object.keys(CONNECTION).filter((each) => !EVERY_COMMAND.includes(each))).toEqual([]);
  });

  it('that are refused are those that the guide lists', () => {
    const guide = readFileSync(join(import.meta.dirname, '../docs/guide/remote.md'), 'utf8');
    const cells = [...guide.matchAll(/^\| (`.+?) +\|/gm)].map(([, cell = '']) => cell);
    const listed = cells.flatMap((cell) =>
      Array.from(cell.matchAll(/`(.+?)`/g), ([, what = '']) => what),
    );
    expect(new Set(listed)).toEqual(new Set(Object.keys(REFUSED)));
  });
});

describe('a command', () => {
  it.each(LINES)('does the same on a server as here: %s', compare);

  it.each(TYPED)('asks the same on a server as here: %s', compareTyped);

  it('tells who commands act as, and where', () => {
    const { stdout } = remote.run('strongroom whoami');
    expect(stdout).toMatch(/^user:\S+, an owner of the vault\n/);
    expect(stdout).toContain(`on ${address}\n`);
    expect(local.run('strongroom whoami --path vault').stdout).toMatch(/^user:/);
    expect(remote.run('strongroom config').stdout).toMatch(/^server +http:\S+ +the last login$/m);
    expect(local.run('strongroom config', { env: HERE }).stdout).toMatch(/server +\(none\)/);
  });

  it.each(Object.entries(REFUSED))('is refused on a server, with a way out: %s', (_what, line) => {
    const { stdout, stderr, code } = remote.run(line);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toMatch(/^strongroom: .*\bserver\b.*\n {2}hint: .+\n$/);
    expect(JSON.parse(remote.run(`${line} --json`).stderr)).toMatchObject({
      error: { code: 'usage' },
    });
  });

  it('completes names of the server that the command line names', () => {
    const line = (words: string): string =>
      `strongroom __complete secrets A strongroom get ${words}`;
    const elsewhere = { STRONGROOM_PATH: 'nowhere', STRONGROOM_TOKEN: token };
    for (const where of [`--address ${address}`, '--profile=default', '--profile = default']) {
      expect(remote.run(line(where), { env: elsewhere }).stdout).toBe('A\n');
    }
    expect(remote.run(line(''), { env: elsewhere }).stdout).toBe('');
  });

  it('writes into no directory of a vault that is here', () => {
    for (const line of ['strongroom export -o vault/x', 'strongroom audit export -o vault/x']) {
      const { code, stderr } = remote.run(`${line} --profile default --path vault`);
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("vault/x is in the vault's directory"),
      });
    }
  });
});

describe('a command that takes a proof of just now', () => {
  beforeAll(() => {
    const login = `strongroom login ${address} --name ada --password-file password`;
    expect(remote.run(login).code).toBe(0);
  });

  it('is refused with a token', () => {
    const env = { STRONGROOM_TOKEN: token };
    const { code, stderr } = remote.run('strongroom workspace delete billing --yes', { env });
    expect(code).toBe(4);
    expect(stderr).toContain('a sign-in of the last five minutes');
  });

  it.each(FRESH)('does the same on a server as here: %s', compare);

  it('takes those backups alone that are in the list of the server', () => {
    const { stderr, code } = remote.run('strongroom backup verify none.backup --prove');
    expect(code).toBe(3);
    expect(stderr).toContain('hint: see `strongroom backup list`');
    const list = remote.run('strongroom backup list --json').stdout;
    const { backups } = JSON.parse(list) as { readonly backups: readonly { id: string }[] };
    expect(remote.run(`strongroom backup verify ${backups[0]?.id} --prove`).code).toBe(0);
  });

  it.each(FRESH_TYPED)('asks the same on a server as here: %s', compareTyped);
});

describe('a server', () => {
  it('is sealed, and opened again with the recovery key that it was given', () => {
    expect(remote.run('strongroom seal')).toMatchObject({ code: 0 });
    expect(remote.run('strongroom list')).toMatchObject({ code: 5 });
    expect(remote.run('strongroom unseal --recovery-file recovery')).toMatchObject({ code: 0 });
    expect(remote.run('strongroom list')).toMatchObject({ code: 0 });
  });

  it('is gone to no more after `logout`', () => {
    expect(remote.run('strongroom logout')).toMatchObject({ code: 0 });
    expect(remote.run('strongroom list').stderr).not.toContain('127.0.0.1');
  });
});

function compare(line: string): void {
  const here = local.run(line, { env: HERE });
  const there = remote.run(line);
  expect(plain(line, there, remote)).toEqual(plain(line, here, local));
  expect(here.code).not.toBe(70);
}

async function compareTyped(line: string, answers: Typed[1]): Promise<void> {
  const variables = Object.entries(HERE).map((each) => each.join('='));
  const shell = (inner: string): string => `sh -c '${inner.replaceAll("'", `'\\''`)}'`;
  const here = await local.atTerminal(`env ${variables.join(' ')} ${shell(line)}`, answers);
  const there = await remote.atTerminal(shell(line), answers);
  expect(here).toMatch(/^0 /);
  const outcome = (stdout: string): Outcome => ({ stdout, stderr: '', code: 0 });
  expect(plain(line, outcome(there), remote)).toEqual(plain(line, outcome(here), local));
}

/** The command that a line begins with; `undefined` for none. */
function commandOf(line: string): string | undefined {
  const typed = /strongroom .*/.exec(line)?.[0] ?? '';
  return EVERY_COMMAND.filter((command) => `${typed} `.startsWith(`${command} `))
    .toSorted((a, b) => a.length - b.length)
    .at(-1);
}

/** What is another one in each vault is left out: ids, moments, hashes. */
function plain(line: string, { stdout, stderr, code }: Outcome, { directory }: Sandbox): Outcome {
  const own = OWN.filter(([beginning]) => line.startsWith(beginning)).map(([, pattern]) => pattern);
  const settle = (text: string): string => {
    const settled = text
      .replaceAll(directory, 'DIRECTORY')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
      .replaceAll(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g, 'TIME')
      .replaceAll(/\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?/g, 'TIME')
      .replaceAll(/\d{8}T\d{6}\.\d{3}Z/g, 'TIME')
      .replaceAll(/just now|\d+ minutes? ago/g, 'TIME')
      .replaceAll(/(?<=sr_[a-z]+_)[\w-]{43}_[\w-]{6}/g, 'TOKEN')
      .replaceAll(/\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b/g, 'CODE');
    return own
      .reduce((so, pattern) => so.replaceAll(pattern, 'OWN'), settled)
      .replaceAll(/[A-Za-z0-9+/]{40,}={0,2}/g, 'HASH')
      .replaceAll(/ +$/gm, '')
      .replaceAll(/ {2,}/g, '  ');
  };
  return { stdout: settle(stdout), stderr: settle(stderr), code };
}
