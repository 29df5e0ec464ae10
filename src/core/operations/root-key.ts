import { createSecretKey, type KeyObject } from 'node:crypto';

import { z } from 'zod';

import { randomBytes } from '../../crypto/random.ts';
import { beginJob, finishJob } from '../../domain/jobs/jobs.ts';
import { readKeys } from '../../domain/keys/load-keys.ts';
import { StrongroomError } from '../../errors.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { rootKeyId } from '../../keys/root-key.ts';
import { wipe } from '../../lib/bytes.ts';
import type { Clock } from '../../lib/ids.ts';
import { createSlot, draftKeyFileSlot, resealSlot } from '../../seal/create-slot.ts';
import { createKeyFile, removeKeyFile } from '../../seal/key-file.ts';
import { proveSlots } from '../../seal/open-slot.ts';
import type { SlotHandover } from '../../seal/slot-kinds.ts';
import type { NewSlot, RootKey, SlotKey, SlotKind } from '../../seal/slot.ts';
import type { SecretValue } from '../../secret-value.ts';
import { KEYS, SLOTS, VAULT } from '../../store/protected-tables.ts';
import type { Unprotected } from '../../store/row-mac.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import type { SlotRow } from '../../store/tables.ts';
import { readVaultRow } from '../../store/vault-row.ts';
import type { Call, Operation, Requirement, Services } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import {
  backupsWith,
  olderBackup,
  readSlots,
  slotKind,
  slotSummary,
  slotWarnings,
  toSlotSummary,
  type OlderBackup,
  type SlotSummary,
} from '../slots.ts';
import { planRoot, type RootChanges } from './root-plan.ts';
import * as schema from './schema.ts';
import { newSlot, opener } from './slots.ts';

/** Kind of the job whose end says how old a root key is. */
export const ROOT_JOB = 'keys.rotateRoot';

export interface BeginRootInput extends RootChanges {}

/** What one slot's people are given, once. */
export interface RootHandover {
  /** The slot that it is for, as it was before. */
  readonly slot: string;
  /** Id of the slot that takes its place. */
  readonly becomes: string;
  readonly kind: SlotKind;
  /** Where its key file will be written, when the root key is taken into use. */
  readonly keyFile: string | undefined;
  readonly recovery: SecretValue | undefined;
  /** To be entered back before the root key changes. */
  readonly shares: readonly SecretValue[] | undefined;
  /** Of shares: how many are needed. */
  readonly threshold: number | null;
}

/** A root key that waits to be taken into use. */
export interface RootBegun {
  /** Id of the new root key. */
  readonly root: string;
  readonly handovers: readonly RootHandover[];
  /** Slots that stay, by their id of before. */
  readonly kept: readonly string[];
  readonly dropped: readonly string[];
}

export interface RotateRootInput {
  /** Shares that were entered back, for each slot whose shares are new. */
  readonly confirm?:
    readonly { readonly slot: string; readonly shares: readonly SecretValue[] }[] | undefined;
}

/** A root key that is in use. */
export interface RootRotated {
  readonly root: string;
  readonly slots: readonly SlotSummary[];
  /** Backups that slots of before still open. */
  readonly stillOpens: readonly OlderBackup[];
  readonly warnings: readonly string[];
}

/** A slot of the new root key, beside the one that it follows. */
interface NextSlot {
  readonly of: string;
  readonly row: Unprotected<SlotRow>;
  readonly mustBeEnteredBack: boolean;
  readonly isProven: boolean;
  /** A key file that is written only when nothing else can go wrong. */
  readonly keyFile?: { readonly path: string; readonly key: KeyObject };
}

/** A root key that waits in memory: a kill leaves the one that there is. */
interface PendingRoot {
  readonly id: string;
  readonly key: KeyObject;
  /** The root key that it follows, and every slot of that. */
  readonly before: string;
  readonly slotsBefore: readonly string[];
  readonly next: readonly NextSlot[];
}

const pendingRoots = new WeakMap<Keyring, PendingRoot>();

/** Whoever chooses what opens the vault opens every value in it; see `slots.add`. */
const OWNER: readonly Requirement[] = [{ capability: 'write', resource: ['sys', 'keys'] }];
const which = z.string().min(1).max(64);
const LIST_MAX = 64;

const handover = schema.answer<RootHandover>({
  slot: z.uuid(),
  becomes: z.uuid(),
  kind: slotKind,
  keyFile: z.string().optional(),
  recovery: schema.secretOutput.optional(),
  shares: z.array(schema.secretOutput).optional(),
  threshold: z.int().nullable(),
});

/**
 * Errors: `slot_not_covered` naming the slots that nothing was brought for or whose shares wait to
 * be confirmed, `slot_not_found`, `last_slot`, `file_exists`, and the codes of keys and new slots.
 */
export const beginRoot: Operation<BeginRootInput, RootBegun, RootBegun> = {
  name: 'keys.beginRoot',
  summary: 'Makes a new root key and the slots for it. Nothing changes until it is taken into use.',
  errors: [
    'slot_not_found',
    'last_slot',
    'slot_not_covered',
    'file_exists',
    'invalid_share',
    'too_few_shares',
    'not_text',
    'passphrase_too_short',
    'key_too_short',
  ],
  input: z.strictObject({
    keep: z.array(opener).max(LIST_MAX).optional(),
    renew: z
      .array(z.strictObject({ slot: which, by: newSlot }))
      .max(LIST_MAX)
      .optional(),
    drop: z.array(which).max(LIST_MAX).optional(),
  }),
  output: schema.answer<RootBegun>({
    root: z.guid(),
    handovers: z.array(handover),
    kept: schema.texts,
    dropped: schema.texts,
  }),
  // Key files lie where the server runs: who renews one does it there.
  rest: [
    { method: 'POST', path: `${ADMIN}/keys/begin-root`, omit: ['keep.path', 'renew.by.path'] },
  ],
  secretMembers: ['keep', 'renew', 'handovers'],
  mutates: true,
  fresh: true,
  givesOnce: true,
  requires: () => OWNER,
  subject: () => ({}),
  prepare: async (input, services) => {
    const bytes = randomBytes(32);
    try {
      return await prepareRoot(input, services, bytes);
    } finally {
      wipe(bytes);
    }
  },
  apply: async (_input, call, begun) => {
    call.about({ detail: `root key ${begun.root}` });
    return begun;
  },
};

/**
 * Errors: `root_key_changed` if nothing was begun or slots changed since, `invalid_share`,
 * `too_few_shares`, `wrong_key`, `file_exists`.
 */
export const rotateRoot: Operation<RotateRootInput, RootRotated, PendingRoot> = {
  name: 'keys.rotateRoot',
  summary: 'Takes the new root key into use, once new shares were entered back.',
  errors: [
    'root_key_changed',
    'file_exists',
    'wrong_key',
    'invalid_share',
    'too_few_shares',
    'not_text',
  ],
  input: z.strictObject({
    confirm: z
      .array(
        z.strictObject({
          slot: which,
          shares: z.array(schema.secret).max(255),
        }),
      )
      .max(LIST_MAX)
      .optional(),
  }),
  output: schema.answer<RootRotated>({
    root: z.guid(),
    slots: z.array(slotSummary),
    stillOpens: z.array(olderBackup),
    warnings: schema.texts,
  }),
  rest: [{ method: 'POST', path: `${ADMIN}/keys/rotate-root` }],
  secretMembers: ['confirm'],
  mutates: true,
  fresh: true,
  requires: () => OWNER,
  subject: () => ({}),
  prepare: async (input, services) => {
    const pending = await confirmed(input, services);
    writeKeyFiles(services.keyring.vaultId, pending);
    return pending;
  },
  undo: removeKeyFiles,
  apply: async (_input, call, pending) => {
    const slots = await readSlots(call);
    const present = slots.map(({ id }) => id);
    const isSame = present.toSorted().join() === pending.slotsBefore.toSorted().join();
    if (!isSame || call.keyring.rootKeyId !== pending.before) throw notBegun();
    await moveKeys(call, pending);
    for (const slot of slots) await removeRow(call.transaction, call.mac, SLOTS, slot);
    call.scrub();
    const rows: SlotRow[] = [];
    for (const { row, isProven } of pending.next) {
      const proven = isProven ? call.now : null;
      rows.push(await insertRow(call.transaction, call.mac, SLOTS, { ...row, proven_at: proven }));
    }
    const job = await beginJob(call, { kind: ROOT_JOB, workspaceId: null, total: rows.length });
    await finishJob(call, job, { done: rows.length, detail: pending.id });
    call.about({ detail: `root key ${pending.id} instead of ${pending.before}` });
    return {
      root: pending.id,
      slots: rows.map(toSlotSummary),
      stillOpens: await backupsWith(call, (backup) => backup.root_key_id === pending.before),
      warnings: slotWarnings(rows),
    };
  },
};

async function prepareRoot(
  input: BeginRootInput,
  { store, mac, keyring, now }: Services,
  bytes: Uint8Array,
): Promise<RootBegun> {
  const stored = await store.read((transaction) => readSlots({ transaction, mac }));
  const { vaultId } = keyring;
  const root: RootKey = { id: rootKeyId(bytes, vaultId), bytes };
  const { slots, dropped } = await planRoot(keyring, stored, input);
  const next: NextSlot[] = [];
  const handovers: RootHandover[] = [];
  const kept: string[] = [];
  for (const { slot, by, key } of slots) {
    if (by === undefined) {
      const row = await resealSlot(vaultId, { slot, key }, root, now);
      next.push({ of: slot.id, row, mustBeEnteredBack: false, isProven: true });
      kept.push(slot.id);
      continue;
    }
    const made = await renewSlot(vaultId, { slot, by }, root, now);
    next.push(made.next);
    handovers.push(made.handover);
  }
  pendingRoots.set(keyring, {
    id: root.id,
    key: createSecretKey(bytes),
    before: keyring.rootKeyId,
    slotsBefore: stored.map(({ id }) => id),
    next,
  });
  return { root: root.id, handovers, kept, dropped };
}

/** Makes the slot that takes the place of another, and what is handed over for it. */
async function renewSlot(
  vaultId: string,
  { slot, by }: { readonly slot: SlotRow; readonly by: NewSlot },
  root: RootKey,
  now: Clock,
): Promise<{ readonly next: NextSlot; readonly handover: RootHandover }> {
  const common = { of: slot.id, mustBeEnteredBack: by.kind === 'shamir', isProven: false };
  if (by.kind === 'keyfile') {
    const { row, key } = await draftKeyFileSlot(vaultId, root, now);
    const next = { ...common, row, keyFile: { path: by.path, key } };
    return { next, handover: handoverOf(slot, row, { keyFile: by.path }) };
  }
  const { row, ...given } = await createSlot(vaultId, root, by, now);
  return { next: { ...common, row }, handover: handoverOf(slot, row, given) };
}

function handoverOf(
  slot: SlotRow,
  row: Unprotected<SlotRow>,
  { keyFile, recovery, shares }: SlotHandover,
): RootHandover {
  const { kind, threshold } = toSlotSummary(row);
  return { slot: slot.id, becomes: row.id, kind, keyFile, recovery, shares, threshold };
}

/** Writes the new key files, all or none. */
function writeKeyFiles(vaultId: string, { next }: PendingRoot): void {
  const written: NextSlot[] = [];
  try {
    for (const slot of next) {
      if (slot.keyFile === undefined) continue;
      const bytes = slot.keyFile.key.export();
      try {
        createKeyFile(slot.keyFile.path, vaultId, bytes);
        written.push(slot);
      } finally {
        wipe(bytes);
      }
    }
  } catch (error) {
    removeKeyFiles({ next: written });
    throw error;
  }
}

function removeKeyFiles({ next }: Pick<PendingRoot, 'next'>): void {
  for (const { keyFile } of next) if (keyFile !== undefined) removeKeyFile(keyFile.path);
}

/** The root key that waits, once every new set of shares was entered back. */
async function confirmed(
  { confirm = [] }: RotateRootInput,
  { keyring }: Services,
): Promise<PendingRoot> {
  const pending = pendingRoots.get(keyring);
  if (pending === undefined || pending.before !== keyring.rootKeyId) throw notBegun();
  for (const { of, row, mustBeEnteredBack } of pending.next) {
    if (!mustBeEnteredBack) continue;
    const shares = confirm.find(({ slot }) => slot === of)?.shares ?? [];
    const stored = { ...row, row_revision: 0, mac_key: 0, mac: new Uint8Array() };
    const isRoot = (key: KeyObject): boolean => rootKeyId(key, keyring.vaultId) === pending.id;
    const keys: SlotKey[] = [{ kind: 'shamir', shares }];
    const { failures } = await proveSlots(keyring.vaultId, [stored], keys, isRoot);
    const [failure] = failures;
    if (failure !== undefined) throw failure.error;
  }
  const next = pending.next.map((slot) => ({
    ...slot,
    isProven: slot.isProven || slot.mustBeEnteredBack,
  }));
  return { ...pending, next };
}

/** Wraps every key under the new root key, and says in the vault's row that it is the root now. */
async function moveKeys(call: Call, pending: PendingRoot): Promise<void> {
  const { transaction, mac, keyring } = call;
  const moved = new Map(keyring.rewrapUnder(pending).map((row) => [row.id, row]));
  for (const from of await readKeys(transaction, mac)) {
    const row = moved.get(from.id);
    if (row === undefined) {
      throw new StrongroomError('integrity_error', 'a key appeared by itself', {
        details: { key: from.id },
      });
    }
    const set = { wrapped: row.wrapped, root_key_id: row.root_key_id };
    keyring.add(await updateRow(transaction, mac, KEYS, { from, set }));
  }
  const vault = await readVaultRow(transaction, mac);
  await updateRow(transaction, mac, VAULT, { from: vault, set: { root_key_id: pending.id } });
}

function notBegun(): StrongroomError {
  return new StrongroomError(
    'root_key_changed',
    'no new root key waits for the slots that there are',
    { hint: 'begin once more: `strongroom keys rotate --root`' },
  );
}
