import { StrongroomError } from '../../errors.ts';
import { concat } from '../../lib/bytes.ts';
import { parseCheckpoint } from '../../merkle/checkpoint.ts';
import { parseNote } from '../../merkle/note.ts';
import { inclusionProof, nodeReader } from '../../merkle/proof.ts';
import { TILE_WIDTH } from '../../merkle/tile.ts';
import { query } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { AuditLog } from './audit-log.ts';
import { parseEntry, type AuditEntry } from './entry.ts';
import {
  formatCheckpointLine,
  formatHeaderLine,
  formatHiddenLine,
  formatTileLine,
} from './export-lines.ts';
import { loadTree } from './load-tree.ts';
import { bodiesFrom, oneBody } from './log-queries.ts';
import { storedLeaves } from './stored-leaves.ts';
import { formatProof } from './verify-proof.ts';

/** One part of an export: lines, and where the next part begins. */
export interface ExportPart {
  readonly lines: readonly string[];
  readonly next: number | undefined;
}

/**
 * A part of the export of a log up to a checkpoint (`docs/spec/audit-log.md`).
 * Parts end with whole tiles. The first has the header, the last the checkpoint.
 *
 * @param options - `from`: index of the first entry, a multiple of 256; `tiles`: how many tiles
 * the part has at most; `maySee`: whose body is shown, if it is still kept.
 */
export async function exportPart(
  transaction: Transaction,
  log: AuditLog,
  note: string,
  options: {
    readonly from: number;
    readonly tiles: number;
    readonly maySee: (entry: AuditEntry) => boolean;
  },
): Promise<ExportPart> {
  const { from, tiles, maySee } = options;
  const { origin, size } = parseCheckpoint(parseNote(note).text);
  if (from % TILE_WIDTH !== 0 || from > size) {
    throw new StrongroomError('invalid_input', 'a part of an export begins with a tile');
  }
  const lines: string[] = from === 0 ? [formatHeaderLine({ origin, size })] : [];
  const end = Math.min(size, from + tiles * TILE_WIDTH);
  const found = await transaction.all(bodiesFrom, { log: log.number, from, limit: end - from });
  const bodies = new Map(found.filter(({ seq }) => seq < end).map(({ seq, body }) => [seq, body]));
  const leaves = await storedLeaves(transaction, log.number, { from, end }, found);
  let hashes: Uint8Array[] = [];
  for (const [at, hash] of leaves.entries()) {
    const seq = from + at;
    const body = bodies.get(seq);
    hashes.push(hash);
    const isShown = body !== undefined && maySee(parseEntry(body, seq));
    lines.push(isShown ? body : formatHiddenLine({ level: 0, index: seq, hash }));
    if (hashes.length === TILE_WIDTH || seq === size - 1) {
      const index = Math.floor(seq / TILE_WIDTH);
      lines.push(formatTileLine({ index, hashes: concat(hashes) }));
      hashes = [];
    }
  }
  if (end < size) return { lines, next: end };
  lines.push(formatCheckpointLine(note));
  return { lines, next: undefined };
}

/**
 * Proves that an entry is in the log under a checkpoint.
 *
 * @returns The text of a proof file.
 * @throws {@link StrongroomError} `entry_not_found` if the checkpoint does not reach it.
 */
export async function proveEntry(
  transaction: Transaction,
  log: AuditLog,
  note: string,
  { index, maySee }: { readonly index: number; readonly maySee: (entry: AuditEntry) => boolean },
): Promise<string> {
  const { size } = parseCheckpoint(parseNote(note).text);
  const row = await transaction.get(oneBody, { log: log.number, seq: index });
  if (row === undefined || index >= size || !maySee(parseEntry(row.body, index))) {
    throw new StrongroomError('entry_not_found', `there is no audit entry ${index}`, {
      details: { index, size },
    });
  }
  const tree = await loadTree(transaction, log.number, size);
  const tiles = await tilesOf(transaction, log.number, index);
  const reader = nodeReader(tree, (level, tile) => tiles.get(`${level}/${tile}`));
  const proof = inclusionProof(index, size, reader);
  return formatProof({ entry: row.body, index, proof, checkpoint: note });
}

/** The tiles that an inclusion proof of a leaf can need: those on its path, and whole levels above. */
async function tilesOf(
  transaction: Transaction,
  log: number,
  index: number,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const rows = await transaction.all(
    query((db) =>
      db
        .selectFrom('audit_tiles')
        .select(['level', 'tile', 'hashes'])
        .where('log', '=', log)
        .where((e) => e.or([e('level', '>', 0), e('tile', '=', Math.floor(index / TILE_WIDTH))])),
    ),
    {},
  );
  return new Map(rows.map((row) => [`${row.level}/${row.tile}`, row.hashes]));
}
