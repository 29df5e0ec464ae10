import type { KeyObject } from 'node:crypto';
import { DAMAGED_HINT, StrongroomError, type ErrorCode, type ErrorDetails } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import type { SlotRow } from '../store/tables.ts';
import { unwrapRootKey, type SlotHeader } from './slot-cipher.ts';
import { isSlotKind, slotRules } from './slot-kinds.ts';
import type { SlotKey, SlotKind } from './slot.ts';

/** The root key, and the slot that gave it. */
export interface OpenedSlot {
  readonly rootKey: KeyObject;
  readonly rootKeyId: string;
  readonly slotId: string;
  readonly kind: SlotKind;
}

type Slot = SlotHeader & Pick<SlotRow, 'wrapped'>;

/**
 * Opens the vault with the first key that opens a slot. Each key is tried on
 * each slot of its kind; keys of kinds that the vault has no slot for are not
 * looked at, nor are slots that wait to be confirmed. If none opens, the most telling failure is thrown: a damaged slot
 * before a malformed key, before a wrong one, before a missing one. A key file
 * that others can read ends the attempt at once.
 *
 * @param vaultId - A UUID.
 * @param stored - As stored; their row MACs cannot be checked before the root key is known, so nothing in them is trusted.
 * @param keys - In the order in which to try them.
 * @throws {@link StrongroomError} `key_not_found` if no key is of a kind that the vault has, or a key file is not there.
 * @throws {@link StrongroomError} `key_file_exposed` if others than the owner have rights to a key file.
 * @throws {@link StrongroomError} `wrong_key` if a key, recovery key or set of shares does not open the vault.
 * @throws {@link StrongroomError} `wrong_passphrase` if the passphrase does not open the vault.
 * @throws {@link StrongroomError} `key_too_short` or `invalid_input` if `STRONGROOM_MASTER_KEY` has fewer than 32 bytes or is not base64.
 * @throws {@link StrongroomError} `invalid_share` or `too_few_shares`.
 * @throws {@link StrongroomError} `kdf_out_of_bounds` or `integrity_error` if a slot was altered so that it cannot be tried.
 */
export async function openSlots(
  vaultId: string,
  stored: readonly SlotRow[],
  keys: readonly SlotKey[],
): Promise<OpenedSlot> {
  const slots = stored.filter(({ pending_since: since }) => since === null);
  if (slots.length === 0) {
    throw new StrongroomError('integrity_error', 'the vault has no slots, so nothing opens it', {
      details: { table: 'slots' },
      hint: DAMAGED_HINT,
    });
  }
  const known = slots.filter((slot): slot is SlotRow & Slot => isSlotKind(slot.kind));
  const failures: StrongroomError[] = [];
  for (const key of keys) {
    const fitting = known.filter((slot) => slot.kind === key.kind);
    if (fitting.length === 0) continue;
    const opened = await tryKey(vaultId, fitting, key, failures);
    if (opened !== undefined) return opened;
  }
  throw mostTelling(failures, slots);
}

/** What came of holding keys against slots. */
export interface ProvenSlots {
  /** Ids of the slots that a key opened. */
  readonly opened: readonly string[];
  /** For each key that opened none: its kind, and why. */
  readonly failures: readonly { readonly kind: SlotKind; readonly error: StrongroomError }[];
}

/**
 * Finds every slot that one of some keys opens. A slot is opened only by a key
 * that gives this root key.
 *
 * @param vaultId - A UUID.
 * @param slots - Also those that wait to be confirmed, if they are meant.
 * @param isRoot - Whether a key that a slot gives is the root key that it has to give.
 * @throws {@link StrongroomError} `key_file_exposed`; every other failure is in the answer.
 */
export async function proveSlots(
  vaultId: string,
  slots: readonly SlotRow[],
  keys: readonly SlotKey[],
  isRoot: (key: KeyObject) => boolean,
): Promise<ProvenSlots> {
  const known = slots.filter((slot): slot is SlotRow & Slot => isSlotKind(slot.kind));
  const opened = new Set<string>();
  const failures: { kind: SlotKind; error: StrongroomError }[] = [];
  for (const key of keys) {
    const fitting = known.filter((slot) => slot.kind === key.kind);
    const found: StrongroomError[] = [];
    let isOpener = false;
    for (const slot of fitting) {
      const result = await tryKey(vaultId, [slot], key, found);
      if (result === undefined || !isRoot(result.rootKey)) continue;
      isOpener = true;
      opened.add(slot.id);
    }
    if (isOpener) continue;
    failures.push({ kind: key.kind, error: mostTelling(found, slots) });
  }
  return { opened: [...opened], failures };
}

async function tryKey(
  vaultId: string,
  slots: readonly Slot[],
  key: SlotKey,
  failures: StrongroomError[],
): Promise<OpenedSlot | undefined> {
  const rules = slotRules(key.kind);
  const refuse = (error: unknown): never => {
    throw isDecryptionFailure(error) ? rules.refusal(key) : error;
  };
  const input = await orNote(failures, rules.readInput(key));
  if (input === undefined) return undefined;
  try {
    for (const slot of slots) {
      const rootKey = await orNote(failures, unwrapRootKey(vaultId, slot, input).catch(refuse));
      if (rootKey === undefined) continue;
      return { rootKey, rootKeyId: slot.root_key_id, slotId: slot.id, kind: slot.kind };
    }
    return undefined;
  } finally {
    wipe(input);
  }
}

/** Notes a failure that another key or slot may make up for, and throws all others. */
async function orNote<T>(failures: StrongroomError[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof StrongroomError) || error.code === 'key_file_exposed') throw error;
    failures.push(error);
    return undefined;
  }
}

function isDecryptionFailure(error: unknown): boolean {
  return error instanceof StrongroomError && error.code === 'decryption_failed';
}

/** What is not named here is a malformed key, and has rank 2. */
const RANKS: Readonly<Partial<Record<ErrorCode, number>>> = {
  integrity_error: 3,
  kdf_out_of_bounds: 3,
  wrong_key: 1,
  wrong_passphrase: 1,
  key_not_found: 0,
};

function mostTelling(
  failures: readonly StrongroomError[],
  slots: readonly SlotRow[],
): StrongroomError {
  const [telling] = failures.toSorted((a, b) => rank(b) - rank(a));
  if (telling === undefined) {
    return keyNotFound('no key was given that this vault opens with', slots, {});
  }
  if (telling.code !== 'key_not_found') return telling;
  return keyNotFound(telling.message, slots, telling);
}

function rank(failure: StrongroomError): number {
  return RANKS[failure.code] ?? 2;
}

function keyNotFound(
  message: string,
  slots: readonly SlotRow[],
  { details, cause }: { readonly details?: ErrorDetails; readonly cause?: unknown },
): StrongroomError {
  const kinds = [...new Set(slots.map((slot) => slot.kind))].filter(isSlotKind);
  const openers = kinds.map((kind) => slotRules(kind).opener);
  const ways = new Intl.ListFormat('en', { type: 'disjunction' }).format(openers);
  const hint =
    kinds.length === 0
      ? 'its slots are of kinds that this version of strongroom does not know'
      : `the vault opens with ${ways}`;
  return new StrongroomError('key_not_found', message, {
    details: { ...details, kinds },
    hint,
    cause,
  });
}
