import { createSecretKey, type KeyObject } from 'node:crypto';

import { z } from 'zod';

import { randomBytes } from '../../crypto/random.ts';
import { beginJob, finishJob } from '../../domain/jobs/jobs.ts';
import { readKeys } from '../../domain/keys/load-keys.ts';
import { StrongroomError } from '../../errors.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { rootKeyId } from '../../keys/root-key.ts';
import { wipe } from '../../lib/bytes.ts';
import { createSlot, resealSlot } from '../../seal/create-slot.ts';
import { proveSlots } from '../../seal/open-slot.ts';
import type { NewSlot, RootKey, SlotKey } from '../../seal/slot.ts';
import { SecretValue } from '../../secret-value.ts';
import { KEYS, SLOTS, VAULT } from '../../store/protected-tables.ts';
import type { Unprotected } from '../../store/row-mac.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import { statement } from '../../store/statement.ts';
import type { SlotRow } from '../../store/tables.ts';
import type { Call, Operation, Requirement, Services } from '../operation.ts';
import {
  backupsWith,
  proveAgainst,
  readSlots,
  requireSlot,
  slotWarnings,
  toSlotSummary,
  usableSlots,
  type OlderBackup,
  type SlotSummary,
} from '../slots.ts';
import { newSlot, opener } from './slots.ts';

/** Kind of the job whose end says how old a root key is. */
export const ROOT_JOB = 'keys.rotateRoot';

/** A slot that gets another opener. */
export interface RenewedSlot {
  /** Id, or kind where there is one of it. */
  readonly slot: string;
  readonly by: NewSlot;
}

export interface BeginRootInput {
  /** What opens slots that stay as they are, in any order. */
  readonly keep?: readonly SlotKey[] | undefined;
  /** Slots that get another key file, passphrase, recovery key or shares. */
  readonly renew?: readonly RenewedSlot[] | undefined;
  /** Slots, by id or kind, that go. */
  readonly drop?: readonly string[] | undefined;
}

/** What is given to people, once. */
export interface RootHandover {
  /** The slot that it is for, as it was before. */
  readonly slot: string;
  readonly keyFile: string | undefined;
  readonly recovery: SecretValue | undefined;
  /** To be entered back before the root key changes. */
  readonly shares: readonly SecretValue[] | undefined;
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

const theVault = statement((db) => db.selectFrom('vault').selectAll());

const ADMIN: readonly Requirement[] = [{ capability: 'admin', resource: ['sys', 'keys'] }];
const which = z.string().min(1).max(64);
const LIST_MAX = 64;

/**
 * Errors: `slot_not_covered` naming the slots that nothing was brought for, `slot_not_found`,
 * `last_slot`, and the codes of new slots.
 */
export const beginRoot: Operation<BeginRootInput, RootBegun, RootBegun> = {
  name: 'keys.beginRoot',
  summary: 'Makes a new root key and the slots for it. Nothing changes until it is taken into use.',
  input: z.strictObject({
    keep: z.array(opener).max(LIST_MAX).optional(),
    renew: z
      .array(z.strictObject({ slot: which, by: newSlot }))
      .max(LIST_MAX)
      .optional(),
    drop: z.array(which).max(LIST_MAX).optional(),
  }),
  secretMembers: ['keep', 'renew', 'handovers'],
  mutates: true,
  requires: () => ADMIN,
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

/** Errors: `root_key_changed` if nothing was begun or slots changed since, `invalid_share`, `too_few_shares`, `wrong_key`. */
export const rotateRoot: Operation<RotateRootInput, RootRotated, PendingRoot> = {
  name: 'keys.rotateRoot',
  summary: 'Takes the new root key into use, once new shares were entered back.',
  input: z.strictObject({
    confirm: z
      .array(
        z.strictObject({
          slot: which,
          shares: z.array(z.custom<SecretValue>((value) => value instanceof SecretValue)).max(255),
        }),
      )
      .max(LIST_MAX)
      .optional(),
  }),
  secretMembers: ['confirm'],
  mutates: true,
  requires: () => ADMIN,
  subject: () => ({}),
  prepare: confirmed,
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
  services: Services,
  bytes: Uint8Array,
): Promise<RootBegun> {
  const { store, mac, keyring } = services;
  const stored = await store.read((transaction) => readSlots({ transaction, mac }));
  const slots = usableSlots(stored);
  const root: RootKey = { id: rootKeyId(bytes, keyring.vaultId), bytes };
  const dropped = new Set((input.drop ?? []).map((each) => requireSlot(stored, each).id));
  const renewed = new Map(
    (input.renew ?? []).map(({ slot, by }) => [requireSlot(slots, slot).id, by]),
  );
  const left = slots.filter(({ id }) => !dropped.has(id));
  const openers = await openersOf(
    keyring,
    left.filter(({ id }) => !renewed.has(id)),
    input.keep ?? [],
  );
  requireCovered(left, (id) => renewed.has(id) || openers.has(id));
  const next: NextSlot[] = [];
  const handovers: RootHandover[] = [];
  for (const slot of left) {
    const by = renewed.get(slot.id);
    const key = openers.get(slot.id);
    if (by !== undefined) {
      const { row, recovery, shares } = await createSlot(keyring.vaultId, root, by, services.now);
      const keyFile = by.kind === 'keyfile' ? by.path : undefined;
      next.push({ of: slot.id, row, mustBeEnteredBack: by.kind === 'shamir', isProven: false });
      handovers.push({ slot: slot.id, keyFile, recovery, shares });
    } else if (key !== undefined) {
      const row = await resealSlot(keyring.vaultId, { slot, key }, root, services.now);
      next.push({ of: slot.id, row, mustBeEnteredBack: false, isProven: true });
    }
  }
  pendingRoots.set(keyring, {
    id: root.id,
    key: createSecretKey(bytes),
    before: keyring.rootKeyId,
    slotsBefore: stored.map(({ id }) => id),
    next,
  });
  const kept = [...openers.keys()];
  return { root: root.id, handovers, kept, dropped: [...dropped] };
}

/** Which of some keys opens each slot. */
async function openersOf(
  keyring: Keyring,
  slots: readonly SlotRow[],
  keys: readonly SlotKey[],
): Promise<ReadonlyMap<string, SlotKey>> {
  const openers = new Map<string, SlotKey>();
  for (const key of keys) {
    const { opened, failures } = await proveAgainst(keyring, slots, [key]);
    const [failure] = failures;
    if (failure !== undefined) throw failure.error;
    for (const id of opened) openers.set(id, key);
  }
  return openers;
}

/** Nobody loses a slot without having said so. */
function requireCovered(slots: readonly SlotRow[], isCovered: (id: string) => boolean): void {
  if (slots.length === 0) {
    throw new StrongroomError('last_slot', 'no slot would be left to open the vault with');
  }
  const missing = slots.filter(({ id }) => !isCovered(id));
  if (missing.length === 0) return;
  const named = missing.map(({ kind, id }) => `${kind} ${id}`);
  throw new StrongroomError(
    'slot_not_covered',
    `nothing was brought for ${missing.length === 1 ? 'a slot' : `${missing.length} slots`}: ${named.join(', ')}`,
    {
      details: { slots: missing.map(({ id }) => id) },
      hint: 'bring what opens it, give it a new opener, or drop it with --drop SLOT',
    },
  );
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
  const vault = await transaction.get(theVault, {});
  if (vault === undefined) throw new StrongroomError('integrity_error', 'the vault has no row');
  mac.check(VAULT, vault);
  await updateRow(transaction, mac, VAULT, { from: vault, set: { root_key_id: pending.id } });
}

function notBegun(): StrongroomError {
  return new StrongroomError(
    'root_key_changed',
    'no new root key waits for the slots that there are',
    { hint: 'begin once more: `strongroom keys rotate --root`' },
  );
}
