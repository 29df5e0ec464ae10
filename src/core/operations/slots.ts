import { z } from 'zod';

import { StrongroomError } from '../../errors.ts';
import { createSlot, type CreatedSlot } from '../../seal/create-slot.ts';
import { removeKeyFile } from '../../seal/key-file.ts';
import type { NewSlot, SlotKey } from '../../seal/slot.ts';
import type { SecretValue } from '../../secret-value.ts';
import { SLOTS } from '../../store/protected-tables.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import type { SlotRow } from '../../store/tables.ts';
import type { Call, Operation, Requirement, Services } from '../operation.ts';
import { ADMIN as ADMIN_PATH } from '../rest-binding.ts';
import {
  backupsWith,
  markProven,
  olderBackup,
  oldestUnproven,
  oneByOne,
  proveAgainst,
  readSlots,
  removeSlot,
  requireSlot,
  slotMembers,
  slotSummary,
  slotWarnings,
  toSlotSummary,
  usableSlots,
  type OlderBackup,
  type SlotSummary,
} from '../slots.ts';
import * as schema from './schema.ts';

export interface AddSlotInput {
  readonly slot: NewSlot;
  /** Of shares: the slot, by id or kind, that goes once these are confirmed. */
  readonly replaces?: string | undefined;
}

/** A slot that was made, and what is given to people and kept nowhere. */
export interface SlotAdded {
  readonly slot: SlotSummary;
  readonly keyFile: string | undefined;
  readonly recovery: SecretValue | undefined;
  readonly shares: readonly SecretValue[] | undefined;
  readonly warnings: readonly string[];
}

export interface ConfirmSlotInput {
  /** Id, or kind where there is one of it. */
  readonly slot: string;
  /** At least as many as are needed, none twice. */
  readonly shares: readonly SecretValue[];
}

/** A slot that counts from now on. */
export interface SlotConfirmed {
  readonly slot: SlotSummary;
  /** Id of the slot that it took the place of. */
  readonly removed: string | undefined;
  /** What the slot that is gone still opens. */
  readonly stillOpens: readonly OlderBackup[];
}

export interface RemoveSlotInput {
  /** Id, or kind where there is one of it. */
  readonly slot: string;
}

/** A slot that is gone. */
export interface SlotRemoved {
  readonly slot: SlotSummary;
  /** Backups from when it was there: it opens them as before. */
  readonly stillOpens: readonly OlderBackup[];
  readonly warnings: readonly string[];
}

export interface DrillInput {
  /** What opens slots, of any kinds, in any order. */
  readonly openers: readonly SlotKey[];
}

/** A slot, and what a drill said of it. */
export interface DrilledSlot extends SlotSummary {
  readonly outcome: 'proven' | 'untried';
}

/** Which slots were shown to open. */
export interface Drilled {
  readonly slots: readonly DrilledSlot[];
  /** Openers that opened no slot. */
  readonly failed: readonly {
    readonly kind: string;
    readonly code: string;
    readonly message: string;
  }[];
  /** The slot that has gone longest without proof. */
  readonly oldestUnproven: SlotSummary | undefined;
}

const ADMIN: readonly Requirement[] = [{ capability: 'admin', resource: ['sys', 'slots'] }];

/**
 * What opens the vault opens every value in it, so the built-in role `admin`,
 * which may read none, does not have this: only owners do.
 */
const OWNER: readonly Requirement[] = [{ capability: 'write', resource: ['sys', 'slots'] }];

const SLOTS_PATH = `${ADMIN_PATH}/slots`;
const split = { threshold: z.int(), shares: z.int() };
const place = z.string().min(1).max(4096);
const which = z.string().min(1).max(64);

/** A slot to make. */
export const newSlot: z.ZodType<NewSlot> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('keyfile'), path: place }),
  z.strictObject({
    kind: z.literal('passphrase'),
    passphrase: schema.secret,
    kdf: z.enum(['argon2id', 'pbkdf2']).optional(),
  }),
  z.strictObject({ kind: z.literal('env'), key: schema.secret }),
  z.strictObject({ kind: z.literal('shamir'), ...split }),
  z.strictObject({ kind: z.literal('recovery') }),
]) as z.ZodType<NewSlot>;

/** Something that opens a slot. */
export const opener: z.ZodType<SlotKey> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('keyfile'), path: place }),
  z.strictObject({ kind: z.literal('passphrase'), passphrase: schema.secret }),
  z.strictObject({ kind: z.literal('env'), key: schema.secret }),
  z.strictObject({ kind: z.literal('shamir'), shares: z.array(schema.secret).max(255) }),
  z.strictObject({ kind: z.literal('recovery'), token: schema.secret }),
]);

export const listSlots: Operation<Record<string, never>, readonly SlotSummary[]> = {
  name: 'slots.list',
  summary: 'Lists what opens the vault.',
  errors: [],
  input: z.strictObject({}),
  output: z.array(slotSummary),
  rest: [{ method: 'GET', path: SLOTS_PATH }],
  secretMembers: [],
  mutates: false,
  requires: () => [{ capability: 'read', resource: ['sys', 'slots'] }],
  subject: () => ({}),
  apply: async (_input, call) => (await readSlots(call)).map(toSlotSummary),
};

/**
 * Errors: `slot_not_found`, `file_exists`, `passphrase_too_short`, `key_too_short`, `root_key_changed`.
 */
export const addSlot: Operation<AddSlotInput, SlotAdded, CreatedSlot> = {
  name: 'slots.add',
  summary: 'Makes another slot that opens the vault. Shares have to be entered back first.',
  errors: [
    'slot_not_found',
    'root_key_changed',
    'file_exists',
    'key_too_short',
    'passphrase_too_short',
    'not_text',
  ],
  input: z.strictObject({ slot: newSlot, replaces: which.optional() }),
  output: schema.answer<SlotAdded>({
    slot: slotSummary,
    keyFile: z.string().optional(),
    recovery: schema.secretOutput.optional(),
    shares: z.array(schema.secretOutput).optional(),
    warnings: schema.texts,
  }),
  // A key file is made where the vault is, and not from elsewhere.
  rest: [{ method: 'POST', path: SLOTS_PATH, status: 201, omit: ['slot.path'] }],
  secretMembers: ['slot', 'recovery', 'shares'],
  mutates: true,
  fresh: true,
  requires: () => OWNER,
  subject: ({ slot }) => ({ detail: slot.kind }),
  givesOnce: true,
  prepare: ({ slot }, services) => makeSlot(services, slot),
  undo: ({ keyFile }) => {
    if (keyFile !== undefined) removeKeyFile(keyFile);
  },
  apply: async ({ slot: spec, replaces }, call, made) => {
    requireRoot(call, made.row);
    const slots = await readSlots(call);
    const isShared = spec.kind === 'shamir';
    if (replaces !== undefined && !isShared) {
      throw new StrongroomError('invalid_input', 'only shares take the place of another slot', {
        hint: 'remove the other slot once this one is added',
      });
    }
    const row = await insertRow(call.transaction, call.mac, SLOTS, {
      ...made.row,
      pending_since: isShared ? call.now : null,
      replaces: replaces === undefined ? null : requireSlot(slots, replaces).id,
    });
    call.about({ detail: detailOf(row) });
    return {
      slot: toSlotSummary(row),
      keyFile: made.keyFile,
      recovery: made.recovery,
      shares: made.shares,
      warnings: slotWarnings([...slots, row]),
    };
  },
};

export const confirmSlot: Operation<ConfirmSlotInput, SlotConfirmed, string> = {
  name: 'slots.confirm',
  summary: 'Takes shares into use that were entered back, and the slot that they replace away.',
  errors: ['slot_not_found', 'wrong_key', 'invalid_share', 'too_few_shares', 'not_text'],
  input: z.strictObject({ slot: which, shares: z.array(schema.secret).max(255) }),
  output: schema.answer<SlotConfirmed>({
    slot: slotSummary,
    removed: z.uuid().optional(),
    stillOpens: z.array(olderBackup),
  }),
  rest: [{ method: 'POST', path: `${SLOTS_PATH}/{slot}/confirm` }],
  secretMembers: ['shares'],
  mutates: true,
  fresh: true,
  requires: () => OWNER,
  subject: ({ slot }) => ({ detail: slot }),
  prepare: async (input, services) => {
    const row = await findPending(services, input.slot);
    const keys: SlotKey[] = [{ kind: 'shamir', shares: input.shares }];
    const { failures } = await proveAgainst(services.keyring, [row], keys);
    const [failure] = failures;
    if (failure !== undefined) throw failure.error;
    return row.id;
  },
  apply: async (_input, call, id) => {
    const slots = await readSlots(call);
    const pending = requireSlot(slots, id);
    requireRoot(call, pending);
    const set = { pending_since: null, replaces: null, proven_at: call.now };
    const row = await updateRow(call.transaction, call.mac, SLOTS, { from: pending, set });
    const old = slots.find((slot) => slot.id === pending.replaces);
    if (old !== undefined) {
      await removeSlot(call, [...slots.filter((slot) => slot.id !== id), row], old);
      call.scrub();
    }
    call.about({ detail: detailOf(row) });
    return {
      slot: toSlotSummary(row),
      removed: old?.id,
      stillOpens: old === undefined ? [] : await openedBy(call, old),
    };
  },
};

export const removeSlotOperation: Operation<RemoveSlotInput, SlotRemoved> = {
  name: 'slots.remove',
  summary: 'Takes a slot away. It still opens backups that were made before.',
  errors: ['slot_not_found', 'last_slot'],
  input: z.strictObject({ slot: which }),
  output: schema.answer<SlotRemoved>({
    slot: slotSummary,
    stillOpens: z.array(olderBackup),
    warnings: schema.texts,
  }),
  rest: [{ method: 'DELETE', path: `${SLOTS_PATH}/{slot}` }],
  secretMembers: [],
  mutates: true,
  fresh: true,
  requires: () => OWNER,
  subject: ({ slot }) => ({ detail: slot }),
  apply: async (input, call) => {
    const slots = await readSlots(call);
    const slot = requireSlot(slots, input.slot);
    await removeSlot(call, slots, slot);
    call.scrub();
    call.about({ detail: detailOf(slot) });
    return {
      slot: toSlotSummary(slot),
      stillOpens: await openedBy(call, slot),
      warnings: slotWarnings(slots.filter(({ id }) => id !== slot.id)),
    };
  },
};

/** Errors: `key_file_exposed`; that an opener opens nothing is in the answer. */
export const drill: Operation<DrillInput, Drilled, Awaited<ReturnType<typeof tryOpeners>>> = {
  name: 'keys.drill',
  summary: 'Proves that slots still open, without opening anything.',
  errors: ['key_file_exposed'],
  input: z.strictObject({ openers: z.array(opener).max(64) }),
  output: schema.answer<Drilled>({
    slots: z.array(
      schema.answer<DrilledSlot>({ ...slotMembers, outcome: z.enum(['proven', 'untried']) }),
    ),
    failed: z.array(z.strictObject({ kind: z.string(), code: z.string(), message: z.string() })),
    oldestUnproven: slotSummary.optional(),
  }),
  rest: [{ method: 'POST', path: `${ADMIN_PATH}/keys/drill`, omit: ['openers.path'] }],
  secretMembers: ['openers'],
  mutates: true,
  requires: () => ADMIN,
  subject: () => ({}),
  prepare: tryOpeners,
  apply: async (_input, call, { opened, failures }) => {
    const before = usableSlots(await readSlots(call));
    const slots = await markProven(call, before, { ids: opened, now: call.now });
    const kinds = failures.map(({ kind, error }) => `${kind} ${error.code}`);
    call.about({ detail: `${opened.length} of ${slots.length} opened ${kinds.join(', ')}`.trim() });
    const oldest = oldestUnproven(slots.filter(({ id }) => !opened.includes(id)));
    return {
      slots: slots.map((row) => ({
        ...toSlotSummary(row),
        outcome: opened.includes(row.id) ? ('proven' as const) : ('untried' as const),
      })),
      failed: failures.map(({ kind, error: { code, message } }) => ({ kind, code, message })),
      oldestUnproven: oldest === undefined ? undefined : toSlotSummary(oldest),
    };
  },
};

async function tryOpeners(
  { openers }: DrillInput,
  { store, mac, keyring }: Services,
): ReturnType<typeof proveAgainst> {
  const slots = await store.read((transaction) => readSlots({ transaction, mac }));
  return proveAgainst(keyring, usableSlots(slots), oneByOne(openers));
}

function makeSlot({ keyring, now }: Services, spec: NewSlot): Promise<CreatedSlot> {
  return keyring.withRoot((root) => createSlot(keyring.vaultId, root, spec, now));
}

async function findPending({ store, mac }: Services, which: string): Promise<SlotRow> {
  const slots = await store.read((transaction) => readSlots({ transaction, mac }));
  const pending = slots.filter(({ pending_since: since }) => since !== null);
  return requireSlot(pending, which);
}

/** A slot is made before the transaction, in which the root key may be another. */
function requireRoot(call: Call, row: Pick<SlotRow, 'root_key_id'>): void {
  if (row.root_key_id === call.keyring.rootKeyId) return;
  throw new StrongroomError('root_key_changed', 'the root key was rotated meanwhile', {
    hint: 'do it once more',
  });
}

function openedBy(call: Call, slot: SlotRow): Promise<OlderBackup[]> {
  return backupsWith(
    call,
    (backup) =>
      backup.root_key_id === slot.root_key_id &&
      backup.created_at >= slot.created_at &&
      slot.pending_since === null,
  );
}

function detailOf({ kind, id }: SlotRow): string {
  return `${kind} slot ${id}`;
}
