import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';

import { wipe } from '../lib/bytes.ts';
import { HiddenInput } from './hidden-input.ts';

const STDERR = 2;
/** Asks the terminal to say what is pasted. */
const BRACKETED_PASTE = { on: '\u001B[?2004h', off: '\u001B[?2004l' } as const;
/** How long the rest of something pasted may take to arrive, in milliseconds. */
const REST_MS = 60;
const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT'];

/** What was entered at a hidden prompt. */
export interface HiddenEntry {
  /** UTF-8, as far as the terminal sends that; the caller wipes it. */
  readonly bytes: Uint8Array;
  /** Whether several lines came that may have been pasted, or typed ahead. */
  readonly hasLooseLines: boolean;
}

/**
 * Asks at the terminal and shows nothing of what is typed, not even its length;
 * one dot for each paste. Line ends within a paste are kept.
 *
 * @returns What was entered, or `undefined` if the person gave up.
 */
export async function readHidden(question: string): Promise<HiddenEntry | undefined> {
  const { stdin } = process;
  using input = new HiddenInput();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let timer: NodeJS.Timeout | undefined;
  const onData = (chunk: Uint8Array): void => {
    clearTimeout(timer);
    const pastes = input.pastes;
    const state = input.take(chunk);
    wipe(chunk);
    writeTerminal('\u2022'.repeat(input.pastes - pastes));
    if (state === 'cancelled') resolve(false);
    // Without marks, only the time tells Enter from a line end of something pasted.
    if (state === 'entered') timer = setTimeout(() => resolve(true), REST_MS);
  };
  const onEnd = (): void => resolve(false);
  const restore = makeHidden();
  try {
    writeTerminal(`${question}: `);
    stdin.on('data', onData).once('end', onEnd).once('error', onEnd);
    stdin.resume();
    const isEntered = await promise;
    return isEntered ? { bytes: input.bytes(), hasLooseLines: input.hasLooseLines } : undefined;
  } finally {
    stdin.off('data', onData).off('end', onEnd).off('error', onEnd);
    stdin.pause();
    restore();
    writeTerminal('\n');
  }
}

/** Puts the terminal into raw mode; gives what puts it back, which also happens whenever the process ends. */
function makeHidden(): () => void {
  const { stdin } = process;
  const putBack = (): void => {
    if (isatty(STDERR)) writeTerminal(BRACKETED_PASTE.off);
    stdin.setRawMode(false);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    restore();
    process.kill(process.pid, signal);
  };
  const restore = (): void => {
    process.off('exit', putBack);
    for (const signal of SIGNALS) process.off(signal, onSignal);
    putBack();
  };
  process.once('exit', putBack);
  for (const signal of SIGNALS) process.once(signal, onSignal);
  stdin.setRawMode(true);
  if (isatty(STDERR)) writeTerminal(BRACKETED_PASTE.on);
  return restore;
}

function writeTerminal(text: string): void {
  try {
    if (text !== '') writeSync(STDERR, text);
  } catch {
    // What cannot be shown is no reason to leave the terminal as it is.
  }
}
