import type { ImportedSecret } from '../core/operations/import-secrets.ts';
import { IMPORT_SECRETS_MAX, VALUE_BYTES_MAX } from '../domain/secrets/limits.ts';
import { pathFault } from '../domain/secrets/path.ts';
import { valueTooLarge } from '../domain/secrets/secret-errors.ts';
import { StrongroomError } from '../errors.ts';
import { dotenvValues, parseDotenv, type DotenvDocument } from '../formats/dotenv.ts';
import { serializeLayout } from '../formats/dotenv-layout.ts';
import { guessType } from '../formats/guess-type.ts';
import { parseJson } from '../formats/json.ts';
import type { FieldContent, SecretContent } from '../formats/secret-content.ts';
import type { SecretType } from '../formats/secret-type.ts';
import { changesHowProgramsRun } from '../formats/unsafe-names.ts';
import { SecretValue } from '../secret-value.ts';
import { decodeText } from './read-text-file.ts';
import { formatTable } from './table.ts';

/** The formats that can be read. */
export const IMPORT_FORMATS: readonly ['dotenv', 'json', 'yaml'] = ['dotenv', 'json', 'yaml'];

/** A format that can be read. */
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** A secret as it would be imported. */
export interface PlannedSecret extends ImportedSecret {
  readonly value: SecretValue | Readonly<Record<string, SecretValue>>;
  readonly type: SecretType;
}

/** What an import would do, checked as far as it can be without a vault. */
export interface ImportPlan {
  readonly secrets: readonly PlannedSecret[];
  /** The file as it is, for an export that gives it back byte for byte. */
  readonly layout: SecretValue | undefined;
  /** What a person should know; holds no value. */
  readonly notes: readonly string[];
}

/**
 * Reads a file that is to be imported.
 *
 * @param name - What to call the file in messages.
 * @throws {@link StrongroomError} `malformed_dotenv`, `invalid_input`, `invalid_name`,
 * `value_too_large`, each naming the file, and line and column where there are some.
 */
export async function planImport(
  bytes: Uint8Array,
  format: ImportFormat,
  name: string,
): Promise<ImportPlan> {
  try {
    const text = decodeText(bytes, format === 'dotenv' ? 'malformed_dotenv' : 'invalid_input');
    const plan = format === 'dotenv' ? planDotenv(text) : planContents(await parse(text, format));
    requireLimits(plan.secrets);
    return plan;
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    const { code, message, details, hint } = error;
    throw new StrongroomError(code, `${name}: ${message}`, {
      details: { ...details, file: name },
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}

/** The plan as people read it: a table with masked values, and notes. */
export function describePlan(
  plan: ImportPlan,
  extra?: {
    readonly heading: string;
    readonly of: (secret: PlannedSecret) => string;
  },
): string {
  const rows = plan.secrets.map((secret) => [
    secret.path,
    secret.type,
    maskedValue(secret.value),
    ...(extra === undefined ? [] : [extra.of(secret)]),
  ]);
  const headings = ['name', 'type', 'value', ...(extra === undefined ? [] : [extra.heading])];
  const notes = plan.notes.map((note) => `  ${note}`);
  return [formatTable(headings, rows), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

/** The plan as programs read it. */
export function planAsJson(plan: ImportPlan): object {
  return {
    secrets: plan.secrets.map(({ path, type, value }) => ({
      path,
      type,
      masked: maskedValue(value),
    })),
    notes: plan.notes,
  };
}

/** Overwrites all values of a plan. */
export function wipePlan(plan: ImportPlan): void {
  plan.layout?.wipe();
  for (const { value } of plan.secrets) {
    for (const each of value instanceof SecretValue ? [value] : Object.values(value)) each.wipe();
  }
}

function planDotenv(text: string): ImportPlan {
  const document = parseDotenv(text);
  const values = dotenvValues(document);
  const secrets = [...values].map(([path, value]) => ({
    path,
    value: SecretValue.text(value),
    type: guessType(path, value),
  }));
  const paths = new Map([...values.keys()].map((path) => [path, path]));
  const layout = SecretValue.text(serializeLayout(document, paths));
  return { secrets, layout, notes: [...notesOf(document), ...unsafeNotes(values.keys())] };
}

function notesOf(document: DotenvDocument): string[] {
  const seen = new Map<string, number>();
  const notes = document.notes.map(({ line, name, message }) => ({ line, name, message }));
  for (const segment of document.segments) {
    if (segment.kind !== 'assignment') continue;
    const before = seen.get(segment.name);
    seen.set(segment.name, segment.line);
    if (before === undefined) continue;
    const message = `stands in line ${before} too; the last one counts`;
    notes.push({ line: segment.line, name: segment.name, message });
  }
  return notes
    .toSorted((a, b) => a.line - b.line)
    .map(({ line, name, message }) => `line ${line}, ${name}: ${message}`);
}

function planContents(contents: ReadonlyMap<string, SecretContent>): ImportPlan {
  const secrets = [...contents].map(([path, content]) => ({
    path,
    value: toValue(content),
    type: guessType(path, typeof content === 'string' ? content : ''),
  }));
  return { secrets, layout: undefined, notes: unsafeNotes(contents.keys()) };
}

async function parse(text: string, format: 'json' | 'yaml'): Promise<Map<string, SecretContent>> {
  if (format === 'json') return parseJson(text);
  const { parseYaml } = await import('../formats/yaml.ts');
  return parseYaml(text);
}

function unsafeNotes(paths: Iterable<string>): string[] {
  return [...paths]
    .filter((path) => changesHowProgramsRun(path.slice(path.lastIndexOf('/') + 1)))
    .map((path) => `${path}: changes how programs run, so it is given out only with --allow-env`);
}

function toValue(content: SecretContent): PlannedSecret['value'] {
  if (typeof content === 'string' || content instanceof Uint8Array) return single(content);
  const fields = [...content].map(([field, value]) => [field, single(value)] as const);
  return Object.fromEntries(fields);
}

function single(content: FieldContent): SecretValue {
  return typeof content === 'string' ? SecretValue.text(content) : SecretValue.bytes(content);
}

function maskedValue(value: PlannedSecret['value']): string {
  if (!(value instanceof SecretValue)) return `fields ${Object.keys(value).join(', ')}`;
  return value.byteLength() === 0 ? '(empty)' : value.masked();
}

/** What an import refuses is told before anything is made; the vault looks again. */
function requireLimits(secrets: readonly PlannedSecret[]): void {
  if (secrets.length > IMPORT_SECRETS_MAX) {
    const message = `an import has at most ${IMPORT_SECRETS_MAX} secrets`;
    throw new StrongroomError('invalid_input', message);
  }
  for (const { path, value } of secrets) {
    const fault = pathFault(path);
    if (fault !== undefined) throw fault;
    if (value instanceof SecretValue && value.byteLength() > VALUE_BYTES_MAX) {
      throw valueTooLarge(value.byteLength(), path);
    }
  }
}
