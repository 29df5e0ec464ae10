// How long it takes to give a workspace another key while it is read from, and what its readers notice.
import { chooser, isQuick, newDirectory, quantile, report } from './harness.ts';
import { ENVIRONMENT, fill, newVault, openVault, pathOf } from './vaults.ts';

const VERSIONS = isQuick() ? 10_000 : 100_000;
const READERS = 64;
const IDLE_MS = isQuick() ? 2000 : 10_000;
const BATCH = 64;
const choose = chooser();

const place = await newVault(newDirectory('rotation'));
const { vault, session } = await openVault(place);
await fill(session, VERSIONS);

let failed = 0;

/** Reads by so many readers at once until told to stop; resolves to what each read took, in ms. */
async function readUntil(isOver: () => boolean): Promise<readonly number[]> {
  const taken: number[] = [];
  const reader = async (): Promise<void> => {
    while (!isOver()) {
      const start = performance.now();
      const path = pathOf(choose(VERSIONS));
      await session.secrets.read({ environment: ENVIRONMENT, path }).catch(() => (failed += 1));
      taken.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return taken;
}

async function rotate(): Promise<number> {
  const start = performance.now();
  await session.keys.rotate();
  for (;;) {
    const { finished } = await session.keys.rewrap({ limit: BATCH });
    if (finished) return (performance.now() - start) / 1000;
  }
}

const idleFor = (ms: number): Promise<readonly number[]> => {
  const end = performance.now() + ms;
  return readUntil(() => performance.now() > end);
};

await idleFor(IDLE_MS / 4);
const idle = await idleFor(IDLE_MS);
let isOver = false;
const reading = readUntil(() => isOver);
const seconds = await rotate();
isOver = true;
const during = await reading;
await session.keys.retire();
await vault.close();

const [idleMs, duringMs] = [quantile(idle, 0.99), quantile(during, 0.99)];
const versions = VERSIONS.toLocaleString('en');
const note = `${READERS} readers meanwhile, ${during.length.toLocaleString('en')} reads, ${failed} failed`;
report({
  question: `workspace key rotation of ${versions} versions`,
  measured: seconds,
  unit: 's',
  limit: 60,
  note,
});
report({
  question: 'reads that failed during a rotation, per 100',
  measured: (failed / Math.max(1, during.length)) * 100,
  unit: '×',
  limit: 0,
  note,
});
report({
  question: `read during a rotation (99th percentile), against an idle vault`,
  measured: duringMs / idleMs,
  unit: '×',
  limit: 3,
  note: `${duringMs.toFixed(2)} ms against ${idleMs.toFixed(2)} ms`,
});
