import type { Command } from 'commander';

import { formatAge } from '../age.ts';
import { EXIT } from '../exit-codes.ts';
import {
  addOpenerOptions,
  holdKeys,
  openedWith,
  openersOf,
  type OpenerOptions,
} from '../openers.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { requireLocal, withLocalVault, type GlobalOptions } from '../vault-access.ts';
import { keysOf } from '../vault-keys.ts';

/** Lets a command prove slots with what opened the vault and with what its options bring. */
export function drillAction(command: Command, terminal: Terminal): void {
  addOpenerOptions(command).action(async (_: object, self: Command) => {
    const options = self.optsWithGlobals<GlobalOptions & OpenerOptions>();
    requireLocal(options);
    using held = holdKeys(await keysOf(options, terminal));
    using brought = await openersOf(options, terminal);
    const { keys } = held;
    const drilled = await withLocalVault(
      options,
      terminal,
      (session, vault) =>
        session.keys.drill({
          openers: [...openedWith(options, keys, vault), ...(brought.keys ?? [])],
        }),
      { keys },
    );
    const now = Date.now();
    const rows = drilled.slots.map(({ kind, id, outcome, provenAt }) => [
      kind,
      id,
      outcome === 'proven' ? 'opens' : 'not tried',
      provenAt === null ? 'never' : formatAge(provenAt, now),
    ]);
    terminal.result(drilled, formatTable(['kind', 'id', 'result', 'proven'], rows));
    for (const { message } of drilled.failed) terminal.note(message);
    const { oldestUnproven: oldest } = drilled;
    if (oldest !== undefined) {
      terminal.note(`longest without proof: the ${oldest.kind} slot ${oldest.id}`);
    }
    if (drilled.failed.length > 0) process.exitCode = EXIT.verificationFailed;
  });
}
