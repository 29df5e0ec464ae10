import type { NotedEntry } from '../change-note.ts';

/** What somebody who follows changes is told of. */
export type ChangeType =
  'secret.changed' | 'secret.deleted' | 'override.changed' | 'environment.changed';

/** One durable change. Names of workspace and environment are looked up when it is told. */
export interface Change {
  readonly type: ChangeType | 'workspace.deleted';
  readonly workspaceId: string;
  /** Empty for a workspace that is gone. */
  readonly environmentId: string;
  /** `undefined`: the environment as a whole. */
  readonly path: string | undefined;
  readonly secretId: string | undefined;
  /** The version that it made. */
  readonly version: number | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Id of the only principal that it is told to. */
  readonly only: string | undefined;
}

/** Which actions on a name are of one principal's own value under it. */
const OF_ONE: ReadonlySet<string> = new Set(['secrets.override', 'secrets.removeOverride']);

/** Which change what an environment has from others. */
const OF_IMPORTS: ReadonlySet<string> = new Set(['imports.create', 'imports.delete']);

/** Which change no secret's row, and are told of all the same. */
const WITHOUT_REVISION: ReadonlySet<string> = new Set([
  'workspaces.delete',
  ...OF_IMPORTS,
  ...OF_ONE,
]);

const NONE: readonly Change[] = [];

/**
 * The changes that an entry of the audit log stands for: none for most, which
 * are of reads or of what was refused. Each change of a
 * secret's row is on record with the row's revision, since the log is what
 * revisions are held against: so none is missed.
 *
 * @param at - When it was made, in milliseconds since 1970.
 */
export function changesOf(entry: NotedEntry, at: number): readonly Change[] {
  const { action, outcome, workspaceId, environmentId, path, revision } = entry;
  if (outcome !== 'ok' || workspaceId === undefined) return NONE;
  if (revision === undefined && !WITHOUT_REVISION.has(action)) return NONE;
  const base = { workspaceId, at, secretId: undefined, version: undefined, only: undefined };
  if (action === 'workspaces.delete') {
    return [{ ...base, type: 'workspace.deleted', environmentId: '', path: undefined }];
  }
  if (environmentId === undefined) return NONE;
  const there = { ...base, environmentId, path };
  if (OF_IMPORTS.has(action)) return [{ ...there, type: 'environment.changed', path: undefined }];
  if (OF_ONE.has(action)) return [{ ...there, type: 'override.changed', only: entry.actor ?? '' }];
  return ofSecret(entry, there);
}

function ofSecret(
  { secretId, revision, version, commit, became, formerly }: NotedEntry,
  there: Omit<Change, 'type'>,
): readonly Change[] {
  if (secretId === undefined || revision === undefined || became === 'unseen') return NONE;
  const change: Change = {
    ...there,
    type: became === 'left' ? 'secret.deleted' : 'secret.changed',
    secretId,
    // Without an envelope of its own the entry names a version that was there before.
    version: commit === undefined ? undefined : version,
  };
  if (formerly === undefined) return [change];
  return [{ ...change, ...formerly, type: 'secret.deleted', version: undefined }, change];
}
