// Writes a vault as this version of Strongroom makes it into a directory beside
// this file, to be opened by every later one: `node test/golden/make.ts schema-1`.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { init, open, SecretValue } from '../../src/index.ts';

/** Opens the slot of golden vaults that is no key file. */
const PASSPHRASE = 'a passphrase of a golden vault';

const target = join(import.meta.dirname, process.argv[2] ?? 'schema');
const root = mkdtempSync(join(tmpdir(), 'strongroom-golden-'));
try {
  const path = join(root, 'vault');
  const configDirectory = join(root, 'config');
  const made = await init({
    path,
    configDirectory,
    owner: 'ada',
    slots: [
      { kind: 'keyfile' },
      { kind: 'passphrase', passphrase: SecretValue.text(PASSPHRASE), kdf: 'pbkdf2' },
    ],
  });
  await fill(path, configDirectory);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  copyFileSync(join(path, 'vault.db'), join(target, 'vault.db'));
  copyFileSync(made.keyFiles[0] ?? '', join(target, 'master.key'));
  copyFileSync(
    join(configDirectory, 'strongroom', 'vaults', made.id, 'checkpoint'),
    join(target, 'checkpoint'),
  );
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** A bit of everything that the first version knew. */
async function fill(path: string, configDirectory: string): Promise<void> {
  await using vault = await open({ path, configDirectory });
  const { secrets, workspaces, environments } = vault.as({ principal: 'ada' });
  const at = (name: string): { environment: string; path: string } => ({
    environment: 'production',
    path: name,
  });
  await secrets.write({ ...at('db/PASSWORD'), value: 'first', type: 'password', tags: ['db'] });
  await secrets.write({ ...at('db/PASSWORD'), value: 'second', description: 'of the shop' });
  await secrets.write({ ...at('db/login'), value: { user: 'shop', password: 'third' } });
  await secrets.write({ ...at('bytes'), value: Uint8Array.of(0, 255, 7) });
  await secrets.write({ ...at('old'), value: 'in the trash' });
  await secrets.delete(at('old'));
  await secrets.write({ ...at('expired'), value: 'late', expiresAt: '2020-01-01T00:00:00Z' });
  await secrets.import({
    environment: 'development',
    secrets: [{ path: 'API_KEY', value: 'imported' }],
    layout: SecretValue.text('{"format":1,"text":"API_KEY=imported\\n","paths":[]}'),
  });
  await workspaces.create({ name: 'billing' });
  await environments.create({ workspace: 'billing', name: 'preview' });
  await secrets.write({ workspace: 'billing', ...at('KEY'), value: 'of another workspace' });
  await secrets.read({ environment: 'production', path: 'nowhere' }).catch(() => undefined);
}
