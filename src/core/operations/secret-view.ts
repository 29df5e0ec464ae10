import { z } from 'zod';

import type { Work } from '../../domain/work.ts';
import { isExpired } from '../../domain/secrets/is-expired.ts';
import { tagsOf } from '../../domain/secrets/list.ts';
import { generatorOf, intervalDaysOf, policyOf } from '../../domain/secrets/rotation-columns.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import * as schema from './schema.ts';

/** What can be said of a secret without its value. Times are RFC 3339. */
export interface SecretSummary {
  readonly id: string;
  readonly workspace: string;
  readonly workspaceId: string;
  readonly environment: string;
  readonly environmentId: string;
  readonly path: string;
  readonly type: SecretType;
  /** Number of the current version. */
  readonly version: number;
  readonly tags: readonly string[];
  readonly expiresAt: string | null;
  readonly isExpired: boolean;
  /** Whether it is given out: neither retired nor deleted. */
  readonly isActive: boolean;
  /** Principal id of who answers for it. */
  readonly owner: string | null;
  /** The version of stage `previous`, until it is retired. */
  readonly previousVersion: number | null;
  /** When it is to be rotated, such as `manual` or `auto_90_days`. */
  readonly rotation: string;
  /** The whole days between rotations, if the policy says some. */
  readonly rotationIntervalDays: number | null;
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

/** The schemas of the members of {@link SecretSummary}, to be spread into that of an answer. */
export const summaryMembers: schema.Members<SecretSummary> = {
  id: z.uuid(),
  workspace: z.string(),
  workspaceId: z.uuid(),
  environment: z.string(),
  environmentId: z.uuid(),
  path: z.string(),
  type: schema.secretType,
  version: z.int(),
  tags: z.array(z.string()),
  expiresAt: schema.instant.nullable(),
  isExpired: z.boolean(),
  isActive: z.boolean(),
  owner: z.string().nullable(),
  previousVersion: z.int().nullable(),
  rotation: z.string(),
  rotationIntervalDays: z.int().nullable(),
  rotationDueAt: schema.instant.nullable(),
  rotatedAt: schema.instant.nullable(),
  generator: z.string().nullable(),
  createdAt: schema.instant,
  createdBy: z.string(),
  updatedAt: schema.instant,
  updatedBy: z.string(),
};

/** The schema of {@link SecretSummary}. */
export const secretSummary: z.ZodType<SecretSummary> = schema
  .answer<SecretSummary>(summaryMembers)
  .meta({ wire: schema.SECRET_NAMES });

/** The summary of a row. */
export function toSummary(work: Work, environment: Environment, row: SecretRow): SecretSummary {
  return {
    id: row.id,
    workspace: environment.workspace.name,
    workspaceId: environment.workspace.id,
    environment: environment.name,
    environmentId: environment.id,
    path: row.path,
    type: row.type as SecretType,
    version: row.current_version,
    tags: tagsOf(row),
    expiresAt: row.expires_at === null ? null : isoTime(row.expires_at),
    isExpired: isExpired(row, work.now),
    isActive: row.inactive_at === null && row.deleted_at === null,
    owner: row.owner,
    previousVersion: row.previous_version,
    rotation: policyOf(row),
    rotationIntervalDays: intervalDaysOf(row),
    rotationDueAt: row.rotation_due_at === null ? null : isoTime(row.rotation_due_at),
    rotatedAt: row.rotated_at === null ? null : isoTime(row.rotated_at),
    generator: generatorOf(row) ?? null,
    createdAt: isoTime(row.created_at),
    createdBy: row.created_by,
    updatedAt: isoTime(row.updated_at),
    updatedBy: row.updated_by,
  };
}

/** What whoever may change a secret is told of it in any case. */
type Told =
  | 'id'
  | 'workspace'
  | 'workspaceId'
  | 'environment'
  | 'environmentId'
  | 'path'
  | 'version'
  | 'createdAt'
  | 'createdBy'
  | 'updatedAt'
  | 'updatedBy';

/** A secret after a change. Type, tags and all else that is said of it are there for those who may list it. */
export type SecretSummaryAfter = Pick<SecretSummary, Told> & {
  readonly [K in keyof Omit<SecretSummary, Told>]?: SecretSummary[K] | undefined;
};

/** The schemas of the members of {@link SecretSummaryAfter}, to be spread into that of an answer. */
export const summaryAfterMembers: schema.Members<SecretSummaryAfter> = {
  ...summaryMembers,
  type: schema.secretType.optional(),
  tags: summaryMembers.tags.optional(),
  expiresAt: summaryMembers.expiresAt.optional(),
  isExpired: z.boolean().optional(),
  isActive: z.boolean().optional(),
  owner: summaryMembers.owner.optional(),
  previousVersion: summaryMembers.previousVersion.optional(),
  rotation: z.string().optional(),
  rotationIntervalDays: summaryMembers.rotationIntervalDays.optional(),
  rotationDueAt: summaryMembers.rotationDueAt.optional(),
  rotatedAt: summaryMembers.rotatedAt.optional(),
  generator: summaryMembers.generator.optional(),
};

/** The schema of {@link SecretSummaryAfter}. */
export const secretSummaryAfter: z.ZodType<SecretSummaryAfter> = schema
  .answer<SecretSummaryAfter>(summaryAfterMembers)
  .meta({ wire: schema.SECRET_NAMES });

/** The summary of a row that was changed, as far as the caller may know it. */
export function toSummaryAfter(
  call: Call,
  environment: Environment,
  row: SecretRow,
): SecretSummaryAfter {
  const all = toSummary(call, environment, row);
  if (call.may('list', [all.workspace, all.environment, ...row.path.split('/')])) return all;
  const { id, workspace, workspaceId, path, version } = all;
  const { createdAt, createdBy, updatedAt, updatedBy, environmentId } = all;
  const at = { workspace, workspaceId, environment: all.environment, environmentId, path };
  return { id, ...at, version, createdAt, createdBy, updatedAt, updatedBy };
}
