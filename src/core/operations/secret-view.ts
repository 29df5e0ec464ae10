import type { Work } from '../../domain/work.ts';
import { tagsOf } from '../../domain/secrets/list.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { SecretRow } from '../../store/tables.ts';

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
    createdAt: toIso(row.created_at),
    createdBy: row.created_by,
    updatedAt: toIso(row.updated_at),
    updatedBy: row.updated_by,
  };
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
