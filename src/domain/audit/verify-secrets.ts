import { setImmediate as nextTurn } from 'node:timers/promises';

import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { SecretRow } from '../../store/tables.ts';

const PAGE = 4096;

const secretsAfter = statement((db, p: Parameters<{ after: string; limit: number }>) =>
  db.selectFrom('secrets').selectAll().where('id', '>', p('after')).orderBy('id').limit(p('limit')),
);

/** How a secret is found when it is asked for. */
const liveId = statement((db, p: Parameters<{ environmentId: string; path: string }>) =>
  db
    .selectFrom('secrets')
    .select(['id'])
    .where('environment_id', '=', p('environmentId'))
    .where('path', '=', p('path'))
    .where('deleted_at', 'is', null),
);

const versionSpans = statement((db, p: Parameters<{ after: string; last: string }>) =>
  db
    .selectFrom('versions')
    .select((e) => [
      'secret_id',
      e.fn.countAll<number>().as('count'),
      e.fn.min<number>('version').as('first'),
      e.fn.max<number>('version').as('last'),
    ])
    .where('secret_id', '>', p('after'))
    .where('secret_id', '<=', p('last'))
    .groupBy('secret_id'),
);

/**
 * Holds the rows of secrets against the revisions that the log last gave, and
 * requires that none is missing, that each has all of its versions, and that
 * each that was not deleted is found by its path.
 *
 * @param revisions - By id of a secret; those that are found are taken out.
 * @returns How many secrets there are.
 * @throws {@link StrongroomError} `integrity_error` naming the secret.
 */
export async function verifySecrets(
  transaction: Transaction,
  mac: RowMac,
  revisions: Map<string, number>,
): Promise<number> {
  let held = 0;
  for (let after = ''; ;) {
    const rows = await transaction.all(secretsAfter, { after, limit: PAGE });
    const last = rows.at(-1)?.id;
    if (last === undefined) break;
    const spans = await transaction.all(versionSpans, { after, last });
    const bySecret = new Map(spans.map((span) => [span.secret_id, span]));
    for (const row of rows) {
      mac.check(SECRETS, row);
      requireRevision(row, revisions.get(row.id));
      requireVersions(row, bySecret.get(row.id));
      await requireFound(transaction, row);
      revisions.delete(row.id);
    }
    held += rows.length;
    after = last;
    await nextTurn();
  }
  for (const secret of revisions.keys()) {
    throw fault('a secret that the audit log knows is missing', { secret });
  }
  return held;
}

function requireRevision(row: SecretRow, expected: number | undefined): void {
  if (expected === undefined || expected === row.row_revision) return;
  throw fault('the row of a secret is not the one that the audit log last saw', {
    secret: row.id,
    path: row.path,
  });
}

/** An index that leaves a secret out makes it seem not to be there. */
async function requireFound(transaction: Transaction, row: SecretRow): Promise<void> {
  const { id, path, environment_id: environmentId, deleted_at: deletedAt } = row;
  if (deletedAt !== null) return;
  if ((await transaction.get(liveId, { environmentId, path }))?.id === id) return;
  throw fault('a secret is not found by its path', { secret: id, path });
}

/** Versions are numbered from 1 without a gap, and rows of them stay when they are deleted. */
function requireVersions(
  { id, path, current_version: current }: SecretRow,
  span: { readonly count: number; readonly first: number; readonly last: number } | undefined,
): void {
  if (span?.count === current && span.first === 1 && span.last === current) return;
  throw fault('the versions of a secret are not all there', { secret: id, path });
}

function fault(message: string, details: Readonly<Record<string, string>>): StrongroomError {
  return new StrongroomError('integrity_error', message, { details, hint: DAMAGED_HINT });
}
