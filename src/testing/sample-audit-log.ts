import { generateSigningKey } from '../crypto/signature.ts';
import {
  formatCheckpointLine,
  formatHeaderLine,
  formatHiddenLine,
  formatTileLine,
} from '../domain/audit/export-lines.ts';
import { originOf } from '../domain/audit/log-origin.ts';
import { concat, utf8 } from '../lib/bytes.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { uuidv7 } from '../lib/ids.ts';
import { formatCheckpoint } from '../merkle/checkpoint.ts';
import { leafHash } from '../merkle/hash.ts';
import { type NoteSigner, signNote } from '../merkle/note.ts';
import { type HashAt, nodeReader } from '../merkle/proof.ts';
import { perfectRoot, TILE_WIDTH } from '../merkle/tile.ts';
import { MerkleTree } from '../merkle/tree.ts';
import { formatVerifierKeys, verifierKey } from '../merkle/verifier-key.ts';

/** What of an export a test has otherwise than as the log is. */
export interface SampleExportOptions {
  /** Number of entries; else all. */
  readonly size?: number;
  /** Whether an entry's line is replaced by its hash. */
  readonly isHidden?: (index: number) => boolean;
  /** Tiles of level 0 of which a single line is written. */
  readonly hiddenTiles?: readonly number[];
  /** The note of the last line; else a checkpoint of the size. */
  readonly note?: string;
  /** The leaves as the export has them; else the log's. */
  readonly entries?: readonly string[];
  /** The leaf hashes in the tile lines; else the log's. */
  readonly tileHashes?: readonly Uint8Array[];
}

/** A log in memory with its own keys, as a writer would keep it. */
export class SampleAuditLog {
  readonly logId: string;
  readonly entries: string[];
  readonly hashes: readonly Uint8Array[];
  readonly signers: readonly NoteSigner[];

  constructor(size: number, logId: string = uuidv7()) {
    this.logId = logId;
    this.entries = Array.from({ length: size }, (_, index) => this.entryLine(index));
    this.hashes = this.entries.map((entry) => leafHash(utf8(entry)));
    this.signers = (['ed25519', 'ml-dsa-44'] as const).map((algorithm) => {
      const { privateKey, publicKey } = generateSigningKey(algorithm);
      return { privateKey, key: verifierKey(this.origin, algorithm, publicKey) };
    });
  }

  get origin(): string {
    return originOf(this.logId);
  }

  get verifierKeys(): string {
    return formatVerifierKeys(this.signers.map(({ key }) => key));
  }

  entryLine(seq: number, more: Readonly<Record<string, unknown>> = {}): string {
    const salt = Buffer.alloc(16, seq).toString('base64url');
    const path = `db/pässword/${String(seq)}`;
    const about = { action: 'secrets.read', path, outcome: 'ok', time: '2026-11-02T10:00:00.000Z' };
    // Some are of each version of entries that there is.
    const later = seq % 5 === 3 ? { v: 2, target: 'x', uses_left: seq } : { v: 1 };
    return canonicalJson({ ...later, salt, log: this.logId, seq, ...about, ...more });
  }

  tree(size: number = this.hashes.length): MerkleTree {
    const tree = MerkleTree.empty();
    for (const hash of this.hashes.slice(0, size)) tree.append(hash);
    return tree;
  }

  hashAt(): HashAt {
    const tiles = new Map<string, Uint8Array>();
    const tree = MerkleTree.empty();
    for (const hash of this.hashes) {
      for (const { level, index, hashes } of tree.append(hash)) {
        tiles.set(`${String(level)}/${String(index)}`, hashes);
      }
    }
    return nodeReader(tree, (level, index) => tiles.get(`${String(level)}/${String(index)}`));
  }

  note(size: number = this.hashes.length, signers: readonly NoteSigner[] = this.signers): string {
    const root = this.tree(size).root();
    return signNote(formatCheckpoint({ origin: this.origin, size, root }), signers);
  }

  exportLines(options: SampleExportOptions = {}): string[] {
    const { size = this.entries.length, note = this.note(size) } = options;
    const lines = [formatHeaderLine({ origin: this.origin, size })];
    for (let start = 0; start < size; start += TILE_WIDTH) {
      lines.push(...this.#tileLines(start, Math.min(start + TILE_WIDTH, size), options));
    }
    return [...lines, formatCheckpointLine(note)];
  }

  #tileLines(start: number, end: number, options: SampleExportOptions): string[] {
    const { isHidden = () => false, hiddenTiles = [], entries = this.entries } = options;
    const index = start / TILE_WIDTH;
    const hashes = concat((options.tileHashes ?? this.hashes).slice(start, end));
    if (hiddenTiles.includes(index)) {
      const hash = perfectRoot(hashes, 0, TILE_WIDTH);
      return [formatHiddenLine({ level: 1, index, hash })];
    }
    const lines: string[] = [];
    for (let at = start; at < end; at += 1) {
      const hash = this.hashes[at] ?? new Uint8Array();
      const hidden = formatHiddenLine({ level: 0, index: at, hash });
      lines.push(isHidden(at) ? hidden : (entries[at] ?? ''));
    }
    return [...lines, formatTileLine({ index, hashes })];
  }
}
