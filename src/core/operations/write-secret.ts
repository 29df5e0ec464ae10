import { z } from 'zod';

import { writeSecret as write, type SecretChange } from '../../domain/secrets/write.ts';
import type { SecretAccess } from '../../domain/access/secret-grants.ts';
import { FIELDS_MAX } from '../../domain/secrets/limits.ts';
import { isSingleValue, type ValueInput } from '../../domain/secrets/value.ts';
import { policyWith } from '../../domain/secrets/rotation-policy.ts';
import { StrongroomError } from '../../errors.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE, onSecret } from '../rest-binding.ts';
import { requireTag } from './entity-tag.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { access, giveAccess, requiresForAccess } from './secret-access.ts';
import { complexityOf } from './complexity.ts';
import { ownerId } from './owner.ts';
import { summaryAfterMembers, toSummaryAfter, type SecretSummaryAfter } from './secret-view.ts';
import { warningsOf } from './value-warnings.ts';

export interface CreateSecretInput extends SecretAddress, schema.AttributesInput {
  /** Text, bytes, a `SecretValue`, or named fields; up to 1 MiB. */
  readonly value: ValueInput;
  /**
   * Whether `${db/PASSWORD}` in the value stands for another secret where it is resolved. Default
   * no: it is text like any other. Fields that are kept stay what they were.
   */
  readonly references?: boolean | undefined;
  /** Rights of others on this one secret, in place of those given on it before. Takes `admin`. */
  readonly access?: readonly SecretAccess[] | undefined;
}

export interface UpdateSecretInput extends SecretAddress, schema.AttributesInput {
  /** A new version, if there is one. Fields merge into fields. */
  readonly value?: ValueInput | undefined;
  /**
   * Whether `${db/PASSWORD}` in the value stands for another secret where it is resolved. Default
   * no: it is text like any other. Fields that are kept stay what they were.
   */
  readonly references?: boolean | undefined;
  /** Rights of others on this one secret, in place of those given on it before. Takes `admin`. */
  readonly access?: readonly SecretAccess[] | undefined;
  /** Replaces all fields instead. */
  readonly replace?: boolean | undefined;
  /** Fields that the new version does not have any more. */
  readonly removeFields?: readonly string[] | undefined;
  /** Fails with `cas_mismatch` unless the current version is this one. */
  readonly cas?: number | undefined;
  /** Fails with `cas_mismatch` unless one of these entity tags is that of its value or description. */
  readonly ifMatch?: string | undefined;
}

export interface WriteSecretInput extends CreateSecretInput {
  /** The type if there is no such secret yet and `type` says none; one that is there keeps its own. */
  readonly typeIfNew?: SecretType | undefined;
  readonly replace?: boolean | undefined;
  /** Fields that the new version does not have any more. */
  readonly removeFields?: readonly string[] | undefined;
  /** Fails with `cas_mismatch` unless the current version is this one; 0: there must be none. */
  readonly cas?: number | undefined;
  /** Fails with `cas_mismatch` unless one of these entity tags is that of its value or description. */
  readonly ifMatch?: string | undefined;
}

/** A secret after a change, without its value. */
export type SecretChanged = SecretSummaryAfter & {
  readonly created: boolean;
  /** What is strange about the value for the secret's type. */
  readonly warnings: readonly string[];
};

/** The schema of {@link SecretChanged}. */
export const secretChanged: z.ZodType<SecretChanged> = schema
  .answer<SecretChanged>({
    ...summaryAfterMembers,
    created: z.boolean(),
    warnings: z.array(z.string()),
  })
  .meta({ wire: schema.SECRET_NAMES });

const FIELD_NAME_MAX = 128;
const removeFields = z.array(z.string().max(FIELD_NAME_MAX)).min(1).max(FIELDS_MAX);

const common = {
  output: secretChanged,
  secretMembers: ['value', 'description', 'usage', 'metadata'],
  mutates: true,
  requires: (input: UpdateSecretInput) => [
    ...requiresOnSecret('write')(input),
    ...requiresForAccess(input),
  ],
  subject: secretSubject,
} as const;

export const createSecret: Operation<CreateSecretInput, SecretChanged> = {
  ...common,
  name: 'secrets.create',
  errors: [
    'value_too_large',
    'too_weak',
    'invalid_reference',
    'environment_not_found',
    'secret_exists',
    'subject_not_found',
    'escalation_refused',
  ],
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/secrets`, status: 201 }],
  summary: 'Makes a secret that is not there yet.',
  input: z
    .strictObject({
      ...schema.address,
      ...schema.attributes,
      value: schema.value,
      references: z.boolean().optional(),
      access: access.optional(),
    })
    .meta({ wire: schema.SECRET_NAMES }),
  apply: (input, call) => change(call, 'create', input),
};

/** Errors: `secret_not_found`, `cas_mismatch`, `value_too_large`, `too_weak`, `field_not_found`, `subject_not_found`, `invalid_input` if nothing is to change. */
export const updateSecret: Operation<UpdateSecretInput, SecretChanged> = {
  ...common,
  name: 'secrets.update',
  errors: [
    'value_too_large',
    'too_weak',
    'invalid_reference',
    'environment_not_found',
    'secret_not_found',
    'field_not_found',
    'cas_mismatch',
    'subject_not_found',
    'escalation_refused',
  ],
  rest: onSecret('PATCH'),
  summary: 'Changes a secret that is there: its value, its attributes, or both.',
  input: z
    .strictObject({
      ...schema.address,
      ...schema.attributes,
      value: schema.value.optional(),
      references: z.boolean().optional(),
      access: access.optional(),
      replace: z.boolean().optional(),
      removeFields: removeFields.optional(),
      cas: schema.cas.optional(),
      ifMatch: schema.headText,
    })
    .meta({ wire: schema.SECRET_NAMES }),
  apply: async (input, call) => {
    requireChange(input);
    return change(call, 'update', input);
  },
};

export const writeSecret: Operation<WriteSecretInput, SecretChanged> = {
  ...common,
  name: 'secrets.write',
  errors: [
    'value_too_large',
    'too_weak',
    'invalid_reference',
    'environment_not_found',
    'field_not_found',
    'cas_mismatch',
    'subject_not_found',
    'escalation_refused',
  ],
  rest: [{ method: 'PUT', path: `${IN_WORKSPACE}/secrets/by-name/{environment}/{path+}` }],
  summary: 'Makes a secret, or gives one that is there a new version.',
  input: z
    .strictObject({
      ...schema.address,
      ...schema.attributes,
      value: schema.value,
      references: z.boolean().optional(),
      access: access.optional(),
      typeIfNew: schema.secretType.optional(),
      replace: z.boolean().optional(),
      removeFields: removeFields.optional(),
      cas: schema.cas.optional(),
      ifMatch: schema.headText,
    })
    .meta({ wire: schema.SECRET_NAMES }),
  apply: (input, call) => change(call, 'write', input),
};

/** Members of an update that say nothing that is to change. */
const NO_CHANGES: ReadonlySet<string> = new Set([
  'workspace',
  'environment',
  'path',
  'replace',
  'cas',
  'ifMatch',
]);

/** An update of nothing would only tell what is there, to someone who may perhaps not see it. */
function requireChange(input: UpdateSecretInput): void {
  if (input.references !== undefined && input.value === undefined) {
    throw new StrongroomError('invalid_input', 'there is no value that could have references');
  }
  const isChange = ([name, member]: [string, unknown]): boolean =>
    member !== undefined && !NO_CHANGES.has(name);
  if (Object.entries(input).some(isChange)) return;
  throw new StrongroomError('invalid_input', 'nothing to change', {
    hint: 'say a value, or what else is to change: a type, tags, a description, an expiry, an owner',
  });
}

async function change(
  call: Call,
  mode: SecretChange['mode'],
  input: UpdateSecretInput,
): Promise<SecretChanged> {
  const environment = environmentOf(call, input);
  await requireTag(call, { environment, path: input.path }, input.ifMatch);
  const { row, commit, created } = await write(call, environment, {
    ...input,
    mode,
    rotation: policyWith(input.rotation, input.rotationIntervalDays),
    expiresAt: schema.toMs(input.expiresAt),
    owner: ownerId(call, input.owner),
    complexity: complexityOf(call, environment.workspace.id),
  });
  await giveAccess(call, { id: row.id, environment, path: row.path }, input.access);
  call.about({
    secretId: row.id,
    version: commit === undefined ? undefined : row.current_version,
    revision: row.row_revision,
    commit,
  });
  const isWhole = created || input.replace === true || isSingleValue(input.value);
  const warnings = isWhole && input.value !== undefined ? warningsOf(row.type, input.value) : [];
  return { ...toSummaryAfter(call, environment, row), created, warnings };
}
