import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { dotenvValues, parseDotenv } from './dotenv.ts';
import type { DotenvLayout } from './dotenv-layout.ts';
import { mergeLayouts } from './merge-layouts.ts';

const layoutOf = (text: string, paths: Readonly<Record<string, string>> = {}): DotenvLayout => ({
  document: parseDotenv(text),
  paths: new Map(Object.entries(paths)),
});
const merged = (kept: string, added: string): string =>
  mergeLayouts(layoutOf(kept), layoutOf(added)).document.text;

describe('merging layouts', () => {
  it('keeps the first file byte for byte and appends lines of new names', () => {
    const first = '# port\nPORT=80 # http\n\nexport HOST="a"\n';
    expect(merged(first, '# local\nPORT=81\nKEY=b # new\nKEY=c\n')).toBe(
      `${first}\nKEY=b # new\nKEY=c\n`,
    );
  });

  it('ends the last line before it appends, with the line end of the file', () => {
    expect(merged('A=1\r\nB=2', 'C=3')).toBe('A=1\r\nB=2\r\n\r\nC=3');
    expect(merged('A=1\n\n', 'C=3\n')).toBe('A=1\n\nC=3\n');
  });

  it('changes nothing if the second file has no new name', () => {
    const kept = layoutOf('A=1\nB=2\n');
    expect(mergeLayouts(kept, layoutOf('B=3\n'))).toBe(kept);
  });

  it('takes the second file if it has all names of the first', () => {
    const added = layoutOf('C=3\nB=2\nA=1');
    expect(mergeLayouts(layoutOf('A=1\nB=2\n'), added)).toBe(added);
  });

  it('leaves the path of a kept name as it is', () => {
    const kept = layoutOf('A=1\nB=2\nD=4\n', { A: 'db/a' });
    const added = layoutOf('A=1\nB=2\nC=3\n', { A: 'x', B: 'y', C: 'z' });
    expect([...mergeLayouts(kept, added).paths]).toEqual([
      ['A', 'db/a'],
      ['C', 'z'],
    ]);
  });

  it('reads as both files do, whatever quotes and backslashes they hold', () => {
    const value = fc
      .array(fc.constantFrom('a', "'", '"', '`', '\\', ' ', '#', '=', '$', '\n', '\\n'), {
        maxLength: 8,
      })
      .map((parts) => parts.join(''));
    const line = fc.tuple(fc.constantFrom('A', 'B', 'C', 'D'), value).map((pair) => pair.join('='));
    const file = fc
      .array(line, { maxLength: 4 })
      .map((lines) => lines.join('\n'))
      .filter(isDotenv);
    fc.assert(
      fc.property(file, file, (kept, added) => {
        const first = dotenvValues(parseDotenv(kept));
        const second = dotenvValues(parseDotenv(added));
        const isCovered = [...first.keys()].every((name) => second.has(name));
        const expected = isCovered ? second : new Map([...second, ...first]);
        const read = dotenvValues(parseDotenv(merged(kept, added)));
        expect(Object.fromEntries(read)).toEqual(Object.fromEntries(expected));
      }),
      { numRuns: 2000 },
    );
  });
});

function isDotenv(text: string): boolean {
  try {
    parseDotenv(text);
    return true;
  } catch {
    return false;
  }
}
