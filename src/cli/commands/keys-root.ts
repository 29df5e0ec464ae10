import { dirname, resolve } from 'node:path';

import type { RootHandover } from '../../core/operations/root-key.ts';
import type { RenewedSlot } from '../../core/operations/root-plan.ts';
import type { Session } from '../../core/session.ts';
import { StrongroomError } from '../../errors.ts';
import type { NewSlot, SlotKdf } from '../../seal/slot.ts';
import { askBack, handoverOf, newSlotOf } from '../new-slot.ts';
import { holdKeys, openedWith, openersOf, type OpenerOptions } from '../openers.ts';
import type { Handover } from '../recovery-kit.ts';
import type { Terminal } from '../terminal.ts';
import { requireLocal, withLocalVault, type GlobalOptions } from '../vault-access.ts';
import { keysOf } from '../vault-keys.ts';
import { slotTable, tellBackups } from './keys-slots.ts';

/** Options of `keys rotate --root`. Each of a file, directory or number of shares may say which slot it is for: `SLOT=FILE`. */
export interface RootOptions extends GlobalOptions, OpenerOptions {
  readonly newKeyFile?: readonly string[];
  readonly newPassphraseFile?: readonly string[];
  readonly newRecoveryFile?: readonly string[];
  readonly shareDirectory?: readonly string[];
  /** Such as `3/5`. */
  readonly shamir?: readonly string[];
  readonly kdf?: SlotKdf;
  readonly drop?: readonly string[];
}

/** Makes a new root key, gives people what is new for them, and takes it into use. */
export async function rotateRoot(options: RootOptions, terminal: Terminal): Promise<void> {
  requireLocal(options);
  using keys = holdKeys(await keysOf(options, terminal));
  using brought = await openersOf(options, terminal);
  const { drop } = options;
  const rotated = await withLocalVault(
    options,
    terminal,
    async (session, vault) => {
      const keep = [...openedWith(options, keys.keys, vault), ...(brought.keys ?? [])];
      const renew = await renewedBy(options, terminal);
      const begun = await session.keys.beginRoot({ keep, renew, drop });
      const handovers = await handOver(session, begun.handovers, { options, terminal });
      return { ...handovers, dropped: begun.dropped };
    },
    { keys: keys.keys },
  );
  terminal.result(rotated, terminal.isJson ? '' : slotTable(rotated.slots));
  if (terminal.isJson) return;
  terminal.note(`the vault has the root key ${rotated.root} now`);
  for (const { becomes, keyFile, recoveryFile, shareFiles = [] } of rotated.handovers) {
    const [share] = shareFiles;
    if (keyFile !== undefined) terminal.note(`the key file of the slot ${becomes} is ${keyFile}`);
    if (recoveryFile !== undefined)
      terminal.note(`the recovery key of the slot ${becomes} is in ${recoveryFile}`);
    if (share !== undefined)
      terminal.note(`the shares of the slot ${becomes} are in ${dirname(share)}`);
  }
  terminal.note('what opened it before still opens copies and backups that were made before');
  tellBackups(rotated.stillOpens, terminal);
  for (const warning of rotated.warnings) terminal.note(warning);
}

/** A file, directory or number of shares, and the slot that it is for, if that was said. */
interface ForSlot {
  readonly slot: string | undefined;
  readonly value: string;
}

const NAMED =
  /^(?<slot>[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|keyfile|passphrase|env|shamir|recovery)=(?<value>.+)$/s;

/** Reads `SLOT=FILE`, where `SLOT` is an id or a kind, or `FILE` alone. */
function forSlots(given: readonly string[] | undefined): ForSlot[] {
  return (given ?? []).map((each) => {
    const { slot, value } = NAMED.exec(each)?.groups ?? {};
    return { slot, value: value ?? each };
  });
}

/** The slots that options name another opener for. */
async function renewedBy(options: RootOptions, terminal: Terminal): Promise<RenewedSlot[]> {
  const { kdf } = options;
  const renew: RenewedSlot[] = [];
  for (const { slot = 'keyfile', value } of forSlots(options.newKeyFile)) {
    renew.push({ slot, by: { kind: 'keyfile', path: resolve(value) } });
  }
  for (const { slot = 'passphrase', value } of forSlots(options.newPassphraseFile)) {
    const spec = { newPassphraseFile: value, ...(kdf === undefined ? {} : { kdf }) };
    renew.push({ slot, by: await newSlotOf('passphrase', spec, terminal) });
  }
  for (const { slot } of forSlots(options.newRecoveryFile)) {
    if (slot !== undefined) renew.push({ slot, by: { kind: 'recovery' } });
  }
  for (const { slot = 'shamir', value } of forSlots(options.shamir)) {
    renew.push({ slot, by: await newSlotOf('shamir', { shamir: value }, terminal) });
  }
  return renew;
}

/** What became of a handover: files, never what is in them. */
interface Given extends Pick<RootHandover, 'slot' | 'becomes' | 'kind' | 'keyFile'> {
  readonly recoveryFile: string | undefined;
  readonly shareFiles: readonly string[] | undefined;
}

type Rotated = Awaited<ReturnType<Session['keys']['rotateRoot']>> & {
  readonly handovers: readonly Given[];
};

/** Gives each slot's people what is theirs, has shares entered back, and takes the root key into use. */
async function handOver(
  session: Session,
  handovers: readonly RootHandover[],
  { options, terminal }: { readonly options: RootOptions; readonly terminal: Terminal },
): Promise<Rotated> {
  const reserved: { readonly of: RootHandover; readonly place: Handover }[] = [];
  try {
    if (handovers.some(({ kind }) => kind === 'shamir')) requireSomebody(terminal);
    const recoveryFiles = placesOf('recovery', handovers, {
      given: forSlots(options.newRecoveryFile),
      option: '--new-recovery-file',
    });
    const directories = placesOf('shamir', handovers, {
      given: forSlots(options.shareDirectory),
      option: '--share-directory',
    });
    for (const of of handovers) {
      reserved.push({ of, place: reserve(of, { recoveryFiles, directories }, terminal) });
    }
    const given = reserved.map(({ of, place }): Given => {
      const { slot, becomes, kind, keyFile, recovery, shares } = of;
      return { slot, becomes, kind, keyFile, ...place.give({ recovery, shares }) };
    });
    return { ...(await confirmAndRotate(session, handovers, terminal)), handovers: given };
  } finally {
    for (const { place } of reserved) place[Symbol.dispose]();
    for (const { recovery, shares = [] } of handovers) {
      for (const each of [recovery, ...shares]) each?.wipe();
    }
  }
}

type Places = ReadonlyMap<string, string>;

function reserve(
  handover: RootHandover,
  places: { readonly recoveryFiles: Places; readonly directories: Places },
  terminal: Terminal,
): Handover {
  const { slot, becomes } = handover;
  const newRecoveryFile = places.recoveryFiles.get(slot);
  const shareDirectory = places.directories.get(slot);
  return handoverOf(
    slotsOf(handover),
    {
      ...(newRecoveryFile === undefined ? {} : { newRecoveryFile }),
      ...(shareDirectory === undefined ? {} : { shareDirectory }),
      of: `the slot ${becomes}, in place of ${slot}`,
    },
    terminal,
  );
}

/** What is handed over, as the slots that it is of. */
function slotsOf({ kind, shares, threshold }: RootHandover): readonly NewSlot[] {
  if (kind === 'recovery') return [{ kind }];
  if (shares === undefined) return [];
  return [{ kind: 'shamir', threshold: threshold ?? 0, shares: shares.length }];
}

/**
 * Which file or directory is for which slot.
 *
 * @throws {@link StrongroomError} `usage` if that was not said and there are several, or nothing goes to one of them.
 */
function placesOf(
  kind: string,
  handovers: readonly RootHandover[],
  { given, option }: { readonly given: readonly ForSlot[]; readonly option: string },
): Places {
  const places = new Map<string, string>();
  const waiting = handovers.filter((each) => each.kind === kind).map(({ slot }) => slot);
  const count = waiting.length;
  for (const { slot, value } of given.toSorted((a, b) => rank(a) - rank(b))) {
    const isAny = slot === undefined || slot === kind;
    if (isAny && waiting.length > 1) throw whichSlot(waiting, { option, value });
    const at = isAny ? 0 : waiting.indexOf(slot);
    const [found] = at < 0 ? [] : waiting.splice(at, 1);
    if (found === undefined) {
      throw new StrongroomError('usage', `nothing new goes to ${value}`, {
        hint:
          count === 0
            ? 'a slot that is kept has nothing new: name it, as in SLOT=FILE, to have it renewed'
            : `name each slot once: ${option} SLOT=FILE`,
      });
    }
    places.set(found, value);
  }
  return places;
}

/** What names a slot is looked at first. */
function rank({ slot }: ForSlot): number {
  return slot === undefined ? 1 : 0;
}

function whichSlot(
  slots: readonly string[],
  { option, value }: { readonly option: string; readonly value: string },
): StrongroomError {
  const hint = slots.map((slot) => `${option} ${slot}=FILE`).join(' ');
  return new StrongroomError('usage', `which of ${slots.length} slots is ${value} for?`, { hint });
}

/** New shares are entered back before the old ones go, and somebody has to do that. */
function requireSomebody(terminal: Terminal): void {
  if (terminal.canAsk) return;
  throw new StrongroomError('usage', 'there is no terminal to enter the new shares back at', {
    hint: 'keep the shares with --with-share-file, or drop them with --drop shamir and add new ones with `strongroom keys slots add shamir`',
  });
}

async function confirmAndRotate(
  session: Session,
  handovers: readonly RootHandover[],
  terminal: Terminal,
): ReturnType<Session['keys']['rotateRoot']> {
  const confirm: { slot: string; shares: Awaited<ReturnType<typeof askBack>> }[] = [];
  try {
    for (const { slot, becomes, shares, threshold } of handovers) {
      if (shares === undefined) continue;
      confirm.push({ slot, shares: await askBack(threshold ?? 0, terminal, becomes) });
    }
    return await session.keys.rotateRoot({ confirm });
  } finally {
    for (const { shares } of confirm) for (const share of shares) share.wipe();
  }
}
