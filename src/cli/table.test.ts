import { expect, test } from 'vitest';

import { cutLines, formatFacts, formatTable } from './table.ts';

test('columns are aligned under their headings, without trailing blanks', () => {
  const rows = [
    ['A', 'api_key'],
    ['LONGER', ''],
  ];
  expect(formatTable(['name', 'type'], rows)).toBe('NAME    TYPE\nA       api_key\nLONGER');
});

test('facts without a value are left out', () => {
  expect(formatFacts({ name: 'A', tags: undefined, version: '1' })).toBe('name     A\nversion  1');
});

test('control characters and turned text are shown, not sent to the terminal', () => {
  const hostile = 'a\u001b[2J\nb\u202ec\u009b';
  const shown = 'a\\u001b[2J\\u000ab\\u202ec\\u009b';
  expect(formatTable(['x'], [[hostile]])).toBe(`X\n${shown}`);
  expect(formatFacts({ x: hostile })).toBe(`x  ${shown}`);
});

test('lines are cut to the width of a terminal, and not where there is none', () => {
  expect(cutLines('abcde\n\u{1F600}bcd', 4)).toBe('abc\u2026\n\u{1F600}bcd');
  expect(cutLines('abcde', undefined)).toBe('abcde');
});
