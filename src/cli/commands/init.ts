import { existsSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

import { Option, type Command } from 'commander';

import { initVault, type NewVault } from '../../core/init-vault.ts';
import type { SecretsImported } from '../../core/operations/import-secrets.ts';
import { FIRST_ENVIRONMENTS } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import { findEnvironmentFiles, importCommand } from '../environment-files.ts';
import { firstSlots, keysOfNewVault, SEALS, type SealOptions } from '../first-slots.ts';
import { ignoreInGit } from '../git-ignore.ts';
import { collect } from '../global-options.ts';
import { describePlan, planImport, wipePlan, type ImportPlan } from '../import-plan.ts';
import { PROJECT_DIRECTORY } from '../project.ts';
import { readFile } from '../read-text-file.ts';
import { Handover, type HandedOver, type HandoverOptions } from '../recovery-kit.ts';
import type { Terminal } from '../terminal.ts';
import { currentUser, withSession, type GlobalOptions } from '../vault-access.ts';
import { countsOf } from './import.ts';

interface InitOptions extends Omit<GlobalOptions, 'recoveryFile'>, SealOptions, HandoverOptions {
  readonly environment: string;
}

/** What `init` did, for the report and for what to say if a later step fails. */
interface Made extends NewVault, HandedOver {
  readonly directory: string;
  readonly owner: string;
}

const DOTENV = '.env';

/** `strongroom init`: makes a vault for a project and brings its `.env` in. */
export function registerInit(program: Command, terminal: Terminal): void {
  program
    .command('init')
    .description('make a vault here and bring .env in')
    .option('-e, --environment <name>', 'environment for .env', 'development')
    .addOption(
      new Option('--seal <kind>', `${SEALS.join(', ')}; may be repeated (default: keyfile)`)
        .choices(SEALS)
        .argParser(collect),
    )
    .option('--key-file <file>', "write the key there, instead of the user's configuration")
    .option('--passphrase-file <file>', 'take the passphrase of --seal passphrase from a file')
    .addOption(
      new Option('--kdf <kdf>', 'how a passphrase becomes a key').choices(['argon2id', 'pbkdf2']),
    )
    .option('--shamir <needed/made>', 'seal with shares, such as 3/5')
    .option('--share-directory <directory>', 'write the shares there, one file each')
    .option('--recovery-file <file>', 'write the recovery key to a new file')
    .action(async (_options: object, command: Command) => {
      await init(command.optsWithGlobals<InitOptions>(), terminal);
    });
}

async function init(options: InitOptions, terminal: Terminal): Promise<void> {
  const project = process.cwd();
  const directory = vaultDirectory(project, options.path);
  requireNewVault(directory);
  requireFirstEnvironment(options.environment);
  const plan = await planOf(project);
  try {
    const isWanted = await showAndAsk(plan, options.environment, terminal);
    const slots = await firstSlots(options, terminal);
    warnOfKeyBeside(directory, options.keyFile, terminal);
    using handover = new Handover(slots, options, terminal);
    const owner = options.principal ?? currentUser();
    const newVault = await initVault(directory, { owner, slots: handover.slots });
    const made = { ...newVault, recoveryFile: undefined, shareFiles: undefined, directory, owner };
    await orSayWhatIsThere(made, terminal, async () => {
      const given: Made = { ...made, ...handover.give(newVault) };
      const ignored = ignoreInGit(project, directory);
      const imported =
        plan === undefined || !isWanted
          ? undefined
          : await importInto(plan, { ...options, made, slots }, terminal);
      tell(given, { options, plan, imported, ignored }, terminal);
    });
  } finally {
    if (plan !== undefined) wipePlan(plan);
  }
}

function vaultDirectory(project: string, path: string | undefined): string {
  const named = path ?? process.env['STRONGROOM_PATH'] ?? '';
  return resolve(project, named === '' ? PROJECT_DIRECTORY : named);
}
