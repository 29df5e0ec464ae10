import { StrongroomError } from '../errors.ts';
import { parseDotenv, type DotenvAssignment, type DotenvDocument } from './dotenv.ts';
import { quoteDotenvValue, type DotenvQuote } from './dotenv-quotes.ts';

/** A name and its text value. */
export interface DotenvVariable {
  /** Letters, digits, `_`, `.` and `-`. */
  readonly name: string;
  /** Any text without NUL. */
  readonly value: string;
}

/** A piece of the file to be, and the assignment that it must read as. */
interface Piece {
  readonly raw: string;
  readonly reads: DotenvVariable | undefined;
}

/** What is to be written, and how carefully. */
interface Plan {
  readonly document: DotenvDocument;
  readonly wanted: ReadonlyMap<string, string>;
  readonly robust: boolean;
}

const EMPTY: DotenvDocument = { text: '', segments: [], notes: [], lineEnd: '\n' };

/**
 * Writes variables as a `.env` file. A line whose variable has not changed is kept byte
 * for byte; a changed value replaces only the value's own text in its line (if the name stands
 * on several, the last, and the others go with the values they had); the lines of a variable
 * that is gone go; new variables follow at the end, with `export` if every line of the file has it.
 *
 * @param document - The file that the variables came from, or `undefined` for a new file.
 * @param variables - All variables that the file shall give. Of two with one name the last counts.
 * @returns The file. {@link parseDotenv} reads exactly the given values from it.
 * @throws RangeError if a name cannot stand in a `.env` file or a value holds NUL.
 *
 * @example
 * renderDotenv(parseDotenv('# port\nPORT=80 # http\n'), [{ name: 'PORT', value: '81' }]);
 * // '# port\nPORT=81 # http\n'
 */
export function renderDotenv(
  document: DotenvDocument | undefined,
  variables: readonly DotenvVariable[],
): string {
  const wanted = checkedValues(variables);
  for (const robust of [false, true]) {
    const pieces = layOut({ document: document ?? EMPTY, wanted, robust });
    const text = pieces.map((piece) => piece.raw).join('');
    // A value that ends in a backslash can end elsewhere when later lines change.
    if (readsAs(text, pieces)) return text;
  }
  throw new StrongroomError('internal', 'the written .env file would not read as it should');
}

function checkedValues(variables: readonly DotenvVariable[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name, value } of variables) {
    if (!/^[\w.-]+$/.test(name)) throw new RangeError('the name cannot stand in a .env file');
    if (value.includes('\0')) throw new RangeError(`the value of ${name} holds NUL`);
    values.set(name, value);
  }
  return values;
}

function layOut(plan: Plan): Piece[] {
  const { document, wanted } = plan;
  const lastOf = new Map<string, DotenvAssignment>();
  for (const segment of document.segments) {
    if (segment.kind === 'assignment') lastOf.set(segment.name, segment);
  }
  const pieces: Piece[] = [];
  for (const segment of document.segments) {
    if (segment.kind !== 'assignment') {
      pieces.push({ raw: segment.raw, reads: undefined });
      continue;
    }
    const value = wanted.get(segment.name);
    if (value === undefined) continue;
    const last = lastOf.get(segment.name);
    if (last === segment) pieces.push(layOutAssignment(segment, value, plan));
    else if (last?.value === value) pieces.push(layOutAssignment(segment, segment.value, plan));
  }
  const fresh = [...wanted].filter(([name]) => !lastOf.has(name));
  return [...pieces, ...layOutNew(fresh, pieces.at(-1)?.raw ?? '', plan)];
}

function layOutAssignment(segment: DotenvAssignment, value: string, plan: Plan): Piece {
  const reads = { name: segment.name, value };
  const mustRequote = plan.robust && segment.fragile;
  if (value === segment.value && !mustRequote) return { raw: segment.raw, reads };
  const before = segment.raw.slice(0, segment.valueStart);
  const after = segment.raw.slice(segment.valueEnd);
  // Node reads on into the next line after "NAME= ", so an empty value is bare only where nothing surrounds it.
  const canBeBare = before.endsWith('=') && /^[\r\n]*$/.test(after);
  const present: DotenvQuote =
    value === '' && segment.quote === 'none' && !canBeBare ? 'single' : segment.quote;
  const { lineEnd } = plan.document;
  const quoted = quoteDotenvValue(value, { present, lineEnd, robust: plan.robust });
  // A # that touches the value would become part of it.
  const gap = after.startsWith('#') ? ' ' : '';
  return { raw: `${before}${quoted}${gap}${after}`, reads };
}

function layOutNew(
  fresh: readonly (readonly [string, string])[],
  previous: string,
  { document, robust }: Plan,
): Piece[] {
  if (fresh.length === 0) return [];
  const { lineEnd } = document;
  const assignments = document.segments.filter((segment) => segment.kind === 'assignment');
  const exports = assignments.length > 0 && assignments.every((segment) => segment.exported);
  const pieces: Piece[] = [];
  if (/[^\r\n\uFEFF]$/.test(previous)) pieces.push({ raw: lineEnd, reads: undefined });
  for (const [name, value] of fresh) {
    const quoted = quoteDotenvValue(value, { present: 'none', lineEnd, robust });
    const raw = `${exports ? 'export ' : ''}${name}=${quoted}${lineEnd}`;
    pieces.push({ raw, reads: { name, value } });
  }
  return pieces;
}

function readsAs(text: string, pieces: readonly Piece[]): boolean {
  const expected = pieces.flatMap((piece) => piece.reads ?? []);
  const found = assignmentsOf(text);
  return (
    found !== undefined &&
    found.length === expected.length &&
    found.every(
      (each, at) => each.name === expected[at]?.name && each.value === expected[at]?.value,
    )
  );
}

function assignmentsOf(text: string): DotenvAssignment[] | undefined {
  try {
    return parseDotenv(text).segments.filter((segment) => segment.kind === 'assignment');
  } catch (error) {
    if (error instanceof StrongroomError && error.code === 'malformed_dotenv') return undefined;
    throw error;
  }
}
