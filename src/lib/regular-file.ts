import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

import { StrongroomError } from '../errors.ts';

/**
 * Reads a file whole. Looks at what was opened, not at its name: a link to a
 * file is read, while a pipe or a device, which may never end, is refused.
 *
 * @throws {@link StrongroomError} `file_not_found` if it is no regular file.
 * @throws Error of the file system.
 */
export function readRegularFile(path: string): Uint8Array {
  // Opening a pipe would otherwise wait for its writer.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (fstatSync(file).isFile()) return readFileSync(file);
  } finally {
    closeSync(file);
  }
  throw new StrongroomError('file_not_found', `${path} is not a regular file`, {
    details: { path },
  });
}
