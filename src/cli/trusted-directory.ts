import { lstatSync, type Stats } from 'node:fs';

import { StrongroomError } from '../errors.ts';
import { shellWord } from '../lib/shell-word.ts';

const ROOT = 0;

/**
 * Refuses a vault's directory that nobody named and another user may have put
 * there: in `/tmp`, or in a project that came from elsewhere. What is asked of
 * such a vault would be its maker's to choose, and what is stored in it to read.
 *
 * @throws {@link StrongroomError} `not_a_vault` if it is a link, or belongs to neither this user nor root.
 */
export function requireTrusted(directory: string): void {
  const stat = lstatSync(directory);
  if (!stat.isDirectory()) throw untrusted(directory, 'is a link or no directory');
  if (!isOurs(stat)) throw untrusted(directory, `belongs to another user (${stat.uid})`);
}

function isOurs({ uid }: Stats): boolean {
  const own = process.geteuid?.();
  // Windows has no such ids.
  if (own === undefined || uid === own || uid === ROOT) return true;
  // Whoever became root with sudo works on in their own project.
  return own === ROOT && String(uid) === process.env['SUDO_UID'];
}

function untrusted(directory: string, why: string): StrongroomError {
  return new StrongroomError('not_a_vault', `${directory} ${why}, so it is not used unasked`, {
    details: { path: directory },
    hint: `if you trust it, name it: --path ${shellWord(directory)}`,
  });
}
