// How much an embedded create costs that is durable, with its entry, before its answer leaves.
import { BareDatabase } from './bare.ts';
import { atOnce, median, newDirectory, oneByOne, quantile, report, spend } from './harness.ts';
import type { Spent } from './harness.ts';
import { ENVIRONMENT, fill, newVault, openVault, valueOf } from './vaults.ts';

const SECRETS = 10_000;
const CALLERS = 64;
const ROUNDS = 15;
const CREATES = CALLERS * 24;
const ALONE = 200;

const place = await newVault(newDirectory('creates'));
const filled = await openVault(place);
await fill(filled.session, SECRETS);
await filled.vault.close();
const bare = new BareDatabase(place, newDirectory('bare'));
const { vault, session } = await openVault(place);

let made = 0;
const newPath = (): string => `new-${(made % 97).toString()}/KEY_${(made++).toString()}`;
const create = (): Promise<unknown> =>
  session.secrets.create({ environment: ENVIRONMENT, path: newPath(), value: valueOf(made) });
const newPaths = (count: number): string[] => Array.from({ length: count }, newPath);

async function library64(): Promise<Spent> {
  return spend(CREATES, () => atOnce(CALLERS, CREATES, create));
}

async function bare64(): Promise<Spent> {
  return spend(CREATES, () => {
    for (let done = 0; done < CREATES; done += CALLERS) bare.create(newPaths(CALLERS));
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
  ourAlone.push(...(await oneByOne(ALONE, create)));
  bareAlone.push(...(await oneByOne(ALONE, () => bare.create(newPaths(1)))));
}
await vault.close();
bare.close();

const note = 'node:sqlite: two rows and an audit row inserted, same cohorts, no cryptography';
report({
  question: 'embedded create, durable, 64 at once, each (wall)',
  measured: median(ours.map((spent) => spent.wallUs)),
  unit: 'µs',
  limit: 100,
  bare: median(theirs.map((spent) => spent.wallUs)),
  note,
});
report({
  question: 'embedded create, durable, 64 at once, each (CPU)',
  measured: median(ours.map((spent) => spent.cpuUs)),
  unit: 'µs',
  limit: 100,
  bare: median(theirs.map((spent) => spent.cpuUs)),
  note,
});
report({
  question: 'embedded create, durable, alone (median)',
  measured: median(ourAlone),
  unit: 'ms',
  limit: 2,
  bare: median(bareAlone),
  note,
});
report({
  question: 'embedded create, durable, alone (99th percentile)',
  measured: quantile(ourAlone, 0.99),
  unit: 'ms',
  bare: quantile(bareAlone, 0.99),
  note,
});
