// How much a rotation costs that is durable, with its entry, before its answer leaves.
import { atOnce, median, newDirectory, oneByOne, quantile, report, spend } from './harness.ts';
import type { Spent } from './harness.ts';
import { ENVIRONMENT, fill, newVault, openVault, pathOf } from './vaults.ts';

const SECRETS = 10_000;
const CALLERS = 64;
const ROUNDS = 15;
const ROTATIONS = CALLERS * 16;
const ALONE = 200;
const ROTATED = 2000;

const place = await newVault(newDirectory('rotations'));
const { vault, session } = await openVault(place);
await fill(session, SECRETS);
for (let index = 0; index < ROTATED; index += 1) {
  const address = { environment: ENVIRONMENT, path: pathOf(index) };
  await session.secrets.update({ ...address, generator: 'password:32', rotation: 'auto_90_days' });
}

let next = 0;
const rotate = (): Promise<unknown> =>
  session.secrets.rotate({ environment: ENVIRONMENT, path: pathOf(next++ % ROTATED) });
const together = (): Promise<Spent> => spend(ROTATIONS, () => atOnce(CALLERS, ROTATIONS, rotate));

for (let warmUp = 0; warmUp < 4; warmUp += 1) await together();
const batches: Spent[] = [];
for (let round = 0; round < ROUNDS; round += 1) batches.push(await together());
const alone: number[] = [];
for (let round = 0; round < 5; round += 1) alone.push(...(await oneByOne(ALONE, rotate)));
await vault.close();

const note = 'a generated password of 32, with a policy; in a vault of 10,000 secrets';
report({
  question: 'rotate, durable, 64 at once, each (wall)',
  measured: median(batches.map((spent) => spent.wallUs)) / 1000,
  unit: 'ms',
  limit: 1,
  note,
});
report({
  question: 'rotate, durable, 64 at once, each (CPU)',
  measured: median(batches.map((spent) => spent.cpuUs)) / 1000,
  unit: 'ms',
  limit: 1,
  note,
});
report({
  question: 'rotate, durable, alone (median)',
  measured: median(alone),
  unit: 'ms',
  limit: 3,
  note,
});
report({
  question: 'rotate, durable, alone (99th percentile)',
  measured: quantile(alone, 0.99),
  unit: 'ms',
  note,
});
