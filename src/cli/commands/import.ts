import { basename, extname } from 'node:path';

import { Option, type Command } from 'commander';

import type { SecretsImported } from '../../core/operations/import-secrets.ts';
import type { Session } from '../../core/session.ts';
import { StrongroomError } from '../../errors.ts';
import { wipe } from '../../lib/bytes.ts';
import {
  describePlan,
  IMPORT_FORMATS,
  planAsJson,
  planImport,
  wipePlan,
  type ImportFormat,
  type ImportPlan,
  type PlannedSecret,
} from '../import-plan.ts';
import { environmentOption } from '../option-values.ts';
import { readFile } from '../read-text-file.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface ImportOptions extends GlobalOptions {
  readonly environment?: string;
  readonly format?: ImportFormat;
  readonly dryRun?: boolean;
}

interface Target {
  readonly workspace: string | undefined;
  readonly environment: string;
}

/** `strongroom import FILE`: brings the variables of a file in, all or none. */
export function registerImport(program: Command, terminal: Terminal): void {
  const command = program
    .command('import')
    .description('bring a .env, JSON or YAML file in, all of it or nothing')
    .argument('<file>', 'the file; - is standard input')
    .addOption(environmentOption())
    .addOption(
      new Option(
        '--format <format>',
        "format of the file (default: by the name's ending, else dotenv)",
      ).choices(IMPORT_FORMATS),
    )
    .option('--dry-run', 'only show what would be imported')
    .action(async (file: string, _options: object, command: Command) => {
      const options = command.optsWithGlobals<ImportOptions>();
      const bytes = file === '-' ? await terminal.readInput() : readFile(file);
      const name = file === '-' ? 'standard input' : basename(file);
      const plan = await planImport(bytes, options.format ?? formatOf(name), name).finally(() =>
        wipe(bytes),
      );
      const environment = environmentOf(options.environment, options, terminal);
      const target = { workspace: options.workspace, environment };
      try {
        await withSession(options, terminal, (session) =>
          options.dryRun === true
            ? showPlan(session, target, { plan, terminal })
            : importPlan(session, target, { plan, terminal }),
        );
      } finally {
        wipePlan(plan);
      }
    });
  addExamples(
    command,
    'strongroom import .env.production -e production',
    'strongroom import settings.yaml --dry-run',
    'ssh server cat app/.env | strongroom import - -e staging',
  );
}

async function importPlan(
  session: Session,
  target: Target,
  { plan, terminal }: { readonly plan: ImportPlan; readonly terminal: Terminal },
): Promise<void> {
  const { secrets, layout } = plan;
  if (!terminal.assumesYes) {
    const tried = await session.secrets.import({ ...target, secrets, dryRun: true });
    if (!terminal.isJson) terminal.tell(describe(plan, tried));
    if (!(await mayChange(tried, target, terminal))) {
      terminal.note('nothing was imported');
      return;
    }
  }
  const imported = await session.secrets.import({ ...target, secrets, layout });
  if (!terminal.isJson && terminal.assumesYes) terminal.tell(describe(plan, imported));
  terminal.result({ ...target, ...imported }, '');
  if (!terminal.isJson) terminal.note(`${countsOf(imported)} in ${target.environment}`);
}

/** Asks, where somebody can answer; elsewhere only what is new may be imported. */
async function mayChange(
  { created, updated }: SecretsImported,
  { environment }: Target,
  terminal: Terminal,
): Promise<boolean> {
  const count = created.length + updated.length;
  if (count === 0) return true;
  if (terminal.canAsk) {
    const changes = updated.length === 0 ? '' : `, changing ${updated.length} that are there`;
    return terminal.confirm(`Import ${count} into ${environment}${changes}?`);
  }
  if (updated.length === 0) return true;
  throw new StrongroomError(
    'secret_exists',
    `nothing was imported: in ${environment}, ${updated.length === 1 ? 'a secret has' : `${updated.length} secrets have`} another value than here`,
    { details: { paths: updated }, hint: 'use --yes to change them' },
  );
}

async function showPlan(
  session: Session,
  target: Target,
  { plan, terminal }: { readonly plan: ImportPlan; readonly terminal: Terminal },
): Promise<void> {
  const { secrets } = plan;
  const tried = await session.secrets.import({ ...target, secrets, dryRun: true });
  terminal.result({ ...target, ...planAsJson(plan), ...tried }, describe(plan, tried));
  terminal.note('nothing was imported');
}

/** The plan, and what becomes or became of each secret. */
function describe(plan: ImportPlan, { created, updated }: SecretsImported): string {
  const states = new Map([
    ...created.map((path) => [path, 'new'] as const),
    ...updated.map((path) => [path, 'changed'] as const),
  ]);
  const of = ({ path }: PlannedSecret): string => states.get(path) ?? 'same';
  return describePlan(plan, { heading: 'in the vault', of });
}

function formatOf(name: string): ImportFormat {
  const ending = extname(name).toLowerCase();
  if (ending === '.json') return 'json';
  return ending === '.yaml' || ending === '.yml' ? 'yaml' : 'dotenv';
}

/** `38 made, 1 changed, 1 unchanged`. */
export function countsOf({ created, updated, unchanged }: SecretsImported): string {
  return `${created.length} made, ${updated.length} changed, ${unchanged.length} unchanged`;
}
