// How long a page of 100 secrets takes, on record, whatever the size of the vault.
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { isQuick, median, oneByOne, report } from './harness.ts';
import { ENVIRONMENT, openVault, pathOf, vaultOf } from './vaults.ts';
import type { VaultPlace } from './vaults.ts';

const PAGE = 100;
const CALLS = 200;
const ROUNDS = 5;
const NOTE = 'node:sqlite: the same 100 rows read, no audit row';

interface Listed {
  readonly ours: number;
  readonly bare: number;
}

/** Milliseconds for the page after a secret, by the library and by the database alone. */
async function page(place: VaultPlace, after?: number): Promise<Listed> {
  const database = new DatabaseSync(join(place.path, 'vault.db'), { readOnly: true });
  const environment = database
    .prepare('SELECT id FROM environments WHERE name = ?')
    .get(ENVIRONMENT);
  const select = database.prepare(
    'SELECT * FROM secrets WHERE environment_id = ? AND path > ? AND deleted_at IS NULL ORDER BY path LIMIT ?',
  );
  const id = String(environment?.['id']);
  const bareList = (): void => {
    const rows = select.all(id, after === undefined ? '' : pathOf(after), PAGE);
    if (rows.length !== PAGE) throw new Error('the page is not full');
  };
  const { vault, session } = await openVault(place);
  const cursor = after === undefined ? undefined : cursorAfter(pathOf(after));
  const list = async (): Promise<void> => {
    const page = { environment: ENVIRONMENT, limit: PAGE, cursor };
    const { secrets, next } = await session.secrets.list(page);
    if (secrets.length !== PAGE || next === undefined) throw new Error('the page is not full');
    if (secrets[0]?.path !== pathOf(after === undefined ? 0 : after + 1))
      throw new Error('another page');
  };
  await oneByOne(CALLS, list);
  await oneByOne(CALLS, bareList);
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(...(await oneByOne(CALLS, list)));
    bare.push(...(await oneByOne(CALLS, bareList)));
  }
  await vault.close();
  database.close();
  return { ours: median(ours), bare: median(bare) };
}

/** The `next` of a page that ends with a path, without walking there page by page. */
function cursorAfter(path: string): string {
  return Buffer.from(`${ENVIRONMENT}/${path}`).toString('base64url');
}

const small = await page(await vaultOf(1000));
const medium = await page(await vaultOf(10_000));
report({
  question: 'list 100 of 10,000 (median)',
  measured: medium.ours,
  unit: 'ms',
  limit: 2,
  bare: medium.bare,
  note: NOTE,
});
const large = isQuick() ? undefined : await vaultOf(1_000_000);
const skipped = 'left out of a quick run';
const first = large === undefined ? undefined : await page(large);
const middle = large === undefined ? undefined : await page(large, 500_000);
for (const [name, listed] of [
  ['first page of 100 of 1,000,000', first],
  ['page of 100 from the middle of 1,000,000, by cursor', middle],
] as const) {
  report({
    question: `${name} (median)`,
    measured: listed?.ours,
    unit: 'ms',
    limit: 5,
    ...(listed === undefined ? { note: skipped } : { bare: listed.bare, note: NOTE }),
  });
}
report({
  question: 'page of 100 from the middle of 1,000,000 against a page of 1,000',
  measured: middle === undefined ? undefined : middle.ours / small.ours,
  unit: '×',
  limit: 1.5,
  ...(middle === undefined ? { note: skipped } : { bare: middle.bare / small.bare, note: NOTE }),
});
