import {
  AUDIT_LOGS,
  AUTH_METHODS,
  BACKUPS,
  ENVIRONMENTS,
  FACTORS,
  GRANTS,
  GROUPS,
  IMPORTS,
  JOBS,
  KEY_USES,
  KEYS,
  LAYOUTS,
  MEMBERSHIPS,
  PERSONAL_VALUES,
  PRINCIPALS,
  REVOCATIONS,
  ROLES,
  SECRET_STATES,
  SECRETS,
  SETTINGS,
  SLOTS,
  VAULT,
  VERSIONS,
  WORKSPACES,
} from '../../store/protected-tables.ts';
import type { ProtectedTable } from '../../store/row-mac.ts';
import type { TableName } from '../../store/tables.ts';

/** A table as a backup has it. */
export interface BackupTable {
  readonly table: TableName;
  /** The columns that rows are in order of. */
  readonly key: readonly string[];
  /** Every column, ascending by name. */
  readonly columns: readonly string[];
  /** How many rows are read at once; few where one may be large. */
  readonly rowsAtOnce: number;
  /** The schema whose backups first have it. Default: the first that backups were made of. */
  readonly since?: number;
  /** What its rows' MACs cover, if they have MACs. */
  readonly protection?: ProtectedTable<TableName>;
}

interface Protected {
  readonly table: TableName;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly envelopes?: readonly string[];
}

const ROWS = 128;
/** Of rows that hold up to a mebibyte. */
const LARGE_ROWS = 16;

/** All tables that a backup of the present schema holds, each after those that its rows refer to (`docs/spec/backup.md`). */
export const BACKUP_TABLES: readonly BackupTable[] = [
  ofProtected(VAULT),
  ofProtected(SLOTS),
  ofProtected(KEYS),
  ofProtected(KEY_USES),
  {
    table: 'integrity',
    key: ['scope'],
    columns: ['epoch', 'mac', 'mac_key', 'mac_sum', 'nonce', 'row_count', 'scope'],
    rowsAtOnce: ROWS,
  },
  ofProtected(PRINCIPALS),
  { ...ofProtected(FACTORS), since: 3 },
  { ...ofProtected(AUTH_METHODS), since: 3 },
  { ...ofProtected(REVOCATIONS), since: 3 },
  ofProtected(WORKSPACES),
  ofProtected(ENVIRONMENTS),
  ofProtected(GROUPS),
  ofProtected(ROLES),
  ofProtected(MEMBERSHIPS),
  ofProtected(GRANTS),
  ofProtected(SETTINGS),
  ofProtected(IMPORTS),
  ofProtected(JOBS),
  ofProtected(BACKUPS),
  ofProtected(SECRETS, 64),
  ofProtected(SECRET_STATES, 64),
  ofProtected(VERSIONS, LARGE_ROWS),
  ofProtected(LAYOUTS, 1),
  ofProtected(PERSONAL_VALUES, LARGE_ROWS),
  ofProtected(AUDIT_LOGS, ROWS, ['number']),
  {
    table: 'audit_entries',
    key: ['log', 'seq'],
    columns: ['body', 'log', 'seq'],
    rowsAtOnce: ROWS,
  },
  {
    table: 'audit_tiles',
    key: ['log', 'level', 'tile'],
    columns: ['hashes', 'level', 'log', 'tile'],
    rowsAtOnce: 64,
  },
  {
    table: 'audit_heads',
    key: ['log'],
    columns: ['log', 'mac', 'mac_key', 'root', 'size'],
    rowsAtOnce: ROWS,
  },
  {
    table: 'audit_checkpoints',
    key: ['log', 'size'],
    columns: ['created_at', 'log', 'note', 'root', 'size'],
    rowsAtOnce: 64,
  },
];

/** The tables that a backup of a schema holds. */
export function backupTables(schema: number): readonly BackupTable[] {
  return BACKUP_TABLES.filter(({ since = 0 }) => since <= schema);
}

function ofProtected(
  protection: Protected,
  rowsAtOnce: number = ROWS,
  order: readonly string[] = protection.key,
): BackupTable {
  const { table, columns, envelopes = [] } = protection;
  const all = [...columns, ...envelopes, 'row_revision', 'mac_key', 'mac'].toSorted();
  return {
    table,
    key: order,
    columns: all,
    rowsAtOnce,
    // Only the names of columns are taken from it, and each is one of this table.
    protection: protection as unknown as ProtectedTable<TableName>,
  };
}
