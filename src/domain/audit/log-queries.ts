import { statement, type Statement } from '../../store/statement.ts';
import type {
  AuditCheckpointRow,
  AuditEntryRow,
  AuditLogRow,
  AuditTileRow,
} from '../../store/tables.ts';

/** An entry's place and line. */
export interface StoredBody {
  readonly seq: number;
  readonly body: string;
}

export const insertEntry: Statement<AuditEntryRow, unknown> = statement((db, p) =>
  db.insertInto('audit_entries').values({ log: p('log'), seq: p('seq'), body: p('body') }),
);

/** Entries from an index on, in order. */
export const bodiesFrom: Statement<{ log: number; from: number; limit: number }, StoredBody> =
  statement((db, p) =>
    db
      .selectFrom('audit_entries')
      .select(['seq', 'body'])
      .where('log', '=', p('log'))
      .where('seq', '>=', p('from'))
      .orderBy('seq')
      .limit(p('limit')),
  );

/** Entries before an index, newest first. */
export const bodiesBefore: Statement<{ log: number; before: number; limit: number }, StoredBody> =
  statement((db, p) =>
    db
      .selectFrom('audit_entries')
      .select(['seq', 'body'])
      .where('log', '=', p('log'))
      .where('seq', '<', p('before'))
      .orderBy('seq', 'desc')
      .limit(p('limit')),
  );

export const oneBody: Statement<{ log: number; seq: number }, { body: string }> = statement(
  (db, p) =>
    db
      .selectFrom('audit_entries')
      .select(['body'])
      .where('log', '=', p('log'))
      .where('seq', '=', p('seq')),
);

export const insertTile: Statement<AuditTileRow, unknown> = statement((db, p) =>
  db
    .insertInto('audit_tiles')
    .values({ log: p('log'), level: p('level'), tile: p('tile'), hashes: p('hashes') }),
);

export const storedTile: Statement<
  { log: number; level: number; tile: number },
  { hashes: Uint8Array }
> = statement((db, p) =>
  db
    .selectFrom('audit_tiles')
    .select(['hashes'])
    .where('log', '=', p('log'))
    .where('level', '=', p('level'))
    .where('tile', '=', p('tile')),
);

/** The tiles of a level from one on, before another. */
export const tilesBetween: Statement<
  { log: number; level: number; from: number; before: number },
  { tile: number; hashes: Uint8Array }
> = statement((db, p) =>
  db
    .selectFrom('audit_tiles')
    .select(['tile', 'hashes'])
    .where('log', '=', p('log'))
    .where('level', '=', p('level'))
    .where('tile', '>=', p('from'))
    .where('tile', '<', p('before')),
);

export const newestCheckpoint: Statement<{ log: number }, AuditCheckpointRow> = statement((db, p) =>
  db
    .selectFrom('audit_checkpoints')
    .selectAll()
    .where('log', '=', p('log'))
    .orderBy('size', 'desc')
    .limit(1),
);

export const twoNewestCheckpoints: Statement<
  { log: number },
  { size: number; created_at: number }
> = statement((db, p) =>
  db
    .selectFrom('audit_checkpoints')
    .select(['size', 'created_at'])
    .where('log', '=', p('log'))
    .orderBy('size', 'desc')
    .limit(2),
);

export const removeCheckpoint: Statement<{ log: number; size: number }, unknown> = statement(
  (db, p) =>
    db.deleteFrom('audit_checkpoints').where('log', '=', p('log')).where('size', '=', p('size')),
);

export const insertCheckpoint: Statement<AuditCheckpointRow, unknown> = statement((db, p) =>
  db.insertInto('audit_checkpoints').values({
    log: p('log'),
    size: p('size'),
    root: p('root'),
    note: p('note'),
    created_at: p('created_at'),
  }),
);

export const allLogs: Statement<object, AuditLogRow> = statement((db) =>
  db.selectFrom('audit_logs').selectAll().orderBy('number'),
);
