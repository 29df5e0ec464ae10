// How long it takes to open a vault with its key file, and to have the first secret.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { isQuick, median, report } from './harness.ts';
import { useInNewProcess } from './use-vault.ts';
import type { Used } from './use-vault.ts';
import { vaultOf } from './vaults.ts';
import type { VaultPlace } from './vaults.ts';

const SMALL = 1000;
const LARGE = 1_000_000;
const ROUNDS = 9;

/** Opens the database alone and reads its first page. */
function openBare({ path }: VaultPlace): number {
  const start = performance.now();
  const database = new DatabaseSync(join(path, 'vault.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.prepare('SELECT * FROM vault').get();
  const taken = performance.now() - start;
  database.close();
  return taken;
}

const small = await vaultOf(SMALL);
const large = isQuick() ? undefined : await vaultOf(LARGE);
const [inSmall, inLarge, bare]: [Used[], Used[], number[]] = [[], [], []];
for (let round = 0; round < ROUNDS; round += 1) {
  const { path, configDirectory } = small;
  inSmall.push(useInNewProcess({ path, configDirectory, secrets: SMALL, reads: 1, callers: 1 }));
  if (large === undefined) continue;
  const use = { path: large.path, configDirectory: large.configDirectory };
  inLarge.push(useInNewProcess({ ...use, secrets: LARGE, reads: 1, callers: 1 }));
  bare.push(openBare(large));
}

const skipped = { measured: undefined, note: 'left out of a quick run' };
const startSmall = median(inSmall.map((used) => used.firstMs));
report({
  question: 'open a vault of 1,000,000 secrets with its key file (median)',
  unit: 's',
  limit: 1,
  ...(large === undefined
    ? skipped
    : {
        measured: median(inLarge.map((used) => used.openMs)) / 1000,
        bare: median(bare) / 1000,
        note: 'node:sqlite: the database opened and a row read',
      }),
});
report({
  question: 'start of a process to its first secret, vault of 1,000 secrets (median)',
  measured: startSmall,
  unit: 'ms',
  limit: 300,
});
report({
  question: 'the same with 1,000,000 secrets, against 1,000',
  unit: '×',
  limit: 1.2,
  ...(large === undefined
    ? skipped
    : { measured: median(inLarge.map((used) => used.firstMs)) / startSmall }),
});
