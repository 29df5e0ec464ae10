// A tour of the main job: brings a .env of 40 variables into a vault, works with
// it, and checks the record of every access without the vault. It runs the real
// command line in a directory of its own, which is gone at the end, and fails if
// a step does not do what it says.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { maskSecret } from '../src/index.ts';
import { realisticDotenv } from '../src/testing/realistic-dotenv.ts';

/** What a person types, and how the tour knows that it worked. */
interface Step {
  readonly title: string;
  readonly args: readonly string[];
  /** What comes in through a pipe; shown as dots. */
  readonly input?: string;
  /** The file that the output goes to, instead of the screen. */
  readonly into?: string;
  /** Default 0. */
  readonly exitCode?: number;
  /** Lines of output to show. Default 8. */
  readonly lines?: number;
  /** How the command is shown. Default: its arguments. */
  readonly shown?: string;
  /** What must be true afterwards; throws, or gives a sentence to show. */
  readonly check: (result: Result) => string;
}

interface Result {
  readonly stdout: string;
  readonly stderr: string;
}

const WIDTH = 80;
const PROGRAM = resolve(import.meta.dirname, '..', 'bin', 'strongroom.js');
const DOTENV = realisticDotenv();
const NEW_VALUE = 'not-a-real-live-key-2f81c0';
const VARIABLES = 40;
const TAMPERED_ENTRY = 3;

/** Values that must not be seen: those that are long enough to be told apart from ordinary words. */
const SECRETS: readonly string[] = [
  NEW_VALUE,
  'not-a-real-key-51H',
  'not-a-real-token',
  's3cr%40t',
  'not/a/real+key/0123',
];

const base = mkdtempSync(join(tmpdir(), 'strongroom-tour-'));
const project = join(base, 'my-app');
const home = join(base, 'home');

/** Prints which variables arrived, each with its length instead of its value. */
const LISTING = [
  `const names = process.env.NAMES.split(',');`,
  `const got = names.filter((name) => name in process.env);`,
  `console.log(got.length + ' variables arrived, among them:');`,
  `for (const name of got.slice(10, 15))`,
  `console.log('  ' + name + ' (' + process.env[name].length + ' characters)');`,
].join(' ');

const STEPS: readonly Step[] = [
  {
    title: 'Make a vault and bring .env in.',
    args: ['init', '--yes'],
    lines: 16,
    check: ({ stdout }) => {
      assert(stdout.includes(`${VARIABLES} made`), `init did not import ${VARIABLES} variables`);
      assert(!holdsSecret(vaultFiles()), 'a value stands in clear in vault.db');
      return `${VARIABLES} secrets; none of their values stands in clear in vault.db.`;
    },
  },
  {
    title: 'See what is there. Values are not shown.',
    args: ['list'],
    check: ({ stdout }) => {
      const rows = stdout.trimEnd().split('\n').length - 1;
      assert(rows === VARIABLES, `list shows ${rows} secrets`);
      return `${rows} secrets listed.`;
    },
  },
  {
    title: 'Start a program with them. The vault is closed before it starts.',
    args: ['run', '--', 'node', '-e', LISTING],
    shown: 'run -- node -e "…print which variables arrived, without values…"',
    check: ({ stdout }) => {
      assert(stdout.startsWith(`${VARIABLES} variables`), 'not all variables arrived');
      return 'The program had all of them, under their names.';
    },
  },
  {
    title: 'Set one in production. The value comes through a pipe, not an argument.',
    args: ['set', 'STRIPE_SECRET_KEY', '-e', 'production'],
    input: NEW_VALUE,
    check: ({ stderr }) => {
      assert(stderr.includes('version 1'), 'set did not make version 1');
      return 'Version 1 there: environments are apart.';
    },
  },
  {
    title: 'Read it back.',
    args: ['get', 'STRIPE_SECRET_KEY', '-e', 'production'],
    check: ({ stdout }) => {
      assert(stdout === NEW_VALUE, 'get gives another value');
      return 'It is the value that was set. (The tour masks it, get does not.)';
    },
  },
  {
    title: 'Who changed it, and when?',
    args: ['history', 'STRIPE_SECRET_KEY'],
    check: ({ stdout }) => {
      const found = ['development', 'production'].every((name) => stdout.includes(name));
      assert(found, 'history does not show both environments');
      return 'One version in each environment.';
    },
  },
  {
    title: 'Get the .env out again.',
    args: ['export', '--format', 'dotenv'],
    into: 'exported.env',
    check: ({ stdout }) => {
      assert(stdout === DOTENV, 'the export differs from the .env');
      return 'Byte for byte the file that came in: order, comments, quotes.';
    },
  },
  {
    title: 'Who has read it? Every access is on record.',
    args: ['audit', 'list', '--secret', 'STRIPE_SECRET_KEY'],
    lines: 10,
    check: ({ stdout }) => {
      for (const action of ['secrets.create', 'secrets.write', 'secrets.history'])
        assert.equal(stdout.split(action).length, 2, `${action} is not on record once`);
      // `run`, `get`, and `export` twice: the value, and the line of the .env that it came in.
      assert.equal(stdout.split('secrets.read').length, 5, 'not every read is on record');
      return 'Import, set, run, get, history, export: all of it is there.';
    },
  },
  {
    title: "Keep the log's public key.",
    args: ['audit', 'key'],
    into: 'audit.pub',
    check: ({ stdout }) => {
      const keys = stdout.split('\n').filter((line) => line.startsWith('strongroom/')).length;
      assert(keys === 2, `the log has ${keys} keys`);
      return 'Two keys, Ed25519 and ML-DSA-44. Both signatures must hold.';
    },
  },
  {
    title: 'Take the whole log out.',
    args: ['audit', 'export'],
    into: 'log.jsonl',
    check: ({ stdout }) => {
      assert(stdout.includes('"action":"vault.init"'), 'the log does not begin with init');
      assert(!holdsSecret(stdout), 'a value stands in the log');
      const lines = stdout.trimEnd().split('\n').length;
      return `${lines} lines, with no value in them.`;
    },
  },
  {
    title: 'Verify it as an auditor would: no vault, no key to it.',
    args: ['audit', 'verify', 'log.jsonl', '--key', 'audit.pub'],
    check: ({ stdout }) => {
      assert(stdout.startsWith('verified'), 'the log does not verify');
      return 'Exit code 0.';
    },
  },
  {
    title: `Now let somebody change entry ${TAMPERED_ENTRY} of a copy, and verify that.`,
    args: ['audit', 'verify', 'tampered.jsonl', '--key', 'audit.pub'],
    exitCode: 6,
    check: ({ stderr }) => {
      assert(stderr.includes(`entry ${TAMPERED_ENTRY}`), 'the altered entry is not named');
      return `Exit code 6, and it names entry ${TAMPERED_ENTRY}.`;
    },
  },
];

try {
  process.exitCode = tour();
} finally {
  rmSync(base, { recursive: true, force: true });
}

function tour(): number {
  mkdirSync(project);
  mkdirSync(home);
  writeFileSync(join(project, '.env'), DOTENV);
  spawnSync('git', ['init', '--quiet', project]);
  // An interrupted step ends the tour as a failed one does, with the directory removed.
  process.on('SIGINT', () => {});
  say(`A tour of Strongroom, on an example project with a .env of ${VARIABLES} variables.`);
  say('Values are masked here. Everything happens in a temporary directory.');
  const started = performance.now();
  for (const [at, step] of STEPS.entries()) {
    if (step.args.includes('tampered.jsonl')) tamper();
    const fault = take(step, at + 1);
    if (fault === undefined) continue;
    say(`\nThe tour ends here, because ${fault}.`);
    return 1;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(`\n${STEPS.length} steps in ${seconds} s, each as it should be. The directory is removed.`);
  say('\nNext, in a project of your own:');
  say('  npm install -g .             # here, once; then `strongroom` is a command');
  say('  strongroom init              # asks before it imports your .env');
  say('  strongroom run -- npm start');
  say('\nREADME.md goes on from there; docs/guide/ has a page for each task.');
  return 0;
}

/** Runs a step and shows it. Gives what is wrong, or `undefined`. */
function take(step: Step, number: number): string | undefined {
  const { title, args, exitCode = 0, into, input, shown = args.join(' ') } = step;
  say(`\n${number}. ${title}\n`);
  const pipe = input === undefined ? '' : "printf '%s' … | ";
  say(`   $ ${pipe}strongroom ${shown}${into === undefined ? '' : ` > ${into}`}`);
  const started = performance.now();
  const ended = spawnSync(process.execPath, [PROGRAM, ...args], {
    cwd: project,
    input: input ?? '',
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      NO_COLOR: '1',
      NAMES: variableNames().join(','),
    },
  });
  const ms = Math.round(performance.now() - started);
  const { stdout, stderr, status } = ended;
  if (into !== undefined && status === 0) writeFileSync(join(project, into), stdout);
  show(into === undefined ? stdout : '', stderr, step.lines ?? 8);
  if (status !== exitCode) return `the exit code is ${status}, not ${exitCode}`;
  try {
    const sentence = step.check({ stdout, stderr });
    say(`   ✓ ${sentence} ${`${ms} ms`.padStart(WIDTH - 6 - sentence.length)}`);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Shows what a command printed, masked, within 80 columns, and not too much of it. */
function show(stdout: string, stderr: string, linesMax: number): void {
  const notes = stderr
    .split('\n')
    .filter((line) => line.startsWith('strongroom: ') && !line.includes(': environment '));
  const results = maskSecret(stdout, SECRETS).replaceAll(base, '…').split('\n');
  const lines = [...notes.flatMap(wrapped), ...results.map(cut)].filter((line) => line !== '');
  for (const line of lines.slice(0, linesMax)) say(`   ${line}`);
  if (lines.length > linesMax) say(`   … ${lines.length - linesMax} more lines`);
  if (lines.length > 0) say('');
}

function cut(line: string): string {
  const room = WIDTH - 3;
  return line.length <= room ? line : `${line.slice(0, room - 1)}…`;
}

function wrapped(text: string): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length + 4 > WIDTH) lines.push(`  ${word}`);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

function variableNames(): string[] {
  const names = [...DOTENV.matchAll(/^\s*([A-Za-z_][\w.]*)\s*[=:] ?/gm)].map((match) =>
    (match[1] ?? '').replaceAll('.', '_'),
  );
  return [...new Set(names)];
}

/** The vault's database, and what SQLite keeps beside it. */
function vaultFiles(): string {
  const directory = join(project, '.strongroom');
  const files = readdirSync(directory).filter((name) => name.startsWith('vault.db'));
  const content = files.map((name) => readFileSync(join(directory, name), 'latin1')).join('');
  assert(content.includes('STRIPE_SECRET_KEY'), 'the vault is not where it should be');
  return content;
}

function holdsSecret(text: string): boolean {
  return SECRETS.some((value) => text.includes(value));
}

/** Changes one word of one entry, as somebody would who has something to hide. */
function tamper(): void {
  const lines = readFileSync(join(project, 'log.jsonl'), 'utf8').split('\n');
  const altered = lines.map((line) =>
    line.includes(`"seq":${TAMPERED_ENTRY},`)
      ? line.replace('"outcome":"ok"', '"outcome":"no"')
      : line,
  );
  assert(altered.join('\n') !== lines.join('\n'), 'nothing was altered');
  writeFileSync(join(project, 'tampered.jsonl'), altered.join('\n'));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
