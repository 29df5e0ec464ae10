import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { readSecretFile, textOf } from './read-secret.ts';

const directory = mkdtempSync(join(tmpdir(), 'strongroom-read-secret-'));
const path = join(directory, 'secret');

afterAll(() => rmSync(directory, { recursive: true }));

describe('a file that holds a secret', () => {
  test.each([
    ['one\n', 'one'],
    ['one\r\n', 'one'],
    ['one\n\n', 'one\n'],
    ['\uFEFFone', '\uFEFFone'],
    ['', ''],
  ])('of %j is %j', (content, secret) => {
    writeFileSync(path, content);
    expect(readSecretFile(path).reveal()).toBe(secret);
  });

  test('that is no text is refused with a hint', () => {
    writeFileSync(path, Uint8Array.from([0x73, 0x65, 0xff, 0x0a]));
    expect(() => readSecretFile(path)).toThrow(
      expect.objectContaining({
        code: 'not_text',
        message: expect.stringContaining(path) as string,
        hint: expect.stringContaining('one line of text') as string,
      }),
    );
  });

  test('that is not there is refused', () => {
    const missing = join(directory, 'missing');
    expect(() => readSecretFile(missing)).toThrow(
      expect.objectContaining({ code: 'file_not_found', details: { path: missing } }),
    );
  });
});

test('the bytes that a text is made of stay as they are', () => {
  const bytes = new TextEncoder().encode('one\n');
  expect(textOf(bytes).reveal()).toBe('one');
  expect(bytes).toStrictEqual(new TextEncoder().encode('one\n'));
});
