// How long a page of 100 secrets takes, on record, whatever the size of the vault.
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { isQuick, median, oneByOne, report } from './harness.ts';
import { ENVIRONMENT, openVault, pathOf, vaultOf } from './vaults.ts';

const PAGE = 100;
const CALLS = 100;
const ROUNDS = 9;
const NOTE = 'node:sqlite: the same 100 rows read, no audit row';

/** A page of one vault, and what it took so far. */
interface Page {
  readonly list: () => Promise<void>;
  readonly bareList: () => void;
  readonly ours: number[];
  readonly bare: number[];
}

const closing: (() => Promise<void> | void)[] = [];

/** Opens a vault; gives its first page and those after the secrets with these numbers. */
async function pagesOf(secrets: number, afterSecrets: readonly number[] = []): Promise<Page[]> {
  const place = await vaultOf(secrets);
  const { vault, session } = await openVault(place);
  const database = new DatabaseSync(join(place.path, 'vault.db'), { readOnly: true });
  closing.push(
    () => vault.close(),
    () => database.close(),
  );
  const environment = database
    .prepare('SELECT id FROM environments WHERE name = ?')
    .get(ENVIRONMENT);
  const select = database.prepare(
    'SELECT * FROM secrets WHERE environment_id = ? AND path > ? AND deleted_at IS NULL ORDER BY path LIMIT ?',
  );
  const id = String(environment?.['id']);
  const cursors = await Promise.all(
    afterSecrets.map(async (after) => {
      const { id: last } = await session.secrets.describe({
        environment: ENVIRONMENT,
        path: pathOf(after),
      });
      return cursorAfter(last);
    }),
  );
  return [undefined, ...afterSecrets].map((after, at) => {
    const cursor = at === 0 ? undefined : cursors[at - 1];
    const first = pathOf(after === undefined ? 0 : after + 1);
    return {
      list: async () => {
        const input = { environment: ENVIRONMENT, limit: PAGE, cursor };
        const page = await session.secrets.list(input);
        if (page.secrets.length !== PAGE || page.secrets[0]?.path !== first) {
          throw new Error('not the page that was asked for');
        }
      },
      bareList: () => {
        const rows = select.all(id, after === undefined ? '' : pathOf(after), PAGE);
        if (rows.length !== PAGE || rows[0]?.['path'] !== first) {
          throw new Error('not the page that was asked for');
        }
      },
      ours: [],
      bare: [],
    };
  });
}

/** The `next` of a page that ends with a secret, without walking there page by page. */
function cursorAfter(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

const [small] = await pagesOf(1000);
const [medium] = await pagesOf(10_000);
const [first, middle] = isQuick() ? [] : await pagesOf(1_000_000, [500_000]);
const pages = [small, medium, first, middle].filter((page) => page !== undefined);
for (let round = -2; round < ROUNDS; round += 1) {
  for (const page of pages) {
    const [ours, bare] = [await oneByOne(CALLS, page.list), await oneByOne(CALLS, page.bareList)];
    // The first two rounds warm up.
    if (round < 0) continue;
    page.ours.push(...ours);
    page.bare.push(...bare);
  }
}
for (const close of closing) await close();

for (const [question, page, limit] of [
  ['list 100 of 10,000 (median)', medium, 2],
  ['first page of 100 of 1,000,000 (median)', first, 5],
  ['page of 100 from the middle of 1,000,000, by cursor (median)', middle, 5],
] as const) {
  report({
    question,
    unit: 'ms',
    limit,
    ...(page === undefined
      ? { measured: undefined, note: 'left out of a quick run' }
      : { measured: median(page.ours), bare: median(page.bare), note: NOTE }),
  });
}
report({
  question: 'page of 100 from the middle of 1,000,000 against a page of 1,000',
  unit: '×',
  limit: 1.5,
  ...(small === undefined || middle === undefined
    ? { measured: undefined, note: 'left out of a quick run' }
    : {
        measured: median(middle.ours) / median(small.ours),
        bare: median(middle.bare) / median(small.bare),
        note: NOTE,
      }),
});
