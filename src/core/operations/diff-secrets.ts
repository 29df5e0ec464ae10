import { z } from 'zod';

import { differenceOf, openVersionOf, type Difference } from '../../domain/secrets/difference.ts';
import { requireSecret } from '../../domain/secrets/find.ts';
import { fromRecord, type ValueOutput } from '../../domain/secrets/value.ts';
import { StrongroomError } from '../../errors.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { mayAt, requireAt } from '../rights-at.ts';
import { isGivenOut, requireGivenOut } from './given-out.ts';
import { addressOf } from './place-secret.ts';
import { withValue } from './read-secret.ts';
import * as schema from './schema.ts';
import { environmentById, isFolder, pathOrFolder, requirementAt } from './secret-folder.ts';
import { mayNow, pastMoment, snapshotOf, snapshotOfOne, type Taken } from './snapshot.ts';

export interface DiffSecretsInput {
  readonly workspace?: string | undefined;
  readonly environment: string;
  /** One secret, or with `/` at its end a folder. Default: the whole environment. */
  readonly path?: string | undefined;
  /** The environment to compare with. Default: the same one. */
  readonly toEnvironment?: string | undefined;
  /** Default: the same workspace. */
  readonly toWorkspace?: string | undefined;
  /** RFC 3339: how the first was at this moment. Default: as it is. */
  readonly from?: string | undefined;
  /** RFC 3339: how the second was at this moment. Default: as it is. */
  readonly to?: string | undefined;
  /** Compares two versions of the secret at `path`. */
  readonly version?: number | undefined;
  /** Default: the current version. */
  readonly toVersion?: number | undefined;
  /** Gives the values that differ, each on record; takes the right to read on both sides what is on both. Default no. */
  readonly show?: boolean | undefined;
}

/** What became of one secret from the first side to the second. */
export interface SecretDifference {
  readonly path: string;
  /** `unknown`: the caller may not read it, it is inactive and not theirs to activate, or a value of then is no more. */
  readonly change: 'added' | 'removed' | 'changed' | 'same' | 'unknown';
  /** The version on the first side. */
  readonly before: number | null;
  /** The version on the second side. */
  readonly after: number | null;
  /** Whether the value is another; `undefined` where that is not known or does not apply. */
  readonly value?: boolean | undefined;
  readonly fields?: Difference['fields'];
  /** Names of attributes that differ. */
  readonly attributes: readonly string[];
  /** With `show`, of a value that is another. */
  readonly valueBefore?: ValueOutput | undefined;
  readonly valueAfter?: ValueOutput | undefined;
}

/** All secrets of both sides, by path. */
export interface SecretsDiff {
  readonly secrets: readonly SecretDifference[];
}

const shownValue: z.ZodType<ValueOutput> = z.union([...withValue<ValueOutput>({})]);

const secretDifference = schema
  .answer<SecretDifference>({
    path: z.string(),
    change: z.enum(['added', 'removed', 'changed', 'same', 'unknown']),
    before: z.int().nullable(),
    after: z.int().nullable(),
    value: z.boolean().optional(),
    fields: z
      .strictObject({
        added: z.array(z.string()),
        removed: z.array(z.string()),
        changed: z.array(z.string()),
      })
      .optional(),
    attributes: z.array(z.string()),
    valueBefore: shownValue.optional(),
    valueAfter: shownValue.optional(),
  })
  .meta({ wire: schema.SECRET_NAMES });

/** The schema of {@link SecretsDiff}. */
export const secretsDiff: z.ZodType<SecretsDiff> = schema.answer<SecretsDiff>({
  secrets: z.array(secretDifference),
});

export const diffSecrets: Operation<DiffSecretsInput, SecretsDiff> = {
  name: 'secrets.diff',
  summary: 'Says what differs between two environments, versions or moments, without values.',
  errors: [
    'environment_not_found',
    'secret_not_found',
    'secret_deleted',
    'secret_inactive',
    'version_not_found',
  ],
  input: z
    .strictObject({
      workspace: schema.workspace,
      environment: schema.environment,
      path: pathOrFolder.optional(),
      toEnvironment: schema.environment.optional(),
      toWorkspace: schema.workspace,
      from: schema.time.optional(),
      to: schema.time.optional(),
      version: z.int().min(1).optional(),
      toVersion: z.int().min(1).optional(),
      show: z.boolean().optional(),
    })
    .meta({ wire: schema.SECRET_NAMES }),
  output: secretsDiff,
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/secrets/diff` }],
  secretMembers: ['secrets'],
  mutates: false,
  requires: requirements,
  subject: (input) => ({
    workspace: schema.workspaceOf(input),
    environment: input.environment,
    path: input.path === undefined || isFolder(input.path) ? undefined : input.path,
    detail: detailOf(input),
  }),
  apply: async (input, call) => {
    const sides = sidesOf(call, input);
    if (input.version !== undefined || input.toVersion !== undefined) {
      return { secrets: [await diffVersions(call, sides, input)] };
    }
    return { secrets: await diffSides(call, sides, input) };
  },
};

interface Side {
  readonly environment: Environment;
  readonly at: number | undefined;
}

interface Sides {
  readonly before: Side;
  readonly after: Side;
}

function requirements(input: DiffSecretsInput): readonly Requirement[] {
  const isOfVersions = input.version !== undefined || input.toVersion !== undefined;
  const capability = isOfVersions || input.show === true ? 'read' : 'list';
  const here = [schema.workspaceOf(input), input.environment] as const;
  const there = [
    input.toWorkspace ?? schema.workspaceOf(input),
    input.toEnvironment ?? input.environment,
  ] as const;
  return [here, there].map((environment) =>
    input.path === undefined
      ? { capability, resource: environment, reach: 'under' as const }
      : requirementAt(capability, environment, input.path),
  );
}

function detailOf({ toWorkspace, toEnvironment, from, to, show }: DiffSecretsInput): string {
  const other = [toWorkspace, toEnvironment].filter((part) => part !== undefined).join('/');
  return [
    ...(other === '' ? [] : [`with ${other}`]),
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(to === undefined ? [] : [`to ${to}`]),
    ...(show === true ? ['with values'] : []),
  ].join(' ');
}

function sidesOf(call: Call, input: DiffSecretsInput): Sides {
  const workspace = schema.workspaceOf(input);
  const before = call.directory.environment(workspace, input.environment);
  const after = call.directory.environment(
    input.toWorkspace ?? workspace,
    input.toEnvironment ?? input.environment,
  );
  const at = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : pastMoment(call, text);
  const sides = {
    before: { environment: before, at: at(input.from) },
    after: { environment: after, at: at(input.to) },
  };
  const isOfVersions = input.version !== undefined || input.toVersion !== undefined;
  if (!isOfVersions && before.id === after.id && sides.before.at === sides.after.at) {
    throw new StrongroomError('invalid_input', 'there is nothing to compare with', {
      hint: 'name another environment, two versions, or a moment',
    });
  }
  return sides;
}

async function diffVersions(
  call: Call,
  { before: { environment } }: Sides,
  input: DiffSecretsInput,
): Promise<SecretDifference> {
  const { path } = input;
  const others = [input.toWorkspace, input.toEnvironment, input.from, input.to];
  const isAlone = others.every((other) => other === undefined);
  if (path === undefined || isFolder(path) || !isAlone) {
    throw new StrongroomError('invalid_input', 'versions are compared of one secret alone', {
      hint: 'name the secret, and neither another workspace or environment nor a moment',
    });
  }
  const present = await requireSecret(call, environment, path);
  requireGivenOut(call, environment, present);
  const [first = present.current_version, second = present.current_version] = [
    input.version,
    input.toVersion,
  ];
  call.about({ secretId: present.id });
  const at = (version: number): Taken => ({
    row: { ...present, current_version: version },
    present,
  });
  const sides = { environment, before: at(first), after: at(second), show: input.show === true };
  const difference = await compare(call, [environment, sides.before], [environment, sides.after]);
  return { path, ...(await described(call, sides, difference)) };
}

async function diffSides(
  call: Call,
  { before, after }: Sides,
  { path = '', show = false }: DiffSecretsInput,
): Promise<readonly SecretDifference[]> {
  const isOne = path !== '' && !isFolder(path);
  const [left, right] = await Promise.all(
    [before, after].map(({ environment, at }) =>
      isOne
        ? snapshotOfOne(call, environment, { path, at })
        : snapshotOf(call, environment, { prefix: path, at }),
    ),
  );
  const paths = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])].toSorted();
  const found: SecretDifference[] = [];
  for (const each of paths) {
    const [a, b] = [left?.get(each), right?.get(each)];
    if (a === undefined || b === undefined) found.push(onOneSide(each, a, b));
    else
      found.push({
        path: each,
        ...(await diffPair(call, { before, after, path: each, a, b, show })),
      });
  }
  if (isOne && found.length === 0) {
    throw new StrongroomError('secret_not_found', `there is no secret ${path} on either side`, {
      details: { path },
    });
  }
  return found;
}

function onOneSide(path: string, a: Taken | undefined, b: Taken | undefined): SecretDifference {
  return {
    path,
    change: a === undefined ? 'added' : 'removed',
    before: a?.row.current_version ?? null,
    after: b?.row.current_version ?? null,
    attributes: [],
  };
}

async function diffPair(
  call: Call,
  {
    before,
    after,
    path,
    a,
    b,
    show,
  }: {
    readonly before: Side;
    readonly after: Side;
    readonly path: string;
    readonly a: Taken;
    readonly b: Taken;
    readonly show: boolean;
  },
): Promise<Omit<SecretDifference, 'path'>> {
  const mayRead = [
    [before.environment, a.present] as const,
    [after.environment, b.present] as const,
  ].every(
    ([environment, present]) =>
      mayAt(call, 'read', environment, path) &&
      mayNow(call, 'read', present) &&
      isGivenOut(call, environmentById(call, present.environment_id), present),
  );
  const versions = { before: a.row.current_version, after: b.row.current_version };
  if (!mayRead) {
    for (const { environment } of show ? [before, after] : []) {
      requireAt(call, 'read', environment, path);
    }
    return { change: 'unknown', ...versions, attributes: [] };
  }
  try {
    const difference = await compare(call, [before.environment, a], [after.environment, b]);
    const sides = { environment: after.environment, before: a, after: b, show };
    return await described(call, { ...sides, beforeEnvironment: before.environment }, difference);
  } catch (error) {
    if (!(error instanceof StrongroomError) || error.code !== 'secret_deleted') throw error;
    return { change: 'unknown', ...versions, attributes: [] };
  }
}

type TakenIn = readonly [environment: Environment, taken: Taken];

/**
 * Where two secrets differ. Whether a value is another one tells something of
 * both, so each that was compared goes on record by itself.
 */
export async function compare(call: Call, a: TakenIn, b: TakenIn): Promise<Difference> {
  const difference = await differenceOf(call, a[1], b[1]);
  for (const [environment, { row, present }] of difference.isCompared ? [a, b] : []) {
    recordCompared(call, environment, { ...row, id: present.id });
  }
  return difference;
}

/** Puts on record that the value of a secret was held against another one. */
export function recordCompared(
  call: Call,
  environment: Environment,
  { id, path, current_version: version }: Pick<SecretRow, 'id' | 'path' | 'current_version'>,
): void {
  const subject = { ...addressOf(environment, path), secretId: id, version };
  call.record('secrets.diff', { ...subject, detail: 'compared' });
}

async function described(
  call: Call,
  sides: {
    readonly environment: Environment;
    readonly beforeEnvironment?: Environment;
    readonly before: Taken;
    readonly after: Taken;
    readonly show: boolean;
  },
  { value, fields, attributes }: Difference,
): Promise<Omit<SecretDifference, 'path'>> {
  const { before, after, show, environment } = sides;
  const isShown = show && value && [before, after].every(isActive);
  return {
    change: value || attributes.length > 0 ? 'changed' : 'same',
    before: before.row.current_version,
    after: after.row.current_version,
    value,
    fields,
    attributes,
    ...(isShown
      ? {
          valueBefore: await shown(call, sides.beforeEnvironment ?? environment, before),
          valueAfter: await shown(call, environment, after),
        }
      : {}),
  };
}

/** One that is not to be given out is not shown here either. */
function isActive({ present }: Taken): boolean {
  return present.inactive_at === null;
}

/** A value that is given out, which goes on record like any other read. */
async function shown(call: Call, environment: Environment, taken: Taken): Promise<ValueOutput> {
  call.record('secrets.read', {
    ...addressOf(environment, taken.row.path),
    secretId: taken.present.id,
    version: taken.row.current_version,
  });
  return fromRecord((await openVersionOf(call, taken)).record);
}
