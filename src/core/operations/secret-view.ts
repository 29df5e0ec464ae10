import type { Work } from '../../domain/work.ts';
import { tagsOf } from '../../domain/secrets/list.ts';
import { generatorOf, policyOf } from '../../domain/secrets/rotation-columns.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';

/** What can be said of a secret without its value. Times are RFC 3339. */
export interface SecretSummary {
  readonly id: string;
  readonly workspace: string;
  readonly environment: string;
  readonly path: string;
  readonly type: SecretType;
  /** Number of the current version. */
  readonly version: number;
  readonly tags: readonly string[];
  readonly expiresAt: string | null;
  readonly isExpired: boolean;
  /** Whether it is given out. */
  readonly isActive: boolean;
  /** Principal id of who answers for it. */
  readonly owner: string | null;
  /** The version of stage `previous`, until it is retired. */
  readonly previousVersion: number | null;
  /** When it is to be rotated, such as `manual` or `auto_90_days`. */
  readonly rotation: string;
  readonly rotationDueAt: string | null;
  readonly rotatedAt: string | null;
  /** How new values are generated. */
  readonly generator: string | null;
  readonly createdAt: string;
  /** Principal id. */
  readonly createdBy: string;
  readonly updatedAt: string;
  /** Principal id. */
  readonly updatedBy: string;
}

/** The summary of a row. */
export function toSummary(work: Work, environment: Environment, row: SecretRow): SecretSummary {
  return {
    id: row.id,
    workspace: environment.workspace.name,
    environment: environment.name,
    path: row.path,
    type: row.type as SecretType,
    version: row.current_version,
    tags: tagsOf(row),
    expiresAt: row.expires_at === null ? null : toIso(row.expires_at),
    isExpired: row.expires_at !== null && row.expires_at <= work.now,
    isActive: row.inactive_at === null,
    owner: row.owner,
    previousVersion: row.previous_version,
    rotation: policyOf(row),
    rotationDueAt: row.rotation_due_at === null ? null : toIso(row.rotation_due_at),
    rotatedAt: row.rotated_at === null ? null : toIso(row.rotated_at),
    generator: generatorOf(row) ?? null,
    createdAt: toIso(row.created_at),
    createdBy: row.created_by,
    updatedAt: toIso(row.updated_at),
    updatedBy: row.updated_by,
  };
}

/** What whoever may change a secret is told of it in any case. */
type Told =
  | 'id'
  | 'workspace'
  | 'environment'
  | 'path'
  | 'version'
  | 'createdAt'
  | 'createdBy'
  | 'updatedAt'
  | 'updatedBy';

/** A secret after a change. Type, tags and all else that is said of it are there for those who may list it. */
export type SecretSummaryAfter = Pick<SecretSummary, Told> & Partial<Omit<SecretSummary, Told>>;

/** The summary of a row that was changed, as far as the caller may know it. */
export function toSummaryAfter(
  call: Call,
  environment: Environment,
  row: SecretRow,
): SecretSummaryAfter {
  const all = toSummary(call, environment, row);
  if (call.may('list', [all.workspace, all.environment, ...row.path.split('/')])) return all;
  const { id, workspace, path, version, createdAt, createdBy, updatedAt, updatedBy } = all;
  const at = { id, workspace, environment: all.environment, path, version };
  return { ...at, createdAt, createdBy, updatedAt, updatedBy };
}

const ISO_KEPT_MAX = 1024;
const isoTexts = new Map<number, string>();

/** A time in milliseconds as RFC 3339. The same few times are asked for again and again. */
export function toIso(ms: number): string {
  const known = isoTexts.get(ms);
  if (known !== undefined) return known;
  if (isoTexts.size >= ISO_KEPT_MAX) isoTexts.clear();
  const text = new Date(ms).toISOString();
  isoTexts.set(ms, text);
  return text;
}
