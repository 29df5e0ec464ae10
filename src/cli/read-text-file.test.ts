import { expect, test } from 'vitest';

import { decodeText } from './read-text-file.ts';

test.each([
  [[0x41, 0xff], 1, 2],
  [[0xef, 0xbb, 0xbf, 0xff], 1, 1],
  [[0x41, 0x0d, 0x0a, 0xc3, 0xa9, 0xc3, 0x28], 2, 2],
  [[0x41, 0x0a, 0xe2, 0x82], 2, 1],
])('bytes %j that are no UTF-8 are refused with line and column', (bytes, line, column) => {
  expect(() => decodeText(Uint8Array.from(bytes), 'malformed_dotenv')).toThrow(
    expect.objectContaining({ code: 'malformed_dotenv', details: { line, column } }),
  );
});

test('a byte order mark is kept', () => {
  expect(decodeText(Uint8Array.from([0xef, 0xbb, 0xbf, 0x41]), 'invalid_input')).toBe('\uFEFFA');
});
