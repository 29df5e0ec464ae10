import { z } from 'zod';

import { findSecret } from '../../domain/secrets/find.ts';
import { readLayout as readKept } from '../../domain/secrets/layout.ts';
import { wipeRecord } from '../../domain/secrets/value.ts';
import { readVersion } from '../../domain/secrets/versions.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { dotenvValues } from '../../formats/dotenv.ts';
import { parseLayout, serializeLayout, type DotenvLayout } from '../../formats/dotenv-layout.ts';
import { renderDotenv, type DotenvVariable } from '../../formats/dotenv-render.ts';
import { utf8Decode } from '../../lib/bytes.ts';
import { SecretValue } from '../../secret-value.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { addressOf } from './place-secret.ts';
import * as schema from './schema.ts';
import { environmentOf } from './secret-address.ts';

/** The layout of an environment with the values of now, if there is one and the caller may have all of it. */
export interface LayoutRead {
  readonly layout: SecretValue | undefined;
}

export interface LayoutInput {
  readonly workspace?: string | undefined;
  readonly environment: string;
}

export const readLayout: Operation<LayoutInput, LayoutRead> = {
  name: 'layouts.read',
  summary:
    'Gives the .env file that an environment was imported from, with the values of now, if the caller may read every variable of it.',
  errors: ['environment_not_found'],
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
    const environment = environmentOf(call, input);
    const layout = await readKept(call, environment);
    if (layout === undefined || !mayReadAll(call, input, layout)) return { layout: undefined };
    return { layout: SecretValue.text(await presentFile(call, environment, parseLayout(layout))) };
  },
};

/** A layout holds the values of the file, so who may not read one of them does not get it. */
export function mayReadAll(call: Call, input: LayoutInput, layout: string): boolean {
  const { document, paths } = parseLayout(layout);
  const environment = [schema.workspaceOf(input), input.environment];
  return document.segments.every(
    (segment) =>
      segment.kind !== 'assignment' ||
      call.may('read', [...environment, ...(paths.get(segment.name) ?? segment.name).split('/')]),
  );
}

/**
 * The file with the values that its secrets have now, each on record as read. What cannot be read
 * has no line: a secret that is away, inactive or elsewhere, and one that no line can hold.
 */
async function presentFile(
  call: Call,
  environment: Environment,
  { document, paths }: DotenvLayout,
): Promise<string> {
  const variables: DotenvVariable[] = [];
  for (const name of dotenvValues(document).keys()) {
    const value = await readText(call, environment, paths.get(name) ?? name);
    if (value !== undefined) variables.push({ name, value });
  }
  return serializeLayout({ text: renderDotenv(document, variables) }, paths);
}

/** The text of a secret, if a line of a file can hold it. */
async function readText(
  call: Call,
  environment: Environment,
  path: string,
): Promise<string | undefined> {
  const row = await findSecret(call, environment, path);
  if (row === undefined || row.inactive_at !== null || row.current_commit === null)
    return undefined;
  const { current_version: version } = row;
  const record = await readVersion(call, row, version);
  try {
    const [field] = record.fields;
    if (record.kind !== 'text' || field === undefined || field.bytes.includes(0)) return undefined;
    const subject = { ...addressOf(environment, path), secretId: row.id, version };
    call.record('secrets.read', { ...subject, detail: 'in the layout' });
    return utf8Decode(field.bytes);
  } finally {
    wipeRecord(record);
  }
}
