import { StrongroomError } from '../../errors.ts';

const HINT = 'take another copy of it, or an older backup';

/** The error of a backup that is not as it was written: cut, changed, put together from others, or no backup. */
export function damaged(reason: string, cause?: unknown): StrongroomError {
  return new StrongroomError('backup_damaged', `the backup is not as it was written: ${reason}`, {
    hint: HINT,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The error of a file that is signed by a key that nobody vouches for. */
export function unverifiable(): StrongroomError {
  return new StrongroomError(
    'backup_unverifiable',
    'the backup is signed by another key than those that are trusted',
    {
      hint: 'it is of another vault, or forged; `strongroom backup key` prints the key of a vault',
    },
  );
}
