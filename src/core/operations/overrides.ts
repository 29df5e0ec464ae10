import { z } from 'zod';

import {
  listPersonal,
  removePersonal,
  writePersonal,
} from '../../domain/secrets/personal-values.ts';
import { toRecord, wipeRecord, type ValueInput } from '../../domain/secrets/value.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { Operation } from '../operation.ts';
import { IN_WORKSPACE, type RestMethod, type RestBinding } from '../rest-binding.ts';
import { listScope, requiresToList } from './cursor.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';

export interface OverrideSecretInput extends SecretAddress {
  /** Text, bytes, a `SecretValue`, or named fields; up to 1 MiB. It is kept as it is, without references. */
  readonly value: ValueInput;
}

export interface ListOverridesInput {
  readonly workspace?: string | undefined;
  /** Default: all environments of the workspace, in their order. */
  readonly environment?: string | undefined;
}

/** A value of the caller's own, without the value. Times are RFC 3339. */
export interface Override {
  readonly id: string;
  readonly workspace: string;
  readonly environment: string;
  readonly path: string;
  /** How often it was set. */
  readonly revision: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The schema of {@link Override}. */
export const overrideSchema: z.ZodType<Override> = schema
  .answer<Override>({
    id: z.uuid(),
    workspace: z.string(),
    environment: z.string(),
    path: z.string(),
    revision: z.int(),
    createdAt: schema.instant,
    updatedAt: schema.instant,
  })
  .meta({ wire: schema.SECRET_NAMES });

/** It hangs on a name, whether there is a secret or not, so that no id leads to it. */
function ofName(method: RestMethod): readonly RestBinding[] {
  const path = `${IN_WORKSPACE}/secrets/by-name/{environment}/{path+}:personal-value`;
  return [{ method, path }];
}

export const overrideSecret: Operation<OverrideSecretInput, Override> = {
  name: 'secrets.override',
  summary: 'Sets a value under a name for the caller alone.',
  errors: ['value_too_large', 'environment_protected', 'environment_not_found'],
  input: z.strictObject({ ...schema.address, value: schema.value }),
  output: overrideSchema,
  rest: ofName('PUT'),
  secretMembers: ['value'],
  mutates: true,
  requires: requiresOnSecret('read'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const { path } = input;
    const record = toRecord(input.value);
    const row = await writePersonal(call, environment, { path, record }).finally(() =>
      wipeRecord(record),
    );
    call.about({ detail: `personal value, revision ${row.revision}` });
    return toOverride(input, row);
  },
};

export const removeOverride: Operation<SecretAddress, Override> = {
  name: 'secrets.removeOverride',
  summary: "Takes the caller's own value under a name away.",
  errors: ['environment_not_found', 'override_not_found'],
  input: z.strictObject(schema.address),
  output: overrideSchema,
  rest: ofName('DELETE'),
  secretMembers: [],
  mutates: true,
  requires: requiresOnSecret('read'),
  subject: secretSubject,
  apply: async (input, call) => {
    const row = await removePersonal(call, environmentOf(call, input), input.path);
    call.about({ detail: `personal value, revision ${row.revision}` });
    return toOverride(input, row);
  },
};

export const listOverrides: Operation<ListOverridesInput, readonly Override[]> = {
  name: 'overrides.list',
  summary: "Lists the names under which the caller has values of its own. Nobody sees another's.",
  errors: ['environment_not_found'],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
  }),
  output: z.array(overrideSchema),
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/personal-values` }],
  secretMembers: [],
  mutates: false,
  requires: requiresToList,
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: async (input, call) => {
    const { environments } = listScope(call, input);
    const found: Override[] = [];
    for (const environment of environments) {
      const place = { workspace: environment.workspace.name, environment: environment.name };
      for (const row of await listPersonal(call, environment)) {
        found.push(toOverride(place, row));
      }
    }
    return found;
  },
};

function toOverride(
  place: Omit<SecretAddress, 'path'>,
  row: Awaited<ReturnType<typeof removePersonal>>,
): Override {
  return {
    id: row.id,
    workspace: schema.workspaceOf(place),
    environment: place.environment,
    path: row.path,
    revision: row.revision,
    createdAt: isoTime(row.created_at),
    updatedAt: isoTime(row.updated_at),
  };
}
