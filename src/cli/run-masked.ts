import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

import type { Variable } from '../formats/variables.ts';
import { Mask, MASK_BYTES_MIN } from '../mask.ts';
import { createMaskStream } from '../mask-stream.ts';
import { endLike, startChild, type Start } from './start-program.ts';
import type { Terminal } from './terminal.ts';

/** A mask needs over a thousand bytes of memory for each byte of a value. */
const MASKED_BYTES_MAX = 64 * 1024;
const MASKED_TOTAL_MAX = 256 * 1024;

/** A plain value is hidden from this length on, in characters. */
const PLAIN_MIN = 8;
/** To hide these would make an output unreadable, and show by the gaps what they were. */
const ORDINARY =
  /^(true|false|yes|no|on|off|null|none|undefined|default|enabled|disabled|dev(elopment)?|stag(e|ing)|prod(uction)?|test(ing)?|local(host)?|debug|info|warn(ing)?|error|trace)$/i;

/** What a program is given. */
interface Given {
  readonly variables: readonly Variable[];
  /** Paths of secrets of no particular type: a port, a switch, the name of an environment. */
  readonly plain: ReadonlySet<string>;
}

/** How a program ended. */
type End = readonly [code: number | null, signal: NodeJS.Signals | null];

/**
 * Runs a program with the values hidden in what it writes, and ends as it does.
 *
 * @throws {@link StrongroomError} `program_not_executable`, `value_too_large`.
 */
export async function runMasked(start: Start, given: Given, terminal: Terminal): Promise<void> {
  const { ended } = await startMasked(start, given, terminal);
  endLike(...(await ended));
}

/**
 * As {@link runMasked}, and leaves it to the caller what is done at its end.
 *
 * @returns The program, and how it ended, once all that it wrote was passed on.
 */
export async function startMasked(
  start: Start,
  given: Given,
  terminal: Terminal,
): Promise<{ readonly child: ChildProcess; readonly ended: Promise<End> }> {
  const mask = new Mask(maskable(given, terminal).map(({ value }) => value));
  const child = await startChild(start, ['inherit', 'pipe', 'pipe'], terminal.isPresent);
  const exited = new Promise<End>((resolve) => {
    child.once('exit', (code, signal) => resolve([code, signal]));
  });
  const { stdout, stderr } = child;
  const passed = Promise.all([
    stdout === null ? undefined : pass(stdout, mask, process.stdout),
    stderr === null ? undefined : pass(stderr, mask, process.stderr),
  ]);
  return { child, ended: passed.then(() => exited) };
}

/** Passes output on until it ends. If nobody reads ours any more, the program is told by closing its. */
async function pass(from: Readable, mask: Mask, to: Writable): Promise<void> {
  const masked = createMaskStream(mask);
  const letGo = (): void => {
    from.destroy();
    masked.unpipe(to);
    masked.resume();
  };
  to.on('error', letGo);
  from.once('close', () => masked.end());
  from.pipe(masked).pipe(to, { end: false });
  await finished(masked).catch(() => undefined);
  // What is said of it later is not said to a program that has ended; somebody has to listen, though.
  to.on('error', ignore);
  to.off('error', letGo);
}

function ignore(): void {
  // Nobody reads on.
}

/** The values that are hidden: the smallest first, as far as memory allows. Says which are not. */
function maskable({ variables, plain }: Given, terminal: Terminal): readonly Variable[] {
  const shown = new Set(variables.filter((each) => isOrdinary(each, plain.has(each.path))));
  const others = variables
    .filter((variable) => !shown.has(variable))
    .toSorted((a, b) => a.value.length - b.value.length);
  let bytes = 0;
  const hidden = others.filter(({ value }) => {
    const size = Buffer.byteLength(value);
    bytes += size;
    return size <= MASKED_BYTES_MAX && bytes <= MASKED_TOTAL_MAX;
  });
  const tooLarge = others.filter((variable) => !hidden.includes(variable));
  // An empty value shows nothing.
  const ordinary = [...shown].filter(({ value }) => value.trim() !== '');
  tellShown('too short or too ordinary', ordinary, terminal);
  tellShown('too large', tooLarge, terminal);
  return hidden;
}

function isOrdinary({ value }: Variable, isPlain: boolean): boolean {
  const text = value.trim();
  if (Buffer.byteLength(text) < MASK_BYTES_MIN) return true;
  return isPlain && (text.length < PLAIN_MIN || ORDINARY.test(text));
}

function tellShown(how: string, variables: readonly Variable[], terminal: Terminal): void {
  if (variables.length === 0) return;
  const names = variables.map(({ name }) => name).join(', ');
  const what = variables.length === 1 ? '1 value is' : `${variables.length} values are`;
  terminal.note(`${what} ${how} to be hidden in the output: ${names}`);
}
