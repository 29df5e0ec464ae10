// Transcripts of the command line: what a person types and what comes back, as text.
//
//     # A comment, between commands.
//     + .env                               a file to be there, with its lines below
//     | PORT=3000
//     $ strongroom set A                   a command; `> ` continues it
//     < one                                its standard input, which is empty otherwise
//     a line of standard output
//     2> a line of standard error
//     ? 3                                  the exit code, if it is not 0
//
// A blank line ends a command. `[..]` stands for anything within a line, a line
// `...` for any lines. How far columns are apart and how long ago something was do
// not count.

import type { Outcome, Sandbox } from './sandbox.ts';

/** A command and what is expected of it, or a file to be there. */
export interface Step {
  /** Its lines in the transcript, from 0, up to what is expected. */
  readonly source: readonly string[];
  /** Its first line, from 1. */
  readonly line: number;
  readonly command: string | undefined;
  readonly file: string | undefined;
  /** Of the file, or standard input. */
  readonly content: string;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly code: number;
}

type Draft = { -readonly [K in keyof Step]: Step[K] };

/** Takes a transcript apart. Comments and blank lines are given as text. */
export function parseTranscript(text: string): readonly (Step | string)[] {
  const parts: (Draft | string)[] = [];
  let step: Draft | undefined;
  for (const [index, line] of text.replace(/\n$/, '').split('\n').entries()) {
    if (/^[$+] /.test(line)) {
      step = draft(line, index + 1);
      parts.push(step);
    } else if (line === '' || (step === undefined && line.startsWith('#'))) {
      step = undefined;
      parts.push(line);
    } else if (step === undefined) throw new Error(`line ${index + 1} is no command`);
    else read(step, line);
  }
  return parts;
}

function draft(line: string, number: number): Draft {
  const rest = line.slice(2);
  const [command, file] = line.startsWith('$') ? [rest, undefined] : [undefined, rest];
  const expected = { stdout: [], stderr: [], code: 0 };
  return { source: [line], line: number, command, file, content: '', ...expected };
}

function read(step: Draft, line: string): void {
  const rest = line.slice(2);
  if (/^[>|<] /.test(line) || /^[|<]$/.test(line)) step.source = [...step.source, line];
  if (line.startsWith('> ')) step.command += `\n${rest}`;
  else if (/^[|<]( |$)/.test(line)) step.content += `${rest}\n`;
  else if (line.startsWith('2> ')) step.stderr = [...step.stderr, line.slice(3)];
  else if (/^\? \w+$/.test(line)) step.code = Number(rest);
  else step.stdout = [...step.stdout, line];
}

/** Does what a step says; gives what came of it. */
export function perform(step: Step, sandbox: Sandbox): Outcome {
  if (step.command !== undefined) return sandbox.run(step.command, { stdin: step.content });
  sandbox.write(step.file ?? '', step.content);
  return { stdout: '', stderr: '', code: 0 };
}

/** Whether what came of a step is what it expects. */
export function isExpected(step: Step, { stdout, stderr, code }: Outcome): boolean {
  return code === step.code && fits(step.stdout, stdout) && fits(step.stderr, stderr);
}

/** A step as a transcript has it, with what it expects. */
export function asWritten(step: Step): string {
  const { stdout, stderr, code } = step;
  return write(step, { stdout: stdout.join('\n'), stderr: stderr.join('\n'), code });
}

/** A step as a transcript has it, with what came of it. What differs from run to run is left open. */
export function asPerformed(step: Step, outcome: Outcome, sandbox: Sandbox): string {
  const open = (text: string): string =>
    text
      .replaceAll(sandbox.directory, '[..]/my-app')
      .replaceAll(sandbox.home, '[..]/home')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '[..]')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '[..]')
      .replaceAll(/[A-Za-z0-9+/_-]{42,}=*/g, '[..]')
      .replaceAll(/("salt": |"databaseBytes": )[^,\n]*/g, '$1[..]');
  return write(step, { ...outcome, stdout: open(outcome.stdout), stderr: open(outcome.stderr) });
}

function write({ source }: Step, { stdout, stderr, code }: Outcome): string {
  return [
    ...source,
    ...linesOf(stdout).map((line) => (line === '' ? '[..]' : line)),
    ...linesOf(stderr).map((line) => `2> ${line === '' ? '[..]' : line}`),
    ...(code === 0 ? [] : [`? ${code}`]),
  ].join('\n');
}

function fits(expected: readonly string[], text: string): boolean {
  const pattern = expected
    .map(normalise)
    .map((line) =>
      line === '...'
        ? String.raw`(?:.*\n)*`
        : `${line.split('[..]').map(escapeRegExp).join('.*')}\\n`,
    )
    .join('');
  const lines = linesOf(text).map(normalise);
  return new RegExp(`^${pattern}$`).test(lines.length === 0 ? '' : `${lines.join('\n')}\n`);
}

function normalise(line: string): string {
  return line
    .replaceAll(/(?<=\S) {2,}/g, '  ')
    .replaceAll(/\b\d+ (?:minute|hour)s? ago\b/g, 'just now');
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}

/** Lines, whether the last one is ended or not. */
function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
