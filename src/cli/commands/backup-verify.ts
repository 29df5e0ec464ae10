import { existsSync } from 'node:fs';

import type { Command } from 'commander';

import type { BackupFacts } from '../../domain/backup/verify-file.ts';
import { StrongroomError } from '../../errors.ts';
import { vaultConfigFiles } from '../../seal/locations.ts';
import { addBackupKeyOptions, type BackupKeyOptions } from '../backup-keys.ts';
import { sourceOf } from '../backup-source.ts';
import { EXIT } from '../exit-codes.ts';
import { formatFacts } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';
import { readVerifierText } from '../verifier-files.ts';

interface VerifyOptions extends GlobalOptions, BackupKeyOptions {
  readonly key?: string;
  readonly decrypt?: boolean;
  readonly prove?: boolean;
}

/**
 * `strongroom backup verify FILE`: by the public key alone, without a vault; with
 * `--decrypt` by the vault that it is of. Exit codes as of `audit verify`.
 */
export function registerBackupVerify(group: Command, terminal: Terminal): void {
  const command = group
    .command('verify')
    .description('tell whether a backup is whole and unchanged, without a vault and its keys')
    .argument('<file>', 'a backup')
    .option('--key <file>', 'the public key, from `strongroom backup key`')
    .option('--decrypt', "check every row and decrypt every value, with the vault's keys")
    .option('--prove', 'try a restore too, and keep the receipt')
    .action(async (file: string, _: object, command: Command) => {
      // Until a verification has succeeded it has crashed.
      process.exitCode = EXIT.internal;
      const options = command.optsWithGlobals<VerifyOptions>();
      const isDeep =
        options.decrypt === true ||
        options.prove === true ||
        (options.backupKeyFile ?? options.backupRecoveryFile) !== undefined;
      await (isDeep ? verifyInVault(file, options, terminal) : verifyFile(file, options, terminal));
      process.exitCode = EXIT.ok;
    });
  addBackupKeyOptions(command);
  addExamples(
    command,
    'strongroom backup verify FILE --key backup.pub',
    'strongroom backup verify FILE --prove',
  );
}

async function verifyFile(file: string, { key }: VerifyOptions, terminal: Terminal): Promise<void> {
  const { readClaims, verifyBackupFile } = await import('../../domain/backup/verify-file.ts');
  const path = key ?? vaultConfigFiles((await readClaims(file)).vault).backupKey;
  if (key === undefined && !existsSync(path)) {
    throw new StrongroomError('usage', 'the public key of the backup is not known here', {
      hint: 'name its file with --key; `strongroom backup key > backup.pub` writes it',
    });
  }
  const facts = await verifyBackupFile(file, readVerifierText(path));
  terminal.result({ ok: true, ...facts }, formatFacts({ verified: whole, ...rowsOf(facts) }));
}

const whole = 'whole, and as it was signed';

async function verifyInVault(
  file: string,
  options: VerifyOptions,
  terminal: Terminal,
): Promise<void> {
  const prove = options.prove === true;
  const verified = await withSession(options, terminal, async (session) =>
    session.backups.verify({ ...(await sourceOf(file, session, options)), prove }),
  );
  const { decrypted, values } = verified;
  const proven =
    decrypted === undefined
      ? undefined
      : `a restore was tried, and ${decrypted} values were decrypted`;
  terminal.result(
    { ok: true, ...verified },
    formatFacts({
      verified: `${whole}; every row was checked, and ${values} values were decrypted`,
      ...rowsOf(verified),
      proven,
    }),
  );
}

/** Facts of a backup for people. */
export function rowsOf(facts: Omit<BackupFacts, 'sha256'>): Readonly<Record<string, string>> {
  return {
    backup: facts.id,
    vault: facts.vault,
    made: facts.createdAt,
    holds: `${facts.secrets} secrets in ${facts.versions} versions, ${facts.auditSize} audit entries`,
    'opens with': facts.opensWith.join(', '),
  };
}
