import { CommanderError } from 'commander';

import { StrongroomError } from '../errors.ts';
import { EXIT, EXIT_CODES } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** Shows what went wrong; gives the exit code. */
export function report(error: unknown, terminal: Terminal): number {
  // Help or the version was printed; mistakes are translated where they are made.
  if (error instanceof CommanderError) return EXIT.ok;
  if (error instanceof StrongroomError) {
    terminal.fail(error);
    // A server newer than this has codes that are not known here.
    return Object.hasOwn(EXIT_CODES, error.code) ? EXIT_CODES[error.code] : EXIT.failed;
  }
  // The message of an unforeseen error may hold anything, so it is not shown.
  const name = error instanceof Error ? error.name : typeof error;
  const place = error instanceof Error ? firstPlace(error.stack) : '';
  terminal.fail(
    new StrongroomError('internal', `an unforeseen ${name}${place}`, {
      hint: 'this is a defect of strongroom, or a server that it asked is of another version; please report it with this line',
    }),
  );
  return EXIT.internal;
}

function firstPlace(stack: string | undefined): string {
  const place = /\/((?:dist|src)\/[\w./-]+:\d+):\d+/.exec(stack ?? '')?.[1];
  return place === undefined ? '' : ` at ${place}`;
}

/** The exit code of `run`, whose others are the program's own: 125, unless the program itself was the fault. */
export function runExitCode(code: number): number {
  const isSaid = code === EXIT.ok || code === EXIT.notExecutable || code === EXIT.programNotFound;
  return isSaid ? code : EXIT.runFailed;
}
