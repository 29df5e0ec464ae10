import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

import type { Variable } from '../formats/variables.ts';
import { Mask, MASK_BYTES_MIN } from '../mask.ts';
import { createMaskStream } from '../mask-stream.ts';
import { endLike, forwardSignals, startChild, type Start } from './start-program.ts';
import type { Terminal } from './terminal.ts';

/** A mask needs over a thousand bytes of memory for each byte of a value. */
const MASKED_BYTES_MAX = 64 * 1024;
const MASKED_TOTAL_MAX = 256 * 1024;

/**
 * Runs a program with the values hidden in what it writes, and ends as it does.
 *
 * @throws {@link StrongroomError} `program_not_executable`, `value_too_large`.
 */
export async function runMasked(
  start: Start,
  variables: readonly Variable[],
  terminal: Terminal,
): Promise<void> {
  const mask = new Mask(maskable(variables, terminal).map(({ value }) => value));
  const child = await startChild(start, ['inherit', 'pipe', 'pipe']);
  forwardSignals(child, terminal.canAsk);
  const ended = new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (code, signal) => resolve([code, signal]));
  });
  const { stdout, stderr } = child;
  await Promise.all([
    stdout === null ? undefined : pass(stdout, mask, process.stdout),
    stderr === null ? undefined : pass(stderr, mask, process.stderr),
  ]);
  endLike(...(await ended));
}

/** Passes output on until it ends. If nobody reads ours any more, the program is told by closing its. */
async function pass(from: Readable, mask: Mask, to: Writable): Promise<void> {
  const masked = createMaskStream(mask);
  to.on('error', () => {
    from.destroy();
    masked.unpipe(to);
    masked.resume();
  });
  from.once('close', () => masked.end());
  from.pipe(masked).pipe(to, { end: false });
  await finished(masked).catch(() => undefined);
}

/** The values that are hidden: the smallest first, as far as memory allows. Says which are not. */
function maskable(variables: readonly Variable[], terminal: Terminal): readonly Variable[] {
  const tooShort = variables.filter(({ value }) => isTooShort(value));
  const others = variables
    .filter((variable) => !tooShort.includes(variable))
    .toSorted((a, b) => a.value.length - b.value.length);
  let bytes = 0;
  const hidden = others.filter(({ value }) => {
    const size = Buffer.byteLength(value);
    bytes += size;
    return size <= MASKED_BYTES_MAX && bytes <= MASKED_TOTAL_MAX;
  });
  const tooLarge = others.filter((variable) => !hidden.includes(variable));
  // An empty value shows nothing.
  tellShown(
    'short',
    tooShort.filter(({ value }) => value.trim() !== ''),
    terminal,
  );
  tellShown('large', tooLarge, terminal);
  return hidden;
}

function isTooShort(value: string): boolean {
  return Buffer.byteLength(value.trim()) < MASK_BYTES_MIN;
}

function tellShown(how: string, variables: readonly Variable[], terminal: Terminal): void {
  if (variables.length === 0) return;
  const names = variables.map(({ name }) => name).join(', ');
  terminal.note(`too ${how} to be hidden in the output: ${names}`);
}
