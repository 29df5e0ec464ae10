// How long a page of 100 secrets of the past takes, on record, when half of them changed since.
import { isQuick, median, newDirectory, oneByOne, quantile, report } from './harness.ts';
import { ENVIRONMENT, fill, newVault, openVault, pathOf } from './vaults.ts';

const SECRETS = isQuick() ? 10_000 : 100_000;
const FOLDER = 1000;
const PAGE = 100;
const CALLS = 100;
const LIMIT_MS = 50;

const { vault, session } = await openVault(await newVault(newDirectory('time-travel')));
const before = new Date(Date.now() - 1000).toISOString();
await fill(session, SECRETS);
const then = await pause();
// Every second folder gets another name, and so each of its secrets a former state.
for (let first = 0; first < SECRETS; first += 2 * FOLDER) {
  const folder = pathOf(first).split('/')[0] ?? '';
  await session.secrets.rename({
    environment: ENVIRONMENT,
    path: `${folder}/`,
    to: `renamed/${folder}/`,
  });
}
const after = await pause();

for (const [question, at] of [
  ['before half of them were renamed', then],
  ['after that', after],
] as const) {
  const pages = await walk(at);
  const taken = await oneByOne(CALLS, async (index) => {
    const cursor = pages[index % pages.length];
    const page = await session.secrets.list({
      environment: ENVIRONMENT,
      at,
      limit: PAGE,
      cursor,
    });
    // One that looked at 5,000 in vain says so, and is a call like any other.
    if (page.secrets.length < PAGE && page.next === undefined) throw new Error('not a page');
  });
  report({
    question: `list --at on ${SECRETS.toLocaleString('en')} secrets, ${question} (median)`,
    unit: 'ms',
    limit: LIMIT_MS,
    measured: median(taken),
    note: `pages of ${PAGE} from all over; the slowest of 20 took ${quantile(taken, 0.95).toFixed(1)} ms`,
  });
}
const empty = await oneByOne(20, async () => {
  const page = await session.secrets.list({ environment: ENVIRONMENT, at: before, limit: PAGE });
  if (page.secrets.length > 0) throw new Error('there was something');
});
report({
  question: `list --at on ${SECRETS.toLocaleString('en')} secrets, before there were any (median)`,
  unit: 'ms',
  limit: LIMIT_MS,
  measured: median(empty),
  note: 'one call, which looks at 5,000 at most',
});
await vault.close();

/** Lets a little time pass, and gives a moment in it. */
async function pause(): Promise<string> {
  await new Promise((done) => setTimeout(done, 20));
  const at = new Date().toISOString();
  await new Promise((done) => setTimeout(done, 20));
  return at;
}

/** The cursors of pages from all over a list. */
async function walk(at: string): Promise<readonly (string | undefined)[]> {
  const cursors: (string | undefined)[] = [undefined];
  let cursor: string | undefined;
  for (;;) {
    const page = await session.secrets.list({
      environment: ENVIRONMENT,
      at,
      limit: 1000,
      cursor,
    });
    cursor = page.next;
    if (cursor === undefined) return cursors.slice(0, -1);
    cursors.push(cursor);
  }
}
