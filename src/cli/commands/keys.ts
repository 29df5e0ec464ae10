import type { Command } from 'commander';

import type { KeyStatus, WorkspaceKeys } from '../../core/operations/key-status.ts';
import { formatAge } from '../age.ts';
import { formatFacts, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';
import { drillAction } from './keys-drill.ts';
import { registerRotate } from './keys-rotate.ts';
import { registerSlots, slotTable } from './keys-slots.ts';

/** `strongroom keys …`: keys of the vault and of workspaces, and what opens them. */
export function registerKeys(program: Command, terminal: Terminal): void {
  const group = program
    .command('keys')
    .description('keys of the vault and of workspaces, and what opens the vault');
  const status = group
    .command('status')
    .description('say how old keys and slots are, and what to do about them')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const found = await withSession(options, terminal, (session) => session.keys.status());
      terminal.result(found, statusText(found));
      for (const warning of found.warnings) terminal.note(warning);
    });
  addExamples(status, 'strongroom keys status');
  registerRotate(group, terminal);
  registerRetire(group, terminal);
  registerSlots(group, terminal);
  const drill = group
    .command('drill')
    .description('prove that slots still open the vault, without opening anything');
  drillAction(drill, terminal);
  addExamples(
    drill,
    'strongroom keys drill --with-recovery-file -',
    'strongroom keys drill --with-share-file a.txt --with-share-file b.txt',
  );
}

function registerRetire(group: Command, terminal: Terminal): void {
  const retire = group
    .command('retire')
    .description('destroy old keys of a workspace that nothing is under any more')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const { workspace } = options;
      const retired = await withSession(options, terminal, (session) =>
        session.keys.retire({ workspace }),
      );
      terminal.result(retired, '');
      if (terminal.isJson) return;
      if (retired.destroyed.length + retired.kept.length === 0) {
        terminal.note('there is no old key');
      }
      for (const number of retired.destroyed) terminal.note(`destroyed key ${number}`);
      for (const { number, envelopes } of retired.kept) {
        terminal.note(`key ${number} stays, as ${envelopes} envelopes are under it`);
      }
    });
  addExamples(retire, 'strongroom keys retire', 'strongroom keys retire -w billing');
}

function statusText({ root, workspaces, slots }: KeyStatus): string {
  const now = Date.now();
  const rows = workspaces.flatMap(({ workspace, keys }) =>
    keys.map((key) => [
      workspace,
      String(key.number),
      key.state,
      formatAge(key.createdAt, now),
      String(key.uses),
      key.envelopes === null ? '' : String(key.envelopes),
    ]),
  );
  return [
    formatFacts({ 'root key': root.id, since: formatAge(root.createdAt, now) }),
    formatTable(['workspace', 'key', 'state', 'made', 'uses', 'to wrap anew'], rows),
    ...workspaces.flatMap(jobText),
    slotTable(slots),
  ].join('\n\n');
}

function jobText({ workspace, job }: WorkspaceKeys): string[] {
  if (job === undefined) return [];
  const failed = job.failed === 0 ? '' : `, ${job.failed} failed`;
  return [`rotation in ${workspace}: ${job.done} of ${job.total}${failed}`];
}
