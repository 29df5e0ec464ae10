/** Rows of cells as lines with aligned columns, under their headings. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [headings.map((heading) => heading.toUpperCase()), ...rows.map(printable)];
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

/** Facts as lines of a name and a value, the values aligned. Those without a value are left out. */
export function formatFacts(facts: Readonly<Record<string, string | undefined>>): string {
  const known = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const width = Math.max(...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${name.padEnd(width)}  ${escapeControls(value)}`).join('\n');
}

function printable(row: readonly string[]): readonly string[] {
  return row.map(escapeControls);
}

/** Text that others chose must not move the cursor, change colours or turn the reading direction. */
function escapeControls(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
