import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { open, restore, verifyBackup, type SlotKey } from '../../src/index.ts';

const golden = join(import.meta.dirname, 'backup-1');
const file = join(golden, 'vault.backup');
let root: string;
let seal: SlotKey;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'strongroom-golden-'));
  const path = join(root, 'master.key');
  copyFileSync(join(golden, 'master.key'), path);
  chmodSync(path, 0o600);
  seal = { kind: 'keyfile', path };
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('F13 a backup of the first format', () => {
  it('verifies with its public key alone, and is what its receipt says', async () => {
    const verifierKeys = readFileSync(join(golden, 'backup.pub'), 'utf8');
    const facts = await verifyBackup({ file, verifierKeys });
    expect(facts).toMatchObject({ secrets: 3, versions: 4 });
    const receipt = readFileSync(`${file}.receipt`, 'utf8');
    expect(receipt).toContain(`sha256 ${facts.sha256}\n`);
  });

  it('is restored as a whole', async () => {
    const place = { path: join(root, 'vault'), configDirectory: join(root, 'config') };
    const restored = await restore({ ...place, file, seal, by: 'ada' });
    expect(restored).toMatchObject({ secrets: 3, versions: 4, restoreGeneration: 1 });
    using db = new DatabaseSync(join(place.path, 'vault.db'), { readOnly: true });
    const purposes = db.prepare('SELECT DISTINCT purpose FROM keys').all();
    for (const purpose of ['token', 'recovery-code', 'pepper', 'vault']) {
      expect(purposes).toContainEqual({ purpose });
    }
    db.close();
    await using vault = await open({ ...place, seal });
    const { secrets, audit } = vault.as({ principal: 'ada' });
    const at = { environment: 'production', path: 'db/PASSWORD' };
    const read = async (more: { version?: number; workspace?: string }): Promise<unknown> =>
      (await secrets.read({ ...at, ...more })).value?.reveal();
    expect(await read({})).toBe('second');
    expect(await read({ version: 1 })).toBe('first');
    expect(await read({ workspace: 'billing' })).toBe('of another workspace');
    expect(await secrets.describe(at)).toMatchObject({ description: 'of the shop', tags: ['db'] });
    await secrets.undelete({ environment: 'staging', path: 'old' });
    expect(await audit.verify()).toMatchObject({ secrets: 3 });
  });
});
