import { StrongroomError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import { SecretValue } from '../secret-value.ts';
import { readFile } from './read-text-file.ts';
import type { Terminal } from './terminal.ts';

/**
 * A secret from a file, or from the terminal if none is named, or `-` is. What is piped in is taken for `-` too.
 *
 * @throws {@link StrongroomError} as {@link readSecretFile}; `usage` if nobody can be asked.
 */
export async function readOrAsk(
  file: string | undefined,
  question: string,
  terminal: Terminal,
): Promise<SecretValue> {
  if (file !== undefined && file !== '-') return readSecretFile(file);
  const isPiped = file === '-' && !terminal.canAsk;
  return (isPiped ? await readPiped(terminal) : undefined) ?? terminal.askSecret(question);
}

/** What comes on standard input; `undefined` if nothing does. */
async function readPiped(terminal: Terminal): Promise<SecretValue | undefined> {
  const bytes = await terminal.readInput();
  try {
    return bytes.length === 0 ? undefined : textOf(bytes);
  } finally {
    wipe(bytes);
  }
}

/**
 * A secret that a file holds, without the line end that editors add.
 *
 * @throws {@link StrongroomError} `file_not_found`; `not_text` if it is not UTF-8.
 */
export function readSecretFile(path: string): SecretValue {
  const bytes = readFile(path);
  try {
    return textOf(bytes);
  } catch (error) {
    if (!(error instanceof StrongroomError) || error.code !== 'not_text') throw error;
    throw new StrongroomError('not_text', `the file ${path} is not UTF-8 text`, {
      details: { path },
      hint: 'a key, a share or a passphrase is one line of text; is it another file?',
    });
  } finally {
    wipe(bytes);
  }
}

/**
 * Text without the one line end that `echo` and editors add. The bytes stay the caller's.
 *
 * @throws {@link StrongroomError} `not_text` if it is not UTF-8.
 */
export function textOf(bytes: Uint8Array): SecretValue {
  const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? -2 : -1) : bytes.length;
  const line = new Uint8Array(bytes.subarray(0, end));
  try {
    return SecretValue.fromUtf8(line);
  } catch (error) {
    wipe(line);
    throw error;
  }
}
