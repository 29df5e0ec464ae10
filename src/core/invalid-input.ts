import type { ZodError } from 'zod';

import { StrongroomError } from '../errors.ts';

/**
 * Translates a schema's complaint. It names members and never quotes what was
 * given: a value may stand in the wrong place.
 */
export function invalidInput(error: ZodError): StrongroomError {
  const issue = error.issues[0];
  const fault: unknown = issue?.code === 'custom' ? issue.params?.['fault'] : undefined;
  if (fault instanceof StrongroomError) return fault;
  const where =
    issue === undefined ? '' : issue.path.filter((part) => typeof part !== 'symbol').join('.');
  const member = /^[\w.]{1,64}$/.test(where) ? where : '';
  return new StrongroomError(
    'invalid_input',
    `${member === '' ? 'the input' : `the input's ${member}`} is not what is expected (${issue?.code ?? 'invalid'})`,
    { details: { member, problem: issue?.code ?? 'invalid' } },
  );
}

const IDEMPOTENCY_KEY_MAX = 255;

/** Refuses an idempotency key that is not 1 to 255 characters of text. */
export function requireIdempotencyKey(key: string | undefined): void {
  if (key === undefined) return;
  if (typeof key !== 'string' || key.length === 0 || key.length > IDEMPOTENCY_KEY_MAX) {
    throw new StrongroomError(
      'invalid_input',
      `an idempotency key has 1 to ${IDEMPOTENCY_KEY_MAX} characters`,
    );
  }
}
