import { z } from 'zod';

import { writeSecret as write, type SecretChange } from '../../domain/secrets/write.ts';
import type { ValueInput } from '../../domain/secrets/value.ts';
import { StrongroomError } from '../../errors.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { Call, Operation } from '../operation.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { toSummary, type SecretSummary } from './secret-view.ts';

export interface CreateSecretInput extends SecretAddress, schema.AttributesInput {
  /** Text, bytes, a `SecretValue`, or named fields; up to 1 MiB. */
  readonly value: ValueInput;
}

export interface UpdateSecretInput extends SecretAddress, schema.AttributesInput {
  /** A new version, if there is one. Fields merge into fields. */
  readonly value?: ValueInput | undefined;
  /** Replaces all fields instead. */
  readonly replace?: boolean | undefined;
  /** Fails with `cas_mismatch` unless the current version is this one. */
  readonly cas?: number | undefined;
}

export interface WriteSecretInput extends CreateSecretInput {
  /** The type if there is no such secret yet and `type` says none; one that is there keeps its own. */
  readonly typeIfNew?: SecretType | undefined;
  readonly replace?: boolean | undefined;
  /** Fails with `cas_mismatch` unless the current version is this one; 0: there must be none. */
  readonly cas?: number | undefined;
}

/** A secret after a change, without its value. */
export interface SecretChanged extends SecretSummary {
  readonly created: boolean;
}

const common = {
  secretMembers: ['value', 'description'],
  mutates: true,
  requires: requiresOnSecret('write'),
  subject: secretSubject,
} as const;

/** Errors: `secret_exists`, `value_too_large`, `invalid_name`, `environment_not_found`. */
export const createSecret: Operation<CreateSecretInput, SecretChanged> = {
  ...common,
  name: 'secrets.create',
  summary: 'Makes a secret that is not there yet.',
  input: z.strictObject({ ...schema.address, ...schema.attributes, value: schema.value }),
  apply: (input, call) => change(call, 'create', input),
};

/** Errors: `secret_not_found`, `cas_mismatch`, `value_too_large`, `invalid_input` if nothing is to change. */
export const updateSecret: Operation<UpdateSecretInput, SecretChanged> = {
  ...common,
  name: 'secrets.update',
  summary: 'Changes a secret that is there: its value, its attributes, or both.',
  input: z.strictObject({
    ...schema.address,
    ...schema.attributes,
    value: schema.value.optional(),
    replace: z.boolean().optional(),
    cas: schema.cas.optional(),
  }),
  apply: async (input, call) => {
    requireChange(input);
    return change(call, 'update', input);
  },
};

/** Errors: `cas_mismatch`, `value_too_large`, `environment_not_found`. */
export const writeSecret: Operation<WriteSecretInput, SecretChanged> = {
  ...common,
  name: 'secrets.write',
  summary: 'Makes a secret, or gives one that is there a new version.',
  input: z.strictObject({
    ...schema.address,
    ...schema.attributes,
    value: schema.value,
    typeIfNew: schema.secretType.optional(),
    replace: z.boolean().optional(),
    cas: schema.cas.optional(),
  }),
  apply: (input, call) => change(call, 'write', input),
};

/** An update of nothing would only tell what is there, to someone who may perhaps not see it. */
function requireChange({ value, type, tags, description, expiresAt }: UpdateSecretInput): void {
  if ([value, type, tags, description, expiresAt].some((member) => member !== undefined)) return;
  throw new StrongroomError('invalid_input', 'nothing to change', {
    hint: 'say a value, a type, tags, a description or an expiry',
  });
}

async function change(
  call: Call,
  mode: SecretChange['mode'],
  input: UpdateSecretInput,
): Promise<SecretChanged> {
  const environment = environmentOf(call, input);
  const { row, commit, created } = await write(call, environment, {
    ...input,
    mode,
    expiresAt: schema.toMs(input.expiresAt),
  });
  call.about({
    secretId: row.id,
    version: commit === undefined ? undefined : row.current_version,
    revision: row.row_revision,
    commit,
  });
  return { ...toSummary(call, environment, row), created };
}
