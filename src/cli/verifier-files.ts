import { readFileSync } from 'node:fs';

import { StrongroomError } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';
import { readFile } from './read-text-file.ts';

/**
 * Reads a text that a verification is given: verifier keys, a checkpoint, a proof.
 *
 * @throws {@link StrongroomError} `usage`: verifiers tell wrong use from a fault that they found.
 */
export function readVerifierText(path: string): string {
  try {
    return utf8Decode(path === '-' ? readFileSync(0) : readFile(path));
  } catch (cause) {
    const message =
      cause instanceof TypeError
        ? `the file ${path} is not UTF-8 text`
        : `the file ${path} cannot be read`;
    throw new StrongroomError('usage', message, { cause });
  }
}
