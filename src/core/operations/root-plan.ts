import { resolve } from 'node:path';

import { StrongroomError } from '../../errors.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { requireNoFile } from '../../seal/key-file.ts';
import type { NewSlot, SlotKey } from '../../seal/slot.ts';
import type { SlotRow } from '../../store/tables.ts';
import { oneByOne, proveAgainst, requireSlot, toSlotSummary, usableSlots } from '../slots.ts';

/** A slot that gets another opener. */
export interface RenewedSlot {
  /** Id, or kind where there is one of it. */
  readonly slot: string;
  readonly by: NewSlot;
}

/** What becomes of the slots of a root key when another takes its place. */
export interface RootChanges {
  /** What opens slots that stay as they are, in any order; shares of several sets may be in one. */
  readonly keep?: readonly SlotKey[] | undefined;
  /**
   * Slots that get another key file, passphrase, recovery key or shares, also if `keep` opens
   * them. Recovery keys and shares that `keep` does not open need not be named: they are renewed
   * by their like, as nobody could bring them again.
   */
  readonly renew?: readonly RenewedSlot[] | undefined;
  /** Slots, by id or kind, that go. */
  readonly drop?: readonly string[] | undefined;
}

/** What becomes of one slot: it is made anew by something else, or for the key that opens it now. */
export type PlannedSlot =
  | { readonly slot: SlotRow; readonly by: NewSlot; readonly key?: undefined }
  | { readonly slot: SlotRow; readonly by?: undefined; readonly key: SlotKey };

/** What becomes of every slot. */
export interface RootPlan {
  readonly slots: readonly PlannedSlot[];
  /** Ids of those that go. */
  readonly dropped: readonly string[];
}

/**
 * Decides what becomes of every slot.
 *
 * @param stored - Every slot that there is.
 * @throws {@link StrongroomError} `slot_not_covered` naming slots that nothing was brought for, or
 * whose shares wait to be confirmed; `slot_not_found`, `last_slot`, `file_exists`, `invalid_input`,
 * and the codes of keys that open nothing.
 */
export async function planRoot(
  keyring: Keyring,
  stored: readonly SlotRow[],
  { keep = [], renew = [], drop = [] }: RootChanges,
): Promise<RootPlan> {
  const dropped = new Set(drop.map((each) => requireSlot(stored, each).id));
  const left = stored.filter(({ id }) => !dropped.has(id));
  requireConfirmed(left);
  if (left.length === 0) {
    throw new StrongroomError('last_slot', 'no slot would be left to open the vault with');
  }
  const renewed = renewedOf(left, renew);
  const openers = await openersOf(keyring, usableSlots(stored), keep);
  const uncovered: SlotRow[] = [];
  const slots = left.flatMap((slot): PlannedSlot[] => {
    const key = openers.get(slot.id);
    const by = renewed.get(slot.id) ?? (key === undefined ? likeOf(slot) : undefined);
    if (by !== undefined) return [{ slot, by }];
    if (key !== undefined) return [{ slot, key }];
    uncovered.push(slot);
    return [];
  });
  if (uncovered.length > 0) throw notCovered(uncovered);
  return { slots, dropped: [...dropped] };
}

/** What each slot that is named gets, once; and no key file for two of them. */
function renewedOf(
  slots: readonly SlotRow[],
  renew: readonly RenewedSlot[],
): ReadonlyMap<string, NewSlot> {
  const renewed = new Map<string, NewSlot>();
  const paths = new Set<string>();
  for (const { slot, by } of renew) {
    const { id } = requireSlot(slots, slot);
    if (renewed.has(id)) {
      throw new StrongroomError('invalid_input', 'one slot cannot get two openers', {
        details: { slot: id },
        hint: 'name each slot once, and add another with `strongroom keys slots add`',
      });
    }
    renewed.set(id, by);
    if (by.kind !== 'keyfile') continue;
    const path = resolve(by.path);
    if (paths.has(path)) {
      throw new StrongroomError('invalid_input', 'two slots cannot have one key file', {
        details: { path },
        hint: 'name another file for each slot',
      });
    }
    paths.add(path);
    requireNoFile(path);
  }
  return renewed;
}

/** What takes the place of a slot by itself. */
function likeOf(slot: SlotRow): NewSlot | undefined {
  const { kind, threshold, shares } = toSlotSummary(slot);
  if (kind === 'recovery') return { kind };
  if (kind !== 'shamir' || threshold === null || shares === null) return undefined;
  return { kind, threshold, shares };
}

/** Which of some keys opens each slot. */
async function openersOf(
  keyring: Keyring,
  slots: readonly SlotRow[],
  keys: readonly SlotKey[],
): Promise<ReadonlyMap<string, SlotKey>> {
  const openers = new Map<string, SlotKey>();
  for (const key of oneByOne(keys)) {
    const { opened, failures } = await proveAgainst(keyring, slots, [key]);
    const [failure] = failures;
    if (failure !== undefined) throw failure.error;
    for (const id of opened) openers.set(id, key);
  }
  return openers;
}

/** Whether shares that wait were kept is not known, so nothing can take their place unseen. */
function requireConfirmed(slots: readonly SlotRow[]): void {
  const pending = slots.filter(({ pending_since: since }) => since !== null);
  const [first] = pending;
  if (first === undefined) return;
  throw new StrongroomError(
    'slot_not_covered',
    `shares wait to be entered back: ${namesOf(pending)}`,
    {
      details: { slots: pending.map(({ id }) => id) },
      hint: `confirm them first (\`strongroom keys slots confirm ${first.id}\`), or have them go with --drop ${first.id}`,
    },
  );
}

/** Nobody loses a slot without having said so. */
function notCovered(slots: readonly SlotRow[]): StrongroomError {
  const many = slots.length === 1 ? 'a slot' : `${slots.length} slots`;
  return new StrongroomError(
    'slot_not_covered',
    `nothing was brought for ${many}: ${namesOf(slots)}`,
    {
      details: { slots: slots.map(({ id }) => id) },
      hint: 'bring what opens it, give it a new opener, or drop it with --drop SLOT',
    },
  );
}

function namesOf(slots: readonly SlotRow[]): string {
  return slots.map(({ kind, id }) => `${kind} ${id}`).join(', ');
}
