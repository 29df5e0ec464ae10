import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readSync,
  statSync,
  type Stats,
} from 'node:fs';
import { delimiter } from 'node:path';

import { StrongroomError } from '../errors.ts';

/** Where programs are looked for if `PATH` is not set, as the C library does (confstr(3), _CS_PATH). */
const PATH_DEFAULT = '/bin:/usr/bin';

/**
 * Finds a program as `execvp` does: a name with a slash as it is, any other in
 * the directories of `PATH`.
 *
 * @param path - The value of `PATH`; an empty part is the working directory.
 * @returns A path that can be executed.
 * @throws {@link StrongroomError} `program_not_found`; `program_not_executable` if something is there that is no program.
 */
export function findProgram(name: string, path: string = PATH_DEFAULT): string {
  // There it is found by rules of its own, when it is started.
  if (process.platform === 'win32') return name;
  const places = name.includes('/')
    ? [name]
    : name === ''
      ? []
      : path.split(delimiter).map((directory) => `${directory === '' ? '.' : directory}/${name}`);
  const there = places.filter(isFile);
  const found = there.find(isExecutable);
  if (found !== undefined) return found;
  const details = { program: name };
  if (there.length > 0) {
    throw new StrongroomError('program_not_executable', `${name} cannot be executed`, {
      details,
      hint: `it is ${there[0] ?? ''}; if it is a program: chmod +x`,
    });
  }
  if (name.includes('/') && isThere(name)) {
    throw new StrongroomError('program_not_executable', `${name} is no program`, { details });
  }
  throw new StrongroomError('program_not_found', `there is no program ${name}`, {
    details,
    hint: name.includes('/') ? 'check the path' : 'check its spelling, and PATH',
  });
}

/** The first bytes of programs that the kernel runs without another: ELF, and Mach-O thin and fat. */
const MAGIC: ReadonlySet<string> = new Set(['7f454c46', 'cffaedfe', 'cefaedfe', 'cafebabe']);
const HEAD_BYTES = 256;

/**
 * Whether the kernel surely runs a file: it is a program, or a script whose
 * interpreter is there. A script without an interpreter line is run by a shell,
 * if somebody starts one for it.
 */
export function isSurelyRunnable(path: string): boolean {
  const head = readHead(path);
  if (MAGIC.has(head.subarray(0, 4).toString('hex'))) return true;
  const interpreter = /^#![ \t]*([^\s]+)/.exec(head.toString('latin1'))?.[1];
  return interpreter !== undefined && isFile(interpreter) && isExecutable(interpreter);
}

function readHead(path: string): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  try {
    const file = openSync(path, constants.O_RDONLY);
    try {
      return head.subarray(0, readSync(file, head));
    } finally {
      closeSync(file);
    }
  } catch {
    // A program may be run without being readable.
    return head.subarray(0, 0);
  }
}

function isFile(path: string): boolean {
  return statOf(path)?.isFile() ?? false;
}

function isThere(path: string): boolean {
  return statOf(path) !== undefined;
}

/** What is at a path. A directory on PATH that may not be entered holds nothing for us. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
