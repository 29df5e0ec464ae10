import { StrongroomError } from '../../errors.ts';
import { dropScope } from '../../store/integrity.ts';
import {
  ENVIRONMENTS,
  GRANTS,
  GROUPS,
  IMPORTS,
  KEYS,
  MEMBERSHIPS,
  PERSONAL_VALUES,
  ROLES,
  SETTINGS,
  WORKSPACES,
} from '../../store/protected-tables.ts';
import type { ProtectedTable } from '../../store/row-mac.ts';
import { removeRow } from '../../store/rows.ts';
import { statement, type Parameters, type Statement } from '../../store/statement.ts';
import type { GrantRow, ImportRow, MembershipRow, ProtectedColumns } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Workspace } from './directory.ts';
import { FIRST_WORKSPACE } from './names.ts';

type Removal = Statement<{ id: string }, unknown>;

/** Everything that hangs on a workspace and is not counted, what refers to others first. */
const REMOVALS: readonly Removal[] = [
  ...(['secret_reads', 'verify_attempts', 'secret_states', 'versions'] as const).map((table) =>
    statement((db, p: Parameters<{ id: string }>) =>
      db
        .deleteFrom(table as 'versions')
        .where('secret_id', 'in', (e) =>
          e.selectFrom('secrets').select('secrets.id').where('workspace_id', '=', p('id')),
        ),
    ),
  ),
  statement((db, p: Parameters<{ id: string }>) =>
    db.deleteFrom('secret_states').where('workspace_id', '=', p('id')),
  ),
  statement((db, p: Parameters<{ id: string }>) =>
    db.deleteFrom('secrets').where('workspace_id', '=', p('id')),
  ),
  statement((db, p: Parameters<{ id: string }>) =>
    db
      .deleteFrom('layouts')
      .where('environment_id', 'in', (e) =>
        e.selectFrom('environments').select('environments.id').where('workspace_id', '=', p('id')),
      ),
  ),
  statement((db, p: Parameters<{ id: string }>) =>
    db.deleteFrom('idempotency').where('workspace_id', '=', p('id')),
  ),
  statement((db, p: Parameters<{ id: string }>) =>
    db.deleteFrom('jobs').where('workspace_id', '=', p('id')),
  ),
  statement((db, p: Parameters<{ id: string }>) =>
    db
      .deleteFrom('key_uses')
      .where('key_id', 'in', (e) =>
        e.selectFrom('keys').select('keys.id').where('workspace_id', '=', p('id')),
      ),
  ),
];

const countSecrets = statement((db, p: Parameters<{ id: string }>) =>
  db
    .selectFrom('secrets')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('workspace_id', '=', p('id')),
);

const subjects = statement((db, p: Parameters<{ id: string }>) =>
  db
    .selectFrom('groups')
    .select(['id'])
    .where('workspace_id', '=', p('id'))
    .unionAll((e) => e.selectFrom('roles').select(['id']).where('workspace_id', '=', p('id'))),
);

const secretIds = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('secrets').select(['id']).where('workspace_id', '=', p('id')),
);

/** Counted tables whose rows name their workspace, what refers to others first. */
const COUNTED = [GROUPS, ROLES, SETTINGS, IMPORTS, PERSONAL_VALUES, KEYS, ENVIRONMENTS] as const;

/**
 * Takes a workspace away with its keys and everything in it: the wrapped keys
 * are gone from the database, so that nothing that was copied of it before can
 * be opened with what is left.
 *
 * @returns How many secrets it had.
 * @throws {@link StrongroomError} `reserved_name` for the first workspace, `integrity_error`.
 */
export async function removeWorkspace(work: Work, workspace: Workspace): Promise<number> {
  const { transaction, mac } = work;
  const { id, name } = workspace;
  if (name === FIRST_WORKSPACE) {
    throw new StrongroomError('reserved_name', `the workspace ${name} cannot be deleted`, {
      hint: 'destroy its secrets, or remove the whole vault',
    });
  }
  const secrets = (await transaction.get(countSecrets, { id }))?.count ?? 0;
  await removeRules(work, id);
  await removeImportsFrom(work, id);
  for (const removal of REMOVALS) await transaction.run(removal, { id });
  for (const table of COUNTED) await removeAll(work, table as ProtectedTable<'keys'>, id);
  const row = await transaction.get(workspaceById, { id });
  if (row === undefined) throw new StrongroomError('integrity_error', 'the workspace has no row');
  mac.check(WORKSPACES, row);
  await removeRow(transaction, mac, WORKSPACES, row);
  await dropScope(transaction, mac, id);
  return secrets;
}

const workspaceById = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('workspaces').selectAll().where('id', '=', p('id')),
);

const allGrants = statement((db) => db.selectFrom('grants').selectAll());
const allMemberships = statement((db) => db.selectFrom('memberships').selectAll());
const allImports = statement((db) => db.selectFrom('imports').selectAll());
const environmentIds = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('environments').select(['id']).where('workspace_id', '=', p('id')),
);

/** Grants and memberships of the workspace, and those of the vault that name something in it. */
async function removeRules(work: Work, id: string): Promise<void> {
  const { transaction, mac } = work;
  const gone = await idsOf(work, subjects, id);
  const secrets = await idsOf(work, secretIds, id);
  const isGrantGone = (row: GrantRow): boolean =>
    row.workspace_id === id || gone.has(row.subject_id) || secrets.has(row.secret_id ?? '');
  for (const row of (await transaction.all(allGrants, {})).filter(isGrantGone)) {
    mac.check(GRANTS, row);
    await removeRow(transaction, mac, GRANTS, row);
  }
  const isMembershipGone = (row: MembershipRow): boolean =>
    row.workspace_id === id || gone.has(row.member_id) || gone.has(row.parent_id);
  for (const row of (await transaction.all(allMemberships, {})).filter(isMembershipGone)) {
    mac.check(MEMBERSHIPS, row);
    await removeRow(transaction, mac, MEMBERSHIPS, row);
  }
}

/** What other workspaces import from this one. */
async function removeImportsFrom(work: Work, id: string): Promise<void> {
  const { transaction, mac } = work;
  const environments = await idsOf(work, environmentIds, id);
  const isGone = (row: ImportRow): boolean => environments.has(row.source_environment_id);
  for (const row of (await transaction.all(allImports, {})).filter(isGone)) {
    mac.check(IMPORTS, row);
    await removeRow(transaction, mac, IMPORTS, row);
  }
}

async function idsOf(
  { transaction }: Work,
  ids: Statement<{ id: string }, { id: string }>,
  id: string,
): Promise<ReadonlySet<string>> {
  return new Set((await transaction.all(ids, { id })).map((row) => row.id));
}

const ofWorkspace = new Map<string, Statement<{ id: string }, ProtectedColumns>>();

async function removeAll(work: Work, table: ProtectedTable<'keys'>, id: string): Promise<void> {
  let rows = ofWorkspace.get(table.table);
  rows ??= statement((db, p: Parameters<{ id: string }>) =>
    db.selectFrom(table.table).selectAll().where('workspace_id', '=', p('id')),
  );
  ofWorkspace.set(table.table, rows);
  for (const row of await work.transaction.all(rows, { id })) {
    work.mac.check(table, row);
    await removeRow(work.transaction, work.mac, table, row as never);
  }
}
