import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import dotenv from 'dotenv';

import type { Report } from './report.ts';
import { commandLine, hasShell, lastLine, run, type CommandLine } from './tools.ts';

/** Ordinary values: what a `.env` can hold so that every reader agrees. */
const ORDINARY: Readonly<Record<string, string>> = {
  PLAIN: 'abc',
  EMPTY: '',
  SPACES: '  two at each end  ',
  HASH: 'p#ss # word',
  EQUALS: 'a=b=c==',
  URL: 'postgres://shop:s3cr%40t@localhost:5432/shop?sslmode=disable&x=1',
  QUOTES: 'say "hello"',
  DOLLAR: '$HOME ${HOME} $(id) `id`',
  BACKSLASHES: 'C:\\tools\\node',
  MULTILINE: '-----BEGIN KEY-----\nMIIB\n-----END KEY-----\n',
  UNICODE: 'Grüße 👋',
  NO: 'no',
  YES: 'Yes',
  OCTAL: '0755',
  FLOAT: '1e3',
  NULL: 'null',
  TILDE: '~',
  DATE: '2026-01-31',
  SEXAGESIMAL: '12:30:45',
  COLON: 'a: b',
  DASH: '- item',
  AMPERSAND: '&anchor *alias',
  PERCENT: '%TAG',
  AT: '@at',
  JSON: '{"a": [1, 2, {"b": null}]}',
};

/** More than the readers of `.env` agree on, but a shell and YAML must. */
const HARD: Readonly<Record<string, string>> = {
  APOSTROPHE: "it's 'quoted'",
  ALL_QUOTES: `'"\`$\\`,
  CARRIAGE: 'a\r\nb\rc',
  TAB: '\ta\tb\t',
  BELL: 'a\u0007b\u001bc\u007fd',
  NEXT_LINE: 'a\u0085b\u2028c\ufeffd',
  ASTRAL: '\u{1F469}\u200D\u{1F4BB}',
  BANG: '!! !$ !x',
  GLOB: '* ? [a-z] ~root {a,b}',
};

const BYTES = Uint8Array.from([0, 1, 2, 250, 255, 10, 13]);

/** What `export` writes, read by the programs that people read such files with. */
export function formats(python: string | undefined, directory: string, report: Report): void {
  const cli = commandLine(directory);
  const values = { ...ORDINARY, ...HARD };
  fill(cli, values, report);
  if (python !== undefined) {
    const yaml = readByPython(python, 'yaml', exported(cli, 'production', 'yaml', report), report);
    same('PyYAML (YAML 1.1)', yaml, { ...values, BYTES: { $base64: toBase64(BYTES) } }, report);
    const file = exported(cli, 'staging', 'dotenv', report);
    same('python-dotenv', readByPython(python, 'dotenv', file, report), ORDINARY, report);
  }
  const file = exported(cli, 'staging', 'dotenv', report);
  same('npm dotenv', dotenv.parse(readFileSync(file)), ORDINARY, report);
  shells(exported(cli, 'testing', 'shell', report), values, report);
}

/** `staging` has what every reader agrees on, `testing` all text, `production` bytes too. */
function fill(cli: CommandLine, values: Readonly<Record<string, string>>, report: Report): void {
  const init = cli.strongroom(['init', '--yes']);
  report.check('init makes a vault to export from', init.ok, lastLine(init));
  const json = JSON.stringify({ ...values, BYTES: { $base64: toBase64(BYTES) } });
  const imports: readonly (readonly [string, string])[] = [
    ['production', json],
    ['testing', JSON.stringify(values)],
    ['staging', JSON.stringify(ORDINARY)],
  ];
  for (const [environment, input] of imports) {
    const args = ['import', '-', '--format', 'json', '--yes', '-e', environment];
    const made = cli.strongroom(args, input);
    report.check(`import fills ${environment}`, made.ok, lastLine(made));
  }
}

function exported(cli: CommandLine, environment: string, format: string, report: Report): string {
  const made = cli.strongroom(['export', '-e', environment, '--format', format]);
  report.check(`export writes ${format} of ${environment}`, made.ok, lastLine(made));
  const file = join(cli.project, `${environment}.${format}`);
  writeFileSync(file, made.stdout);
  return file;
}

function readByPython(python: string, kind: string, file: string, report: Report): unknown {
  const peer = run(python, [join(import.meta.dirname, 'read_formats.py'), kind, file]);
  report.check(`Python reads the ${kind}`, peer.ok, lastLine(peer));
  return peer.ok ? JSON.parse(peer.stdout) : {};
}

function same(
  reader: string,
  read: unknown,
  expected: Readonly<Record<string, unknown>>,
  report: Report,
): void {
  const found = read as Readonly<Record<string, unknown>>;
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  const wrong = names.filter(
    (name) => JSON.stringify(found[name]) !== JSON.stringify(expected[name]),
  );
  report.check(
    `${reader} reads all ${Object.keys(expected).length} values as they are`,
    wrong.length === 0,
    `differ: ${wrong.join(', ')}`,
  );
}

function shells(file: string, values: Readonly<Record<string, string>>, report: Report): void {
  const print = 'process.stdout.write(JSON.stringify(process.env))';
  for (const shell of ['dash', 'bash', 'zsh']) {
    if (!hasShell(shell)) {
      report.leaveOut(shell, 'not installed, and could not be');
      continue;
    }
    const script = `. "${file}" && exec "${process.execPath}" -e '${print}'`;
    const sourced = run(shell, ['-c', script], { env: { LC_ALL: 'C.UTF-8' } });
    report.check(`${shell} sources the export`, sourced.ok, lastLine(sourced));
    const found = sourced.ok ? (JSON.parse(sourced.stdout) as Record<string, string>) : {};
    const ours = Object.keys(values).map((name) => [name, found[name]]);
    same(shell, Object.fromEntries(ours), values, report);
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
