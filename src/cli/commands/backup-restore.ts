import { resolve } from 'node:path';

import type { Command } from 'commander';

import type { RestoredSecret } from '../../core/operations/restore-parts.ts';
import type { RestoredVault } from '../../core/restore-vault.ts';
import { StrongroomError } from '../../errors.ts';
import { addBackupKeyOptions, type BackupKeyOptions } from '../backup-keys.ts';
import { sourceOf } from '../backup-source.ts';
import { withKeyHint } from '../key-hints.ts';
import { requireNoServer } from '../new-vault-place.ts';
import { wholeNumber } from '../option-values.ts';
import { PageBound } from '../page-bound.ts';
import { formatFacts, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { keysOf } from '../vault-keys.ts';
import { environmentOf, principalOf, withSession, type GlobalOptions } from '../vault-access.ts';
import { rowsOf } from './backup-verify.ts';

interface RestoreOptions extends GlobalOptions, BackupKeyOptions {
  readonly to?: string;
  readonly secret?: string;
  readonly allSecrets?: boolean;
  readonly environment?: string;
  readonly version?: number;
  readonly as?: string;
  readonly replace?: boolean;
}

/** `strongroom backup restore FILE`: a whole vault with `--to`; or parts, into the vault that is there. */
export function registerBackupRestore(group: Command, terminal: Terminal): void {
  const command = group
    .command('restore')
    .description('restore a whole vault into an empty directory, or secrets into this vault')
    .argument('<file>', 'a backup')
    .option('--to <directory>', 'restore the whole vault: a directory that is empty or not there')
    .option('--replace', 'with --to, also if this machine knows the vault, whose place it takes')
    .option('--secret <path>', 'bring one secret back into this vault')
    .option('--all-secrets', 'bring back the secrets of the workspace, or of -e alone')
    .option('-e, --environment <environment>', 'environment of --secret and --all-secrets')
    .option('--version <n>', 'this version of --secret', wholeNumber('--version', 1))
    .option('--as <path>', 'make a new secret of --secret, of this name')
    .action(async (file: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<RestoreOptions>();
      requireOne(options);
      if (options.to !== undefined) await restoreWhole(file, options.to, options, terminal);
      else await restoreSecrets(file, options, terminal);
    });
  addBackupKeyOptions(command);
  addExamples(
    command,
    'strongroom backup restore FILE --to .strongroom',
    'strongroom backup restore FILE --secret db/PASSWORD -e production',
  );
}

function requireOne({ to, secret, allSecrets }: RestoreOptions): void {
  const count = [to, secret, allSecrets].filter((each) => each !== undefined).length;
  if (count === 1) return;
  throw new StrongroomError('usage', 'what is to be restored?', {
    hint: 'the whole vault with --to DIRECTORY, or into this vault --secret NAME or --all-secrets',
  });
}

async function restoreWhole(
  file: string,
  to: string,
  options: RestoreOptions,
  terminal: Terminal,
): Promise<void> {
  requireNoServer(options, '--to');
  const { readClaims } = await import('../../domain/backup/verify-file.ts');
  const claims = await readClaims(file);
  const plan = formatFacts({ ...rowsOf(claims), to: resolve(to) });
  if (!terminal.isJson) terminal.tell(plan);
  terminal.warn('other copies of this vault will be refused on this machine, as older ones');
  await requireYes(terminal, 'Restore it?');
  const { restoreVault } = await import('../../core/restore-vault.ts');
  const keys = await keysOf(options, terminal);
  let restored: RestoredVault;
  try {
    const by = principalOf(options).value;
    restored = await restoreVault(resolve(to), { file, keys, by, replace: options.replace });
  } catch (error) {
    throw withKeyHint(error);
  }
  const { outsideFault, ...result } = restored;
  terminal.result(
    { path: resolve(to), ...result },
    formatFacts({
      restored: resolve(to),
      holds: `${restored.secrets} secrets in ${restored.versions} versions`,
      generation: String(restored.restoreGeneration),
      "log's key": restored.auditKeyFile,
    }),
  );
  if (outsideFault !== undefined) terminal.fail(outsideFault);
  terminal.note(
    'a new audit log begins; the entries of before stay in the vault and in the backup',
  );
}

async function restoreSecrets(
  file: string,
  options: RestoreOptions,
  terminal: Terminal,
): Promise<void> {
  const { workspace, secret: path, version, as } = options;
  const isOne = path !== undefined;
  const environment = isOne
    ? environmentOf(options.environment, options, terminal)
    : options.environment;
  if (!isOne) await requireYes(terminal, 'Write the values of the backup as new versions?');
  const target = { workspace, environment, path, version, as };
  const { secrets, ...left } = await withSession(options, terminal, async (session) => {
    const all = {
      secrets: [] as RestoredSecret[],
      taken: [] as string[],
      withoutValue: [] as string[],
      elsewhere: [] as string[],
    };
    const source = await sourceOf(file, session, options);
    const parts = new PageBound();
    for (let after: string | undefined; ;) {
      const part = await session.backups.restoreParts({ ...target, ...source, after });
      all.secrets.push(...part.secrets);
      all.taken.push(...part.taken);
      all.withoutValue.push(...part.withoutValue);
      all.elsewhere.push(...part.elsewhere);
      after = parts.after(part.next, [
        ...part.secrets,
        ...part.taken,
        ...part.withoutValue,
        ...part.elsewhere,
      ]);
      if (after === undefined) return all;
    }
  });
  const rows = secrets.map(({ environment: at, path: name, version: n, outcome }) => [
    name,
    at,
    `v${n}`,
    outcome,
  ]);
  terminal.result(
    { secrets, ...left },
    rows.length === 0 ? '' : formatTable(['name', 'environment', 'version', 'outcome'], rows),
  );
  const why = {
    taken: 'is another secret by now',
    withoutValue: 'had no value in the backup',
    elsewhere: 'is in another workspace by now',
  } as const;
  for (const reason of ['taken', 'withoutValue', 'elsewhere'] as const) {
    for (const name of left[reason]) terminal.warn(`${name} ${why[reason]} and stays as it is`);
  }
}

async function requireYes(terminal: Terminal, question: string): Promise<void> {
  if (await terminal.confirm(question, false)) return;
  throw new StrongroomError('usage', 'nothing was changed', {
    hint: terminal.canAsk ? 'answer yes to go on' : 'say --yes where nobody can be asked',
  });
}
