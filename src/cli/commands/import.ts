import { basename } from 'node:path';

import { Option, type Command } from 'commander';

import type { SecretsImported } from '../../core/operations/import-secrets.ts';
import type { Session } from '../../core/session.ts';
import {
  describePlan,
  IMPORT_FORMATS,
  planAsJson,
  planImport,
  wipePlan,
  type ImportFormat,
  type ImportPlan,
} from '../import-plan.ts';
import { listNames } from '../read-environment.ts';
import { readFile } from '../read-text-file.ts';
import type { Terminal } from '../terminal.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface ImportOptions extends GlobalOptions {
  readonly environment?: string;
  readonly format: ImportFormat;
  readonly dryRun?: boolean;
}

interface Target {
  readonly workspace: string | undefined;
  readonly environment: string;
}

/** `strongroom import FILE`: brings the variables of a file in, all or none. */
export function registerImport(program: Command, terminal: Terminal): void {
  program
    .command('import')
    .description('bring a .env, JSON or YAML file in, all of it or nothing')
    .argument('<file>', 'the file; - is standard input')
    .option('-e, --environment <name>', 'environment')
    .addOption(
      new Option('--format <format>', 'format of the file')
        .choices(IMPORT_FORMATS)
        .default('dotenv'),
    )
    .option('--dry-run', 'only show what would be imported')
    .action(async (file: string, _options: object, command: Command) => {
      const options = command.optsWithGlobals<ImportOptions>();
      const bytes = file === '-' ? await terminal.readInput() : readFile(file);
      const name = file === '-' ? 'standard input' : basename(file);
      const plan = await planImport(bytes, options.format, name);
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
}

async function importPlan(
  session: Session,
  target: Target,
  { plan, terminal }: { readonly plan: ImportPlan; readonly terminal: Terminal },
): Promise<void> {
  if (!terminal.isJson) terminal.tell(describePlan(plan));
  const { secrets, layout } = plan;
  const imported = await session.secrets.import({ ...target, secrets, layout });
  terminal.result({ ...target, ...imported }, '');
  if (!terminal.isJson) terminal.note(`${countsOf(imported)} in ${target.environment}`);
}

async function showPlan(
  session: Session,
  target: Target,
  { plan, terminal }: { readonly plan: ImportPlan; readonly terminal: Terminal },
): Promise<void> {
  const present = new Set((await listNames(session, target)).map(({ path }) => path));
  const stateOf = ({ path }: { readonly path: string }): string =>
    present.has(path) ? 'is there' : 'new';
  terminal.result(
    { ...target, ...planAsJson(plan), present: [...present] },
    describePlan(plan, { heading: 'in the vault', of: stateOf }),
  );
  terminal.note('nothing was imported');
}

/** `38 made, 1 changed, 1 unchanged`. */
export function countsOf({ created, updated, unchanged }: SecretsImported): string {
  return `${created.length} made, ${updated.length} changed, ${unchanged.length} unchanged`;
}
