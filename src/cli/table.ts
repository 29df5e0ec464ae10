import { printable } from '../lib/printable.ts';

/** Rows of cells as lines with aligned columns, under their headings. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [
    headings.map((heading) => heading.toUpperCase()),
    ...rows.map((row) => row.map(printable)),
  ];
  const widths = headings.map((_, column) =>
    all.reduce((widest, row) => Math.max(widest, Array.from(row[column] ?? '').length), 0),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Cuts lines to a width, where they have to fit one. */
export function cutLines(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  return text
    .split('\n')
    .map((line) => {
      const characters = Array.from(line);
      return characters.length <= width ? line : `${characters.slice(0, width - 1).join('')}\u2026`;
    })
    .join('\n');
}

/** Facts as lines of a name and a value, the values aligned. Those without a value are left out. */
export function formatFacts(facts: Readonly<Record<string, string | undefined>>): string {
  const known = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const width = Math.max(...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n');
}
