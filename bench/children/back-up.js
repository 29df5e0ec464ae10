// One process that backs a vault up, verifies the backup and restores it. Plain
// JavaScript, so that loading TypeScript is not part of its memory.
// Usage: node back-up.js LIBRARY OPTIONS, where OPTIONS is JSON: path,
// configDirectory, directory (for the backup), principal. Prints the peak of its memory in KiB.
import { join } from 'node:path';

const [, , library, json] = process.argv;
const { path, configDirectory, directory, principal } = JSON.parse(json ?? '{}');
const { open, restore } = await import(library ?? '');

const vault = await open({ path, configDirectory });
const { backups } = vault.as({ principal });
const { file } = await backups.create({ directory, proof: 'later' });
await backups.verify({ file });
await vault.close();
const keyFile = join(configDirectory, 'strongroom', 'vaults', vault.id, 'master.key');
await restore({
  file,
  path: join(directory, 'restored'),
  configDirectory: join(directory, 'config'),
  seal: { kind: 'keyfile', path: keyFile },
  by: principal,
});
process.stdout.write(`${process.resourceUsage().maxRSS}\n`);
