import { z } from 'zod';

import { deleteSecret as remove, undeleteSecret as restore } from '../../domain/secrets/trash.ts';
import type { Operation } from '../operation.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { toSummary, type SecretSummary } from './secret-view.ts';

export interface DeleteSecretInput extends SecretAddress {
  /** Fails with `cas_mismatch` unless the current version is this one. */
  readonly cas?: number | undefined;
}

/** Errors: `secret_not_found`, `secret_deleted`, `cas_mismatch`. */
export const deleteSecret: Operation<DeleteSecretInput, SecretSummary> = {
  name: 'secrets.delete',
  summary: 'Deletes a secret. It can be restored, and its name is free at once.',
  input: z.strictObject({ ...schema.address, cas: z.int().min(1).optional() }),
  secretMembers: [],
  mutates: true,
  requires: requiresOnSecret('delete'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const row = await remove(call, environment, input);
    call.about({ secretId: row.id, revision: row.row_revision });
    return toSummary(call, environment, row);
  },
};

/** Errors: `secret_not_found`, `secret_exists`. */
export const undeleteSecret: Operation<SecretAddress, SecretSummary> = {
  name: 'secrets.undelete',
  summary: 'Restores the secret that was deleted last from a path, with its history.',
  input: z.strictObject(schema.address),
  secretMembers: [],
  mutates: true,
  requires: requiresOnSecret('delete'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const row = await restore(call, environment, input.path);
    call.about({ secretId: row.id, revision: row.row_revision });
    return toSummary(call, environment, row);
  },
};
