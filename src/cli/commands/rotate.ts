import { Option, type Command } from 'commander';

import type { RotationReport } from '../../core/rotate-many.ts';
import { StrongroomError } from '../../errors.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { EXIT } from '../exit-codes.ts';
import { environmentOption, wholeNumber } from '../option-values.ts';
import { withSuggestion } from '../suggest.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, settleKeys, withSession, type GlobalOptions } from '../vault-access.ts';
import { readValue } from './set.ts';

interface RotateOptions extends GlobalOptions {
  readonly environment?: string;
  readonly given?: boolean;
  readonly file?: string;
  readonly binary?: boolean;
  readonly generator?: string;
  readonly cas?: number;
  readonly all?: boolean;
  readonly type?: SecretType;
  readonly tag?: string;
  readonly due?: boolean;
  readonly allEnvironments?: boolean;
}

const OF_ONE = ['given', 'file', 'binary', 'generator', 'cas'] as const;
const OF_MANY = ['all', 'type', 'tag', 'due', 'allEnvironments'] as const;

/** `strongroom rotate`: gives one secret, or many, a new value. */
export function registerRotate(program: Command, terminal: Terminal): void {
  const command = program
    .command('rotate')
    .description('give a secret a new value; the old one stays readable until it is retired')
    .argument('[secret]', 'its name; without one, say which with --all, --type, --tag or --due')
    .addOption(environmentOption().conflicts('allEnvironments'))
    .option('--given', 'take the new value from a prompt or standard input')
    .option('-f, --file <file>', 'take the new value from a file')
    .option('--binary', 'keep the input as bytes, not as text')
    .option('--generator <generator>', 'make the value with this one, this once')
    .option('--cas <version>', 'only if this is the current version', wholeNumber('--cas', 1))
    .option('--all', 'every secret that has a generator')
    .addOption(new Option('--type <type>', 'those of this type').choices(SECRET_TYPES))
    .option('--tag <tag>', 'those with this tag')
    .option('--due', 'those that are due; without -e, in every environment')
    .option('-a, --all-environments', 'in every environment')
    .action(async (path: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<RotateOptions>();
      requireOneOrMany(path, options);
      if (path === undefined) await rotateMany(options, terminal);
      else await rotateOne(path, options, terminal);
    });
  addExamples(
    command,
    'strongroom rotate DB_PASSWORD -e production',
    'strongroom rotate STRIPE_KEY -e production --given',
    'strongroom rotate --due',
  );
}

function requireOneOrMany(path: string | undefined, options: RotateOptions): void {
  const isOfOne = OF_ONE.some((name) => options[name] !== undefined);
  const isOfMany = OF_MANY.some((name) => options[name] !== undefined);
  const isWhich = [options.all, options.type, options.tag, options.due].some(
    (each) => each !== undefined,
  );
  if (path === undefined ? isWhich && !isOfOne : !isOfMany) return;
  const message =
    path === undefined && !isOfMany && !isOfOne
      ? 'say which secret, or which secrets'
      : 'one secret takes other options than many';
  throw new StrongroomError('usage', message, {
    hint: 'strongroom rotate DB_PASSWORD, or strongroom rotate --due, --all, --type or --tag',
  });
}

async function rotateOne(path: string, options: RotateOptions, terminal: Terminal): Promise<void> {
  const environment = environmentOf(options.environment, options, terminal);
  const { workspace, generator, cas } = options;
  const isGiven = options.given === true || options.file !== undefined;
  const isAsked = isGiven && options.file === undefined && terminal.canAsk;
  const keys = isAsked ? await settleKeys(options, terminal) : undefined;
  const value = isGiven ? await readValue(path, undefined, options, terminal) : undefined;
  const rotated = await withSession(
    options,
    terminal,
    (session) =>
      withSuggestion(session, { workspace, environment, path }, () =>
        session.secrets.rotate({ workspace, environment, path, newValue: value, generator, cas }),
      ),
    { keys },
  ).finally(() => value?.wipe());
  terminal.result(rotated, '');
  for (const warning of rotated.warnings) terminal.warn(warning);
  if (terminal.isJson) return;
  const bits = rotated.entropyBits === undefined ? '' : ` with ${rotated.entropyBits} bits`;
  terminal.note(`rotated ${path} in ${environment}: version ${rotated.version}${bits}`);
  if (rotated.previousVersion === null) return;
  terminal.note(
    `version ${rotated.previousVersion} stays readable as --stage previous, until strongroom retire ${path} -e ${environment}`,
  );
}

async function rotateMany(options: RotateOptions, terminal: Terminal): Promise<void> {
  const environment =
    // Like `due`, which shows every environment.
    options.allEnvironments === true || (options.due === true && options.environment === undefined)
      ? undefined
      : environmentOf(options.environment, options, terminal);
  const { workspace, type, tag, due } = options;
  const selection = { workspace, environment, type, tag, due };
  const report = await withSession(options, terminal, async (session) => {
    const { rotateMany: rotate } = await import('../../core/rotate-many.ts');
    return rotate(session, selection);
  });
  const { rotated, failed, skipped } = report;
  const total = rotated.length + failed.length + skipped.length;
  terminal.result(report, total === 0 ? '' : table(report));
  if (failed.length > 0) process.exitCode = EXIT.failed;
  if (terminal.isJson) return;
  terminal.note(
    total === 0
      ? 'no secrets that fit'
      : `${rotated.length} rotated, ${failed.length} failed, ${skipped.length} without a generator`,
  );
}

function table({ rotated, failed, skipped }: RotationReport): string {
  const rows = [
    ...rotated.map((each) => [each.environment, each.path, `rotated: version ${each.version}`]),
    ...failed.map((each) => [each.environment, each.path, `failed: ${each.message}`]),
    ...skipped.map((each) => [each.environment, each.path, 'skipped: no generator']),
  ];
  return formatTable(['environment', 'name', 'outcome'], rows.toSorted(byPlace));
}

function byPlace(
  [a0 = '', a1 = '']: readonly string[],
  [b0 = '', b1 = '']: readonly string[],
): number {
  if (a0 !== b0) return a0 < b0 ? -1 : 1;
  return a1 < b1 ? -1 : 1;
}
