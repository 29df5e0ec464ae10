import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, expect, test, vi } from 'vitest';

import { Terminal } from './terminal.ts';
import { keysOf, settledKey, type KeyOptions } from './vault-keys.ts';

const directory = mkdtempSync(join(tmpdir(), 'strongroom-vault-keys-'));
const file = join(directory, 'secret');
writeFileSync(file, 'secret\n');
const terminal = new Terminal({ json: false, yes: false });

afterEach(() => vi.unstubAllEnvs());
afterAll(() => rmSync(directory, { recursive: true }));

/** From what counts most to what counts least. */
const OPTIONS: readonly (readonly [source: string, kind: string, KeyOptions])[] = [
  ['--recovery-file', 'recovery', { recoveryFile: file }],
  ['--share-file', 'shamir', { shareFile: [file, file] }],
  ['--passphrase-file', 'passphrase', { passphraseFile: file }],
  ['--key-file', 'keyfile', { keyFile: file }],
];

function withVariables(keyFile: string, masterKey: string): void {
  vi.stubEnv('STRONGROOM_KEY_FILE', keyFile);
  vi.stubEnv('STRONGROOM_MASTER_KEY', masterKey);
}

test.each(OPTIONS)('%s opens as %s before what counts less', async (source, kind, own) => {
  withVariables('/elsewhere', 'k'.repeat(44));
  const at = OPTIONS.findIndex(([each]) => each === source);
  const less = OPTIONS.slice(at + 1).map(([, , options]) => options);
  const options: KeyOptions = Object.assign({}, ...less, own) as KeyOptions;
  expect(settledKey(options).source).toBe(source);
  expect((await keysOf(options, terminal))?.map((key) => key.kind)).toStrictEqual([kind]);
});

test('an empty option or variable is none', async () => {
  withVariables('', 'k'.repeat(44));
  expect(settledKey({ keyFile: '', shareFile: [] }).source).toBe('STRONGROOM_MASTER_KEY');
  expect((await keysOf({ keyFile: '' }, terminal))?.[0]?.kind).toBe('env');
  withVariables(file, '');
  expect(settledKey({ keyFile: '' })).toStrictEqual({ value: file, source: 'STRONGROOM_KEY_FILE' });
});

test('without any, the key file is left to the vault', async () => {
  withVariables('', '');
  expect(settledKey({}).source).toBe('default');
  expect(await keysOf({}, terminal)).toBeUndefined();
});

test('a master key is never shown', () => {
  withVariables('', 'k'.repeat(44));
  expect(JSON.stringify(settledKey({}))).not.toContain('kkk');
});
