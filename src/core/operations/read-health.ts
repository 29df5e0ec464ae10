import { z } from 'zod';

import { indexEntries, catchUpIndex, indexedSize } from '../../domain/audit/entry-index.ts';
import { newestCheckpoint } from '../../domain/audit/log-queries.ts';
import { SOON_MS } from '../../domain/secrets/statistics.ts';
import { isoTime } from '../../lib/iso-time.ts';
import { SCHEMA_VERSION } from '../../store/migrate.ts';
import type { SlotRow } from '../../store/tables.ts';
import { readVaultRow } from '../../store/vault-row.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import { oldestUnproven, usableSlots } from '../slots.ts';
import { backupMoments, secretNumbers, slotRows, type SecretNumbers } from './health-numbers.ts';
import * as schema from './schema.ts';

export interface ReadHealthInput {
  /** Also checks the structure of the database, which reads all of it, and counts all reads. Default no. */
  readonly deep?: boolean | undefined;
}

/** How many secrets a workspace has, and each of its environments. */
export interface WorkspaceNumbers {
  readonly workspace: string;
  readonly secrets: number;
  readonly environments: readonly { readonly environment: string; readonly secrets: number }[];
}

/** A slot, and when it was last proven to open. */
export interface SlotHealth {
  readonly id: string;
  readonly kind: string;
  readonly createdAt: string;
  /** `null`: not since it was made. */
  readonly provenAt: string | null;
}

/** How a vault is. Secrets are those that are live, where nothing else is said. */
export interface Health {
  readonly vault: string;
  readonly status: 'ok' | 'damaged';
  /** Whether the structure of the database was checked. */
  readonly isDeep: boolean;
  /** What the database says is wrong with its structure, if that was checked. */
  readonly damage: readonly string[];
  readonly schema: number;
  readonly createdAt: string;
  readonly workspaces: number;
  readonly secrets: number;
  readonly byWorkspace: readonly WorkspaceNumbers[];
  readonly byType: Readonly<Record<string, number>>;
  /** Active secrets that have expired. */
  readonly expired: number;
  /** Active secrets that expire in the next 30 days. */
  readonly expiringSoon: number;
  /** Active secrets whose rotation is due. */
  readonly rotationDue: number;
  /** Secrets that nobody read since they were made or restored, as far as entries were counted. */
  readonly neverRead: number;
  /** Newest entries of the audit log that are not counted in `neverRead` yet. */
  readonly entriesNotCounted: number;
  readonly trash: number;
  readonly databaseBytes: number;
  readonly auditEntries: number;
  /** Entries under the newest signed checkpoint, and when it was signed. */
  readonly checkpointSize: number;
  readonly checkpointAt: string | undefined;
  readonly slots: readonly SlotHealth[];
  /** The slot that was made or proven longest ago. */
  readonly oldestUnprovenSlot: SlotHealth | undefined;
  /** When the newest backup whose file is in its place was made. */
  readonly backupAt: string | undefined;
  /** When a restore of a backup last succeeded. */
  readonly backupProvenAt: string | undefined;
  /** When the next backup by the setting `backup_every` is due, or was. */
  readonly backupDueAt: string | undefined;
}

interface Structure {
  readonly bytes: number;
  readonly damage: readonly string[];
}

/** How many entries are counted at each call: some 5 ms of work. The vault counts the others when it is idle. */
const ENTRIES_PER_CALL = 512;

const slotHealthView = schema.answer<SlotHealth>({
  id: z.uuid(),
  kind: z.string(),
  createdAt: schema.instant,
  provenAt: schema.instant.nullable(),
});

const workspaceNumbers = schema.answer<WorkspaceNumbers>({
  workspace: z.string(),
  secrets: z.int(),
  environments: z.array(z.strictObject({ environment: z.string(), secrets: z.int() })),
});

const health = schema.answer<Health>({
  vault: z.uuid(),
  status: z.enum(['ok', 'damaged']),
  isDeep: z.boolean(),
  damage: schema.texts,
  schema: z.int(),
  createdAt: schema.instant,
  workspaces: z.int(),
  secrets: z.int(),
  byWorkspace: z.array(workspaceNumbers),
  byType: z.record(z.string(), z.int()),
  expired: z.int(),
  expiringSoon: z.int(),
  rotationDue: z.int(),
  neverRead: z.int(),
  entriesNotCounted: z.int(),
  trash: z.int(),
  databaseBytes: z.int(),
  auditEntries: z.int(),
  checkpointSize: z.int(),
  checkpointAt: schema.instant.optional(),
  slots: z.array(slotHealthView),
  oldestUnprovenSlot: slotHealthView.optional(),
  backupAt: schema.instant.optional(),
  backupProvenAt: schema.instant.optional(),
  backupDueAt: schema.instant.optional(),
});

export const readHealth: Operation<ReadHealthInput, Health, Structure> = {
  name: 'health.read',
  summary: 'Says how the vault is.',
  errors: [],
  input: z.strictObject({ deep: z.boolean().optional() }),
  output: health,
  rest: [{ method: 'GET', path: `${ADMIN}/health` }],
  secretMembers: [],
  mutates: false,
  requires: () => [{ capability: 'read', resource: ['sys', 'health'] }],
  subject: () => ({}),
  prepare: async ({ deep }, { store, log }) => {
    if (deep === true) await catchUpIndex(store, log);
    else await store.write((transaction) => indexEntries(transaction, log, ENTRIES_PER_CALL));
    return { bytes: await store.size(), damage: deep === true ? await store.check() : [] };
  },
  apply: async ({ deep = false }, call, { bytes, damage }) => {
    const { transaction, log } = call;
    const vault = await readVaultRow(transaction, call.mac);
    const checkpoint = await transaction.get(newestCheckpoint, { log: log.number });
    const counted = await transaction.get(indexedSize, { log: log.number });
    const { kinds, ...numbers } = await secretNumbers(call, SOON_MS);
    const { madeAt, provenAt, dueAt } = await backupMoments(call);
    const slots = usableSlots(await slotRows(call));
    const oldest = oldestUnproven(slots);
    return {
      vault: call.keyring.vaultId,
      status: damage.length === 0 ? 'ok' : 'damaged',
      isDeep: deep,
      damage,
      schema: SCHEMA_VERSION,
      createdAt: isoTime(vault.created_at),
      workspaces: call.directory.workspaces().length,
      secrets: kinds.reduce((total, { count }) => total + count, 0),
      byWorkspace: byWorkspace(call, kinds),
      byType: byType(kinds),
      ...numbers,
      entriesNotCounted: Math.max(0, log.size - (counted?.size ?? 0)),
      databaseBytes: bytes,
      auditEntries: log.size,
      checkpointSize: checkpoint?.size ?? 0,
      checkpointAt: checkpoint === undefined ? undefined : isoTime(checkpoint.created_at),
      slots: slots.map(slotHealth),
      oldestUnprovenSlot: oldest === undefined ? undefined : slotHealth(oldest),
      backupAt: madeAt === undefined ? undefined : isoTime(madeAt),
      backupProvenAt: provenAt === undefined ? undefined : isoTime(provenAt),
      backupDueAt: dueAt === undefined ? undefined : isoTime(dueAt),
    };
  },
};

function byWorkspace(call: Call, kinds: SecretNumbers['kinds']): readonly WorkspaceNumbers[] {
  const counts = new Map<string, number>();
  for (const { environment_id: id, count } of kinds) counts.set(id, (counts.get(id) ?? 0) + count);
  return call.directory.workspaces().map((workspace) => {
    const environments = call.directory
      .environments(workspace)
      .map(({ id, name }) => ({ environment: name, secrets: counts.get(id) ?? 0 }));
    const total = environments.reduce((sum, { secrets }) => sum + secrets, 0);
    return { workspace: workspace.name, secrets: total, environments };
  });
}

function byType(kinds: SecretNumbers['kinds']): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { type, count } of kinds) counts.set(type, (counts.get(type) ?? 0) + count);
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function slotHealth(slot: SlotRow): SlotHealth {
  return {
    id: slot.id,
    kind: slot.kind,
    createdAt: isoTime(slot.created_at),
    provenAt: slot.proven_at === null ? null : isoTime(slot.proven_at),
  };
}
