import { expect, test } from 'vitest';

import { printable } from './printable.ts';

test.each([
  ['an escape sequence', '\u001B[2J', '\\u001b[2J'],
  ['a control sequence of one character', '\u009B2J', '\\u009b2J'],
  ['a carriage return', 'a\rb', 'a\\u000db'],
  ['a line feed', 'a\nb', 'a\\u000ab'],
  ['a line separator', 'a\u2028b\u2029', 'a\\u2028b\\u2029'],
  ['a turn of the reading direction', '\u202Egpj\u2066\u061C', '\\u202egpj\\u2066\\u061c'],
])('%s is escaped', (_name, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('other text stays as it is', () => {
  expect(printable('Grüße, 日本 👩‍🚀 \\ "x"')).toBe('Grüße, 日本 👩‍🚀 \\ "x"');
});
