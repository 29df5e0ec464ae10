import { z } from 'zod';

import { listByMoment } from '../../domain/secrets/list-by-moment.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import {
  decodePosition,
  listBinding,
  listScope,
  LOOKS_MAX,
  PAGE_LIMIT,
  positionCursor,
  requiresToList,
  type ListPlace,
} from './cursor.ts';
import { listInput, pageOf, type ListSecretsInput, type SecretList } from './list-secrets.ts';
import * as schema from './schema.ts';
import { summaryMembers, toSummary, type SecretSummary } from './secret-view.ts';

export interface SearchSecretsInput extends Omit<ListSecretsInput, 'at' | 'search' | 'offset'> {
  /** A part of the path, upper or lower case. */
  readonly text?: string | undefined;
  /** Name or id of who answers for it; `null`: nobody does. Of a name that nobody has nothing is found. */
  readonly owner?: string | null | undefined;
  /** Last changed before this time; RFC 3339. */
  readonly changedBefore?: string | undefined;
  /** Last changed at this time or later; RFC 3339. */
  readonly changedAfter?: string | undefined;
  readonly active?: boolean | undefined;
  readonly expired?: boolean | undefined;
}

/** A secret that was found. */
export interface SecretFound extends SecretSummary {
  /** The present name of who answers for it. */
  readonly ownerName: string | null;
}

/** One page of what was found. It may be short and not the last: `next` says so. */
export interface SecretsFound {
  readonly secrets: readonly SecretFound[];
  readonly next: string | undefined;
}

const secretsFound = schema.answer<SecretsFound>({
  secrets: z.array(
    schema
      .answer<SecretFound>({ ...summaryMembers, ownerName: z.string().nullable() })
      .meta({ wire: schema.SECRET_NAMES }),
  ),
  next: z.string().optional(),
});

export interface ExpiringSecretsInput extends ListPlace {
  /** Those that expire before this time; RFC 3339. What has expired already is among them. */
  readonly before: string;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

/** Errors: `environment_not_found`, `workspace_not_found`, `invalid_input` (cursor). */
export const searchSecrets: Operation<SearchSecretsInput, SecretsFound> = {
  name: 'secrets.search',
  summary: 'Finds secrets that the caller may list by name, tag, owner, type, age and state.',
  errors: ['environment_not_found'],
  input: z
    .strictObject({
      ...listInput,
      text: z.string().min(1).max(255).optional(),
      owner: z.string().min(1).max(128).nullable().optional(),
      changedBefore: schema.time.optional(),
      changedAfter: schema.time.optional(),
      active: z.boolean().optional(),
      expired: z.boolean().optional(),
    })
    .meta({ wire: { names: { active: 'is_active' } } }),
  output: secretsFound,
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/secrets/search` }],
  secretMembers: [],
  mutates: false,
  requires: requiresToList,
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: async (input, call) => {
    const found = await pageOf(call, 'secrets.search', input, {
      ...input,
      owner: ownerOf(call, input.owner),
      changedBefore: schema.toMs(input.changedBefore) ?? undefined,
      changedAfter: schema.toMs(input.changedAfter) ?? undefined,
    });
    return withOwners(call, found);
  },
};

/** Errors: `environment_not_found`, `workspace_not_found`, `invalid_input` (time, cursor). */
export const expiringSecrets: Operation<ExpiringSecretsInput, SecretsFound> = {
  name: 'secrets.expiring',
  summary: 'Lists secrets that expire before a time, the first to expire first.',
  errors: ['environment_not_found'],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
    before: schema.time,
    limit: z.int().min(1).max(PAGE_LIMIT.max).optional(),
    cursor: z.string().max(1024).optional(),
  }),
  output: secretsFound,
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/secrets/expiring` }],
  secretMembers: [],
  mutates: false,
  requires: requiresToList,
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: async (input, call) => {
    const { environments, mayList } = listScope(call, input);
    const binding = listBinding(call, 'secrets.expiring', input);
    const { rows, next } = await listByMoment(call, environments, {
      by: 'expires_at',
      before: schema.toMs(input.before) ?? undefined,
      limit: input.limit ?? PAGE_LIMIT.byDefault,
      looksMax: LOOKS_MAX,
      after: decodePosition(call, input.cursor, binding),
      mayList,
    });
    const secrets = rows.map(({ row, environment }) => toSummary(call, environment, row));
    return withOwners(call, { secrets, next: positionCursor(call, next, binding) });
  },
};

/**
 * Whose secrets are looked for. What names nobody is looked for like an id: an
 * error would tell everybody who may list anything who there is.
 */
function ownerOf({ policy }: Call, owner: string | null | undefined): string | null | undefined {
  return typeof owner === 'string' ? (policy.principalId(owner) ?? owner) : owner;
}

function withOwners({ policy }: Call, { secrets, next }: SecretList): SecretsFound {
  return {
    secrets: secrets.map((secret) => ({
      ...secret,
      ownerName: secret.owner === null ? null : policy.nameOf(secret.owner),
    })),
    next,
  };
}
