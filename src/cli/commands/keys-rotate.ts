import { Option, type Command } from 'commander';

import type { Session } from '../../core/session.ts';
import { collect } from '../global-options.ts';
import { addOpenerOptions } from '../openers.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';
import { rotateRoot, type RootOptions } from './keys-root.ts';
import { kdfOption } from './keys-slots.ts';

interface RotateOptions extends RootOptions {
  readonly root?: boolean;
  readonly reencrypt?: boolean;
}

const BATCH = 512;

/** `strongroom keys rotate`: another workspace key, or with `--root` another root key. */
export function registerRotate(keys: Command, terminal: Terminal): void {
  const rotate = keys
    .command('rotate')
    .description('rotate the key of a workspace, or with --root the root key')
    .option('--reencrypt', 'encrypt values anew too, where a data key may be exposed')
    .option('--root', 'rotate the root key, and with it every slot')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<RotateOptions>();
      await (options.root === true ? rotateRoot : rotateWorkspace)(options, terminal);
    });
  addRootOptions(addOpenerOptions(rotate));
  addExamples(
    rotate,
    'strongroom keys rotate',
    'strongroom keys rotate -w billing --reencrypt',
    'strongroom keys rotate --root --with-passphrase-file - --drop env',
    'strongroom keys rotate --root --new-recovery-file SLOT=a.recovery --new-recovery-file SLOT=b.recovery',
  );
  const rewrap = keys
    .command('rewrap')
    .description('go on with a rotation that was interrupted, or wrap what failed once more')
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

/** Options of `--root`, each of which may be repeated. */
function addRootOptions(command: Command): void {
  const options: readonly (readonly [flags: string, description: string])[] = [
    ['--drop <slot>', 'with --root: a slot that goes'],
    ['--new-key-file <[slot=]file>', 'write a new key file there'],
    ['--new-passphrase-file <[slot=]file>', 'take a new passphrase from a file'],
    ['--new-recovery-file <[slot=]file>', 'write a new recovery key to a new file'],
    ['--share-directory <[slot=]directory>', 'write new shares there, one file each'],
    ['--shamir <[slot=]needed/made>', 'how many new shares, such as 3/5'],
  ];
  for (const [flags, description] of options) {
    command.addOption(new Option(flags, description).argParser(collect));
  }
  command.addOption(kdfOption());
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
  if (failed > 0) {
    terminal.note(
      `${failed} cannot be opened: see \`strongroom jobs list\`; \`strongroom keys rewrap\` tries again`,
    );
  }
  for (const number of destroyed) terminal.note(`destroyed key ${number}, which nothing is under`);
  for (const { number, envelopes } of kept) {
    terminal.note(`key ${number} stays, as ${envelopes} envelopes are under it`);
  }
}
