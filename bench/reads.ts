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
/** As many as an application asks for again and again; the rest is for reads of what was not asked for lately. */
const IN_USE = 1000;
const CALLERS = 64;
const ROUNDS = 15;
const READS = CALLERS * 64;
const ALONE = 300;
const choose = chooser();

const place = await vaultOf(SECRETS);
const bare = new BareDatabase(place, newDirectory('bare'));
const { vault, session } = await openVault(place);

const read = (among: number): Promise<unknown> =>
  session.secrets.read({ environment: ENVIRONMENT, path: pathOf(choose(among)) });
const choices = (count: number, among: number): number[] =>
  Array.from({ length: count }, () => choose(among));

async function library64(among: number): Promise<Spent> {
  return spend(READS, () => atOnce(CALLERS, READS, () => read(among)));
}

async function bare64(among: number): Promise<Spent> {
  return spend(READS, () => {
    for (let done = 0; done < READS; done += CALLERS) bare.read(choices(CALLERS, among));
  });
}

const note =
  'node:sqlite: same two rows read, an audit row inserted, same cohorts, no cryptography';

for (const [among, which] of [
  [IN_USE, `${IN_USE.toLocaleString('en')} secrets in use`],
  [SECRETS, `any of ${SECRETS.toLocaleString('en')} secrets`],
] as const) {
  for (let warmUp = 0; warmUp < 4; warmUp += 1) {
    await library64(among);
    await bare64(among);
  }
  const [ours, theirs]: [Spent[], Spent[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await library64(among));
    theirs.push(await bare64(among));
  }
  for (const [kind, key] of [
    ['wall', 'wallUs'],
    ['CPU', 'cpuUs'],
  ] as const) {
    report({
      question: `embedded read, audited durably, 64 at once, ${which}, each (${kind})`,
      measured: median(ours.map((spent) => spent[key])),
      unit: 'µs',
      limit: 40,
      bare: median(theirs.map((spent) => spent[key])),
      note,
    });
  }
}
const [ourAlone, bareAlone]: [number[], number[]] = [[], []];
for (let round = 0; round < 5; round += 1) {
  ourAlone.push(...(await oneByOne(ALONE, () => read(SECRETS))));
  bareAlone.push(...(await oneByOne(ALONE, () => bare.read(choices(1, SECRETS)))));
}
await vault.close();
bare.close();

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
