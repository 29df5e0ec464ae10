import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';

import { StrongroomError } from '../errors.ts';
import { requirePrivateMode } from './private-mode.ts';

/**
 * Reads a file whole. Looks at what was opened, not at its name: a link to a
 * file is read, while a pipe or a device, which may never end, is refused.
 *
 * @throws {@link StrongroomError} `file_not_found` if it is no regular file.
 * @throws Error of the file system.
 */
export function readRegularFile(path: string): Uint8Array {
  return readOpened(path, () => undefined);
}

/**
 * The same of a file with a key.
 *
 * @param what - It, for a message, such as `the key file`.
 * @throws {@link StrongroomError} `key_file_exposed` if others than its owner have any right to it.
 */
export function readPrivateFile(path: string, what: string): Uint8Array {
  return readOpened(path, (stat) => requirePrivateMode(stat, { path, what }));
}

function readOpened(path: string, check: (stat: Stats) => void): Uint8Array {
  // Opening a pipe would otherwise wait for its writer.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    if (stat.isFile()) {
      check(stat);
      return readFileSync(file);
    }
  } finally {
    closeSync(file);
  }
  throw new StrongroomError('file_not_found', `${path} is not a regular file`, {
    details: { path },
  });
}
