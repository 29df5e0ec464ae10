import { z } from 'zod';

import { followSecret } from '../../domain/access/secret-grants.ts';
import { deleteSecret as remove, undeleteSecret as restore } from '../../domain/secrets/trash.ts';
import { requireSecret } from '../../domain/secrets/find.ts';
import { casMismatch } from '../../domain/secrets/secret-errors.ts';
import { deleteVersion, undeleteVersion } from '../../domain/secrets/version-trash.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { onSecret } from '../rest-binding.ts';
import { requireTag } from './entity-tag.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { secretSummaryAfter, toSummaryAfter, type SecretSummaryAfter } from './secret-view.ts';

export interface DeleteSecretInput extends SecretAddress {
  /** One version instead of the secret as a whole. */
  readonly version?: number | undefined;
  /** Fails with `cas_mismatch` unless the current version is this one. */
  readonly cas?: number | undefined;
  /** Fails with `cas_mismatch` unless one of these entity tags is that of its value or description. */
  readonly ifMatch?: string | undefined;
}

export interface UndeleteSecretInput extends SecretAddress {
  /** One version of a secret that is there, instead of the secret that was deleted last. */
  readonly version?: number | undefined;
}

const version = z.int().min(1);

export const deleteSecret: Operation<DeleteSecretInput, SecretSummaryAfter> = {
  name: 'secrets.delete',
  summary:
    'Deletes a secret, whose name is free at once, or one version of it. Both can be restored.',
  errors: [
    'environment_not_found',
    'secret_not_found',
    'secret_deleted',
    'version_not_found',
    'cas_mismatch',
  ],
  input: z.strictObject({
    ...schema.address,
    version: version.optional(),
    cas: z.int().min(1).optional(),
    ifMatch: schema.headText,
  }),
  output: secretSummaryAfter,
  rest: onSecret('DELETE'),
  secretMembers: [],
  mutates: true,
  requires: requiresOnSecret('delete'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    await requireTag(call, { environment, path: input.path }, input.ifMatch);
    if (input.version !== undefined) {
      const secret = await requireSecret(call, environment, input.path);
      const { current_version: current } = secret;
      if (input.cas !== undefined && input.cas !== current) throw casMismatch(current, input.cas);
      return after(call, environment, {
        row: await deleteVersion(call, secret, input.version),
        version: input.version,
      });
    }
    const row = await remove(call, environment, input);
    await followSecret(call, row.id, undefined);
    return after(call, environment, { row });
  },
};

/** Errors: `secret_not_found`, `secret_exists`, `version_not_found`, `secret_deleted` (destroyed). */
export const undeleteSecret: Operation<UndeleteSecretInput, SecretSummaryAfter> = {
  name: 'secrets.undelete',
  summary: 'Restores the secret that was deleted last from a path, or one version of a secret.',
  errors: [
    'environment_not_found',
    'secret_not_found',
    'secret_exists',
    'secret_deleted',
    'version_not_found',
  ],
  input: z.strictObject({ ...schema.address, version: version.optional() }),
  output: secretSummaryAfter,
  rest: onSecret('POST', 'undelete'),
  secretMembers: [],
  mutates: true,
  requires: requiresOnSecret('delete'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    if (input.version !== undefined) {
      const secret = await requireSecret(call, environment, input.path);
      return after(call, environment, {
        row: await undeleteVersion(call, secret, input.version),
        version: input.version,
      });
    }
    const row = await restore(call, environment, input.path);
    await followSecret(call, row.id, { environment, path: row.path });
    return after(call, environment, { row });
  },
};

/** Puts the change on record, and answers with what the caller may know. */
function after(
  call: Call,
  environment: Environment,
  change: { readonly row: SecretRow; readonly version?: number },
): SecretSummaryAfter {
  const { row, version: of } = change;
  const became = row.deleted_at === null ? undefined : 'left';
  call.about({ secretId: row.id, version: of, revision: row.row_revision, became });
  return toSummaryAfter(call, environment, row);
}
