import { COMMON_ERRORS } from '../../core/common-errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { PROBLEM_TYPE, STATUS } from '../problem.ts';
import { ref, type JsonSchema } from './json-schema.ts';

/** Answered, without a body, to an expectation that is not known. */
const EXPECTATION_FAILED = 417;

/** What any request may fail with before an operation is asked. */
export const HTTP_ERRORS: readonly ErrorCode[] = [
  'invalid_request',
  'cross_site',
  'route_not_found',
  'method_not_allowed',
  'request_too_large',
  'unsupported_media_type',
];

/** What any call may fail with, by status. */
const ANY_FAILURES = byStatus([...HTTP_ERRORS, ...COMMON_ERRORS]);

/** A header of an answer, by its name. */
export const HEADERS = {
  'X-Request-Id': {
    description: 'The id under which the request is on record.',
    schema: { type: 'string', format: 'uuid' },
  },
  ETag: {
    description: 'For If-None-Match and If-Match; it says nothing of the value.',
    schema: { type: 'string' },
  },
  'Set-Cookie': {
    description: 'The session, where the carrier is a cookie.',
    schema: { type: 'string' },
  },
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } },
  'WWW-Authenticate': { schema: { type: 'string', const: 'Bearer' } },
  Allow: { description: 'The methods that there are.', schema: { type: 'string' } },
} as const;

const HEADERS_OF_FAILURES: Readonly<Record<number, readonly (keyof typeof HEADERS)[]>> = {
  401: ['WWW-Authenticate'],
  405: ['Allow'],
  429: ['Retry-After'],
};

/** What any call may fail with, as components of the description. */
export function anyFailures(): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(
    [...ANY_FAILURES].map(([status, codes]) => [anyFailure(status), failure(status, codes)]),
  );
}

/** Every status that some codes come with, besides what HTTP adds to them. */
export function failuresOf(own: readonly ErrorCode[]): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(
    [...byStatus([...HTTP_ERRORS, ...own])].map(([status, codes]) => {
      const isAny = String(codes) === String(ANY_FAILURES.get(status));
      return [status, isAny ? ref(`responses/${anyFailure(status)}`) : failure(status, codes)];
    }),
  );
}

/** The statuses of codes, in their order; with the one that Node answers by itself. */
function byStatus(codes: readonly ErrorCode[]): ReadonlyMap<number, readonly ErrorCode[]> {
  const found = new Map<number, ErrorCode[]>([[EXPECTATION_FAILED, []]]);
  for (const code of codes) found.set(STATUS[code], [...(found.get(STATUS[code]) ?? []), code]);
  return new Map([...found].toSorted(([one], [other]) => one - other));
}

function anyFailure(status: number): string {
  return `Any${status}`;
}

function failure(status: number, codes: readonly ErrorCode[]): JsonSchema {
  if (codes.length === 0) return { description: 'The server expects nothing but 100-continue.' };
  const code = { type: 'string', enum: codes };
  const schema = { allOf: [ref('schemas/Problem'), { properties: { code } }] };
  const names: readonly (keyof typeof HEADERS)[] = [
    'X-Request-Id',
    ...(HEADERS_OF_FAILURES[status] ?? []),
  ];
  return {
    description: codes.map((each) => `\`${each}\``).join(', '),
    headers: Object.fromEntries(names.map((name) => [name, ref(`headers/${name}`)])),
    content: { [PROBLEM_TYPE]: { schema } },
  };
}
