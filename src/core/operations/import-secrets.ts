import { z } from 'zod';

import { findSecret } from '../../domain/secrets/find.ts';
import { readLayout as read, writeLayout } from '../../domain/secrets/layout.ts';
import { IMPORT_SECRETS_MAX } from '../../domain/secrets/limits.ts';
import { equalRecords, toRecord, wipeRecord, type ValueInput } from '../../domain/secrets/value.ts';
import { readVersion } from '../../domain/secrets/versions.ts';
import { writeSecret } from '../../domain/secrets/write.ts';
import { StrongroomError } from '../../errors.ts';
import type { SettingValues } from '../../domain/settings/known-settings.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { SecretValue } from '../../secret-value.ts';
import { parseLayout, serializeLayout } from '../../formats/dotenv-layout.ts';
import { mergeLayouts } from '../../formats/merge-layouts.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { complexityOf } from './complexity.ts';
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

/** The layout of an environment, if there is one and the caller may have all of it. */
export interface LayoutRead {
  readonly layout: SecretValue | undefined;
}

export interface LayoutInput {
  readonly workspace?: string | undefined;
  readonly environment: string;
}

const paths = z.array(z.string());

/** Errors: `environment_not_found`, `value_too_large`, `invalid_name`. All or nothing. */
export const importSecrets: Operation<ImportSecretsInput, SecretsImported> = {
  name: 'secrets.import',
  summary: 'Brings many secrets in at once, all or none.',
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
      .max(IMPORT_SECRETS_MAX),
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
      const outcome = await outcomeOf(call, environment, secret);
      result[outcome].push(secret.path);
      if (outcome === 'unchanged' || input.dryRun === true) continue;
      const isNew = outcome === 'created';
      await importOne(call, environment, { ...secret, isNew, complexity });
    }
    if (input.dryRun !== true) await keepLayout(call, environment, input);
    return result;
  },
};

/** Errors: `environment_not_found`. */
export const readLayout: Operation<LayoutInput, LayoutRead> = {
  name: 'layouts.read',
  summary:
    'Gives the layout of the .env file that an environment was imported from, if the caller may read every variable of it.',
  input: z.strictObject({ workspace: schema.workspace, environment: schema.environment }),
  output: schema.answer<LayoutRead>({ layout: schema.secretOutput.optional() }),
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/environments/{environment}/layout` }],
  secretMembers: ['layout'],
  mutates: false,
  requires: (input) => [
    { capability: 'read', resource: [schema.workspaceOf(input), input.environment] },
  ],
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: async (input, call) => {
    const layout = await read(call, environmentOf(call, input));
    const isGiven = layout !== undefined && mayReadAll(call, input, layout);
    return { layout: isGiven ? SecretValue.text(layout) : undefined };
  },
};

/** A layout holds the values of the file, so who may not read one of them does not get it. */
function mayReadAll(call: Call, input: LayoutInput, layout: string): boolean {
  const { document, paths } = parseLayout(layout);
  const environment = [schema.workspaceOf(input), input.environment];
  return document.segments.every(
    (segment) =>
      segment.kind !== 'assignment' ||
      call.may('read', [...environment, ...(paths.get(segment.name) ?? segment.name).split('/')]),
  );
}

async function outcomeOf(
  call: Call,
  environment: Environment,
  { path, value }: ImportedSecret,
): Promise<keyof SecretsImported> {
  const current = await findSecret(call, environment, path);
  if (current === undefined) return 'created';
  return (await isValueOf(call, current, value)) ? 'unchanged' : 'updated';
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
