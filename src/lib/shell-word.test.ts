import { expect, test } from 'vitest';

import { shellWord } from './shell-word.ts';

test.each([
  ['.env.production', '.env.production'],
  ['/home/ada/key', '/home/ada/key'],
  ['two words', `'two words'`],
  [`it's`, `'it'\\''s'`],
  ['$(reboot)', `'$(reboot)'`],
  ['', `''`],
])('%j is the word %s', (text, word) => {
  expect(shellWord(text)).toBe(word);
});
