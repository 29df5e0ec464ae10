import { Option, type Command } from 'commander';

import type { Session } from '../../core/session.ts';
import { StrongroomError } from '../../errors.ts';
import { renderDotenv } from '../../formats/dotenv-render.ts';
import { parseLayout, type DotenvLayout } from '../../formats/dotenv-layout.ts';
import { renderJson } from '../../formats/json.ts';
import { renderShell } from '../../formats/shell.ts';
import { toVariables, type ExportedSecret } from '../../formats/variables.ts';
import { allowedVariables, sayingExcept } from '../allowed-variables.ts';
import { collect } from '../global-options.ts';
import { environmentOption } from '../option-values.ts';
import { requireOutside, reserveFile, type ReservedFile } from '../private-output.ts';
import { readEnvironment, tellLeftOut, toExported } from '../read-environment.ts';
import type { Terminal } from '../terminal.ts';
import { splitNames } from '../split-names.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

/** The formats that can be written. */
const EXPORT_FORMATS: readonly ['dotenv', 'json', 'yaml', 'shell'] = [
  'dotenv',
  'json',
  'yaml',
  'shell',
];

const OR_JSON = ', or use --format json';

interface ExportOptions extends GlobalOptions {
  readonly environment?: string;
  readonly format?: (typeof EXPORT_FORMATS)[number];
  readonly output?: string;
  readonly force?: boolean;
  readonly prefix?: string;
  readonly only?: readonly string[];
  readonly except?: readonly string[];
  readonly allowEnv?: readonly string[];
}

interface Exported {
  readonly secrets: readonly ExportedSecret[];
  readonly layout: DotenvLayout | undefined;
}

/** `strongroom export`: writes an environment as a file that other programs read. */
export function registerExport(program: Command, terminal: Terminal): void {
  const command = program
    .command('export')
    .description('write the secrets of an environment as dotenv, JSON, YAML or shell')
    .addOption(environmentOption())
    .addOption(
      new Option('--format <format>', 'dotenv, unless something else is said').choices(
        EXPORT_FORMATS,
      ),
    )
    .option('-o, --output <file>', 'write to a new file that only you can read')
    .option('--force', 'replace the file if it is there')
    .option('--prefix <prefix>', 'put this in front of each name')
    .option('--only <names>', 'only these, separated by commas', splitNames)
    .option('--except <names>', 'all but these, separated by commas', splitNames)
    .option('--allow-env <name>', 'give out a variable that changes how programs run', collect)
    .action(async (_options: object, command: Command) => {
      const options = command.optsWithGlobals<ExportOptions>();
      const format = options.format ?? (terminal.isJson ? 'json' : 'dotenv');
      requirePrefixFits(format, options.prefix);
      const environment = environmentOf(options.environment, options, terminal);
      using file =
        options.output === undefined ? undefined : reserveOutput(options.output, options);
      const { workspace, only, except } = options;
      const exported = await withSession(options, terminal, async (session) => {
        const read = await readEnvironment(session, { workspace, environment, only, except });
        const at = { workspace, environment };
        const layout = format === 'dotenv' ? await readLayout(session, at) : undefined;
        tellLeftOut(read, terminal);
        return { secrets: read.secrets.map(toExported), layout };
      });
      const text = await render(exported, format, options);
      if (file === undefined) {
        terminal.write(text);
        return;
      }
      file.write(text);
      const count = exported.secrets.length;
      if (terminal.isJson) terminal.result({ file: file.path, environment, count }, '');
      else {
        const what = count === 1 ? 'secret' : 'secrets';
        terminal.note(`wrote ${count} ${what} of ${environment} to ${file.path}`);
      }
    });
  addExamples(
    command,
    'strongroom export -e production --output .env.production',
    'strongroom export --format json --only API_KEY,PORT',
    'eval "$(strongroom export --format shell)"',
  );
}

async function render(
  { secrets, layout }: Exported,
  format: (typeof EXPORT_FORMATS)[number],
  options: ExportOptions,
): Promise<string> {
  if (format === 'json' || format === 'yaml') {
    const contents = new Map(secrets.map(({ path, value }) => [path, value]));
    if (format === 'json') return renderJson(contents);
    const { renderYaml } = await import('../../formats/yaml.ts');
    return renderYaml(contents);
  }
  const { prefix } = options;
  const allowEnv = allowedVariables(options);
  const naming = { allowEnv, ...(prefix === undefined ? {} : { prefix }) };
  if (format === 'shell')
    return renderShell(sayingExcept(() => toVariables(secrets, naming), OR_JSON));
  const names =
    prefix === undefined && layout !== undefined
      ? new Map([...layout.paths].map(([name, path]) => [path, name]))
      : new Map<string, string>();
  const variables = sayingExcept(() => toVariables(secrets, { ...naming, names }), OR_JSON);
  // A part of the file must not bring along comments that belong to the rest.
  const isWhole =
    prefix === undefined && options.only === undefined && options.except === undefined;
  return renderDotenv(isWhole ? layout?.document : undefined, variables);
}

/** The file that was imported; whoever may not read all of the environment gets a file without it. */
async function readLayout(
  session: Session,
  at: { readonly workspace: string | undefined; readonly environment: string },
): Promise<DotenvLayout | undefined> {
  try {
    const { layout } = await session.layouts.read(at);
    if (layout === undefined) return undefined;
    using stored = layout;
    return parseLayout(stored.reveal());
  } catch (error) {
    if (error instanceof StrongroomError && error.code === 'denied') return undefined;
    throw error;
  }
}

function reserveOutput(path: string, options: ExportOptions): ReservedFile {
  const replace = options.force === true;
  requireOutside(path, options);
  try {
    return reserveFile(path, { replace });
  } catch (error) {
    if (replace || !(error instanceof StrongroomError) || error.code !== 'file_exists') throw error;
    throw new StrongroomError(error.code, error.message, {
      details: error.details,
      hint: 'use --force to replace it',
      cause: error,
    });
  }
}

function requirePrefixFits(format: string, prefix: string | undefined): void {
  if (prefix === undefined || format === 'dotenv' || format === 'shell') return;
  throw new StrongroomError('usage', `--prefix does not go with --format ${format}`, {
    hint: 'json and yaml carry whole paths; only dotenv and shell have names of variables',
  });
}
