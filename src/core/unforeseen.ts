import { StrongroomError } from '../errors.ts';

/**
 * Gives an error that nobody foresaw a code. Stored bytes that changed their
 * type show as one; so does a defect of ours. Its own message may hold
 * anything, so it stays in the cause.
 */
export function asStrongroomError(error: unknown): StrongroomError {
  if (error instanceof StrongroomError) return error;
  const name = error instanceof Error ? error.name : typeof error;
  return new StrongroomError('internal', `an unforeseen ${name}; nothing was given out`, {
    hint: 'look with `strongroom health`; if the vault is sound, this is a defect of strongroom',
    cause: error,
  });
}
