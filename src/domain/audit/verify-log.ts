import { setImmediate as nextTurn } from 'node:timers/promises';

import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { equalBytes } from '../../lib/compare.ts';
import type { Checkpoint } from '../../merkle/checkpoint.ts';
import { HASH_BYTES, textLeafHash } from '../../merkle/hash.ts';
import { TILE_BYTES, TILE_WIDTH, type Tile } from '../../merkle/tile.ts';
import { MerkleTree } from '../../merkle/tree.ts';
import type { RowMac } from '../../store/row-mac.ts';
import type { Store, Transaction } from '../../store/store.ts';
import type { AuditLog } from './audit-log.ts';
import { rebuildIndex } from './entry-index.ts';
import { parseEntry, type AuditEntry } from './entry.ts';
import { IndexCheck } from './index-check.ts';
import { bodiesFrom, newestCheckpoint, storedTile, type StoredBody } from './log-queries.ts';
import { openStoredCheckpoint } from './stored-checkpoint.ts';
import { areKept, declaredPruning } from './retention.ts';
import { storedLeaves } from './stored-leaves.ts';
import { verifySeldomRead } from './verify-rows.ts';
import { verifySecrets } from './verify-secrets.ts';
import { verifyTokens } from './verify-tokens.ts';

/** What a verification of a vault's own log found to be in order. */
export interface LogVerified {
  /** Entries whose hashes are under the newest checkpoint. */
  readonly checkpointSize: number;
  /** All entries, also those after it. */
  readonly size: number;
  /** Secrets whose rows were held against the log. */
  readonly secrets: number;
}

const PAGE = 4096;

/** What the stored entries are held against. */
interface Known {
  readonly log: number;
  readonly edge: AuditLog['edge'];
  readonly checkpoint: Checkpoint | undefined;
}

/** What the log last said of each secret and credential, by its id. */
interface Said {
  /** Row revisions of secrets. */
  readonly revisions: Map<string, number>;
  /** Ids of the workspaces that secrets are in. */
  readonly workspaces: Map<string, string>;
  /** How often credentials can still be used. */
  readonly usesLeft: Map<string, number>;
}

/** A log as its stored entries have it. */
interface Recomputed {
  readonly size: number;
  readonly said: Said;
  readonly isIndexRight: boolean;
}

/**
 * Computes a log again from its stored entries, and of those that are kept no more from their
 * hashes, and holds tiles, the newest
 * checkpoint, the index by path and the rows of secrets and credentials against
 * it: an old row that was put back has another revision, or more uses left,
 * than the log last said, and that of a secret that was removed is missing. An index that was altered is emptied, to be made again.
 *
 * @throws {@link StrongroomError} `audit_tampered` naming the index, the tile or the checkpoint;
 * `integrity_error` naming the secret or credential, or for the index by path.
 */
export async function verifyLog(store: Store, log: AuditLog, mac: RowMac): Promise<LogVerified> {
  // Read before the snapshot begins, which then has at least these entries.
  const { edge } = log;
  const { verified, isIndexRight } = await store.read(async (transaction) => {
    const row = await transaction.get(newestCheckpoint, { log: log.number });
    const checkpoint = row && openStoredCheckpoint(row, log.keys);
    const found = await recompute(transaction, { log: log.number, edge, checkpoint });
    await verifySeldomRead(transaction, mac);
    const secrets = await verifySecrets(transaction, mac, found.said.revisions);
    await verifyTokens(transaction, mac, found.said.usesLeft);
    const { size, isIndexRight } = found;
    return { verified: { checkpointSize: checkpoint?.size ?? 0, size, secrets }, isIndexRight };
  });
  if (isIndexRight) return verified;
  await store.write((transaction) => rebuildIndex(transaction, log));
  throw new StrongroomError('integrity_error', 'the index of the audit log was altered', {
    details: { log: log.id },
    hint: 'the entries are those that were written; the index is made again from them',
  });
}

async function recompute(
  transaction: Transaction,
  { log, edge, checkpoint }: Known,
): Promise<Recomputed> {
  const tree = MerkleTree.empty();
  const said: Said = { revisions: new Map(), workspaces: new Map(), usesLeft: new Map() };
  const index = await IndexCheck.begin(transaction, log);
  const pruned = await declaredPruning(transaction, log);
  const kept: number[] = [];
  for await (const page of pagesOf(transaction, log)) {
    for (const row of page) {
      const { seq, body } = row;
      const end = Math.min(seq, pruned?.below ?? 0);
      if (tree.size < end) await appendPruned(transaction, { log, checkpoint }, tree, end);
      if (seq !== tree.size) throw tampered('an entry is missing', { index: tree.size });
      if (seq < (pruned?.below ?? 0)) kept.push(seq);
      const hash = textLeafHash(body);
      requireKnownLeaf(edge, seq, hash);
      const tiles = tree.append(hash);
      if (tiles.length > 0) await requireStoredTiles(transaction, log, tiles);
      if (tree.size === checkpoint?.size) requireRoot(checkpoint, tree);
      noteRevision(said, row);
      noteUse(said, row);
      index.note(row);
    }
  }
  if (pruned !== undefined && !areKept(pruned, kept)) {
    throw tampered('the entries that are kept are not those that the log names', {
      below: pruned.below,
    });
  }
  const sizeKnown = edge.first + edge.hashes.length / HASH_BYTES;
  if (tree.size < Math.max(sizeKnown, checkpoint?.size ?? 0)) {
    throw tampered('entries are missing', { index: tree.size });
  }
  return { size: tree.size, said, isIndexRight: await index.isRight(transaction) };
}

/** Appends the hashes of entries whose text is kept no more. */
async function appendPruned(
  transaction: Transaction,
  { log, checkpoint }: Pick<Known, 'log' | 'checkpoint'>,
  tree: MerkleTree,
  end: number,
): Promise<void> {
  while (tree.size < end) {
    const range = { from: tree.size, end: Math.min(tree.size + PAGE, end) };
    for (const leaf of await storedLeaves(transaction, log, range, [])) {
      const tiles = tree.append(leaf);
      if (tiles.length > 0) await requireStoredTiles(transaction, log, tiles);
      if (tree.size === checkpoint?.size) requireRoot(checkpoint, tree);
    }
  }
}

async function* pagesOf(
  transaction: Transaction,
  log: number,
): AsyncGenerator<readonly StoredBody[], void, undefined> {
  for (let from = 0; ;) {
    const page = await transaction.all(bodiesFrom, { log, from, limit: PAGE });
    yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    from = last.seq + 1;
    await nextTurn();
  }
}

/** The last entries are known from memory, so that one that was altered can be named. */
function requireKnownLeaf(edge: AuditLog['edge'], seq: number, hash: Uint8Array): void {
  const at = (seq - edge.first) * HASH_BYTES;
  if (at < 0 || at >= edge.hashes.length) return;
  if (equalBytes(edge.hashes.subarray(at, at + HASH_BYTES), hash)) return;
  throw tampered('an entry is not the one that was written', { index: seq });
}

async function requireStoredTiles(
  transaction: Transaction,
  log: number,
  tiles: readonly Tile[],
): Promise<void> {
  for (const { level, index: tile, hashes } of tiles) {
    const stored = (await transaction.get(storedTile, { log, level, tile }))?.hashes;
    if (stored !== undefined && equalBytes(stored, hashes)) continue;
    const place = stored?.length === TILE_BYTES ? differenceIn(stored, hashes) : 0;
    throw tampered('a tile does not hold the hashes of its entries', {
      level,
      tile,
      // The first entry under the hash that differs; above the leaves it is one of many.
      index: (tile * TILE_WIDTH + place) * TILE_WIDTH ** level,
    });
  }
}

/** Position of the first hash that differs. */
function differenceIn(a: Uint8Array, b: Uint8Array): number {
  return Math.floor(a.findIndex((byte, at) => byte !== b[at]) / HASH_BYTES);
}

function noteRevision(said: Said, { seq, body }: StoredBody): void {
  if (body.startsWith('{"action":"workspaces.delete"')) noteDeletion(said, parseEntry(body, seq));
  if (!body.includes('"revision":')) return;
  const { secret_id: id, revision, workspace_id: workspace } = parseEntry(body, seq);
  if (id === undefined || revision === undefined) return;
  said.revisions.set(id, revision);
  if (workspace !== undefined) said.workspaces.set(id, workspace);
}

/** What is left is that of what the call was made with, or else of what it was about. */
function noteUse({ usesLeft }: Said, { seq, body }: StoredBody): void {
  if (!body.includes('"uses_left":')) return;
  const { credential, target, uses_left: left } = parseEntry(body, seq);
  const id = credential ?? target;
  if (id !== undefined && left !== undefined) usesLeft.set(id, left);
}

/** With a workspace its secrets are gone, and nothing of them is to be found any more. */
function noteDeletion(said: Said, { outcome, workspace_id: gone }: AuditEntry): void {
  if (outcome !== 'ok' || gone === undefined) return;
  for (const [id, workspace] of said.workspaces) {
    if (workspace !== gone) continue;
    said.revisions.delete(id);
    said.workspaces.delete(id);
  }
}

function requireRoot(checkpoint: Checkpoint, tree: MerkleTree): void {
  if (equalBytes(checkpoint.root, tree.root())) return;
  throw tampered('the entries are not those under the newest checkpoint', { size: tree.size });
}

function tampered(message: string, details: Readonly<Record<string, number>>): StrongroomError {
  return new StrongroomError('audit_tampered', message, {
    details,
    hint: DAMAGED_HINT,
  });
}
