import { z } from 'zod';

import { requireActive, requireSecret } from '../../domain/secrets/find.ts';
import { requirePrevious } from '../../domain/secrets/rotate.ts';
import { fieldNotFound } from '../../domain/secrets/secret-errors.ts';
import { fromRecord, wipeRecord, type ValueOutput } from '../../domain/secrets/value.ts';
import { currentRow, readCurrent, whyNoValue } from '../../domain/secrets/read-current.ts';
import { readVersion, readVersionRow } from '../../domain/secrets/versions.ts';
import { StrongroomError } from '../../errors.ts';
import type { VersionRecord } from '../../crypto/version-record.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { onSecret } from '../rest-binding.ts';
import { hasTag, valueTag, type Representation } from './entity-tag.ts';
import { requirePast } from './past-secret.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { summaryMembers, toSummary, type SecretSummary } from './secret-view.ts';

export interface ReadSecretInput extends SecretAddress {
  /** Default: the current version. */
  readonly version?: number | undefined;
  /** `previous`: the version before the last rotation, until it is retired. `version` counts before it. */
  readonly stage?: 'current' | 'previous' | undefined;
  /** RFC 3339: the value that it had at this moment, whatever became of it since. */
  readonly at?: string | undefined;
  /** One field of a secret that has fields. */
  readonly field?: string | undefined;
  /**
   * Entity tags of what the caller has; empty if it has none, and only wants a tag. If one is that
   * of the value, the answer is `{ unchanged: true, etag }` without it. For faces that keep copies.
   */
  readonly ifNoneMatch?: string | undefined;
  /** What the caller's copy would be of, which its tag is of too. Default `json`. */
  readonly representation?: Representation | undefined;
}

/** A secret with its value. `version` is the version that was read. */
export type SecretRead = SecretSummary &
  ValueOutput & {
    /** If `ifNoneMatch` was given: the entity tag of the value. */
    readonly etag?: string | undefined;
  };

const etag = z.string().optional();
const fields = z.record(z.string(), schema.secretOutput);

/** The schemas of an answer with a value, by the members that it has besides. */
export function withValue<T>(
  members: Omit<schema.Members<T>, 'kind' | 'value' | 'fields'>,
): readonly [z.ZodType<T>, z.ZodType<T>] {
  const single = { kind: z.enum(['text', 'bytes']), value: schema.secretOutput };
  return [
    z.strictObject({ ...members, ...single }).meta({ wire: schema.SECRET_NAMES }),
    z
      .strictObject({ ...members, kind: z.literal('fields'), fields })
      .meta({ wire: schema.SECRET_NAMES }),
  ] as unknown as readonly [z.ZodType<T>, z.ZodType<T>];
}

/** What only those are answered who gave tags. */
export const unchanged: z.ZodType<{ readonly unchanged: true; readonly etag: string }> =
  z.strictObject({ unchanged: z.literal(true), etag: z.string() });

/** The schema of {@link SecretRead}. */
export const secretRead: z.ZodType<SecretRead> = z.union([
  ...withValue<SecretRead>({ ...summaryMembers, etag }),
  unchanged as unknown as z.ZodType<SecretRead>,
]);

export const readSecret: Operation<ReadSecretInput, SecretRead> = {
  name: 'secrets.read',
  summary: 'Reads the value of a secret.',
  errors: [
    'environment_not_found',
    'secret_not_found',
    'secret_deleted',
    'secret_inactive',
    'version_not_found',
    'field_not_found',
  ],
  input: z.strictObject({
    ...schema.address,
    version: z.int().min(1).optional(),
    stage: z.enum(['current', 'previous']).optional(),
    at: schema.time.optional(),
    field: z.string().max(128).optional(),
    ifNoneMatch: schema.headText,
    representation: z.enum(['json', 'bytes']).optional(),
  }),
  output: secretRead,
  rest: onSecret('GET', 'value'),
  secretMembers: ['value', 'fields'],
  mutates: false,
  requires: requiresOnSecret('read'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const known = await unchangedTag(call, environment, input);
    // Who gives no tag is never answered so: the type is right for everybody else.
    if (known !== undefined) return { unchanged: true, etag: known } as unknown as SecretRead;
    const { row, record, version, at } = await read(call, environment, input);
    const former = at === undefined ? call : { ...call, now: at };
    const summary = {
      ...toSummary(former, environment, row),
      version,
      ...tagFor(call, input, row, version),
    };
    if (input.field === undefined) return { ...summary, ...fromRecord(record) };
    const field = record.kind === 'fields' && record.fields.find((f) => f.name === input.field);
    if (field === undefined || field === false) {
      wipeRecord(record);
      throw fieldNotFound(input.path);
    }
    for (const other of record.fields)
      if (other !== field) wipeRecord({ kind: 'fields', fields: [other] });
    return { ...summary, ...fromRecord({ kind: field.kind, fields: [{ ...field, name: '' }] }) };
  },
};

/** The tag of an answer to somebody who asked for one. What was at a moment has none. */
function tagFor(
  call: Call,
  { ifNoneMatch, at, ...value }: ReadSecretInput,
  row: SecretRow,
  version: number,
): { readonly etag?: string } {
  if (ifNoneMatch === undefined || at !== undefined) return {};
  return { etag: valueTag(call, row, { ...value, version }) };
}

/**
 * The tag of the value, if the caller has it: then nothing is decrypted. That
 * the field is there was found when the tag was given.
 */
async function unchangedTag(
  call: Call,
  environment: Environment,
  input: ReadSecretInput,
): Promise<string | undefined> {
  const { ifNoneMatch = '', path, stage, at } = input;
  if (ifNoneMatch === '' || at !== undefined) return undefined;
  const row = await currentRow(call, environment, path);
  requireActive(row, environment);
  const version = input.version ?? (stage === 'previous' ? requirePrevious(row) : undefined);
  const given = version ?? row.current_version;
  const tag = valueTag(call, row, { ...input, version: given });
  if (!hasTag(ifNoneMatch, tag)) return undefined;
  if (version !== undefined) await readVersionRow(call, row.id, version);
  else if (row.current_commit === null) throw await whyNoValue(call, row);
  call.about({ secretId: row.id, version: given });
  return tag;
}

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
