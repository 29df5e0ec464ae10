// How much memory a process takes that has a vault of 100,000 secrets open.
import { median, report } from './harness.ts';
import { useInNewProcess } from './use-vault.ts';
import { vaultOf } from './vaults.ts';

const SECRETS = 100_000;
const ROUNDS = 5;
const MB = 1024 * 1024;

const { path, configDirectory } = await vaultOf(SECRETS);
const [used, idle]: [number[], number[]] = [[], []];
for (let round = 0; round < ROUNDS; round += 1) {
  const use = { path, configDirectory, secrets: SECRETS, list: true, reads: 1000 };
  used.push(useInNewProcess(use).rss / MB);
  idle.push(useInNewProcess({}).rss / MB);
}
report({
  question: 'memory (RSS) with a vault of 100,000 secrets open, a page listed, 1,000 read',
  measured: median(used),
  unit: 'MB',
  limit: 100,
  bare: median(idle),
  note: 'an idle node',
});
report({
  question: 'the same, beyond an idle node',
  measured: median(used) - median(idle),
  unit: 'MB',
});
