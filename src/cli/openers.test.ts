import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { SecretValue } from '../secret-value.ts';
import { holdKeys, openersOf } from './openers.ts';
import { Terminal } from './terminal.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

const terminal = new Terminal({ json: false, yes: false });

describe('keys that options bring', () => {
  it('are wiped at the end of the block, of every kind', async () => {
    vi.stubEnv('STRONGROOM_MASTER_KEY', 'a text');
    const file = join(directory, 'file');
    writeFileSync(file, 'a text\n');
    const values: SecretValue[] = [];
    {
      using held = await openersOf(
        {
          withKeyFile: ['a.key'],
          withPassphraseFile: [file],
          withRecoveryFile: [file],
          withShareFile: [file, file],
          withEnv: true,
        },
        terminal,
      );
      for (const key of held.keys ?? []) {
        if (key.kind === 'passphrase') values.push(key.passphrase);
        if (key.kind === 'recovery') values.push(key.token);
        if (key.kind === 'shamir') values.push(...key.shares);
        if (key.kind === 'env') values.push(key.key);
      }
      expect(values.map((value) => value.byteLength())).toEqual([6, 6, 6, 6, 6]);
    }
    for (const value of values) expect(() => value.byteLength()).toThrow('wiped');
  });

  it('are those that were taken over, where they came from elsewhere', () => {
    const token = SecretValue.text('token');
    holdKeys([{ kind: 'recovery', token }])[Symbol.dispose]();
    expect(() => token.byteLength()).toThrow('wiped');
    expect(() => holdKeys(undefined)[Symbol.dispose]()).not.toThrow();
  });
});
