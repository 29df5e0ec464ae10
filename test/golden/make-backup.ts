// Writes a backup as this version of Strongroom makes it into a directory beside
// this file, to be restored by every later one: `node test/golden/make-backup.ts backup-1`.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { init, open } from '../../src/index.ts';

const target = join(import.meta.dirname, process.argv[2] ?? 'backup');
const root = mkdtempSync(join(tmpdir(), 'strongroom-golden-'));
try {
  const path = join(root, 'vault');
  const configDirectory = join(root, 'config');
  const made = await init({ path, configDirectory, owner: 'ada' });
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  await using vault = await open({ path, configDirectory });
  const { secrets, workspaces, backups } = vault.as({ principal: 'ada' });
  const at = { environment: 'production', path: 'db/PASSWORD' };
  await secrets.write({ ...at, value: 'first', type: 'password', tags: ['db'] });
  await secrets.write({ ...at, value: 'second', description: 'of the shop' });
  await secrets.write({ environment: 'staging', path: 'old', value: 'in the trash' });
  await secrets.delete({ environment: 'staging', path: 'old' });
  await workspaces.create({ name: 'billing' });
  await secrets.write({ ...at, workspace: 'billing', value: 'of another workspace' });
  const { file } = await backups.create({ directory: join(root, 'backups') });
  copyFileSync(file, join(target, 'vault.backup'));
  copyFileSync(`${file}.receipt`, join(target, 'vault.backup.receipt'));
  copyFileSync(made.keyFiles[0] ?? '', join(target, 'master.key'));
  writeFileSync(join(target, 'backup.pub'), (await backups.key()).verifierKeys);
} finally {
  rmSync(root, { recursive: true, force: true });
}
