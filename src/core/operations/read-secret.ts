import { z } from 'zod';

import { requireSecret } from '../../domain/secrets/find.ts';
import { fromRecord, wipeRecord, type ValueOutput } from '../../domain/secrets/value.ts';
import { readCurrent } from '../../domain/secrets/read-current.ts';
import { readVersion } from '../../domain/secrets/versions.ts';
import { StrongroomError } from '../../errors.ts';
import type { VersionRecord } from '../../crypto/version-record.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { toSummary, type SecretSummary } from './secret-view.ts';

export interface ReadSecretInput extends SecretAddress {
  /** Default: the current version. */
  readonly version?: number | undefined;
  /** One field of a secret that has fields. */
  readonly field?: string | undefined;
}

/** A secret with its value. `version` is the version that was read. */
export type SecretRead = SecretSummary & ValueOutput;

/** Errors: `secret_not_found`, `secret_deleted`, `version_not_found`, `field_not_found`, `decryption_failed`. */
export const readSecret: Operation<ReadSecretInput, SecretRead> = {
  name: 'secrets.read',
  summary: 'Reads the value of a secret.',
  input: z.strictObject({
    ...schema.address,
    version: z.int().min(1).optional(),
    field: z.string().max(128).optional(),
  }),
  secretMembers: ['value', 'fields'],
  mutates: false,
  requires: requiresOnSecret('read'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const { row, record, version } = await read(call, environment, input);
    const summary = { ...toSummary(call, environment, row), version };
    if (input.field === undefined) return { ...summary, ...fromRecord(record) };
    const field = record.kind === 'fields' && record.fields.find((f) => f.name === input.field);
    if (field === undefined || field === false) {
      wipeRecord(record);
      throw new StrongroomError('field_not_found', `${input.path} has no such field`, {
        details: { path: input.path },
      });
    }
    for (const other of record.fields)
      if (other !== field) wipeRecord({ kind: 'fields', fields: [other] });
    return { ...summary, ...fromRecord({ kind: field.kind, fields: [{ ...field, name: '' }] }) };
  },
};

/** The version that was asked for, without naming one the current. */
async function read(
  call: Call,
  environment: Environment,
  { path, version }: ReadSecretInput,
): Promise<{
  readonly row: SecretRow;
  readonly record: VersionRecord;
  readonly version: number;
}> {
  if (version === undefined) {
    const { row, record } = await readCurrent(call, environment, path);
    call.about({ secretId: row.id, version: row.current_version });
    return { row, record, version: row.current_version };
  }
  const row = await requireSecret(call, environment, path);
  call.about({ secretId: row.id, version });
  return { row, record: await readVersion(call, row, version), version };
}
