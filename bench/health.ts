// How long it takes to say how a vault of 100,000 secrets is, half of which were read.
import { atOnce, median, oneByOne, report } from './harness.ts';
import { ENVIRONMENT, openVault, pathOf, vaultOf } from './vaults.ts';

const SECRETS = 100_000;
const READ = 50_000;
const CALLS = 60;

const place = await vaultOf(SECRETS);
const { vault, session } = await openVault(place);
await atOnce(256, READ, (index) =>
  session.secrets.read({ environment: ENVIRONMENT, path: pathOf(index * 2) }),
);
// Counts the reads, as the vault does by itself when it is idle.
const [deepMs = 0] = await oneByOne(1, () => session.health.read({ deep: true }));
const health = await session.health.read();
if (health.secrets !== SECRETS || health.neverRead !== SECRETS - READ) {
  throw new Error('not the numbers of this vault');
}
const calls = await oneByOne(CALLS, () => session.health.read());
const deep = await oneByOne(3, () => session.health.read({ deep: true }));
const statistics = await oneByOne(5, () => session.secrets.statistics());
await vault.close();

report({
  question: 'health on 100,000 secrets (median)',
  unit: 'ms',
  measured: median(calls.slice(10)),
  limit: 20,
  note: 'half of them were read; the structure of the database is not checked',
});
report({
  question: 'health --deep on 100,000 secrets (median)',
  unit: 'ms',
  measured: median(deep),
  note: `reads the whole database; the first one, which counted ${READ} reads, took ${deepMs.toFixed(0)} ms`,
});
report({
  question: 'statistics on 100,000 secrets (median)',
  unit: 'ms',
  measured: median(statistics),
  note: 'asks for each secret whether the caller may list it',
});
