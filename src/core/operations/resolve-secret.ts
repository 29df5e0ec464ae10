import { z } from 'zod';

import type { VersionRecord } from '../../crypto/version-record.ts';
import { requireActive, requireSecret } from '../../domain/secrets/find.ts';
import { fromRecord, type ValueOutput } from '../../domain/secrets/value.ts';
import type { SecretRow } from '../../store/tables.ts';
import { EffectivePlaces, type Located, type Place } from '../effective/effective-places.ts';
import { ReferenceExpander } from '../effective/expand-references.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { withValue } from './read-secret.ts';
import { summaryMembers, toSummary, type SecretSummary } from './secret-view.ts';

export interface ResolveSecretInput extends SecretAddress {
  /** One field of a secret that has fields. */
  readonly field?: string | undefined;
}

/** Where a value in effect comes from. */
export interface ValueSource {
  /** The secret of that name, one of another environment or folder, or a value of the caller's own. */
  readonly kind: 'own' | 'inherited' | 'personal';
  readonly workspace: string;
  readonly environment: string;
  readonly path: string;
}

/** What is known of a name in effect. Environment and path are those that were asked for. */
export type EffectiveSecret = SecretSummary & { readonly from: ValueSource };

/** A value in effect, with values in place of its references. */
export type SecretResolved = EffectiveSecret & ValueOutput;

const from = schema
  .answer<ValueSource>({
    kind: z.enum(['own', 'inherited', 'personal']),
    workspace: z.string(),
    environment: z.string(),
    path: z.string(),
  })
  .meta({ wire: schema.SECRET_NAMES });

/** The schema of {@link EffectiveSecret}. */
export const effectiveSecret: z.ZodType<EffectiveSecret> = schema
  .answer<EffectiveSecret>({ ...summaryMembers, from })
  .meta({ wire: schema.SECRET_NAMES });

/** The schema of {@link SecretResolved}. */
export const secretResolved: z.ZodType<SecretResolved> = z.union([
  ...withValue<SecretResolved>({ ...summaryMembers, from }),
]);

/**
 * Errors: those of `secrets.read`; `reference_not_found`, `reference_cycle`, `reference_limit`,
 * `binary_value` for a reference to bytes.
 */
export const resolveSecret: Operation<ResolveSecretInput, SecretResolved> = {
  name: 'secrets.resolve',
  summary:
    "Gives the value in effect under a name: the caller's own, or the secret's, or an inherited one, with references resolved.",
  errors: [
    'binary_value',
    'reference_limit',
    'reference_cycle',
    'environment_not_found',
    'secret_not_found',
    'secret_deleted',
    'secret_inactive',
    'field_not_found',
    'reference_not_found',
  ],
  input: z.strictObject({ ...schema.address, field: z.string().max(128).optional() }),
  output: secretResolved,
  // What is in effect under a name may be another secret than that of the name, so no id leads here.
  rest: [
    {
      method: 'GET',
      path: `${IN_WORKSPACE}/secrets/by-name/{environment}/{path+}:effective-value`,
    },
  ],
  secretMembers: ['value', 'fields'],
  mutates: false,
  requires: requiresOnSecret('read'),
  subject: secretSubject,
  apply: async (input, call) => {
    const asked = { environment: environmentOf(call, input), path: input.path };
    using places = new EffectivePlaces(call);
    using expander = new ReferenceExpander(call, places);
    const located = await places.locate(asked);
    if (located === undefined) {
      // Says whether it is in the trash.
      await requireSecret(call, asked.environment, asked.path);
      throw new TypeError('a secret was not located and is there');
    }
    if (located.kind !== 'personal') requireActive(located.row, located.place.environment);
    const opened = await places.open(located);
    const record = await expander.expand(opened, asked, input.field);
    const { id, version } = summaryOf(call, asked, located);
    if (located.kind === 'own') call.about({ secretId: id, version });
    return resolved(call, asked, located, record);
  },
};

/** The answer for one value; it takes over the bytes of the record. */
export function resolved(
  call: Call,
  asked: Place,
  located: Located,
  record: VersionRecord,
): SecretResolved {
  return { ...summaryOf(call, asked, located), ...fromRecord(record) };
}

/** What is known of a name in effect, without its value. */
export function summaryOf(call: Call, asked: Place, located: Located): EffectiveSecret {
  const row = located.kind === 'personal' ? asSecretRow(located) : located.row;
  const { environment, path } = located.place;
  return {
    ...toSummary(call, asked.environment, { ...row, path: asked.path }),
    from: {
      kind: located.kind,
      workspace: environment.workspace.name,
      environment: environment.name,
      path,
    },
  };
}

/** A personal value as if it were a secret: its version is how often it was set. */
function asSecretRow({ row }: Extract<Located, { readonly kind: 'personal' }>): SecretRow {
  return {
    ...row,
    type: 'generic',
    current_version: row.revision,
    current_commit: null,
    tags: '[]',
    metadata_revision: 0,
    metadata: null,
    expires_at: null,
    created_by: row.principal_id,
    updated_by: row.principal_id,
    deleted_at: null,
    deleted_by: null,
    previous_version: null,
    inactive_at: null,
    owner: null,
    rotation_policy: null,
    rotation_due_at: null,
    rotated_at: null,
    generator: null,
    destroyed_at: null,
    state_since: null,
    states: null,
  };
}
