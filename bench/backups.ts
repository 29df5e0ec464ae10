// How long a backup of many versions takes, its verification, and the way back; and in how much memory.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';

import { isQuick, newDirectory, report } from './harness.ts';
import { LIBRARY, library, openVault, PRINCIPAL, ROOT, vaultOf } from './vaults.ts';

const VERSIONS = isQuick() ? 10_000 : 100_000;
const MANY = 1_000_000;
const LIMIT_S = 20;
const CHILD = join(ROOT, 'bench', 'children', 'back-up.js');

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

const place = await vaultOf(VERSIONS);
const { restore, verifyBackup } = await library();
const directory = newDirectory('backups');
const { vault, session } = await openVault(place);
const { verifierKeys } = await session.backups.key();
let file = '';
const create = await seconds(async () => {
  ({ file } = await session.backups.create({ directory, proof: 'later' }));
});
const verify = await seconds(() => verifyBackup({ file, verifierKeys }));
const decrypt = await seconds(() => session.backups.verify({ file }));
const prove = await seconds(() => session.backups.verify({ file, prove: true }));
await vault.close();
const key = join(place.configDirectory, 'strongroom', 'vaults', vault.id, 'master.key');
const back = await seconds(() =>
  restore({
    file,
    path: join(directory, 'restored'),
    configDirectory: join(directory, 'config'),
    seal: { kind: 'keyfile', path: key },
    by: PRINCIPAL,
  }),
);
const of = `of ${VERSIONS.toLocaleString('en')} versions`;
const megabytes = (statSync(file).size / 1e6).toFixed(0);
for (const [question, measured, note] of [
  [`backup ${of}`, create, `${megabytes} MB, no trial`],
  [`keyless verify ${of}`, verify, 'hash and signature of the file'],
  [`verify ${of}, decrypted`, decrypt, 'every row'],
  [`proof of restore ${of}`, prove, 'decrypted twice, restored, its log verified'],
  [`restore ${of}`, back, 'read twice, rows inserted and checked, a new log'],
] as const) {
  report({ question, measured, unit: 's', limit: LIMIT_S, note });
}

if (isQuick()) {
  const question = 'memory of backup, verify and restore of 1,000,000 versions (peak)';
  report({
    question,
    measured: undefined,
    unit: 'MB',
    limit: 256,
    note: 'left out of a quick run',
  });
} else {
  const many = await vaultOf(MANY);
  const options = { ...many, directory: newDirectory('many'), principal: PRINCIPAL };
  const { status, stdout } = spawnSync(
    process.execPath,
    [CHILD, LIBRARY, JSON.stringify(options)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (status !== 0) throw new Error('the backup of many versions failed');
  const peak = Number(stdout) / 1024;
  const question = 'memory of backup, verify and restore of 1,000,000 versions (peak)';
  report({ question, measured: peak, unit: 'MB', limit: 256, note: 'resident, in one process' });
}
