import { Option, type Command } from 'commander';

import type { RenewedSlot, RootHandover } from '../../core/operations/root-key.ts';
import type { Session } from '../../core/session.ts';
import type { SlotSummary } from '../../core/slots.ts';
import { StrongroomError } from '../../errors.ts';
import type { NewSlot, SlotKey } from '../../seal/slot.ts';
import { collect } from '../global-options.ts';
import { askBack, giveOver, handoverOf, newSlotOf, type NewSlotOptions } from '../new-slot.ts';
import { addOpenerOptions, openedWith, openersOf, type OpenerOptions } from '../openers.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';
import { keysOf } from '../vault-keys.ts';
import { addNewSlotOptions, slotTable, tellBackups } from './keys-slots.ts';

interface RotateOptions extends GlobalOptions, OpenerOptions, NewSlotOptions {
  readonly root?: boolean;
  readonly reencrypt?: boolean;
  readonly drop?: readonly string[];
}

const BATCH = 512;

/** `strongroom keys rotate`: another workspace key, or with `--root` another root key. */
export function registerRotate(keys: Command, terminal: Terminal): void {
  const rotate = keys
    .command('rotate')
    .description('rotate the key of a workspace, or with --root the root key')
    .option('--reencrypt', 'encrypt values anew too, where a data key may be exposed')
    .option('--root', 'rotate the root key, and with it every slot')
    .addOption(
      new Option('--drop <slot>', 'with --root: a slot that goes; may be repeated').argParser(
        collect,
      ),
    )
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<RotateOptions>();
      await (options.root === true ? rotateRoot : rotateWorkspace)(options, terminal);
    });
  addNewSlotOptions(addOpenerOptions(rotate)).option(
    '--shamir <needed/made>',
    'how many new shares, such as 3/5',
  );
  addExamples(
    rotate,
    'strongroom keys rotate',
    'strongroom keys rotate -w billing --reencrypt',
    'strongroom keys rotate --root --with-passphrase-file - --drop env',
  );
  const rewrap = keys
    .command('rewrap')
    .description('go on with a rotation that was interrupted')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const { workspace } = options;
      const done = await withSession(options, terminal, (session) =>
        finishRotation(session, workspace, terminal),
      );
      terminal.result(done, '');
      tellRotation(done, terminal);
    });
  addExamples(rewrap, 'strongroom keys rewrap');
}

/** What came of wrapping everything under the newest key. */
interface Rotation {
  readonly done: number;
  readonly failed: number;
  readonly destroyed: readonly number[];
  readonly kept: readonly { readonly number: number; readonly envelopes: number }[];
}

async function rotateWorkspace(options: RotateOptions, terminal: Terminal): Promise<void> {
  const { workspace, reencrypt } = options;
  const { rotated, rotation } = await withSession(options, terminal, async (session) => {
    const rotated = await session.keys.rotate({ workspace, reencrypt });
    return { rotated, rotation: await finishRotation(session, workspace, terminal) };
  });
  terminal.result({ ...rotated, ...rotation }, '');
  if (!terminal.isJson) {
    terminal.note(`the workspace ${rotated.workspace} has key ${rotated.number} now`);
  }
  tellRotation(rotation, terminal);
}

/** Wraps what is left, and destroys old keys that nothing is under any more. */
async function finishRotation(
  session: Session,
  workspace: string | undefined,
  terminal: Terminal,
): Promise<Rotation> {
  for (;;) {
    const { done, total, failed, finished } = await session.keys.rewrap({
      workspace,
      limit: BATCH,
    });
    terminal.progress(`${done} of ${total} data keys`);
    if (!finished) continue;
    const { destroyed, kept } = await session.keys.retire({ workspace });
    return { done, failed, destroyed, kept };
  }
}

function tellRotation({ done, failed, destroyed, kept }: Rotation, terminal: Terminal): void {
  terminal.note(`wrapped ${done} ${done === 1 ? 'data key' : 'data keys'} under it`);
  if (failed > 0) terminal.note(`${failed} cannot be opened: see \`strongroom jobs list\``);
  for (const number of destroyed) terminal.note(`destroyed key ${number}, which nothing is under`);
  for (const { number, envelopes } of kept) {
    terminal.note(`key ${number} stays, as ${envelopes} envelopes are under it`);
  }
}

async function rotateRoot(options: RotateOptions, terminal: Terminal): Promise<void> {
  const keys = await keysOf(options, terminal);
  const brought = await openersOf(options, terminal);
  const rotated = await withSession(
    options,
    terminal,
    async (session, vault) => {
      const slots = (await session.slots.list()).filter(({ isPending }) => !isPending);
      const drop = options.drop ?? [];
      const renew = await renewed(slots, options, terminal);
      const keep = [...openedWith(options, keys, vault), ...brought].filter((key) =>
        isKept(key, slots, renew),
      );
      using handover = handoverOf(
        renew.map(({ by }) => by),
        options,
        terminal,
      );
      const begun = await session.keys.beginRoot({ keep, renew, drop });
      const given = giveOver(handover, givenOf(begun.handovers));
      const confirm = await sharesBack(begun.handovers, renew, terminal);
      return { ...(await session.keys.rotateRoot({ confirm })), ...given, dropped: begun.dropped };
    },
    { keys },
  );
  terminal.result(rotated, terminal.isJson ? '' : slotTable(rotated.slots));
  if (terminal.isJson) return;
  terminal.note(`the vault has the root key ${rotated.root} now`);
  terminal.note('what opened it before still opens copies and backups that were made before');
  tellBackups(rotated.stillOpens, terminal);
  for (const warning of rotated.warnings) terminal.note(warning);
}

/** The slots that get another opener: those that options name, and what nobody could bring again. */
async function renewed(
  slots: readonly SlotSummary[],
  options: RotateOptions,
  terminal: Terminal,
): Promise<RenewedSlot[]> {
  const wanted: Readonly<Record<string, boolean>> = {
    keyfile: options.newKeyFile !== undefined,
    passphrase: options.newPassphraseFile !== undefined,
    recovery: options.withRecoveryFile === undefined && options.recoveryFile === undefined,
    shamir: options.withShareFile === undefined && options.shareFile === undefined,
  };
  const drop = options.drop ?? [];
  const renew: RenewedSlot[] = [];
  for (const { id, kind, threshold, shares } of slots) {
    if (wanted[kind] !== true || drop.includes(id) || drop.includes(kind)) continue;
    const shamir = options.shamir ?? `${threshold ?? 0}/${shares ?? 0}`;
    if (kind === 'shamir') requireSomebody(terminal);
    renew.push({ slot: id, by: await newSlotOf(kind, { ...options, shamir }, terminal) });
  }
  return renew;
}

/** New shares are entered back before the old ones go, and somebody has to do that. */
function requireSomebody(terminal: Terminal): void {
  if (terminal.canAsk) return;
  throw new StrongroomError('usage', 'there is no terminal to enter the new shares back at', {
    hint: 'keep the shares with --with-share-file, or drop them with --drop shamir and add new ones with `strongroom keys slots add shamir`',
  });
}

/** What opens a slot that gets another opener is not needed any more. */
function isKept(
  key: SlotKey,
  slots: readonly SlotSummary[],
  renew: readonly RenewedSlot[],
): boolean {
  const of = slots.filter(({ kind }) => kind === key.kind);
  return of.some(({ id }) => !renew.some(({ slot }) => slot === id));
}

function givenOf(handovers: readonly RootHandover[]): Pick<RootHandover, 'recovery' | 'shares'> {
  return {
    recovery: handovers.find(({ recovery }) => recovery !== undefined)?.recovery,
    shares: handovers.find(({ shares }) => shares !== undefined)?.shares,
  };
}

async function sharesBack(
  handovers: readonly RootHandover[],
  renew: readonly RenewedSlot[],
  terminal: Terminal,
): Promise<{ slot: string; shares: Awaited<ReturnType<typeof askBack>> }[]> {
  const back = [];
  for (const { slot, shares } of handovers) {
    if (shares === undefined) continue;
    const by: NewSlot | undefined = renew.find((each) => each.slot === slot)?.by;
    const threshold = by?.kind === 'shamir' ? by.threshold : 0;
    back.push({ slot, shares: await askBack(threshold, terminal) });
  }
  return back;
}
