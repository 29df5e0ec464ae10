import { Option, type Command } from 'commander';

import type { OlderBackup, SlotSummary } from '../../core/slots.ts';
import type { Session } from '../../core/session.ts';
import { formatAge } from '../age.ts';
import { askBack, giveOver, handoverOf, newSlotOf, type NewSlotOptions } from '../new-slot.ts';
import { openersOf, type OpenerOptions } from '../openers.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { requireLocal, withSession, type GlobalOptions } from '../vault-access.ts';
import { drillAction } from './keys-drill.ts';

interface AddOptions extends GlobalOptions, NewSlotOptions {
  readonly replaces?: string;
}

/** `strongroom keys slots …`: what opens the vault. */
export function registerSlots(keys: Command, terminal: Terminal): void {
  const group = keys.command('slots').description('what opens the vault');
  registerList(group, terminal);
  registerAdd(group, terminal);
  registerResplit(group, terminal);
  registerConfirm(group, terminal);
  registerRemove(group, terminal);
  const test = group.command('test').description('prove that slots still open the vault');
  drillAction(test, terminal);
  addExamples(test, 'strongroom keys slots test --with-recovery-file -');
}

/** Adds the options that say what a new slot opens with. */
function addNewSlotOptions(command: Command): Command {
  return command
    .option('--new-key-file <file>', 'write the new key file there')
    .option('--new-passphrase-file <file>', 'take the new passphrase from a file')
    .option('--new-recovery-file <file>', 'write the new recovery key to a new file')
    .option('--share-directory <directory>', 'write the new shares there, one file each')
    .addOption(kdfOption());
}

/** The option of how a passphrase becomes a key. */
export function kdfOption(): Option {
  return new Option('--kdf <kdf>', 'how a passphrase becomes a key').choices([
    'argon2id',
    'pbkdf2',
  ]);
}

function registerList(group: Command, terminal: Terminal): void {
  group
    .command('list')
    .alias('ls')
    .description('list what opens the vault')
    .action(async (_: object, command: Command) => {
      const slots = await withSession(
        command.optsWithGlobals<GlobalOptions>(),
        terminal,
        (session) => session.slots.list(),
      );
      terminal.result({ slots }, slotTable(slots));
    });
}

function registerAdd(group: Command, terminal: Terminal): void {
  const add = group
    .command('add')
    .description('make another slot that opens the vault')
    .argument('<kind>', 'keyfile, passphrase, env, recovery or shamir')
    .option('--shamir <needed/made>', 'how many shares, such as 3/5')
    .option('--replaces <slot>', 'of shares: the slot that goes once they are confirmed')
    .action(async (kind: string, _: object, command: Command) => {
      await addSlot(kind, command.optsWithGlobals<AddOptions>(), terminal);
    });
  addNewSlotOptions(add);
  addExamples(
    add,
    'strongroom keys slots add recovery --new-recovery-file ~/safe/my-app.recovery',
    'strongroom keys slots add passphrase',
    'strongroom keys slots add keyfile --new-key-file /run/keys/my-app.key',
    'strongroom keys slots add shamir --shamir 3/5 --share-directory ~/shares',
  );
}

function registerResplit(group: Command, terminal: Terminal): void {
  const resplit = group
    .command('resplit')
    .description('make new shares in place of the old ones, which go once the new are confirmed')
    .argument('<needed/made>', 'such as 3/5')
    .option('--replaces <slot>', 'the shares that go, where there are several', 'shamir')
    .option('--share-directory <directory>', 'write the new shares there, one file each')
    .action(async (shamir: string, _: object, command: Command) => {
      await addSlot('shamir', { ...command.optsWithGlobals<AddOptions>(), shamir }, terminal);
    });
  addExamples(resplit, 'strongroom keys slots resplit 3/5 --share-directory ~/new-shares');
}

async function addSlot(kind: string, options: AddOptions, terminal: Terminal): Promise<void> {
  // A server writes no file whose place is chosen elsewhere.
  if (kind === 'keyfile') requireLocal(options);
  const slot = await newSlotOf(kind, options, terminal);
  using handover = handoverOf([slot], options, terminal);
  const done = await withSession(options, terminal, async (session) => {
    const added = await session.slots.add({ slot, replaces: options.replaces });
    const given = giveOver(handover, added);
    const isAsked = added.slot.isPending && given.shareFiles === undefined && terminal.canAsk;
    const { id, threshold } = added.slot;
    const confirmed = isAsked
      ? await confirmBack(session, { slot: id, threshold: threshold ?? 0 }, terminal)
      : undefined;
    return { added, given, confirmed };
  });
  const { added, given, confirmed } = done;
  const shown = confirmed?.slot ?? added.slot;
  terminal.result({ slot: shown, keyFile: added.keyFile, ...given, warnings: added.warnings }, '');
  if (terminal.isJson) return;
  terminal.note(`added the ${shown.kind} slot ${shown.id}`);
  if (added.keyFile !== undefined) terminal.note(`its key file is ${added.keyFile}`);
  if (given.recoveryFile !== undefined)
    terminal.note(`its recovery key is in ${given.recoveryFile}`);
  if (shown.isPending) {
    terminal.note(
      `it opens nothing until its shares are entered back: strongroom keys slots confirm ${shown.id}`,
    );
  }
  tellBackups(confirmed?.stillOpens ?? [], terminal);
  for (const warning of added.warnings) terminal.note(warning);
}

async function confirmBack(
  session: Session,
  { slot, threshold }: { readonly slot: string; readonly threshold: number },
  terminal: Terminal,
): ReturnType<Session['slots']['confirm']> {
  const shares = await askBack(threshold, terminal);
  try {
    return await session.slots.confirm({ slot, shares });
  } finally {
    for (const share of shares) share.wipe();
  }
}

function registerConfirm(group: Command, terminal: Terminal): void {
  const confirm = group
    .command('confirm')
    .description('take shares into use by entering them back')
    .argument('[slot]', 'its id, where several wait', 'shamir')
    .action(async (slot: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & OpenerOptions>();
      using openers = await openersOf(options, terminal);
      const given = (openers.keys ?? []).flatMap((each) =>
        each.kind === 'shamir' ? each.shares : [],
      );
      const confirmed = await withSession(options, terminal, async (session) => {
        if (given.length > 0) return session.slots.confirm({ slot, shares: given });
        const pending = (await session.slots.list()).find(
          (each) => each.isPending && (each.id === slot || each.kind === slot),
        );
        return confirmBack(session, { slot, threshold: pending?.threshold ?? 1 }, terminal);
      });
      terminal.result(confirmed, '');
      if (terminal.isJson) return;
      terminal.note(`the shares of the slot ${confirmed.slot.id} open the vault from now on`);
      if (confirmed.removed !== undefined) terminal.note(`removed the slot ${confirmed.removed}`);
      tellBackups(confirmed.stillOpens, terminal);
    });
  confirm.addOption(
    new Option('--with-share-file <file>', 'a share in a file, once for each').argParser(
      (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
    ),
  );
  addExamples(
    confirm,
    'strongroom keys slots confirm',
    'strongroom keys slots confirm --with-share-file share-1.txt --with-share-file share-2.txt',
  );
}

function registerRemove(group: Command, terminal: Terminal): void {
  const remove = group
    .command('remove')
    .alias('rm')
    .description('take a slot away')
    .argument('<slot>', 'its id, or its kind where there is one of it')
    .action(async (slot: string, _: object, command: Command) => {
      const removed = await withSession(
        command.optsWithGlobals<GlobalOptions>(),
        terminal,
        (session) => session.slots.remove({ slot }),
      );
      terminal.result(removed, '');
      if (terminal.isJson) return;
      terminal.note(`removed the ${removed.slot.kind} slot ${removed.slot.id}`);
      terminal.note('it still opens copies and backups of the vault that were made before');
      tellBackups(removed.stillOpens, terminal);
      for (const warning of removed.warnings) terminal.note(warning);
    });
  addExamples(remove, 'strongroom keys slots remove env');
}

/** Names the backups that keys of before still open. */
export function tellBackups(backups: readonly OlderBackup[], terminal: Terminal): void {
  for (const { file, createdAt } of backups) {
    terminal.note(`the old key still opens the backup ${file} of ${createdAt}`);
  }
}

/** Slots as lines. */
export function slotTable(slots: readonly SlotSummary[]): string {
  const now = Date.now();
  const rows = slots.map((slot) => [
    slot.threshold === null ? slot.kind : `${slot.kind} ${slot.threshold}/${slot.shares ?? 0}`,
    slot.id,
    formatAge(slot.createdAt, now),
    slot.isPending
      ? 'waits to be confirmed'
      : slot.provenAt === null
        ? 'never'
        : formatAge(slot.provenAt, now),
  ]);
  return formatTable(['kind', 'id', 'made', 'proven'], rows);
}
