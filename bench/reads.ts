// How much an embedded read costs that is on record, durably, before its answer leaves.
import { BareDatabase } from './bare.ts';
import {
  atOnce,
  chooser,
  median,
  newDirectory,
  oneByOne,
  quantile,
  report,
  spend,
} from './harness.ts';
import type { Spent } from './harness.ts';
import { ENVIRONMENT, openVault, pathOf, vaultOf } from './vaults.ts';

const SECRETS = 10_000;
const CALLERS = 64;
const ROUNDS = 15;
const READS = CALLERS * 64;
const ALONE = 300;
const choose = chooser();

const place = await vaultOf(SECRETS);
const bare = new BareDatabase(place, newDirectory('bare'));
const { vault, session } = await openVault(place);

const read = (): Promise<unknown> =>
  session.secrets.read({ environment: ENVIRONMENT, path: pathOf(choose(SECRETS)) });
const choices = (count: number): number[] => Array.from({ length: count }, () => choose(SECRETS));

async function library64(): Promise<Spent> {
  return spend(READS, () => atOnce(CALLERS, READS, read));
}

async function bare64(): Promise<Spent> {
  return spend(READS, () => {
    for (let done = 0; done < READS; done += CALLERS) bare.read(choices(CALLERS));
  });
}

for (let warmUp = 0; warmUp < 4; warmUp += 1) {
  await library64();
  await bare64();
}
const [ours, theirs]: [Spent[], Spent[]] = [[], []];
for (let round = 0; round < ROUNDS; round += 1) {
  ours.push(await library64());
  theirs.push(await bare64());
}
const [ourAlone, bareAlone]: [number[], number[]] = [[], []];
for (let round = 0; round < 5; round += 1) {
  ourAlone.push(...(await oneByOne(ALONE, read)));
  bareAlone.push(...(await oneByOne(ALONE, () => bare.read(choices(1)))));
}
await vault.close();
bare.close();

const note =
  'node:sqlite: same two rows read, an audit row inserted, same cohorts, no cryptography';
report({
  question: 'embedded read, audited durably, 64 at once, each (wall)',
  measured: median(ours.map((spent) => spent.wallUs)),
  unit: 'µs',
  limit: 40,
  bare: median(theirs.map((spent) => spent.wallUs)),
  note,
});
report({
  question: 'embedded read, audited durably, 64 at once, each (CPU)',
  measured: median(ours.map((spent) => spent.cpuUs)),
  unit: 'µs',
  limit: 40,
  bare: median(theirs.map((spent) => spent.cpuUs)),
  note,
});
report({
  question: 'embedded read, audited durably, alone (median)',
  measured: median(ourAlone),
  unit: 'ms',
  limit: 1,
  bare: median(bareAlone),
  note,
});
report({
  question: 'embedded read, audited durably, alone (99th percentile)',
  measured: quantile(ourAlone, 0.99),
  unit: 'ms',
  bare: quantile(bareAlone, 0.99),
  note,
});
