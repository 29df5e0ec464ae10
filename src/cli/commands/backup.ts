import type { Command } from 'commander';

import type { BackupSummary } from '../../core/operations/backup-view.ts';
import { StrongroomError } from '../../errors.ts';
import { parseDuration } from '../../lib/duration.ts';
import { formatAge } from '../age.ts';
import { formatBytes } from '../format-bytes.ts';
import { wholeNumber } from '../option-values.ts';
import { formatFacts, formatTable } from '../table.ts';
import { locateServer } from '../server-target.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';
import { registerBackupRestore } from './backup-restore.ts';
import { registerBackupVerify } from './backup-verify.ts';

interface CreateOptions extends GlobalOptions {
  readonly to?: string;
  readonly proof?: string;
  readonly keep?: number;
}

interface PruneOptions extends GlobalOptions {
  readonly keep?: number;
  readonly keepLast?: number;
  readonly evenKept?: boolean;
}

const DAY_MS = 86_400_000;

/** `strongroom backup …`: copies of the vault that prove that they can be restored. */
export function registerBackup(program: Command, terminal: Terminal): void {
  const group = program
    .command('backup')
    .description('copies of the vault, tried and signed; and back from them');
  registerCreate(group, terminal);
  registerList(group, terminal);
  registerBackupVerify(group, terminal);
  registerBackupRestore(group, terminal);
  registerKey(group, terminal);
  registerPrune(group, terminal);
}

function registerCreate(group: Command, terminal: Terminal): void {
  const command = group
    .command('create')
    .description('write a backup of the whole vault, and try a restore of it')
    .option('--to <directory>', 'where to (STRONGROOM_BACKUP_PATH)')
    .option('--proof <when>', 'now, or later with `backup verify --prove`', proofOf)
    .option('--keep <duration>', 'do not let `backup prune` remove it before, as in 30d', daysOf)
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<CreateOptions>();
      const { to: directory, keep: keepDays } = options;
      if (directory !== undefined && locateServer(options) !== undefined) {
        throw new StrongroomError('usage', 'a server puts backups into a directory of its own', {
          hint: 'leave --to out; the server is started with STRONGROOM_BACKUP_PATH',
        });
      }
      const proof = options.proof === 'later' ? 'later' : 'now';
      const made = await withSession(options, terminal, (session) =>
        session.backups.create({ directory, proof, keepDays }),
      );
      terminal.result(
        made,
        formatFacts({
          backup: made.file,
          size: formatBytes(made.sizeBytes),
          holds: `${made.secrets} secrets in ${made.versions} versions, ${made.auditSize} audit entries`,
          sha256: made.sha256,
          proven: made.provenAt === null ? 'not yet' : 'a restore was tried and is whole',
        }),
      );
      if (made.provenAt === null)
        terminal.note('try a restore with: strongroom backup verify --prove FILE');
    });
  addExamples(command, 'strongroom backup create --to /mnt/backups', 'strongroom backup create');
}

function registerList(group: Command, terminal: Terminal): void {
  const command = group
    .command('list')
    .alias('ls')
    .description('list the backups that were made of this vault')
    .option('-a, --all', 'those that were removed too')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly all?: boolean }>();
      const { backups, unlisted, missing } = await withSession(options, terminal, (session) =>
        session.backups.list(),
      );
      const shown = backups.filter(({ removedAt }) => options.all === true || removedAt === null);
      if (shown.length === 0) terminal.note('no backups');
      const rows = shown.map((each) => rowOf(each, missing.includes(each.file)));
      terminal.result(
        { backups: shown, unlisted, missing },
        rows.length === 0 ? '' : formatTable(['made', 'proven', 'secrets', 'size', 'file'], rows),
      );
      for (const file of unlisted) {
        terminal.warn(`${file} is not listed; strongroom backup verify --prove FILE lists it`);
      }
    });
  addExamples(command, 'strongroom backup list');
}

function rowOf(backup: BackupSummary, isMissing: boolean): readonly string[] {
  const mark = backup.removedAt !== null ? '(removed) ' : isMissing ? '(missing) ' : '';
  return [
    formatAge(backup.createdAt, Date.now()),
    backup.provenAt === null ? 'no' : formatAge(backup.provenAt, Date.now()),
    String(backup.secrets),
    formatBytes(backup.sizeBytes),
    `${mark}${backup.file}`,
  ];
}

function registerKey(group: Command, terminal: Terminal): void {
  const command = group
    .command('key')
    .description('print the key that backups are verified with, which is public')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const key = await withSession(options, terminal, (session) => session.backups.key());
      terminal.result(key, key.verifierKeys);
    });
  addExamples(command, 'strongroom backup key > backup.pub');
}

function registerPrune(group: Command, terminal: Terminal): void {
  const command = group
    .command('prune')
    .description('remove backups that need not be kept; the newest proven one stays')
    .option('--keep <duration>', 'keep those that are younger, as in 7d', daysOf)
    .option('--keep-last <n>', 'keep so many, the newest', wholeNumber('--keep-last', 1))
    .option('--even-kept', 'also those whose own --keep is not over')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<PruneOptions>();
      const { keep: keepDays, keepLast, evenKept } = options;
      requireRule(options);
      const pruned = await withSession(options, terminal, (session) =>
        session.backups.prune({ keepDays, keepLast, evenKept }),
      );
      terminal.result(pruned, pruned.removed.join('\n'));
      terminal.note(`removed ${pruned.removed.length}, kept ${pruned.kept}`);
      for (const file of pruned.missing) {
        terminal.warn(`${file} was gone already, and is listed as removed now`);
      }
      for (const file of pruned.failed)
        terminal.warn(`${file} is not removed: look at it yourself`);
    });
  addExamples(
    command,
    'strongroom backup prune --keep 30d',
    'strongroom backup prune --keep-last 7',
  );
}

function requireRule({ keep, keepLast, evenKept }: PruneOptions): void {
  if (evenKept !== true || keep !== undefined || keepLast !== undefined) return;
  throw new StrongroomError('usage', '--even-kept goes with --keep or --keep-last', {
    hint: 'as in --even-kept --keep-last 7',
  });
}

/** A duration in days, of which there may be parts. */
function daysOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms / DAY_MS;
  throw new StrongroomError('usage', '--keep takes a duration', {
    hint: 'as in --keep 7d (also 12h, 30m)',
  });
}

function proofOf(text: string): string {
  if (text === 'now' || text === 'later') return text;
  throw new StrongroomError('usage', '--proof is now or later');
}
