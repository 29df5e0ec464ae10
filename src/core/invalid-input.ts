import { types } from 'node:util';

import type { ZodError } from 'zod';

import { StrongroomError } from '../errors.ts';
import type { InnerOperation } from './operation.ts';

type Issue = ZodError['issues'][number];

/**
 * Translates a schema's complaint. It names members and never quotes what was
 * given: a value may stand in the wrong place.
 *
 * @param given - What was complained of; only whether a member is there is looked at.
 */
export function invalidInput(error: ZodError, given: unknown): StrongroomError {
  const issue = error.issues[0];
  const fault: unknown = issue?.code === 'custom' ? issue.params?.['fault'] : undefined;
  if (fault instanceof StrongroomError) return fault;
  const where =
    issue === undefined ? '' : issue.path.filter((part) => typeof part !== 'symbol').join('.');
  const member = /^[\w.]{1,64}$/.test(where) ? where : '';
  const isMissing = member !== '' && !has(given, issue?.path ?? []);
  const subject = member === '' ? 'the input' : `the input's ${member}`;
  return new StrongroomError(
    'invalid_input',
    `${subject} ${isMissing ? 'is missing: it ' : ''}${problemOf(issue)}`,
    { details: { member, problem: issue?.code ?? 'invalid' } },
  );
}

/** Whether there is something at a path. Nothing that would run code of the caller's is asked. */
function has(given: unknown, path: readonly PropertyKey[]): boolean {
  let at = given;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || types.isProxy(at)) return false;
    const member = Object.getOwnPropertyDescriptor(at, part);
    if (member === undefined) return false;
    if (!('value' in member)) return true;
    at = member.value;
  }
  return at !== undefined;
}

/** A key is repeated if it could only be a name that somebody mistyped. */
const KEY = /^[a-z][A-Za-z]{0,23}$/;

/** How a check says in words of its own what it takes. What zod itself would say begins otherwise. */
const OWN_WORDS = 'takes ';

/** What a type is called. */
const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** What a form is that zod knows by a name. */
const FORMS: Readonly<Record<string, string>> = {
  datetime: 'a time such as 2030-01-31T12:00:00Z',
  uuid: 'an id such as 01a20325-7a0e-7001-9d0e-6ac3d7a1f2b4',
  base64: 'base64',
};

/** What is wrong, in words of the schema and never of the input, but for a key that is a plain name. */
function problemOf(issue: Issue | undefined): string {
  if (issue?.message.startsWith(OWN_WORDS) === true) return issue.message;
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
      return `takes ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_format':
      return `takes ${FORMS[issue.format] ?? `another form (${issue.format})`}`;
    case 'too_small':
      return `takes ${issue.inclusive === false ? 'more than' : 'at least'} ${amount(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `takes ${issue.inclusive === false ? 'less than' : 'at most'} ${amount(issue.maximum, issue.origin)}`;
    default:
      return `is not what is expected (${issue?.code ?? 'invalid'})`;
  }
}

/** A bound of the schema with what it counts. */
function amount(bound: number | bigint, origin: string): string {
  if (origin !== 'string' && origin !== 'array') return String(bound);
  const [one, many] = origin === 'string' ? ['character', 'characters'] : ['item', 'items'];
  return `${bound} ${bound === 1 ? one : many}`;
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
