import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { constants, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { constants as signalConstants } from 'node:os';

import { StrongroomError } from '../errors.ts';
import { startBytes, type Environment } from './child-environment.ts';
import { isSurelyRunnable } from './find-program.ts';

/** A program to be started. */
export interface Start {
  /** Path of the file. */
  readonly file: string;
  /** The name it was called by, and its arguments. */
  readonly args: readonly string[];
  readonly environment: Environment;
}

/** Less than any system allows for arguments and environment together (ARG_MAX of Linux at its least). */
const SURE_BYTES = 128 * 1024;

/** What cannot be caught, or belongs to this process alone. */
const NOT_FORWARDED: ReadonlySet<string> = new Set(
  [
    'KILL STOP CHLD PROF PIPE XFSZ',
    // Faults of this process.
    'SEGV BUS FPE ILL TRAP ABRT IOT SYS',
    // With these the terminal or the shell stops and continues the whole group.
    'TSTP TTIN TTOU CONT',
  ].flatMap((names) => names.split(' ').map((name) => `SIG${name}`)),
);

/** What a terminal sends to the whole group, so that the program has it already. */
const FROM_TERMINAL: ReadonlySet<string> = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH']);

/** Ending by these would leave a memory image, in which values could be found. */
const DUMPS: ReadonlySet<string> = new Set(
  'QUIT ILL TRAP ABRT IOT BUS FPE SEGV XCPU XFSZ SYS'.split(' ').map((name) => `SIG${name}`),
);

/**
 * Lets a program take this process over: same process id, terminal, group and
 * parent, and nothing of ours stays. Returns only if that cannot be done here.
 */
export function becomeProgram({ file, args, environment }: Start): void {
  if (process.execve === undefined || process.platform === 'win32') return;
  // Some versions of Node end in a memory image where this call fails.
  if (!isSurelyRunnable(file) || startBytes(args, environment) > SURE_BYTES) return;
  if (!makeStreamsBlocking()) return;
  const [called = file, ...rest] = args;
  // Node ignores these two, and what is ignored stays so; what has a handler is put back.
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) process.on(signal, () => {});
  flushCompileCache();
  // The warning that this call is new would come after it failed only.
  process.removeAllListeners('warning');
  try {
    process.execve(file, [called, ...rest], environment);
  } catch {
    // Whatever the kernel has against it, starting a child says.
  }
}

/**
 * Node makes terminals and pipes non-blocking, which programs that share or
 * inherit them do not expect. A child process is spared that by Node itself.
 *
 * @returns Whether they are blocking now, as far as can be known.
 */
function makeStreamsBlocking(): boolean {
  for (const stream of [process.stdin, process.stdout, process.stderr]) {
    const handle = Reflect.get(stream, '_handle') as StreamHandle | null | undefined;
    handle?.setBlocking?.(true);
  }
  return process.platform !== 'linux' || [0, 1, 2].every((file) => !isNonBlocking(file));
}

/** What Node's streams on pipes and terminals have, though it is not documented. */
interface StreamHandle {
  readonly setBlocking?: (isBlocking: boolean) => void;
}

function isNonBlocking(file: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(
      readFileSync(`/proc/self/fdinfo/${file}`, 'utf8'),
    )?.[1];
    return (Number.parseInt(flags ?? '0', 8) & constants.O_NONBLOCK) !== 0;
  } catch {
    // Without /proc, or with a file that is closed.
    return false;
  }
}

/**
 * Starts a program as a child that has our standard input.
 *
 * @param stdio - Where its output goes.
 * @throws {@link StrongroomError} `program_not_found`, `program_not_executable`.
 */
export async function startChild(
  { file, args, environment }: Start,
  stdio: StdioOptions,
  isOnTerminal: boolean,
): Promise<ChildProcess> {
  const [called = file, ...rest] = args;
  // First of all: whoever is sent a signal before it is listened for ends, and the program goes on alone.
  const child = forwarding(isOnTerminal, () =>
    spawn(file, rest, { argv0: called, env: environment, stdio }),
  );
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(startFailure(called, error)));
  });
  return child;
}

/** Passes on what this process is sent, from before a child is started until it has ended. */
function forwarding(isOnTerminal: boolean, start: () => ChildProcess): ChildProcess {
  let child: ChildProcess | undefined;
  const forward = (signal: NodeJS.Signals): void => {
    if (!isOnTerminal || !FROM_TERMINAL.has(signal)) child?.kill(signal);
  };
  const signals = (Object.keys(signalConstants.signals) as NodeJS.Signals[]).filter(
    (signal) => !NOT_FORWARDED.has(signal),
  );
  for (const signal of signals) {
    try {
      process.on(signal, forward);
    } catch {
      // Not every signal can be caught on every system.
    }
  }
  const over = (): void => {
    for (const signal of signals) process.off(signal, forward);
  };
  child = start();
  child.once('exit', over);
  child.once('error', over);
  return child;
}

/** Ends as the child did: with its code, or by its signal. */
export function endLike(code: number | null, signal: NodeJS.Signals | null): void {
  if (signal === null) {
    process.exitCode = code ?? 1;
    return;
  }
  process.exitCode = 128 + signalConstants.signals[signal];
  if (DUMPS.has(signal)) return;
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function startFailure(name: string, cause: Error): StrongroomError {
  const code = 'code' in cause ? cause.code : undefined;
  const details = { program: name };
  if (code === 'E2BIG') {
    return new StrongroomError('value_too_large', 'arguments and variables are too many together', {
      details,
      hint: 'give the program fewer secrets with --only',
    });
  }
  if (code === 'ENOENT') {
    return process.platform === 'win32'
      ? new StrongroomError('program_not_found', `there is no program ${name}`, { details })
      : new StrongroomError('program_not_executable', `the interpreter of ${name} is not there`, {
          details,
        });
  }
  return new StrongroomError('program_not_executable', `${name} cannot be executed`, { details });
}
