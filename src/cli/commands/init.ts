import { existsSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

import { Option, type Command } from 'commander';

import type { FirstSlot, NewVault } from '../../core/init-vault.ts';
import type { SecretsImported } from '../../core/operations/import-secrets.ts';
import { StrongroomError } from '../../errors.ts';
import { wipe } from '../../lib/bytes.ts';
import { findEnvironmentFiles, importCommand } from '../environment-files.ts';
import { firstSlots, keysOfNewVault, sealsAsked, SEALS, type SealOptions } from '../first-slots.ts';
import { ignoreInGit, isTrackedByGit } from '../git-ignore.ts';
import { collect } from '../global-options.ts';
import { describePlan, planImport, wipePlan, type ImportPlan } from '../import-plan.ts';
import {
  askIfBelowVault,
  requireFirstEnvironment,
  requireNoServer,
  requireOwnDirectory,
} from '../new-vault-place.ts';
import { environmentOption } from '../option-values.ts';
import { PROJECT_DIRECTORY } from '../project.ts';
import { readFile } from '../read-text-file.ts';
import { Handover, type HandedOver, type HandoverOptions } from '../recovery-kit.ts';
import { configDirectory } from '../../seal/locations.ts';
import { formatFacts } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { allowances, environmentIfNeeded, openingOptions } from '../try-command.ts';
import { addExamples } from '../usage.ts';
import {
  currentUser,
  noteKeyBesideVault,
  withSession,
  type GlobalOptions,
} from '../vault-access.ts';
import { countsOf } from './import.ts';

interface InitOptions extends Omit<GlobalOptions, 'recoveryFile'>, SealOptions, HandoverOptions {
  readonly environment: string;
}

/** What is to be made, settled before anything is. */
interface Intent {
  readonly project: string;
  readonly directory: string;
  readonly owner: string;
  readonly environment: string;
  /** What stands in `.env`, if there is one with variables. */
  readonly plan: ImportPlan | undefined;
  readonly slots: readonly FirstSlot[];
}

/** What was done. */
interface Done extends HandedOver {
  readonly made: NewVault;
  readonly ignored: readonly string[] | undefined;
  readonly imported: SecretsImported | undefined;
}

const DOTENV = '.env';

/** `strongroom init`: makes a vault for a project and brings its `.env` in. */
export function registerInit(program: Command, terminal: Terminal): void {
  const command = program
    .command('init')
    .description('make a vault here and bring .env in')
    .addOption(environmentOption('environment for what is in .env').default('development'))
    .addOption(
      new Option(
        '--seal <kind>',
        `${SEALS.join(', ')}; may be repeated (default: keyfile)`,
      ).argParser(collect),
    )
    .option('--key-file <file>', "write the key there, instead of the user's configuration")
    .option('--passphrase-file <file>', 'seal with the passphrase in this file')
    .addOption(
      new Option('--kdf <kdf>', 'how a passphrase becomes a key').choices(['argon2id', 'pbkdf2']),
    )
    .option('--shamir <needed/made>', 'seal with shares, such as 3/5')
    .option('--share-directory <directory>', 'write the shares there, one file each')
    .option('--recovery-file <file>', 'write the recovery key to a new file')
    .action(async (_options: object, command: Command) => {
      await init(command.optsWithGlobals<InitOptions>(), terminal);
    });
  addExamples(
    command,
    'strongroom init',
    'strongroom init --yes --recovery-file ~/safe/my-app.recovery',
    'strongroom init --seal passphrase',
    'strongroom init --shamir 3/5 --share-directory ~/shares',
  );
}

async function init(options: InitOptions, terminal: Terminal): Promise<void> {
  requireNoServer(options);
  const project = process.cwd();
  const { environment } = options;
  const directory = vaultDirectory(project, options.path);
  requireNewVault(directory);
  requireOwnDirectory(directory);
  requireFirstEnvironment(environment);
  const found = await planOf(project);
  try {
    // What cannot be had is told before anybody is asked or anything is made.
    const slots = await firstSlots({ ...options, seal: sealsAsked(options) }, terminal);
    if (options.path === undefined) await askIfBelowVault(project, terminal);
    using handover = new Handover(slots, options, terminal);
    const isWanted = await showAndAsk(found, environment, terminal);
    warnOfKeyBeside(directory, options.keyFile, terminal);
    const plan = isWanted ? found : undefined;
    const owner = options.principal ?? currentUser();
    const intent = { project, directory, owner, environment, plan, slots: handover.slots };
    const done = await make(intent, handover, terminal);
    tellDone(intent, done, terminal);
    if (terminal.isJson) return;
    tellKept(intent, { done, hasRecovery: handover.hasRecovery }, terminal);
    const { slots: asked } = intent;
    const opening = openingOptions({ ...options, slots: asked, shareFiles: done.shareFiles });
    tellNext(intent, { found, opening }, terminal);
  } finally {
    if (found !== undefined) wipePlan(found);
  }
}

async function make(intent: Intent, handover: Handover, terminal: Terminal): Promise<Done> {
  const { project, directory, owner, slots } = intent;
  const { initVault } = await import('../../core/init-vault.ts');
  const made = await initVault(directory, { owner, slots });
  try {
    if (made.outsideFault !== undefined) {
      terminal.warnOnce(
        `nothing can be kept in ${configDirectory()}: an older copy of the vault would go unnoticed (STRONGROOM_CONFIG_HOME names another directory)`,
      );
    }
    const given = handover.give(made);
    const ignored = ignoreOrSay(project, directory, terminal);
    return { made, ...given, ignored, imported: await importInto(intent, made, terminal) };
  } catch (error) {
    terminal.note(`the vault is made in ${shown(directory)}, but not all that was asked is done`);
    for (const path of made.keyFiles) terminal.note(`its key file is ${path}`);
    throw error;
  } finally {
    for (const share of made.shares ?? []) share.wipe();
  }
}

async function importInto(
  { plan, environment, directory, owner, slots }: Intent,
  made: NewVault,
  terminal: Terminal,
): Promise<SecretsImported | undefined> {
  if (plan === undefined) return undefined;
  const { secrets, layout } = plan;
  const keys = keysOfNewVault(slots, made);
  return withSession(
    { path: directory, principal: owner },
    terminal,
    (session) => session.secrets.import({ environment, secrets, layout }),
    { keys },
  );
}

/** A `.gitignore` that cannot be written is no reason to give the vault up. */
function ignoreOrSay(
  project: string,
  directory: string,
  terminal: Terminal,
): readonly string[] | undefined {
  try {
    return ignoreInGit(project, directory);
  } catch {
    terminal.note('.gitignore cannot be written: see that .env and the vault are not committed');
    return undefined;
  }
}

async function planOf(project: string): Promise<ImportPlan | undefined> {
  const path = join(project, DOTENV);
  if (!existsSync(path)) return undefined;
  const bytes = readFile(path);
  const plan = await planImport(bytes, 'dotenv', DOTENV).finally(() => wipe(bytes));
  return plan.secrets.length === 0 ? undefined : plan;
}

/** Whether what was found is to be imported. */
async function showAndAsk(
  plan: ImportPlan | undefined,
  environment: string,
  terminal: Terminal,
): Promise<boolean> {
  if (plan === undefined) return false;
  const count = plan.secrets.length;
  if (!terminal.isJson) {
    terminal.note(`found ${DOTENV} with ${count} ${count === 1 ? 'variable' : 'variables'}`);
    terminal.tell(`\n${describePlan(plan)}\n\n`);
  }
  return terminal.confirm(`Import ${count === 1 ? 'it' : `these ${count}`} into ${environment}?`);
}

function tellDone(intent: Intent, done: Done, terminal: Terminal): void {
  const { made, recoveryFile, shareFiles, imported, ignored } = done;
  const { directory, owner, environment } = intent;
  const json = {
    id: made.id,
    path: directory,
    owner,
    keyFiles: made.keyFiles,
    auditKeyFile: made.auditKeyFile,
    recoveryFile,
    shareFiles,
    ignored,
    imported: imported === undefined ? undefined : { environment, ...imported },
  };
  const facts = formatFacts({
    vault: shown(directory),
    owner,
    'key file': made.keyFiles.length === 0 ? undefined : made.keyFiles.join(', '),
    "log's key": made.auditKeyFile,
    'recovery key': recoveryFile,
    shares: shareFiles?.join(', '),
    [environment]: imported === undefined ? undefined : countsOf(imported),
    '.gitignore':
      ignored === undefined || ignored.length === 0 ? undefined : `added ${ignored.join('  ')}`,
  });
  terminal.result(json, facts);
}

/** What to know of the keys. */
function tellKept(
  { slots }: Intent,
  { done, hasRecovery }: { readonly done: Done; readonly hasRecovery: boolean },
  terminal: Terminal,
): void {
  if (done.made.keyFiles.length > 0 && slots.length === 1) {
    terminal.note('without its key file nobody can open the vault: keep a copy in a safe place');
  }
  if (!hasRecovery) {
    terminal.note('no recovery key was made, as nobody would have seen it: use --recovery-file');
  }
}

/** What is left to do for the person: nothing that the result needs. */
function tellNext(
  { project, directory, environment, plan }: Intent,
  { found, opening }: { readonly found: ImportPlan | undefined; readonly opening: string },
  terminal: Terminal,
): void {
  const named = environmentIfNeeded(environment, directory) + opening;
  if (found !== undefined && plan === undefined) {
    terminal.note(`${DOTENV} was not imported; to do so: strongroom import ${DOTENV}${named}`);
  }
  for (const file of findEnvironmentFiles(project)) {
    terminal.note(`there is ${file.file} too; to bring it in: ${importCommand(file, opening)}`);
  }
  if (isTrackedByGit(project, DOTENV)) {
    terminal.note(
      `git already tracks ${DOTENV}: \`git rm --cached ${DOTENV}\`, and change those values`,
    );
  }
  if (plan !== undefined) {
    terminal.note(`${DOTENV} still holds the values in clear; once \`run\` works, delete it`);
    const allowed = allowances(plan.secrets.map(({ path }) => path));
    terminal.note(`try it: strongroom run${named}${allowed} -- <your program>`);
  } else if (found === undefined) {
    terminal.note(`to begin: strongroom set NAME${named}`);
  }
}

function vaultDirectory(project: string, path: string | undefined): string {
  const named = path ?? process.env['STRONGROOM_PATH'] ?? '';
  return resolve(project, named === '' ? PROJECT_DIRECTORY : named);
}

/** Asked before anything else; `initVault` asks again under the lock. */
function requireNewVault(directory: string): void {
  if (!existsSync(join(directory, 'vault.db'))) return;
  throw new StrongroomError('vault_exists', `there is a vault in ${shown(directory)} already`, {
    details: { path: directory },
    hint: 'to bring a .env file into it, use `strongroom import .env`',
  });
}

function warnOfKeyBeside(directory: string, keyFile: string | undefined, terminal: Terminal): void {
  if (keyFile === undefined || !resolve(keyFile).startsWith(directory + sep)) return;
  noteKeyBesideVault(terminal);
}

function shown(directory: string): string {
  const near = relative(process.cwd(), directory);
  return near === '' || near.startsWith('..') ? directory : near;
}
