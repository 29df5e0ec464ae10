import { expect, it } from 'vitest';

import { shownAddress } from './shown-address.ts';

it.each([
  ['127.0.0.1', false, 'http://127.0.0.1:8200'],
  ['::1', true, 'https://[::1]:8200'],
  ['0.0.0.0', false, 'http://127.0.0.1:8200'],
  ['::', false, 'http://[::1]:8200'],
  ['vault.example', true, 'https://vault.example:8200'],
])('what listens on %s is shown where it is reached', (host, isTls, shown) => {
  expect(shownAddress({ host, port: 8200 }, isTls)).toBe(shown);
});
