// How long the newest 100 entries of a long audit log take to find, and those of one secret.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { atOnce, isQuick, median, oneByOne, report } from './harness.ts';
import { ENVIRONMENT, openVault, pathOf, vaultOf } from './vaults.ts';

const ENTRIES = 1_000_000;
const PAGE = 100;
const CALLS = 100;
const ROUNDS = 5;
const QUESTIONS = [
  'last 100 audit entries of 1,000,000 (median)',
  'last 100 audit entries of one secret of 1,000,000 (median)',
] as const;

async function measure(): Promise<void> {
  const place = await vaultOf(ENTRIES);
  const path = pathOf(333_333);
  const { vault, session } = await openVault(place);
  await atOnce(64, 2 * PAGE, () => session.secrets.read({ environment: ENVIRONMENT, path }));
  const query = async (filter: { readonly path?: string }): Promise<void> => {
    const { entries } = await session.audit.query({ ...filter, limit: PAGE });
    if (entries.length !== PAGE) throw new Error('entries are missing');
  };
  const begin = performance.now();
  await query({ path });
  const indexing = performance.now() - begin;

  const database = new DatabaseSync(join(place.path, 'vault.db'), { readOnly: true });
  const newest = database.prepare(
    'SELECT body FROM audit_entries WHERE log = 1 ORDER BY seq DESC LIMIT ?',
  );
  const ofPath = database.prepare(
    `SELECT body FROM audit_index JOIN audit_entries USING (log, seq)
     WHERE path = ? AND log = 1 ORDER BY seq DESC LIMIT ?`,
  );
  const bareNewest = (): void => parsed(newest.all(PAGE));
  const bareOfPath = (): void => parsed(ofPath.all(path, PAGE));

  for (const [index, [ours, bare]] of (
    [
      [() => query({}), bareNewest],
      [() => query({ path }), bareOfPath],
    ] as const
  ).entries()) {
    const [taken, bareTaken]: [number[], number[]] = [[], []];
    await oneByOne(CALLS, ours);
    for (let round = 0; round < ROUNDS; round += 1) {
      taken.push(...(await oneByOne(CALLS, ours)));
      bareTaken.push(...(await oneByOne(CALLS, bare)));
    }
    report({
      question: QUESTIONS[index] ?? '',
      measured: median(taken),
      unit: 'ms',
      limit: 5,
      bare: median(bareTaken),
      note: 'node:sqlite: the same 100 rows read and parsed, no audit row',
    });
  }
  report({
    question: 'first query by secret, which brings the index of paths up to date',
    measured: indexing,
    unit: 'ms',
    note: 'once after up to 20,000 new entries',
  });
  await vault.close();
  database.close();
}

function parsed(rows: readonly Record<string, unknown>[]): void {
  if (rows.length !== PAGE) throw new Error('entries are missing');
  for (const row of rows) JSON.parse(String(row['body']));
}

if (isQuick()) {
  for (const question of QUESTIONS) {
    report({
      question,
      measured: undefined,
      unit: 'ms',
      limit: 5,
      note: 'left out of a quick run',
    });
  }
} else {
  await measure();
}
