import { z } from 'zod';

import { listSecrets as list, type ListFilter } from '../../domain/secrets/list.ts';
import { StrongroomError } from '../../errors.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import {
  decodeSecretCursor,
  listBinding,
  listScope,
  LOOKS_MAX,
  PAGE_LIMIT,
  requiresToList,
  secretCursor,
  type ListPlace,
} from './cursor.ts';
import { listPast } from './past-secret.ts';
import * as schema from './schema.ts';
import { secretSummary, toSummary, type SecretSummary } from './secret-view.ts';

export interface ListSecretsInput extends ListPlace {
  /** Paths that begin with this, such as `payments/`. */
  readonly prefix?: string | undefined;
  readonly type?: SecretType | undefined;
  readonly tag?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
  /** RFC 3339: what was there at this moment, narrowed by `prefix`, `type` and `tag` alone. */
  readonly at?: string | undefined;
  /** A part of the path, upper or lower case. */
  readonly search?: string | undefined;
  /** How many are passed over first, up to 10,000; not together with `cursor`. */
  readonly offset?: number | undefined;
}

/**
 * One page, by environment and path. It may have fewer than `limit`, even
 * none, and still not be the last: `next` alone says so. One call looks at
 * 5,000 secrets at most, of which few may fit.
 */
export interface SecretList {
  readonly secrets: readonly SecretSummary[];
  /** Set if there may be more: pass it as `cursor`, with the same filter. */
  readonly next: string | undefined;
}

/** What other lists do not take. */
type OfListAlone = 'at' | 'search' | 'offset';

/** The schema of {@link SecretList}. */
export const secretList: z.ZodType<SecretList> = schema.answer<SecretList>({
  secrets: z.array(secretSummary),
  next: z.string().optional(),
});

const OFFSET_MAX = 10_000;

/** The schema of what lists have in common, to be spread into an input's. */
export const listInput: {
  readonly [K in keyof Omit<ListSecretsInput, OfListAlone>]-?: z.ZodType<ListSecretsInput[K]>;
} = {
  workspace: schema.workspace,
  environment: schema.environment.optional(),
  prefix: z
    .string()
    .max(255)
    .regex(/^[A-Za-z0-9._/-]*$/, 'takes the beginning of a path, such as db/')
    .optional(),
  type: schema.secretType.optional(),
  tag: schema.tag.optional(),
  limit: z.int().min(1).max(PAGE_LIMIT.max).optional(),
  cursor: z.string().max(1024).optional(),
};

/** Errors: `environment_not_found`, `workspace_not_found`, `invalid_input` (cursor). */
export const listSecrets: Operation<ListSecretsInput, SecretList> = {
  name: 'secrets.list',
  summary: 'Lists secrets that the caller may know of, without their values.',
  errors: ['environment_not_found'],
  input: z.strictObject({
    ...listInput,
    at: schema.time.optional(),
    search: z.string().min(1).max(255).optional(),
    offset: z.int().min(0).max(OFFSET_MAX).optional(),
  }),
  output: secretList,
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/secrets` }],
  secretMembers: [],
  mutates: false,
  requires: requiresToList,
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: (input, call) =>
    input.at === undefined
      ? pageOf(call, 'secrets.list', input, { ...input, text: input.search })
      : listPast(call, listScope(call, input).environments, { ...input, at: input.at }),
};

/** One page of the secrets that fit a filter, of the operation of a name. */
export async function pageOf(
  call: Call,
  name: string,
  input: ListSecretsInput,
  filter: ListFilter,
): Promise<SecretList> {
  const { environments, mayList } = listScope(call, input);
  const { offset } = input;
  const binding = listBinding(call, name, input);
  if (offset !== undefined && input.cursor !== undefined) {
    throw new StrongroomError('invalid_input', 'a cursor and an offset exclude each other');
  }
  const { rows, next } = await list(call, environments, {
    filter,
    limit: input.limit ?? PAGE_LIMIT.byDefault,
    after: decodeSecretCursor(call, input.cursor, binding),
    offset,
    looksMax: LOOKS_MAX + (offset ?? 0),
    mayList,
  });
  return {
    secrets: rows.map(({ row, environment }) => toSummary(call, environment, row)),
    next: secretCursor(call, next, binding),
  };
}
