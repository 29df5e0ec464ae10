import { equalBytes } from '../../lib/compare.ts';
import { StrongroomError } from '../../errors.ts';
import { toBase64 } from '../../lib/base64.ts';
import { utf8 } from '../../lib/bytes.ts';
import type { Checkpoint } from '../../merkle/checkpoint.ts';
import { HASH_BYTES, leafHash } from '../../merkle/hash.ts';
import { TILE_BYTES, TILE_WIDTH } from '../../merkle/tile.ts';
import { MerkleTree } from '../../merkle/tree.ts';
import { parseVerifierKeys, type VerifierKey } from '../../merkle/verifier-key.ts';
import { logKeys, type LogKeys } from '../../merkle/verify-checkpoint.ts';
import {
  type ExportLine,
  type HeaderLine,
  type HiddenLine,
  parseExportLine,
  type TileLine,
} from './export-lines.ts';
import { logIdOf } from './log-origin.ts';
import {
  type AuditFault,
  checkpointOrFault,
  failed,
  type FailedVerification,
  type FaultPlace,
} from './verify-report.ts';

/** Options of {@link verifyExport}. */
export interface VerifyExportOptions {
  /** The text of a verifier key file. */
  readonly verifierKeys: string;
  /** A signed checkpoint known from elsewhere, which the export is held against too. */
  readonly checkpoint?: string;
}

/** An export in which nothing is wrong. */
export interface VerifiedExport {
  readonly ok: true;
  readonly origin: string;
  /** Number of entries in the log. */
  readonly size: number;
  /** Root hash, base64. */
  readonly root: string;
  /** Entries that the export shows. */
  readonly shown: number;
  /** Entries of which it has hashes alone. */
  readonly hidden: number;
  /** Size under the checkpoint of {@link VerifiedExport.against}. */
  readonly checkpointSize: number;
  /** Whose checkpoint it was held against last: the export's own, or the one that was given too. */
  readonly against: 'export' | 'given checkpoint';
}

/** What came of {@link verifyExport}. */
export type VerifyReport = VerifiedExport | FailedVerification;

/**
 * Verifies an export of an audit log, offline: every entry is the one under
 * the checkpoint, at its place, and none is missing. Reads the lines once and
 * holds a few kilobytes, however long the log is.
 *
 * @param lines - The file's lines, without their newlines; from a file by `readExportLines`.
 * @param options - The verifier keys, and maybe a checkpoint known from elsewhere.
 * @returns What was verified, or the first fault. A fault is never thrown.
 * @throws {@link StrongroomError} `invalid_input` if the verifier keys can't be read, or are not
 * exactly one of each type for the export's origin.
 */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  options: VerifyExportOptions,
): Promise<VerifyReport> {
  const keys = parseVerifierKeys(options.verifierKeys);
  const verifier = new ExportVerifier(keys, options.checkpoint);
  try {
    for await (const line of lines) {
      const fault = verifier.accept(line);
      if (fault !== undefined) return fault;
    }
  } catch (error) {
    const isUnreadable = error instanceof StrongroomError && error.code === 'audit_tampered';
    if (!isUnreadable) throw error;
    return verifier.fail('line_unreadable');
  }
  return verifier.finish();
}

/** The first place where an entry and its tile disagree, and the tree as the entries have it. */
interface Disagreement {
  readonly badIndex: number;
  readonly line: number;
  readonly shownTree: MerkleTree;
}

/**
 * Takes an export line by line. The tree is built from the tile lines. While
 * the entries agree with them one tree is enough; from the first disagreement
 * on a second one follows the entries, and at the end the signed root tells
 * which of the two was altered.
 */
class ExportVerifier {
  readonly #keys: readonly VerifierKey[];
  readonly #givenNote: string | undefined;
  readonly #tree: MerkleTree = MerkleTree.empty();
  /** Leaf hashes since the last tile line, as the entries give them. */
  readonly #run = new Uint8Array(TILE_BYTES);
  #runLength = 0;
  #header: HeaderLine | undefined;
  #log: LogKeys | undefined;
  #given: Checkpoint | undefined;
  #logId: string | undefined;
  #line = 0;
  #position = 0;
  #shown = 0;
  #disagreement: Disagreement | undefined;
  #rootAtGiven: Uint8Array | undefined;
  #result: VerifiedExport | undefined;

  constructor(keys: readonly VerifierKey[], givenNote: string | undefined) {
    this.#keys = keys;
    this.#givenNote = givenNote;
  }

  accept(text: string): FailedVerification | undefined {
    this.#line += 1;
    if (this.#result !== undefined) return this.fail('line_after_end');
    const line = parseExportLine(text);
    if (this.#header === undefined) return this.#acceptHeader(line);
    if (line === undefined) return this.fail('line_malformed', this.#dueEntry());
    if (this.#isTileDue() || this.#position === this.#header.size) return this.#acceptEnd(line);
    if (line.kind === 'entry') return this.#acceptEntry(line.log, line.seq, text);
    if (line.kind === 'hidden') return this.#acceptHidden(line, this.#header.size);
    return this.fail('line_misplaced', this.#dueEntry());
  }

  finish(): VerifyReport {
    if (this.#result !== undefined) return this.#result;
    if (this.#header === undefined) return this.fail('not_an_export');
    return this.fail('truncated', this.#dueEntry());
  }

  fail(reason: AuditFault, place: FaultPlace = {}): FailedVerification {
    const first = this.#disagreement;
    const badIndex = first === undefined ? {} : { badIndex: first.badIndex };
    const line = this.#line === 0 ? {} : { line: this.#line };
    return failed(reason, { ...line, ...place, ...badIndex });
  }

  #acceptHeader(line: ExportLine | undefined): FailedVerification | undefined {
    if (line?.kind !== 'header') return this.fail('not_an_export');
    this.#header = line;
    this.#logId = logIdOf(line.origin);
    this.#log = logKeys(this.#keys, line.origin);
    if (this.#givenNote === undefined) return undefined;
    const given = checkpointOrFault(this.#givenNote, this.#log);
    if (typeof given === 'string') return failed(given);
    this.#given = given;
    this.#noteRoot();
    return undefined;
  }

  /** A tile or the end is due. */
  #acceptEnd(line: ExportLine): FailedVerification | undefined {
    if (this.#isTileDue() && line.kind === 'tile') return this.#acceptTile(line);
    if (!this.#isTileDue() && line.kind === 'checkpoint') return this.#acceptCheckpoint(line.note);
    const place = line.kind === 'entry' ? { badIndex: this.#position } : {};
    return this.fail('line_misplaced', place);
  }

  #acceptEntry(log: unknown, seq: unknown, text: string): FailedVerification | undefined {
    const place = { badIndex: this.#position };
    if (log !== this.#logId) return this.fail('entry_of_another_log', place);
    if (seq !== this.#position) return this.fail('entry_out_of_place', place);
    this.#shown += 1;
    this.#addLeaf(leafHash(utf8(text)));
    return undefined;
  }

  #acceptHidden(line: HiddenLine, size: number): FailedVerification | undefined {
    const width = TILE_WIDTH ** line.level;
    const start = line.index * width;
    if (start !== this.#position || start + width > size) {
      return this.fail('hidden_misplaced', { badIndex: this.#position });
    }
    if (line.level === 0) {
      this.#addLeaf(line.hash);
      return undefined;
    }
    this.#position += width;
    this.#tree.appendSubtree(line.level, line.hash);
    this.#disagreement?.shownTree.appendSubtree(line.level, line.hash);
    this.#noteRoot();
    return undefined;
  }

  #addLeaf(hash: Uint8Array): void {
    this.#run.set(hash, this.#runLength * HASH_BYTES);
    this.#runLength += 1;
    this.#position += 1;
  }

  #acceptTile({ index, hashes }: TileLine): FailedVerification | undefined {
    const run = this.#run.subarray(0, this.#runLength * HASH_BYTES);
    const first = this.#position - this.#runLength;
    if (index !== first / TILE_WIDTH || hashes.length !== run.length) {
      return this.fail('line_misplaced');
    }
    if (this.#disagreement === undefined && !equalBytes(hashes, run)) {
      const badIndex = first + firstDifference(hashes, run);
      this.#disagreement = { badIndex, line: this.#line, shownTree: this.#tree.clone() };
    }
    for (let at = 0; at < run.length; at += HASH_BYTES) {
      this.#tree.append(hashes.subarray(at, at + HASH_BYTES));
      this.#disagreement?.shownTree.append(run.subarray(at, at + HASH_BYTES));
      this.#noteRoot();
    }
    this.#runLength = 0;
    return undefined;
  }

  #acceptCheckpoint(note: string): FailedVerification | undefined {
    if (this.#log === undefined) return this.fail('not_an_export');
    const checkpoint = checkpointOrFault(note, this.#log);
    if (typeof checkpoint === 'string') return this.fail(checkpoint);
    const { origin, size, root } = checkpoint;
    if (size !== this.#header?.size) return this.fail('checkpoint_mismatch');
    const fault = this.#compareRoot(root) ?? this.#compareGiven(size);
    if (fault !== undefined) return fault;
    this.#result = {
      ok: true,
      origin,
      size,
      root: toBase64(root),
      shown: this.#shown,
      hidden: size - this.#shown,
      checkpointSize: this.#given?.size ?? size,
      against: this.#given === undefined ? 'export' : 'given checkpoint',
    };
    return undefined;
  }

  #compareRoot(root: Uint8Array): FailedVerification | undefined {
    const tilesAgree = equalBytes(this.#tree.root(), root);
    if (this.#disagreement === undefined) {
      return tilesAgree ? undefined : this.fail('root_mismatch');
    }
    const { badIndex, line, shownTree } = this.#disagreement;
    if (tilesAgree)
      return failed('entry_changed', { badIndex, line: this.#lineOf(badIndex, line) });
    const entriesAgree = equalBytes(shownTree.root(), root);
    return this.fail(entriesAgree ? 'tile_changed' : 'root_mismatch', { line });
  }

  /** The line of an entry whose tile line is known: since the tile began each leaf had a line. */
  #lineOf(index: number, tileLine: number): number {
    const end = Math.min(Math.ceil((index + 1) / TILE_WIDTH) * TILE_WIDTH, this.#position);
    return tileLine - (end - index);
  }

  #compareGiven(size: number): FailedVerification | undefined {
    if (this.#given === undefined) return undefined;
    if (this.#given.size > size) return this.fail('cut', { badIndex: size });
    if (this.#rootAtGiven === undefined) return this.fail('not_comparable');
    return equalBytes(this.#rootAtGiven, this.#given.root) ? undefined : this.fail('forked');
  }

  #noteRoot(): void {
    if (this.#tree.size === this.#given?.size) this.#rootAtGiven = this.#tree.root();
  }

  #isTileDue(): boolean {
    const isAtEnd = this.#position === this.#header?.size;
    return this.#runLength === TILE_WIDTH || (isAtEnd && this.#runLength > 0);
  }

  /** The index that the next line should give, if it is an entry's. */
  #dueEntry(): FaultPlace {
    const isDue = !this.#isTileDue() && this.#position < (this.#header?.size ?? 0);
    return isDue ? { badIndex: this.#position } : {};
  }
}

/** Position of the first hash that differs in two joined lists of one length. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  let at = 0;
  while (a[at] === b[at]) at += 1;
  return Math.floor(at / HASH_BYTES);
}
