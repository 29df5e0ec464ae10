// How fast the library takes many secrets in: also makes the large vaults for the files after it.
import { isQuick, report } from './harness.ts';
import { vaultOf } from './vaults.ts';

const count = isQuick() ? 100_000 : 1_000_000;
const { buildMs } = await vaultOf(count);
report({
  question: `import of ${count.toLocaleString('en')} secrets, 10,000 in a transaction, each`,
  measured: buildMs === undefined ? undefined : (buildMs * 1000) / count,
  unit: 'µs',
  note:
    buildMs === undefined
      ? 'the vault was there already'
      : `${(buildMs / 1000).toFixed(0)} s for the vault, with an entry for each secret`,
});
