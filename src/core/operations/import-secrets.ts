import { z } from 'zod';

import { findSecret } from '../../domain/secrets/find.ts';
import { readLayout as read, writeLayout } from '../../domain/secrets/layout.ts';
import { toRecord, wipeRecord, type ValueInput } from '../../domain/secrets/value.ts';
import { readVersion } from '../../domain/secrets/versions.ts';
import { writeSecret } from '../../domain/secrets/write.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { encodeRecord } from '../../crypto/version-record.ts';
import { wipe } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { SecretValue } from '../../secret-value.ts';
import { parseLayout } from '../../formats/dotenv-layout.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { Call, Operation } from '../operation.ts';
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
  /** The file that they came from, as `serializeLayout` writes it; kept encrypted. */
  readonly layout?: SecretValue | undefined;
}

/** What became of the secrets of an import, by path. */
export interface SecretsImported {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: readonly string[];
}

export interface LayoutInput {
  readonly workspace?: string | undefined;
  readonly environment: string;
}

const SECRETS_MAX = 10_000;

/** Errors: `environment_not_found`, `value_too_large`, `invalid_name`. All or nothing. */
export const importSecrets: Operation<ImportSecretsInput, SecretsImported> = {
  name: 'secrets.import',
  summary: 'Brings many secrets in at once, all or none.',
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment,
    secrets: z
      .array(
        z.strictObject({
          path: schema.path,
          value: schema.value,
          type: schema.secretType.optional(),
        }),
      )
      .max(SECRETS_MAX),
    layout: z.custom<SecretValue>((given) => given instanceof SecretValue).optional(),
  }),
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
    detail: `${input.secrets.length} secrets`,
  }),
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const result = { created: [] as string[], updated: [] as string[], unchanged: [] as string[] };
    for (const secret of input.secrets) {
      result[await importOne(call, environment, secret)].push(secret.path);
    }
    if (input.layout !== undefined) await writeLayout(call, environment, input.layout.reveal());
    return result;
  },
};

/** Errors: `environment_not_found`. */
export const readLayout: Operation<LayoutInput, { readonly layout: SecretValue | undefined }> = {
  name: 'layouts.read',
  summary:
    'Gives the layout of the .env file that an environment was imported from, if the caller may read every variable of it.',
  input: z.strictObject({ workspace: schema.workspace, environment: schema.environment }),
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

async function importOne(
  call: Call,
  environment: Environment,
  secret: ImportedSecret,
): Promise<keyof SecretsImported> {
  const current = await findSecret(call, environment, secret.path);
  if (current !== undefined) {
    const record = await readVersion(call, current, current.current_version);
    const [before, after] = [encodeRecord(record), encodeRecord(toRecord(secret.value))];
    const isSame = equalBytes(before, after);
    for (const bytes of [before, after]) wipe(bytes);
    wipeRecord(record);
    if (isSame) return 'unchanged';
  }
  const { type: newType, ...change } = secret;
  const written = await writeSecret(call, environment, {
    ...change,
    replace: true,
    type: current === undefined ? newType : undefined,
  });
  call.record(written.created ? 'secrets.create' : 'secrets.update', {
    workspace: environment.workspace.name,
    environment: environment.name,
    path: secret.path,
    secretId: written.row.id,
    version: written.row.current_version,
    revision: written.row.row_revision,
    commit: written.commit,
  });
  return written.created ? 'created' : 'updated';
}
