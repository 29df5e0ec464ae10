import { z } from 'zod';

import { allBackups } from '../domain/backup/backup-records.ts';
import { StrongroomError } from '../errors.ts';
import type { Keyring } from '../keys/keyring.ts';
import { rootKeyId } from '../keys/root-key.ts';
import { proveSlots, type ProvenSlots } from '../seal/open-slot.ts';
import { shareSets } from '../seal/slot-kinds.ts';
import { parseSlotParams } from '../seal/slot-params.ts';
import type { SlotKey, SlotKind } from '../seal/slot.ts';
import { SLOTS } from '../store/protected-tables.ts';
import type { RowMac, Unprotected } from '../store/row-mac.ts';
import { removeRow, updateRow } from '../store/rows.ts';
import { statement } from '../store/statement.ts';
import type { Transaction } from '../store/store.ts';
import type { BackupRow, SlotRow } from '../store/tables.ts';
import { isoTime } from '../lib/iso-time.ts';
import { answer, instant, type Members } from './operations/schema.ts';

const KINDS: { readonly [K in SlotKind]: K } = {
  keyfile: 'keyfile',
  passphrase: 'passphrase',
  env: 'env',
  shamir: 'shamir',
  recovery: 'recovery',
};

/** The kind of a slot. */
export const slotKind: z.ZodType<SlotKind> = z.enum(KINDS);

/** What can be said of a slot. Times are RFC 3339. */
export interface SlotSummary {
  readonly id: string;
  readonly kind: SlotKind;
  readonly createdAt: string;
  /** When it last was proven to open; `null` if never since it was made. */
  readonly provenAt: string | null;
  /** It opens nothing until its shares were entered back. */
  readonly isPending: boolean;
  /** The slot that goes when this one is confirmed. */
  readonly replaces: string | null;
  /** Of shares: how many are needed, and how many were made. */
  readonly threshold: number | null;
  readonly shares: number | null;
}

/** The members of {@link SlotSummary}, to be spread into what has them too. */
export const slotMembers: Members<SlotSummary> = {
  id: z.uuid(),
  kind: slotKind,
  createdAt: instant,
  provenAt: instant.nullable(),
  isPending: z.boolean(),
  replaces: z.uuid().nullable(),
  threshold: z.int().nullable(),
  shares: z.int().nullable(),
};

/** A slot as answers have it. */
export const slotSummary: z.ZodType<SlotSummary> = answer(slotMembers);

/** A backup that another key than those of now opens. */
export interface OlderBackup {
  readonly id: string;
  readonly file: string;
  readonly createdAt: string;
}

/** A backup that older keys open, as answers have it. */
export const olderBackup: z.ZodType<OlderBackup> = answer({
  id: z.uuid(),
  file: z.string(),
  createdAt: instant,
});

/** What a change of slots works with. */
export interface SlotWork {
  readonly transaction: Transaction;
  readonly mac: RowMac;
}

const allSlots = statement((db) => db.selectFrom('slots').selectAll().orderBy('created_at'));

/**
 * Every slot of the vault, the oldest first.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function readSlots({ transaction, mac }: SlotWork): Promise<SlotRow[]> {
  const rows = await transaction.all(allSlots, {});
  for (const row of rows) mac.check(SLOTS, row);
  return rows;
}

/**
 * The slot that is meant: by id, or by kind where there is one of it.
 *
 * @throws {@link StrongroomError} `slot_not_found`.
 */
export function requireSlot(slots: readonly SlotRow[], which: string): SlotRow {
  const byId = slots.find(({ id }) => id === which);
  if (byId !== undefined) return byId;
  const ofKind = slots.filter(({ kind }) => kind === which);
  const [only] = ofKind;
  if (only !== undefined && ofKind.length === 1) return only;
  const message =
    ofKind.length > 1 ? `there are ${ofKind.length} slots of that kind` : 'there is no such slot';
  throw new StrongroomError('slot_not_found', message, {
    hint: 'name it by its id: `strongroom keys slots list`',
  });
}

/** The slots that open the vault now. */
export function usableSlots(slots: readonly SlotRow[]): SlotRow[] {
  return slots.filter(({ pending_since: since }) => since === null);
}

/** The slot that has gone longest without proof that it opens, of those that open the vault now. */
export function oldestUnproven(slots: readonly SlotRow[]): SlotRow | undefined {
  return usableSlots(slots).toSorted((a, b) => trustedAt(a) - trustedAt(b))[0];
}

/** Since when nobody knows whether a slot still opens, in milliseconds since the epoch. */
export function trustedAt(slot: SlotRow): number {
  return slot.proven_at ?? slot.created_at;
}

/**
 * Takes a slot away.
 *
 * @throws {@link StrongroomError} `last_slot` if nothing would open the vault any more.
 */
export async function removeSlot(
  work: SlotWork,
  slots: readonly SlotRow[],
  slot: SlotRow,
): Promise<void> {
  const left = usableSlots(slots).filter(({ id }) => id !== slot.id);
  if (left.length === 0) {
    throw new StrongroomError('last_slot', 'nothing else opens the vault', {
      details: { slot: slot.id, kind: slot.kind },
      hint: 'add another slot first: `strongroom keys slots add --help`',
    });
  }
  await removeRow(work.transaction, work.mac, SLOTS, slot);
}

/** Notes that slots were opened just now. */
export async function markProven(
  work: SlotWork,
  slots: readonly SlotRow[],
  { ids, now }: { readonly ids: readonly string[]; readonly now: number },
): Promise<SlotRow[]> {
  const rows: SlotRow[] = [];
  for (const slot of slots) {
    const isProven = ids.includes(slot.id);
    const set = { proven_at: now };
    rows.push(
      isProven ? await updateRow(work.transaction, work.mac, SLOTS, { from: slot, set }) : slot,
    );
  }
  return rows;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Notes that a slot opened the vault just now, once a day. */
export async function noteProof(work: SlotWork, id: string, now: number): Promise<void> {
  const slot = (await readSlots(work)).find((row) => row.id === id);
  if (slot === undefined || now - (slot.proven_at ?? 0) < DAY_MS) return;
  await updateRow(work.transaction, work.mac, SLOTS, { from: slot, set: { proven_at: now } });
}

/** Finds the slots that some keys open, of those that give the vault's root key. */
export function proveAgainst(
  keyring: Keyring,
  slots: readonly SlotRow[],
  keys: readonly SlotKey[],
): Promise<ProvenSlots> {
  const { vaultId } = keyring;
  return proveSlots(vaultId, slots, keys, (key) => rootKeyId(key, vaultId) === keyring.rootKeyId);
}

/** Keys one by one: shares of several sets that were brought together are as many keys. */
export function oneByOne(keys: readonly SlotKey[]): SlotKey[] {
  return keys.flatMap((key): readonly SlotKey[] =>
    key.kind === 'shamir'
      ? shareSets(key.shares).map((shares) => ({ kind: key.kind, shares }))
      : [key],
  );
}

/** The backups that keys of before still open, the oldest first: a backup has the slots of its own day in it. */
export async function backupsWith(
  work: SlotWork,
  wanted: (backup: BackupRow) => boolean,
): Promise<OlderBackup[]> {
  const newestFirst = await allBackups(work);
  return newestFirst
    .toReversed()
    .filter((row) => row.removed_at === null && wanted(row))
    .map(({ id, file, created_at: at }) => ({ id, file, createdAt: isoTime(at) }));
}

/** The summary of a slot's row. */
export function toSlotSummary(row: Unprotected<SlotRow>): SlotSummary {
  const params = parseSlotParams(row.params);
  const number = (name: string): number | null => {
    const value = params[name];
    return typeof value === 'number' ? value : null;
  };
  return {
    id: row.id,
    kind: row.kind as SlotKind,
    createdAt: isoTime(row.created_at),
    provenAt: row.proven_at === null ? null : isoTime(row.proven_at),
    isPending: row.pending_since !== null,
    replaces: row.replaces,
    threshold: number('threshold'),
    shares: number('shares'),
  };
}

/** What to think of the slots that there are, for people. */
export function slotWarnings(slots: readonly SlotRow[]): string[] {
  const usable = usableSlots(slots);
  const warnings: string[] = [];
  if (usable.every(({ kind }) => kind === 'env')) {
    warnings.push(
      'only a variable opens the vault: add a slot that is kept offline, such as a recovery key',
    );
  } else if (usable.length === 1) {
    warnings.push('one slot alone opens the vault: without it everything is lost');
  }
  return warnings;
}
