import { StrongroomError } from '../../errors.ts';

/** A tile line has 11,000 characters; no entry comes near this. */
const LINE_LENGTH_MAX = 1_048_576;

/**
 * Splits a file into its lines for `verifyExport`, without the leniency of the
 * usual readers: bytes that are not UTF-8, a byte order mark or a carriage
 * return are not smoothed over, since two different files would then be one.
 *
 * @param chunks - The file's bytes, such as from `createReadStream`.
 * @returns Lines without their newlines.
 * @throws {@link StrongroomError} `audit_tampered` if the bytes are not UTF-8, a line has more
 * than 1,048,576 characters, or the last line lacks its newline.
 */
export async function* readExportLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decode(decoder, chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of [...lines, rest]) {
      if (line.length > LINE_LENGTH_MAX) throw unreadable('a line of the file is too long');
    }
    yield* lines;
  }
  rest += decode(decoder);
  if (rest === '') return;
  yield rest;
  throw unreadable('the last line of the file is cut');
}

function decode(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch {
    throw unreadable('the file is not UTF-8 text');
  }
}

function unreadable(message: string): StrongroomError {
  return new StrongroomError('audit_tampered', message);
}
