import { z } from 'zod';

import { followSecret } from '../../domain/access/secret-grants.ts';
import { copySecret, overwriteSecret } from '../../domain/secrets/copy.ts';
import { findSecret } from '../../domain/secrets/find.ts';
import { secretsUnder } from '../../domain/secrets/rows-under.ts';
import { deleteSecret } from '../../domain/secrets/trash.ts';
import { StrongroomError } from '../../errors.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { mayAt, requireAt } from '../rights-at.ts';
import { compare } from './diff-secrets.ts';
import { addressOf } from './place-secret.ts';
import * as schema from './schema.ts';
import { prefix } from './secret-folder.ts';

export interface PromoteInput {
  readonly workspace?: string | undefined;
  /** The environment that is copied. */
  readonly from: string;
  /** The environment that it is copied into. */
  readonly to: string;
  /** Only paths that begin with this, such as `payments/`. */
  readonly prefix?: string | undefined;
  /** Also deletes what is not in the first. Default no. */
  readonly delete?: boolean | undefined;
  /** Only tells what would become of the secrets, and changes nothing. Default no. */
  readonly dryRun?: boolean | undefined;
}

/** What became of the secrets of the second environment, by path. */
export interface Promoted {
  readonly added: readonly string[];
  /** Has the other value now, as a new version. */
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
  /** Inactive in the first environment: not given out, so left out. */
  readonly inactive: readonly string[];
  /** Has no current value in the first environment, so left out. */
  readonly withoutValue: readonly string[];
  readonly deleted: readonly string[];
}

const paths = z.array(z.string());

/** Errors: `environment_not_found`, `denied`, `invalid_input` beyond 10,000 secrets. All or nothing. */
export const promoteEnvironment: Operation<PromoteInput, Promoted> = {
  name: 'environments.promote',
  summary: 'Copies the secrets of an environment, or of a folder, into another, all or none.',
  errors: ['too_weak', 'environment_not_found'],
  input: z.strictObject({
    workspace: schema.workspace,
    from: schema.environment,
    to: schema.environment,
    prefix,
    delete: z.boolean().optional(),
    dryRun: z.boolean().optional(),
  }),
  output: schema.answer<Promoted>({
    added: paths,
    changed: paths,
    unchanged: paths,
    inactive: paths,
    withoutValue: paths,
    deleted: paths,
  }),
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/environments/promote` }],
  secretMembers: [],
  mutates: true,
  requires: (input) => {
    const at = (capability: Requirement['capability'], environment: string): Requirement => ({
      capability,
      resource: [schema.workspaceOf(input), environment, ...folderOf(input.prefix)],
      reach: 'under',
    });
    // Whether a value is another is told by comparing, which is a way of reading.
    return [
      at('read', input.from),
      at('read', input.to),
      at('write', input.to),
      ...(input.delete === true ? [at('delete', input.to)] : []),
    ];
  },
  subject: (input) => ({
    workspace: schema.workspaceOf(input),
    environment: input.to,
    detail: `from ${input.from}${input.dryRun === true ? ', only tried' : ''}`,
  }),
  apply: async (input, call) => {
    const workspace = schema.workspaceOf(input);
    const from = call.directory.environment(workspace, input.from);
    const to = call.directory.environment(workspace, input.to);
    if (from.id === to.id) {
      throw new StrongroomError('invalid_input', 'an environment is not promoted into itself');
    }
    const sources = await secretsUnder(call, from, input.prefix ?? '');
    const promoted: Record<Outcome, string[]> = {
      added: [],
      changed: [],
      unchanged: [],
      inactive: [],
      withoutValue: [],
    };
    for (const source of sources) {
      if (!mayAt(call, 'list', from, source.path)) continue;
      const outcome = await promoteOne(call, { from, to, source, isTried: input.dryRun === true });
      promoted[outcome].push(source.path);
    }
    const deleted = input.delete === true ? await deleteOthers(call, to, { input, sources }) : [];
    return { ...promoted, deleted };
  },
};

type Outcome = 'added' | 'changed' | 'unchanged' | 'inactive' | 'withoutValue';

/** The segments of a prefix that are whole. */
function folderOf(text: string = ''): readonly string[] {
  return text.split('/').slice(0, -1);
}

async function promoteOne(
  call: Call,
  {
    from,
    to,
    source,
    isTried,
  }: {
    readonly from: Environment;
    readonly to: Environment;
    readonly source: SecretRow;
    readonly isTried: boolean;
  },
): Promise<Outcome> {
  const { path } = source;
  if (source.inactive_at !== null) return 'inactive';
  if (source.current_commit === null) return 'withoutValue';
  requireAt(call, 'read', from, path);
  requireAt(call, 'write', to, path);
  const target = await findSecret(call, to, path);
  if (target !== undefined) {
    requireAt(call, 'read', to, path);
    if (await isSameValue(call, [from, source], [to, target])) return 'unchanged';
  }
  const outcome = target === undefined ? 'added' : 'changed';
  if (isTried) return outcome;
  const { row, commit } =
    target === undefined
      ? await copySecret(call, source, { environment: to, path })
      : await overwriteSecret(call, target, source);
  call.record('secrets.read', {
    ...addressOf(from, path),
    secretId: source.id,
    version: source.current_version,
  });
  call.record(target === undefined ? 'secrets.create' : 'secrets.update', {
    ...addressOf(to, path),
    secretId: row.id,
    version: row.current_version,
    revision: row.row_revision,
    commit,
  });
  return outcome;
}

type RowIn = readonly [environment: Environment, row: SecretRow];

async function isSameValue(
  call: Call,
  [from, source]: RowIn,
  [to, target]: RowIn,
): Promise<boolean> {
  if (target.current_commit === null) return false;
  const a = { row: source, present: source };
  const b = { row: target, present: target };
  return !(await compare(call, [from, a], [to, b])).value;
}

/** Deletes what the first environment does not have, whoever may know of it there. */
async function deleteOthers(
  call: Call,
  to: Environment,
  { input, sources }: { readonly input: PromoteInput; readonly sources: readonly SecretRow[] },
): Promise<readonly string[]> {
  const kept = new Set(sources.map(({ path }) => path));
  const deleted: string[] = [];
  for (const { path } of await secretsUnder(call, to, input.prefix ?? '')) {
    if (kept.has(path) || !mayAt(call, 'list', to, path)) continue;
    requireAt(call, 'delete', to, path);
    deleted.push(path);
    if (input.dryRun === true) continue;
    const row = await deleteSecret(call, to, { path });
    await followSecret(call, row.id, undefined);
    const subject = { secretId: row.id, revision: row.row_revision, became: 'left' } as const;
    call.record('secrets.delete', { ...addressOf(to, path), ...subject });
  }
  return deleted;
}
