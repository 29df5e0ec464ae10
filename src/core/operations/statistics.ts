import { z } from 'zod';

import { catchUpIndex } from '../../domain/audit/entry-index.ts';
import { countSecrets, type SecretCounts } from '../../domain/secrets/statistics.ts';
import type { Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { listScope, requiresToList, type ListPlace } from './cursor.ts';
import * as schema from './schema.ts';

/** Numbers over the secrets that the caller may list. */
export interface SecretStatistics {
  readonly workspace: string;
  readonly total: number;
  readonly environments: readonly (SecretCounts & { readonly environment: string })[];
}

const counts = z.record(z.string(), z.int());

/** The schema of {@link SecretStatistics}. */
export const secretStatisticsSchema: z.ZodType<SecretStatistics> = schema.answer<SecretStatistics>({
  workspace: z.string(),
  total: z.int(),
  environments: z.array(
    schema.answer<SecretCounts & { readonly environment: string }>({
      environment: z.string(),
      secrets: z.int(),
      versions: z.int(),
      byType: counts,
      byTag: counts,
      inactive: z.int(),
      withoutOwner: z.int(),
      expired: z.int(),
      expiringSoon: z.int(),
      rotationDue: z.int(),
      neverRead: z.int(),
    }),
  ),
});

export const secretStatistics: Operation<ListPlace, SecretStatistics> = {
  name: 'secrets.statistics',
  summary: 'Counts the secrets that the caller may list, by environment, type, tag and state.',
  errors: ['environment_not_found'],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
  }),
  output: secretStatisticsSchema,
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/secrets/statistics` }],
  secretMembers: [],
  mutates: false,
  requires: requiresToList,
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  prepare: (_input, { store, log }) => catchUpIndex(store, log),
  apply: async (input, call) => {
    const { environments, mayList } = listScope(call, input);
    const counted: (SecretCounts & { readonly environment: string })[] = [];
    for (const environment of environments) {
      if (!call.may('list', [environment.workspace.name, environment.name], 'under')) continue;
      const counts = await countSecrets(call, environment, (path) => mayList(environment, path));
      counted.push({ environment: environment.name, ...counts });
    }
    return {
      workspace: schema.workspaceOf(input),
      total: counted.reduce((total, { secrets }) => total + secrets, 0),
      environments: counted,
    };
  },
};
