import { z } from 'zod';

import { findSecret } from '../../domain/secrets/find.ts';
import { readLayout as readKept } from '../../domain/secrets/layout.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { parseDotenv, type DotenvSegment } from '../../formats/dotenv.ts';
import { parseLayout, serializeLayout } from '../../formats/dotenv-layout.ts';
import { SecretValue } from '../../secret-value.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { addressOf } from './place-secret.ts';
import * as schema from './schema.ts';
import { environmentOf } from './secret-address.ts';

/** The layout of an environment, if there is one and the caller may have all of it. */
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
    'Gives the layout of the .env file that an environment was imported from, if the caller may read every variable of it.',
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
    const given = await readableOf(call, environment, layout);
    return { layout: given === undefined ? undefined : SecretValue.text(given) };
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
 * A layout without the lines of what can be read no more: a secret that is away, inactive or
 * elsewhere. Each of the others is on record as read. `undefined` if the rest would be read otherwise.
 */
async function readableOf(
  call: Call,
  environment: Environment,
  layout: string,
): Promise<string | undefined> {
  const { document, paths } = parseLayout(layout);
  const kept: DotenvSegment[] = [];
  const read = new Set<string>();
  for (const segment of document.segments) {
    if (segment.kind === 'assignment') {
      const path = paths.get(segment.name) ?? segment.name;
      const secret = await findSecret(call, environment, path);
      if (secret === undefined || secret.inactive_at !== null) continue;
      const subject = { ...addressOf(environment, path), secretId: secret.id };
      if (!read.has(path)) call.record('secrets.read', { ...subject, detail: 'as imported' });
      read.add(path);
    }
    kept.push(segment);
  }
  if (kept.length === document.segments.length) return layout;
  const rest = parseDotenv(kept.map(({ raw }) => raw).join(''));
  const isSame = rest.segments.every(({ raw }, at) => raw === kept[at]?.raw);
  return isSame && rest.segments.length === kept.length ? serializeLayout(rest, paths) : undefined;
}
