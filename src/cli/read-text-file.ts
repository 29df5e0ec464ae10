import { readFileSync } from 'node:fs';

import { StrongroomError, type ErrorCode } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';

/**
 * Reads a file that somebody named.
 *
 * @throws {@link StrongroomError} `file_not_found`.
 */
export function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const what = isMissing ? `there is no file ${path}` : `the file ${path} cannot be read`;
    throw new StrongroomError('file_not_found', what, { details: { path }, cause });
  }
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
