import { z } from 'zod';

import { requireActive, requireSecret } from '../../domain/secrets/find.ts';
import { requirePrevious } from '../../domain/secrets/rotate.ts';
import { fromRecord, wipeRecord, type ValueOutput } from '../../domain/secrets/value.ts';
import { readCurrent } from '../../domain/secrets/read-current.ts';
import { readVersion } from '../../domain/secrets/versions.ts';
import { StrongroomError } from '../../errors.ts';
import type { VersionRecord } from '../../crypto/version-record.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { requirePast } from './past-secret.ts';
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
  /** `previous`: the version before the last rotation, until it is retired. `version` counts before it. */
  readonly stage?: 'current' | 'previous' | undefined;
  /** RFC 3339: the value that it had at this moment, whatever became of it since. */
  readonly at?: string | undefined;
  /** One field of a secret that has fields. */
  readonly field?: string | undefined;
}

/** A secret with its value. `version` is the version that was read. */
export type SecretRead = SecretSummary & ValueOutput;

/** Errors: `secret_not_found`, `secret_deleted`, `secret_inactive`, `version_not_found`, `field_not_found`, `decryption_failed`. */
export const readSecret: Operation<ReadSecretInput, SecretRead> = {
  name: 'secrets.read',
  summary: 'Reads the value of a secret.',
  input: z.strictObject({
    ...schema.address,
    version: z.int().min(1).optional(),
    stage: z.enum(['current', 'previous']).optional(),
    at: schema.time.optional(),
    field: z.string().max(128).optional(),
  }),
  secretMembers: ['value', 'fields'],
  mutates: false,
  requires: requiresOnSecret('read'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const { row, record, version, at } = await read(call, environment, input);
    const former = at === undefined ? call : { ...call, now: at };
    const summary = { ...toSummary(former, environment, row), version };
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
  { path, version, stage, at }: ReadSecretInput,
): Promise<{
  readonly row: SecretRow;
  readonly record: VersionRecord;
  readonly version: number;
  readonly at?: number;
}> {
  if (at !== undefined) return readPast(call, environment, { path, version, stage, at });
  if (version === undefined && stage !== 'previous') {
    const { row, record } = await readCurrent(call, environment, path);
    call.about({ secretId: row.id, version: row.current_version });
    return { row, record, version: row.current_version };
  }
  const row = await requireSecret(call, environment, path);
  requireActive(row, environment);
  const number = version ?? requirePrevious(row);
  call.about({ secretId: row.id, version: number });
  return { row, record: await readVersion(call, row, number), version: number };
}

async function readPast(
  call: Call,
  environment: Environment,
  { path, version, stage, at }: Omit<ReadSecretInput, 'environment'> & { readonly at: string },
): Promise<{
  readonly row: SecretRow;
  readonly record: VersionRecord;
  readonly version: number;
  readonly at: number;
}> {
  if (version !== undefined || stage !== undefined) {
    throw new StrongroomError('invalid_input', 'a version and a moment exclude each other');
  }
  const past = await requirePast(call, environment, { path, at, capability: 'read' });
  const { current_version: former } = past.former;
  call.about({ secretId: past.present.id, version: former, detail: `at ${at}` });
  const record = await readVersion(call, past.present, former);
  return { row: past.former, record, version: former, at: past.at };
}
