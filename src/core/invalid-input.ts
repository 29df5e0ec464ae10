import type { ZodError } from 'zod';

type Issue = ZodError['issues'][number];

import { StrongroomError } from '../errors.ts';
import type { InnerOperation } from './operation.ts';

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
    `${member === '' ? 'the input' : `the input's ${member}`} ${problemOf(issue)}`,
    { details: { member, problem: issue?.code ?? 'invalid' } },
  );
}

/** A key is repeated if it could only be a name that somebody mistyped. */
const KEY = /^[a-z][A-Za-z]{0,23}$/;

/** What is wrong, in words of the schema and never of the input, but for a key that is a plain name. */
function problemOf(issue: Issue | undefined): string {
  switch (issue?.code) {
    case 'invalid_value':
      return `takes ${issue.values.map(String).join(', ')}`;
    case 'unrecognized_keys': {
      const named = issue.keys.filter((key) => KEY.test(key)).slice(0, 5);
      return named.length === 0
        ? 'has a member that is not known'
        : `has no member ${named.join(', ')}`;
    }
    case 'invalid_type':
      return `is not what is expected (${issue.expected})`;
    default:
      return `is not what is expected (${issue?.code ?? 'invalid'})`;
  }
}

const IDEMPOTENCY_KEY_MAX = 255;

/**
 * Refuses an idempotency key that is not 1 to 255 characters of text, and any
 * for an operation whose answer could not be given again.
 */
export function requireIdempotencyKey(
  key: string | undefined,
  { name, givesOnce }: Pick<InnerOperation<unknown, unknown>, 'name' | 'givesOnce'>,
): void {
  if (key === undefined) return;
  if (typeof key !== 'string' || key.length === 0 || key.length > IDEMPOTENCY_KEY_MAX) {
    throw new StrongroomError(
      'invalid_input',
      `an idempotency key has 1 to ${IDEMPOTENCY_KEY_MAX} characters`,
    );
  }
  if (givesOnce === true) {
    throw new StrongroomError('invalid_input', `${name} takes no idempotency key`, {
      hint: 'what it gives is given once and kept nowhere, so it could not be repeated',
    });
  }
}
