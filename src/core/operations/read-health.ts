import { z } from 'zod';

import { newestCheckpoint } from '../../domain/audit/log-queries.ts';
import { query, statement } from '../../store/statement.ts';
import { SCHEMA_VERSION } from '../../store/migrate.ts';
import type { Operation } from '../operation.ts';
import { toIso } from './secret-view.ts';

/** How a vault is. */
export interface Health {
  readonly vault: string;
  readonly status: 'ok' | 'damaged';
  /** What the database says is wrong with its structure. */
  readonly damage: readonly string[];
  readonly schema: number;
  readonly createdAt: string;
  readonly workspaces: number;
  readonly secrets: number;
  readonly databaseBytes: number;
  readonly auditEntries: number;
  /** Entries under the newest signed checkpoint, and when it was signed. */
  readonly checkpointSize: number;
  readonly checkpointAt: string | undefined;
  readonly slots: readonly {
    readonly id: string;
    readonly kind: string;
    readonly createdAt: string;
  }[];
}

interface Structure {
  readonly bytes: number;
  readonly damage: readonly string[];
}

/** Up to this size the structure is checked each time, which reads the whole file. */
const CHECKED_BYTES_MAX = 64 * 1024 * 1024;

const liveSecrets = statement((db) =>
  db
    .selectFrom('secrets')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('deleted_at', 'is', null),
);

/** Errors: none of its own. */
export const readHealth: Operation<Record<string, never>, Health, Structure> = {
  name: 'health.read',
  summary: 'Says how the vault is.',
  input: z.strictObject({}),
  secretMembers: [],
  mutates: false,
  requires: () => [{ capability: 'read', resource: ['sys', 'health'] }],
  subject: () => ({}),
  prepare: async (_input, { store }) => {
    const bytes = await store.size();
    return { bytes, damage: bytes <= CHECKED_BYTES_MAX ? await store.check() : [] };
  },
  apply: async (_input, call, { bytes, damage }) => {
    const { transaction, log } = call;
    const [vault] = await transaction.all(
      query((db) => db.selectFrom('vault').selectAll()),
      {},
    );
    const slots = await transaction.all(
      query((db) =>
        db.selectFrom('slots').select(['id', 'kind', 'created_at']).orderBy('created_at'),
      ),
      {},
    );
    const checkpoint = await transaction.get(newestCheckpoint, { log: log.number });
    return {
      vault: call.keyring.vaultId,
      status: damage.length === 0 ? 'ok' : 'damaged',
      damage,
      schema: SCHEMA_VERSION,
      createdAt: toIso(vault?.created_at ?? 0),
      workspaces: call.directory.workspaces().length,
      secrets: (await transaction.get(liveSecrets, {}))?.count ?? 0,
      databaseBytes: bytes,
      auditEntries: log.size,
      checkpointSize: checkpoint?.size ?? 0,
      checkpointAt: checkpoint === undefined ? undefined : toIso(checkpoint.created_at),
      slots: slots.map((slot) => ({
        id: slot.id,
        kind: slot.kind,
        createdAt: toIso(slot.created_at),
      })),
    };
  },
};
