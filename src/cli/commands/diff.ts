import type { Command } from 'commander';

import type {
  DiffSecretsInput,
  SecretDifference,
  SecretsDiff,
} from '../../core/operations/diff-secrets.ts';
import type { ValueOutput } from '../../domain/secrets/value.ts';
import { StrongroomError } from '../../errors.ts';
import type { SecretValue } from '../../secret-value.ts';
import { environmentOption } from '../option-values.ts';
import { pastMoment } from '../past-moment.ts';
import { plainValue } from '../plain-value.ts';
import { withSuggestion } from '../suggest.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface DiffOptions extends GlobalOptions {
  readonly environment?: string;
  readonly versions?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly prefix?: string;
  readonly all?: boolean;
  readonly show?: boolean;
}

/** `strongroom diff`: what differs between two environments, two versions or two moments. */
export function registerDiff(program: Command, terminal: Terminal): void {
  const command = program
    .command('diff')
    .description('say what differs between two environments, versions or moments')
    .argument('[environments...]', 'two environments; or a secret with --versions or --from')
    .addOption(environmentOption())
    .option('--versions <numbers...>', 'two versions of a secret; one is compared with the current')
    .option('--from <time>', 'how it was then, such as yesterday', pastMoment('--from'))
    .option('--to <time>', 'how it was then; without it, how it is', pastMoment('--to'))
    .option('--prefix <text>', 'in a folder, such as payments/')
    .option('--all', 'also what is the same')
    .option('--show', 'show the values that differ; each goes on record')
    .action(async (names: readonly string[], _: object, command: Command) => {
      const options = command.optsWithGlobals<DiffOptions>();
      const input = inputOf(names, options, terminal);
      const { workspace, environment, path } = input;
      const diff = await withSession(options, terminal, (session) => {
        const compare = (): Promise<SecretsDiff> =>
          session.secrets.diff({ ...input, show: options.show });
        if (path === undefined) return compare();
        return withSuggestion(session, { workspace, environment, path }, compare);
      });
      try {
        show(diff, options, terminal);
      } finally {
        for (const value of diff.secrets.flatMap(valuesOf)) value.wipe();
      }
    });
  addExamples(
    command,
    'strongroom diff staging production',
    'strongroom diff STRIPE_KEY --versions 3 5 -e production',
    'strongroom diff -e production --from yesterday',
  );
}

/** Two names are environments; one is a secret. */
function inputOf(
  names: readonly string[],
  options: DiffOptions,
  terminal: Terminal,
): DiffSecretsInput {
  const { workspace, from, to, prefix: path } = options;
  const versions = options.versions?.map((text) => versionIn(text));
  const [first, second] = names;
  if (names.length > 2 || (versions?.length ?? 0) > 2) throw misused('two things are compared');
  if (second !== undefined) {
    if (options.environment !== undefined || versions !== undefined) {
      throw misused('two environments are compared as they are, or at moments');
    }
    return { workspace, environment: first ?? '', toEnvironment: second, from, to, path };
  }
  if (versions === undefined && from === undefined && to === undefined) {
    throw misused('what to compare is not said');
  }
  const environment = environmentOf(options.environment, options, terminal);
  const [version, toVersion] = versions ?? [];
  return { workspace, environment, path: first ?? path, from, to, version, toVersion };
}

function versionIn(text: string): number {
  const number = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) throw misused('--versions takes two numbers from 1 on');
  return number;
}

function misused(message: string): StrongroomError {
  return new StrongroomError('usage', message, {
    hint: 'as in `strongroom diff staging production`, or `strongroom diff STRIPE_KEY --versions 3 5`',
  });
}

function show(diff: SecretsDiff, { all = false }: DiffOptions, terminal: Terminal): void {
  const secrets = diff.secrets.filter(({ change }) => all || change !== 'same');
  const isShown = secrets.some(({ valueBefore }) => valueBefore !== undefined);
  const json = secrets.map((each) => ({ ...each, ...plainValues(each) }));
  terminal.result({ secrets: json }, secrets.length === 0 ? '' : table(secrets, isShown));
  if (terminal.isJson) return;
  const same = diff.secrets.filter(({ change }) => change === 'same').length;
  const count = secrets.filter(({ change }) => change !== 'same').length;
  terminal.note(`${count} ${count === 1 ? 'differs' : 'differ'}, ${same} the same`);
}

function table(secrets: readonly SecretDifference[], isShown: boolean): string {
  const rows = secrets.map((each) => [
    each.path,
    each.change,
    each.before === null ? '' : String(each.before),
    each.after === null ? '' : String(each.after),
    what(each),
    ...(isShown ? [plainText(each.valueBefore), plainText(each.valueAfter)] : []),
  ]);
  const values = isShown ? ['before', 'after'] : [];
  return formatTable(['name', '', 'version', 'version', 'what', ...values], rows);
}

/** What differs: the value or its fields, and attributes. */
function what({ value, fields, attributes }: SecretDifference): string {
  const ofFields =
    fields === undefined
      ? value === true
        ? ['value']
        : []
      : [
          ...fields.added.map((name) => `+${name}`),
          ...fields.removed.map((name) => `-${name}`),
          ...fields.changed,
        ];
  return [...ofFields, ...attributes].join(', ');
}

function plainText(value: ValueOutput | undefined): string {
  const plain = plainOutput(value);
  return plain === undefined ? '' : typeof plain === 'string' ? plain : JSON.stringify(plain);
}

function plainValues({ valueBefore, valueAfter }: SecretDifference): object {
  if (valueBefore === undefined) return {};
  return { valueBefore: plainOutput(valueBefore), valueAfter: plainOutput(valueAfter) };
}

function plainOutput(value: ValueOutput | undefined): unknown {
  if (value === undefined) return undefined;
  if (value.kind !== 'fields') return plainValue(value.value);
  return Object.fromEntries(
    Object.entries(value.fields).map(([name, field]) => [name, plainValue(field)]),
  );
}

function valuesOf({ valueBefore, valueAfter }: SecretDifference): readonly SecretValue[] {
  return [valueBefore, valueAfter].flatMap((each) => {
    if (each === undefined) return [];
    return each.kind === 'fields' ? Object.values(each.fields) : [each.value];
  });
}
