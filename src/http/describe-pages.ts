import { COMMON_ERRORS } from '../core/common-errors.ts';
import type { ErrorCode } from '../errors.ts';
import { METRICS_TYPE } from './metrics/registry.ts';
import { jsonSchemaOf, type JsonSchema } from './rest/json-schema.ts';
import { broughtKey } from './seal-pages.ts';

/** What an address answers that fails by some codes, by status. */
type Failures = (codes: readonly ErrorCode[]) => Readonly<Record<string, JsonSchema>>;

const JSON_TYPE = 'application/json';
const BOOLEAN: JsonSchema = { type: 'boolean' };
const COUNT: JsonSchema = { type: 'integer', minimum: 1 };
const TEXT: JsonSchema = { type: 'string' };

const UNSEAL_ERRORS: readonly ErrorCode[] = [
  'wrong_key',
  'wrong_passphrase',
  'invalid_share',
  'too_few_shares',
  'key_not_found',
];
const KINDS: JsonSchema = { type: 'array', items: TEXT };
const SHARE_SETS: JsonSchema = { type: 'array', items: object({ needed: COUNT, made: COUNT }) };
const ROUND: JsonSchema = object({ nonce: TEXT, given: COUNT, needed: COUNT });

/** One page, as it is described. */
interface DescribedPage {
  readonly method: 'get' | 'post';
  readonly id: string;
  readonly summary: string;
  /** What it answers by itself, by status. */
  readonly answers: Readonly<Record<number, JsonSchema>>;
  /** What it fails by, besides what HTTP adds. */
  readonly codes?: readonly ErrorCode[];
  readonly body?: JsonSchema;
  /** Default: none is needed. */
  readonly security?: readonly JsonSchema[];
}

const PAGES: Readonly<Record<string, DescribedPage>> = {
  '/health/live': {
    method: 'get',
    id: 'health.live',
    summary: 'Says that the process answers.',
    answers: { 200: json('It does.', object({ status: word('live') })) },
  },
  '/health/ready': {
    method: 'get',
    id: 'health.ready',
    summary: 'Says whether requests should be sent here.',
    answers: {
      200: json('They should.', object({ status: word('ready') })),
      503: json('Not now.', object({ status: word('sealed', 'audit_blocked', 'ending') })),
    },
  },
  '/metrics': {
    method: 'get',
    id: 'metrics',
    summary: 'Gives numbers in the text format of Prometheus.',
    answers: { 200: { description: 'Done.', content: { [METRICS_TYPE]: { schema: TEXT } } } },
    codes: COMMON_ERRORS,
    // Unless anyone may have them.
    security: [{ bearer: [] }, {}],
  },
  '/api/openapi.json': {
    method: 'get',
    id: 'openApi',
    summary: 'Describes every address.',
    answers: { 200: json('OpenAPI 3.1.', { type: 'object' }) },
    codes: ['rate_limited'],
  },
  '/api/sys/seal-status': {
    method: 'get',
    id: 'seal.status',
    summary: 'Says whether the vault is sealed, and what would open it.',
    answers: {
      200: json('Done.', object({ sealed: BOOLEAN }, { kinds: KINDS, shares: SHARE_SETS })),
    },
  },
  '/api/sys/unseal': {
    method: 'post',
    id: 'seal.unseal',
    summary: 'Takes a key that opens the vault, or one share of several.',
    answers: { 200: json('It was taken.', object({ sealed: BOOLEAN }, { round: ROUND })) },
    codes: [...COMMON_ERRORS, ...UNSEAL_ERRORS],
    body: jsonSchemaOf(broughtKey, 'input'),
  },
};

/**
 * What a server answers besides its operations, as OpenAPI has it: whether it
 * lives and is ready, its numbers, and how it is opened. The pages that a
 * browser is sent to when somebody signs in by a provider are not among them.
 */
export function describedPages(
  failures: Failures,
): Readonly<Record<string, Readonly<Record<string, JsonSchema>>>> {
  return Object.fromEntries(
    Object.entries(PAGES).map(([path, page]) => [
      path,
      {
        [page.method]: {
          operationId: page.id,
          summary: page.summary,
          tags: ['server'],
          security: page.security ?? [],
          ...(page.body && {
            requestBody: { required: true, content: { [JSON_TYPE]: { schema: page.body } } },
          }),
          responses: { ...failures(page.codes ?? []), ...page.answers },
        },
      },
    ]),
  );
}

function json(description: string, schema: JsonSchema): JsonSchema {
  return { description, content: { [JSON_TYPE]: { schema } } };
}

function object(
  always: Readonly<Record<string, JsonSchema>>,
  sometimes: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  const properties = { ...always, ...sometimes };
  return { type: 'object', properties, required: Object.keys(always) };
}

function word(...words: readonly string[]): JsonSchema {
  return { type: 'string', enum: words };
}
