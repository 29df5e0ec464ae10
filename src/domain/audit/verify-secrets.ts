import { setImmediate as nextTurn } from 'node:timers/promises';

import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { SECRET_STATES, SECRETS, VERSIONS } from '../../store/protected-tables.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { SecretRow, SecretStateRow, VersionRow } from '../../store/tables.ts';

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

interface Span {
  readonly after: string;
  readonly last: string;
  readonly from: number;
  readonly limit: number;
}

/** Of an envelope the part up to its commitment is enough for a row's MAC. */
const ENVELOPE_HEAD = 146;
const NOTHING = new Uint8Array();

const versionsBetween = statement((db, p: Parameters<Span>) =>
  db
    .selectFrom('versions')
    .select([
      'secret_id',
      'version',
      'checksum_key',
      'checksum',
      'created_at',
      'created_by',
      'deleted_at',
      'destroyed_at',
      'has_references',
      'row_revision',
      'mac_key',
      'mac',
    ])
    .select((e) =>
      e
        .fn<Uint8Array | null>('substr', ['envelope', e.val(1), e.val(ENVELOPE_HEAD)])
        .as('envelope'),
    )
    .where('secret_id', '<=', p('last'))
    .where((e) =>
      e.or([
        e('secret_id', '>', p('after')),
        e.and([e('secret_id', '=', p('after')), e('version', '>', p('from'))]),
      ]),
    )
    .orderBy('secret_id')
    .orderBy('version')
    .limit(p('limit')),
);

const statesBetween = statement((db, p: Parameters<Span>) =>
  db
    .selectFrom('secret_states')
    .selectAll()
    .where('secret_id', '<=', p('last'))
    .where((e) =>
      e.or([
        e('secret_id', '>', p('after')),
        e.and([e('secret_id', '=', p('after')), e('number', '>', p('from'))]),
      ]),
    )
    .orderBy('secret_id')
    .orderBy('number')
    .limit(p('limit')),
);

/**
 * Holds the rows of secrets against the revisions that the log last gave, and
 * requires that none is missing, that each has all of its versions and former
 * states as they were written, and that each that was not deleted is found by its path.
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
    const versions = await versionCounts(transaction, mac, { after, last });
    const states = await stateCounts(transaction, mac, { after, last });
    for (const row of rows) {
      mac.check(SECRETS, row);
      requireRevision(row, revisions.get(row.id));
      requireAll(row, versions.get(row.id), states.get(row.id));
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

/** Both are numbered from 1 without a gap, and the rows of versions stay when they are deleted. */
function requireAll(
  { id, path, current_version: current, states: stated }: SecretRow,
  versions: number | undefined,
  states: number | undefined,
): void {
  if (versions !== current) {
    throw fault('the versions of a secret are not all there', { secret: id, path });
  }
  if ((states ?? 0) !== (stated ?? 0)) {
    throw fault('the past of a secret is not all there', { secret: id, path });
  }
}

/** How many versions each secret of a span has, each row checked; none where numbers are missing. */
async function versionCounts(
  transaction: Transaction,
  mac: RowMac,
  { after, last }: { readonly after: string; readonly last: string },
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  let next: { after: string; from: number } | undefined = { after, from: Number.MAX_SAFE_INTEGER };
  while (next !== undefined) {
    const page: (Omit<VersionRow, 'envelope'> & { envelope: Uint8Array | null })[] =
      await transaction.all(versionsBetween, { ...next, last, limit: PAGE });
    for (const row of page) {
      if (!count(counts, row.secret_id, row.version)) continue;
      // A part of nothing, as a destroyed version has it, is null.
      mac.check(VERSIONS, { ...row, envelope: row.envelope ?? NOTHING } as VersionRow);
    }
    const end = page.length < PAGE ? undefined : page.at(-1);
    next = end && { after: end.secret_id, from: end.version };
  }
  return counts;
}

async function stateCounts(
  transaction: Transaction,
  mac: RowMac,
  { after, last }: { readonly after: string; readonly last: string },
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  let next: { after: string; from: number } | undefined = { after, from: Number.MAX_SAFE_INTEGER };
  while (next !== undefined) {
    const page: SecretStateRow[] = await transaction.all(statesBetween, {
      ...next,
      last,
      limit: PAGE,
    });
    for (const row of page) {
      if (!count(counts, row.secret_id, row.number)) continue;
      mac.check(SECRET_STATES, row);
    }
    const end = page.length < PAGE ? undefined : page.at(-1);
    next = end && { after: end.secret_id, from: end.number };
  }
  return counts;
}

/** Counts on if a number is the next one, and says so; after a gap the count is that of no secret. */
function count(counts: Map<string, number>, id: string, number: number): boolean {
  const isNext = number === (counts.get(id) ?? 0) + 1;
  counts.set(id, isNext ? number : Number.NaN);
  return isNext;
}

function fault(message: string, details: Readonly<Record<string, string>>): StrongroomError {
  return new StrongroomError('integrity_error', message, { details, hint: DAMAGED_HINT });
}
