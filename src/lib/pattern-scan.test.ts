import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from './bytes.ts';
import { compilePatterns, PatternScan, type Span } from './pattern-scan.ts';

function spansOf(patterns: readonly string[], ...pieces: readonly string[]): readonly Span[] {
  const scan = new PatternScan(compilePatterns(patterns.map(utf8)));
  for (const piece of pieces) scan.feed(utf8(piece));
  return scan.spans;
}

/** What the scan must find, computed without cleverness. */
function plainSpans(patterns: readonly Uint8Array[], input: Uint8Array): Span[] {
  const found: Span[] = [];
  for (const pattern of patterns) {
    if (pattern.length === 0) continue;
    for (let at = 0; at + pattern.length <= input.length; at += 1) {
      if (pattern.every((byte, i) => input[at + i] === byte)) {
        found.push({ start: at, end: at + pattern.length });
      }
    }
  }
  found.sort((a, b) => a.start - b.start || a.end - b.end);
  const merged: Span[] = [];
  for (const { start, end } of found) {
    const last = merged.at(-1);
    if (last !== undefined && start < last.end) {
      merged[merged.length - 1] = { start: last.start, end: Math.max(end, last.end) };
    } else merged.push({ start, end });
  }
  return merged;
}

/** The length of the longest end of `input` that some pattern begins with and continues after. */
function plainPending(patterns: readonly Uint8Array[], input: Uint8Array): number {
  const lengths = patterns.flatMap((pattern) =>
    Array.from({ length: pattern.length }, (_, length) => length).filter(
      (length) =>
        length <= input.length &&
        pattern.subarray(0, length).every((byte, i) => input[input.length - length + i] === byte),
    ),
  );
  return Math.max(0, ...lengths);
}

test('overlapping finds are one span, finds that touch are two', () => {
  expect(spansOf(['abcd', 'cdef'], 'xabcdefx')).toEqual([{ start: 1, end: 7 }]);
  expect(spansOf(['abcd', 'cdef'], 'abcdabcd')).toHaveLength(2);
});

test('a pattern inside another is found where the longer one is not', () => {
  expect(spansOf(['abcdef', 'cd'], 'abcdex')).toEqual([{ start: 2, end: 4 }]);
  expect(spansOf(['abcdef', 'cd'], 'abcdef')).toEqual([{ start: 0, end: 6 }]);
});

test('a find is one across pieces', () => {
  expect(spansOf(['abcd'], 'xa', '', 'b', 'cdx')).toEqual([{ start: 1, end: 5 }]);
});

test('without patterns nothing is found and nothing is undecided', () => {
  const scan = new PatternScan(compilePatterns([new Uint8Array()]));
  scan.feed(utf8('anything'));
  expect(scan.spans).toEqual([]);
  expect(scan.settled).toBe(8);
});

test('scans with shared tables do not disturb each other', () => {
  const tables = compilePatterns([utf8('abcd')]);
  const one = new PatternScan(tables);
  const other = new PatternScan(tables);
  one.feed(utf8('ab'));
  other.feed(utf8('cd'));
  one.feed(utf8('cd'));
  expect(one.spans).toHaveLength(1);
  expect(other.spans).toHaveLength(0);
});

test('spans and the undecided rest are those of a plain search, for any patterns and pieces', () => {
  const letters = fc.constantFrom(0x61, 0x62, 0xff);
  const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> =>
    fc.array(letters, { maxLength }).map((list) => Uint8Array.from(list));
  fc.assert(
    fc.property(
      fc.array(bytes(7), { maxLength: 8 }),
      fc.array(bytes(9), { maxLength: 8 }),
      (patterns, pieces) => {
        const scan = new PatternScan(compilePatterns(patterns));
        let input = new Uint8Array();
        for (const piece of pieces) {
          scan.feed(piece);
          input = Uint8Array.from([...input, ...piece]);
          expect(scan.spans).toEqual(plainSpans(patterns, input));
          expect(input.length - scan.settled).toBe(plainPending(patterns, input));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
