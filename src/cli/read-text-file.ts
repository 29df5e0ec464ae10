import { readFileSync } from 'node:fs';

import { StrongroomError, type ErrorCode } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';
import { readRegularFile } from '../lib/regular-file.ts';

/** What this process was given open: standard input, or what a shell puts for `<(…)`. */
const GIVEN_OPEN = /^\/(dev\/stdin|(dev|proc\/self)\/fd\/\d+)$/;

/**
 * Reads a file that somebody named. Where it may hold values, the caller wipes it.
 * A pipe is read only where it was given open; another may have no writer.
 *
 * @throws {@link StrongroomError} `file_not_found`.
 */
export function readFile(path: string): Uint8Array {
  try {
    return GIVEN_OPEN.test(path) ? readFileSync(path) : readRegularFile(path);
  } catch (cause) {
    if (cause instanceof StrongroomError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const what = faultOf(path, code);
    throw new StrongroomError('file_not_found', what, { details: { path }, cause });
  }
}

function faultOf(path: string, code: unknown): string {
  if (code === 'ENOENT') return `there is no file ${path}`;
  return code === 'EISDIR' ? `${path} is a directory` : `the file ${path} cannot be read`;
}

/**
 * Decodes UTF-8, keeping a byte order mark.
 *
 * @param code - The code of the error if it is something else, which names line and column (from 1).
 */
export function decodeText(bytes: Uint8Array, code: ErrorCode): string {
  try {
    return utf8Decode(bytes);
  } catch {
    const before = textBeforeFault(bytes).split(/\r\n?|\n/);
    const line = before.length;
    const column = Array.from((before.at(-1) ?? '').replace(/^\uFEFF/, '')).length + 1;
    throw new StrongroomError(code, `line ${line}, column ${column}: this is not UTF-8 text`, {
      details: { line, column },
      hint: 'save the file as UTF-8',
    });
  }
}

/** Decodes piece by piece: a decoder in stream mode fails at the first byte that cannot be. */
function textBeforeFault(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  try {
    for (const byte of bytes) text += decoder.decode(new Uint8Array([byte]), { stream: true });
  } catch {
    // The text up to here is what was asked for.
  }
  return text;
}
