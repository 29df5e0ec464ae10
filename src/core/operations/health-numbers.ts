import { allBackups } from '../../domain/backup/backup-records.ts';
import { SLOTS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SlotRow } from '../../store/tables.ts';
import { backupDueAt, newestThere } from '../due-backup.ts';
import type { Call } from '../operation.ts';

/** How many secrets of one type an environment has. */
interface KindCount {
  readonly environment_id: string;
  readonly type: string;
  readonly count: number;
}

/** Numbers over the whole vault, from indexes alone: rows are counted as they are. */
export interface SecretNumbers {
  readonly kinds: readonly KindCount[];
  readonly expired: number;
  readonly expiringSoon: number;
  readonly rotationDue: number;
  readonly neverRead: number;
  readonly trash: number;
}

// Each of these has an index of its own that holds all that it asks for.

const kinds = statement((db) =>
  db
    .selectFrom('secrets')
    .select((e) => ['environment_id', 'type', e.fn.countAll<number>().as('count')])
    .where('deleted_at', 'is', null)
    .groupBy(['environment_id', 'type']),
);

const expiring = statement((db, p: Parameters<{ from: number; before: number }>) =>
  db
    .selectFrom('secrets')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('expires_at', 'is not', null)
    .where('expires_at', '>', p('from'))
    .where('expires_at', '<=', p('before'))
    .where('deleted_at', 'is', null)
    .where('inactive_at', 'is', null),
);

const rotationDue = statement((db, p: Parameters<{ now: number }>) =>
  db
    .selectFrom('secrets')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('rotation_due_at', 'is not', null)
    .where('rotation_due_at', '<=', p('now'))
    .where('deleted_at', 'is', null)
    .where('inactive_at', 'is', null),
);

const trash = statement((db) =>
  db
    .selectFrom('secrets')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('deleted_at', 'is not', null)
    .where('destroyed_at', 'is', null),
);

const readOnce = statement((db) =>
  db.selectFrom('secret_reads').select((e) => e.fn.countAll<number>().as('count')),
);

const allSlots = statement((db) => db.selectFrom('slots').selectAll().orderBy('created_at'));

/**
 * Counts the secrets of the vault.
 *
 * @param soonMs - How far ahead an expiry is soon.
 */
export async function secretNumbers(call: Call, soonMs: number): Promise<SecretNumbers> {
  const { transaction, now } = call;
  const counted = async (found: Promise<{ count: number } | undefined>): Promise<number> =>
    (await found)?.count ?? 0;
  const byKind = await transaction.all(kinds, {});
  const live = byKind.reduce((total, { count }) => total + count, 0);
  const beginning = Number.MIN_SAFE_INTEGER;
  return {
    kinds: byKind,
    expired: await counted(transaction.get(expiring, { from: beginning, before: now })),
    expiringSoon: await counted(transaction.get(expiring, { from: now, before: now + soonMs })),
    rotationDue: await countRotationDue(call),
    neverRead: Math.max(0, live - (await counted(transaction.get(readOnce, {})))),
    trash: await counted(transaction.get(trash, {})),
  };
}

/** How many active secrets are due for rotation. */
export async function countRotationDue({ transaction, now }: Call): Promise<number> {
  return (await transaction.get(rotationDue, { now }))?.count ?? 0;
}

/** All slots, those first that were made first. */
export async function slotRows({ transaction, mac }: Call): Promise<readonly SlotRow[]> {
  const rows = await transaction.all(allSlots, {});
  for (const row of rows) mac.check(SLOTS, row);
  return rows;
}

/** When the newest backup whose file is in its place was made, when one was last proven by a restore, and when one is due. */
export async function backupMoments(call: Call): Promise<{
  readonly madeAt: number | undefined;
  readonly provenAt: number | undefined;
  readonly dueAt: number | undefined;
}> {
  const rows = await allBackups(call);
  const newest = newestThere(rows);
  const proven = rows.map(({ receipt, proven_at: at }) => (receipt === null ? null : at));
  return {
    madeAt: newest?.created_at,
    dueAt: backupDueAt(call, newest),
    provenAt: proven.reduce<number | undefined>((last, at) => {
      return at === null ? last : Math.max(last ?? at, at);
    }, undefined),
  };
}
