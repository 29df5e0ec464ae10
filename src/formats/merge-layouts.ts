import { dotenvValues, parseDotenv, type DotenvAssignment, type DotenvDocument } from './dotenv.ts';
import type { DotenvLayout } from './dotenv-layout.ts';
import { renderDotenv } from './dotenv-render.ts';

/**
 * Brings the layout of a second `.env` file into the one that is kept. A name that is kept
 * already keeps its lines as they are, and the path of its secret; the lines of new names
 * follow at the end, after a blank line. A file that has all names of the kept one replaces it.
 *
 * @param kept - The layout so far.
 * @param added - The layout of the file that was imported now.
 * @returns `kept` or `added` itself where nothing of the other is needed. A kept line holds the value it had.
 *
 * @example
 * mergeLayouts(layoutOf('# port\nPORT=80\nHOST=a\n'), layoutOf('PORT=81\nKEY=b # new\n'));
 * // '# port\nPORT=80\nHOST=a\n\nKEY=b # new\n'
 */
export function mergeLayouts(kept: DotenvLayout, added: DotenvLayout): DotenvLayout {
  const keptNames = namesOf(kept.document);
  const addedNames = namesOf(added.document);
  if ([...keptNames].every((name) => addedNames.has(name))) return added;
  const lines = assignmentsOf(added.document).filter(({ name }) => !keptNames.has(name));
  if (lines.length === 0) return kept;
  // A path decides who may read the line, so a kept line's never changes.
  const paths = new Map(kept.paths);
  for (const { name } of lines) paths.set(name, added.paths.get(name) ?? name);
  return { document: append(kept.document, lines), paths };
}

function append(document: DotenvDocument, lines: readonly DotenvAssignment[]): DotenvDocument {
  const { text, lineEnd } = document;
  const gap = /[^\r\n\uFEFF]$/.test(text) ? lineEnd : '';
  const last = document.segments.at(-1);
  const blank = last === undefined || last.kind === 'blank' || last.kind === 'bom' ? '' : lineEnd;
  const raws = lines.map(({ raw }, index) =>
    index < lines.length - 1 && !/[\r\n]$/.test(raw) ? raw + lineEnd : raw,
  );
  const merged = read(text + gap + blank + raws.join(''));
  const expected = [...assignmentsOf(document), ...lines];
  if (merged !== undefined && readsAs(merged, expected)) return merged;
  // Where a quote ends can depend on later lines; then the values are quoted anew.
  const values = [...dotenvValues(document), ...lines.map(({ name, value }) => [name, value])];
  return parseDotenv(
    renderDotenv(
      document,
      values.map(([name = '', value = '']) => ({ name, value })),
    ),
  );
}

function read(text: string): DotenvDocument | undefined {
  try {
    return parseDotenv(text);
  } catch {
    return undefined;
  }
}

function readsAs(document: DotenvDocument, expected: readonly DotenvAssignment[]): boolean {
  const found = assignmentsOf(document);
  return (
    found.length === expected.length &&
    found.every(
      ({ name, value }, at) => name === expected[at]?.name && value === expected[at]?.value,
    )
  );
}

function namesOf(document: DotenvDocument): ReadonlySet<string> {
  return new Set(assignmentsOf(document).map(({ name }) => name));
}

function assignmentsOf(document: DotenvDocument): DotenvAssignment[] {
  return document.segments.filter((segment) => segment.kind === 'assignment');
}
