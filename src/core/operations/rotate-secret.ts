import { z } from 'zod';

import {
  generate,
  generateNow,
  wipeGenerated,
  type Generated,
} from '../../domain/generators/generate.ts';
import {
  isSlow,
  keepRules,
  parseGenerator,
  type Generator,
} from '../../domain/generators/generator.ts';
import { rulesFor } from '../../domain/secrets/complexity.ts';
import { requireSecret } from '../../domain/secrets/find.ts';
import {
  requireUnchanged,
  retirePrevious,
  rollBack,
  rotateSecret as rotate,
  type NextValue,
  type Rotated,
} from '../../domain/secrets/rotate.ts';
import { generatorOf } from '../../domain/secrets/rotation-columns.ts';
import type { ValueInput } from '../../domain/secrets/value.ts';
import type { ComplexityRules } from '../../domain/settings/known-settings.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { StrongroomError } from '../../errors.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation, Services } from '../operation.ts';
import { onSecret } from '../rest-binding.ts';
import { complexityOf } from './complexity.ts';
import { requireTag } from './entity-tag.ts';
import { bitsOf, PreparedValue } from './generate-value.ts';
import { generator } from './rotation-input.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { summaryAfterMembers, toSummaryAfter, type SecretSummaryAfter } from './secret-view.ts';
import { warningsOf } from './value-warnings.ts';

export interface RotateSecretInput extends SecretAddress {
  /** The new value. Default: one that the secret's generator makes. */
  readonly newValue?: ValueInput | undefined;
  /** Makes the value this once, instead of the secret's own generator. */
  readonly generator?: string | undefined;
  /** Fails with `cas_mismatch` unless the current version is this one. */
  readonly cas?: number | undefined;
  /** Fails with `cas_mismatch` unless one of these entity tags is that of its value or description. */
  readonly ifMatch?: string | undefined;
}

export interface RollBackInput extends SecretAddress {
  /** The version whose value comes back. Default: the previous one. */
  readonly version?: number | undefined;
  /** Fails with `cas_mismatch` unless the current version is this one. */
  readonly cas?: number | undefined;
}

export interface RetirePreviousInput extends SecretAddress {
  /** Also deletes that version, which takes the right to delete. Default no. */
  readonly delete?: boolean | undefined;
}

/** A secret after its rotation, without its value. */
export type SecretRotated = SecretSummaryAfter & {
  /** What is strange about the value for the secret's type. */
  readonly warnings: readonly string[];
  /** Bits of entropy of a generated value. */
  readonly entropyBits: number | undefined;
};

/** A secret whose previous version was retired. */
export type PreviousRetired = SecretSummaryAfter & {
  /** The version that was the previous one. */
  readonly retiredVersion: number;
};

/** The schema of {@link SecretRotated}. */
export const secretRotated: z.ZodType<SecretRotated> = schema
  .answer<SecretRotated>({
    ...summaryAfterMembers,
    warnings: z.array(z.string()),
    entropyBits: z.number().optional(),
  })
  .meta({ wire: schema.SECRET_NAMES });

const common = {
  mutates: true,
  requires: requiresOnSecret('rotate'),
  subject: secretSubject,
} as const;

export const rotateSecret: Operation<RotateSecretInput, SecretRotated, PreparedValue | undefined> =
  {
    ...common,
    name: 'secrets.rotate',
    errors: [
      'value_too_large',
      'too_weak',
      'environment_not_found',
      'secret_not_found',
      'secret_deleted',
      'secret_inactive',
      'cas_mismatch',
      'no_generator',
    ],
    summary: 'Gives a secret a new value; the old one stays readable as its previous version.',
    input: z.strictObject({
      ...schema.address,
      newValue: schema.value.optional(),
      generator: generator.optional(),
      cas: z.int().min(1).optional(),
      ifMatch: schema.headText,
    }),
    output: secretRotated,
    rest: onSecret('POST', 'rotate'),
    secretMembers: ['newValue'],
    prepare: prepareSlowly,
    apply: async (input, call, prepared) => {
      const environment = environmentOf(call, input);
      const row = await requireSecret(call, environment, input.path);
      await requireTag(call, { environment, path: input.path }, input.ifMatch);
      requireUnchanged(row, input.cas);
      const complexity = complexityOf(call, environment.workspace.id);
      if (input.newValue !== undefined) {
        const next: NextValue = { value: input.newValue, as: 'given', complexity };
        const warnings = warningsOf(row.type, input.newValue);
        return answer(call, environment, await rotate(call, row, next), { warnings });
      }
      const used = generatorFor(row, input, { environment, complexity });
      const made = makeNow(used, prepared);
      try {
        const rotated = await rotate(call, row, nextOf(used, made.generated, complexity));
        return answer(call, environment, rotated, { entropyBits: bitsOf(used) });
      } finally {
        if (made.isOwn) wipeGenerated(made.generated);
      }
    },
  };

export const rollBackSecret: Operation<RollBackInput, SecretRotated> = {
  ...common,
  name: 'secrets.rollback',
  summary: 'Gives a secret the value of an earlier version again, as a new version.',
  errors: [
    'environment_not_found',
    'secret_not_found',
    'secret_deleted',
    'secret_inactive',
    'version_not_found',
    'cas_mismatch',
  ],
  input: z.strictObject({
    ...schema.address,
    version: z.int().min(1).optional(),
    cas: z.int().min(1).optional(),
  }),
  output: secretRotated,
  rest: onSecret('POST', 'rollback'),
  secretMembers: [],
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const row = await requireSecret(call, environment, input.path);
    requireUnchanged(row, input.cas);
    return answer(call, environment, await rollBack(call, row, input.version));
  },
};

/** Errors: `secret_not_found`, `secret_deleted`, `version_not_found` if there is no previous version. */
export const retirePreviousVersion: Operation<RetirePreviousInput, PreviousRetired> = {
  ...common,
  name: 'secrets.retire',
  summary: 'Ends the stage of the previous version of a secret.',
  errors: ['environment_not_found', 'secret_not_found', 'secret_deleted', 'version_not_found'],
  input: z.strictObject({ ...schema.address, delete: z.boolean().optional() }),
  output: schema
    .answer<PreviousRetired>({ ...summaryAfterMembers, retiredVersion: z.int() })
    .meta({ wire: schema.SECRET_NAMES }),
  rest: onSecret('POST', 'retire'),
  secretMembers: [],
  requires: (input) => [
    ...requiresOnSecret('rotate')(input),
    ...(input.delete === true ? requiresOnSecret('delete')(input) : []),
  ],
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const before = await requireSecret(call, environment, input.path);
    const { row, version } = await retirePrevious(call, before, input.delete ?? false);
    call.about({ secretId: row.id, version, revision: row.row_revision });
    return { ...toSummaryAfter(call, environment, row), retiredVersion: version };
  },
};

function answer(
  call: Call,
  environment: Environment,
  { row, commit }: Rotated,
  more: Partial<Pick<SecretRotated, 'warnings' | 'entropyBits'>> = {},
): SecretRotated {
  const { id: secretId, current_version: version, row_revision: revision } = row;
  call.about({ secretId, version, revision, commit });
  const { warnings = [], entropyBits } = more;
  return { ...toSummaryAfter(call, environment, row), warnings, entropyBits };
}

/** The generator to use, keeping the rules of the workspace. */
function generatorFor(
  row: SecretRow,
  input: RotateSecretInput,
  {
    environment,
    complexity,
  }: {
    readonly environment: Environment;
    readonly complexity: ComplexityRules | 'strong' | null;
  },
): Generator {
  const text = input.generator ?? generatorOf(row);
  if (text === undefined) throw noGenerator(row.path, environment);
  const rules = rulesFor(complexity, row.type);
  const used = parseGenerator(text);
  return rules === undefined ? used : keepRules(used, rules);
}

/** What was prepared if it is of this generator, and otherwise what is made now. */
function makeNow(
  used: Generator,
  prepared: PreparedValue | undefined,
): { readonly generated: Generated; readonly isOwn: boolean } {
  if (prepared?.generator === used.text) return { generated: prepared.generated, isOwn: false };
  if (!isSlow(used)) return { generated: generateNow(used), isOwn: true };
  throw new StrongroomError('cas_mismatch', 'the generator of the secret was changed meanwhile', {
    hint: 'rotate it again',
  });
}

function nextOf(
  used: Generator,
  { value, fields }: Generated,
  complexity: ComplexityRules | 'strong' | null,
): NextValue {
  if (fields !== undefined) return { value: fields, as: 'generated', complexity };
  if (used.field !== undefined) {
    return { value: { [used.field]: value }, as: 'generated', complexity };
  }
  return { value, as: used.recipe.kind === 'database' ? 'password' : 'generated', complexity };
}

const storedGenerator = statement(
  (db, p: Parameters<{ workspace: string; environment: string; path: string }>) =>
    db
      .selectFrom('secrets')
      .innerJoin('environments', 'environments.id', 'secrets.environment_id')
      .innerJoin('workspaces', 'workspaces.id', 'secrets.workspace_id')
      .select(['secrets.generator'])
      .where('workspaces.name', '=', p('workspace'))
      .where('environments.name', '=', p('environment'))
      .where('secrets.path', '=', p('path'))
      .where('secrets.deleted_at', 'is', null),
);

/** Makes what takes long before the transaction. That it is the right one is checked in it. */
async function prepareSlowly(
  input: RotateSecretInput,
  { store }: Services,
): Promise<PreparedValue | undefined> {
  if (input.newValue !== undefined) return undefined;
  const { environment, path } = input;
  const place = { workspace: schema.workspaceOf(input), environment, path };
  const text =
    input.generator ??
    textIn((await store.read((transaction) => transaction.get(storedGenerator, place)))?.generator);
  if (text === undefined) return undefined;
  const used = parseGenerator(text);
  return isSlow(used) ? new PreparedValue(used.text, await generate(used)) : undefined;
}

function textIn(json: string | null | undefined): string | undefined {
  return json === null || json === undefined ? undefined : (JSON.parse(json) as string);
}

function noGenerator(path: string, { name, workspace }: Environment): StrongroomError {
  const asked = schema.workspaceOf({}) === workspace.name ? '' : ` -w ${workspace.name}`;
  const at = `${path} -e ${name}${asked}`;
  return new StrongroomError('no_generator', `${path} has no generator`, {
    details: { path },
    hint: `give it one with \`strongroom update ${at} --generator password:24\`, or give the new value with \`strongroom rotate ${at} --given\``,
  });
}
