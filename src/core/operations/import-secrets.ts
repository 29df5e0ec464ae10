import { z } from 'zod';

import { findSecret } from '../../domain/secrets/find.ts';
import { readLayout as read, writeLayout } from '../../domain/secrets/layout.ts';
import { IMPORT_SECRETS_MAX } from '../../domain/secrets/limits.ts';
import { equalRecords, toRecord, wipeRecord, type ValueInput } from '../../domain/secrets/value.ts';
import { readVersion } from '../../domain/secrets/versions.ts';
import { countAttempt } from '../../domain/secrets/verify-attempts.ts';
import { writeSecret } from '../../domain/secrets/write.ts';
import { StrongroomError } from '../../errors.ts';
import type { SettingValues } from '../../domain/settings/known-settings.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretValue } from '../../secret-value.ts';
import { parseLayout, serializeLayout } from '../../formats/dotenv-layout.ts';
import { mergeLayouts } from '../../formats/merge-layouts.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { complexityOf } from './complexity.ts';
import { mayReadAll } from './read-layout.ts';
import { addressOf } from './place-secret.ts';
import * as schema from './schema.ts';
import { environmentOf } from './secret-address.ts';

/** One secret of an import. */
export interface ImportedSecret {
  readonly path: string;
  readonly value: ValueInput;
  /** Used for a secret that is new. Default: `generic`. */
  readonly type?: SecretType | undefined;
}

export interface ImportSecretsInput {
  readonly workspace?: string | undefined;
  readonly environment: string;
  /** Up to 10,000. */
  readonly secrets: readonly ImportedSecret[];
  /**
   * The file that they came from, as `serializeLayout` writes it; kept encrypted. What was
   * kept before stays, with the lines of new names after it, unless this one has all its names.
   */
  readonly layout?: SecretValue | undefined;
  /** Only tell what would become of the secrets, and change nothing. Default no. */
  readonly dryRun?: boolean | undefined;
}

/** What became of the secrets of an import, by path. */
export interface SecretsImported {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: readonly string[];
}

const paths = z.array(z.string());

/**
 * Errors: `environment_not_found`, `value_too_large`, `invalid_name`; `rate_limited` if it is only
 * tried, after 5 attempts in a minute with one secret. All or nothing.
 */
export const importSecrets: Operation<ImportSecretsInput, SecretsImported> = {
  name: 'secrets.import',
  summary: 'Brings many secrets in at once, all or none.',
  errors: ['value_too_large', 'too_weak', 'environment_not_found'],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment,
    secrets: z
      .array(
        z
          .strictObject({
            path: schema.path,
            value: schema.value,
            type: schema.secretType.optional(),
          })
          .meta({ wire: schema.SECRET_NAMES }),
      )
      .max(IMPORT_SECRETS_MAX)
      .refine(
        (secrets) => new Set(secrets.map(({ path }) => path)).size === secrets.length,
        'takes each path once',
      ),
    layout: schema.secret.optional(),
    dryRun: z.boolean().optional(),
  }),
  output: schema.answer<SecretsImported>({ created: paths, updated: paths, unchanged: paths }),
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/secrets/import` }],
  secretMembers: ['secrets', 'layout'],
  mutates: true,
  // Whether a value is new is told by comparing, which is a way of reading.
  requires: (input) => {
    const environment = [schema.workspaceOf(input), input.environment];
    const resources = input.secrets.map(({ path }) => [...environment, ...path.split('/')]);
    if (input.layout !== undefined) resources.push(environment);
    return resources.flatMap((resource) => [
      { capability: 'write' as const, resource },
      { capability: 'read' as const, resource },
    ]);
  },
  subject: (input) => ({
    workspace: schema.workspaceOf(input),
    environment: input.environment,
    detail: `${input.secrets.length} secrets${input.dryRun === true ? ', only tried' : ''}`,
  }),
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const complexity = complexityOf(call, environment.workspace.id);
    const result = { created: [] as string[], updated: [] as string[], unchanged: [] as string[] };
    for (const secret of input.secrets) {
      const { outcome, current } = await outcomeOf(call, environment, secret);
      result[outcome].push(secret.path);
      const isTold = outcome === 'unchanged' || input.dryRun === true;
      if (current !== undefined && isTold)
        await noteCompared(call, environment, { current, outcome, ...input });
      if (isTold) continue;
      const isNew = outcome === 'created';
      await importOne(call, environment, { ...secret, isNew, complexity });
    }
    if (input.dryRun !== true) await keepLayout(call, environment, input);
    return result;
  },
};

async function outcomeOf(
  call: Call,
  environment: Environment,
  { path, value }: ImportedSecret,
): Promise<{ readonly outcome: keyof SecretsImported; readonly current?: SecretRow }> {
  const current = await findSecret(call, environment, path);
  if (current === undefined) return { outcome: 'created' };
  return { outcome: (await isValueOf(call, current, value)) ? 'unchanged' : 'updated', current };
}

/**
 * Puts on record that a value was held against a secret's, where no change says so. Who
 * only tries can find out a short one, and is bounded as by `secrets.verify`.
 */
async function noteCompared(
  call: Call,
  environment: Environment,
  {
    current: { id, path, current_version: version },
    outcome,
    dryRun,
  }: {
    readonly current: SecretRow;
    readonly outcome: keyof SecretsImported;
    readonly dryRun?: boolean | undefined;
  },
): Promise<void> {
  if (dryRun === true) await countAttempt(call, id);
  const detail = outcome === 'unchanged' ? 'matches' : 'differs';
  call.record('secrets.verify', { ...addressOf(environment, path), secretId: id, version, detail });
}

async function importOne(
  call: Call,
  environment: Environment,
  {
    type,
    isNew,
    ...change
  }: ImportedSecret & {
    readonly isNew: boolean;
    readonly complexity: SettingValues['complexity'];
  },
): Promise<void> {
  const written = await writeSecret(call, environment, {
    ...change,
    mode: 'write',
    replace: true,
    type: isNew ? type : undefined,
  });
  call.record(written.created ? 'secrets.create' : 'secrets.update', {
    workspace: environment.workspace.name,
    environment: environment.name,
    path: change.path,
    secretId: written.row.id,
    version: written.row.current_version,
    revision: written.row.row_revision,
    commit: written.commit,
  });
}

/** Who may not read all of the layout that is kept leaves it as it is. */
async function keepLayout(
  call: Call,
  environment: Environment,
  input: ImportSecretsInput,
): Promise<void> {
  if (input.layout === undefined) return;
  const added = input.layout.reveal();
  requireLayout(added);
  const kept = await read(call, environment);
  if (kept !== undefined && !mayReadAll(call, input, kept)) return;
  const next = kept === undefined ? added : mergedLayout(kept, added);
  const revision = await writeLayout(call, environment, next);
  call.about({ detail: `${input.secrets.length} secrets, layout ${revision}` });
}

/** What is none must not be kept: it could not be told from damage later. */
function requireLayout(text: string): void {
  try {
    parseLayout(text);
  } catch {
    throw new StrongroomError('invalid_input', 'the layout is not one that serializeLayout wrote');
  }
}

function mergedLayout(kept: string, added: string): string {
  const addedLayout = parseLayout(added);
  const merged = mergeLayouts(parseLayout(kept), addedLayout);
  return merged === addedLayout ? added : serializeLayout(merged.document, merged.paths);
}

/** Whether a secret's current version is a value already. */
async function isValueOf(call: Call, secret: SecretRow, value: ValueInput): Promise<boolean> {
  if (secret.current_commit === null) return false;
  const before = await readVersion(call, secret, secret.current_version);
  try {
    const after = toRecord(value);
    try {
      return equalRecords(before, after);
    } finally {
      wipeRecord(after);
    }
  } finally {
    wipeRecord(before);
  }
}
