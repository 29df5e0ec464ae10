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
