import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

import { ChunkOpener, SEALED_CHUNK_BYTES } from '../../crypto/chunks.ts';
import { Sha256 } from '../../crypto/hash.ts';
import { verify } from '../../crypto/signature.ts';
import { StrongroomError } from '../../errors.ts';
import { utf8Decode, wipe } from '../../lib/bytes.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { equalBytes } from '../../lib/compare.ts';
import type { VerifierKey } from '../../merkle/verifier-key.ts';
import { translateFileError } from '../../store/file-errors.ts';
import { SCHEMA_VERSION } from '../../store/migrate.ts';
import { damaged, unverifiable } from './backup-errors.ts';
import {
  HEADER_BYTES_MAX,
  parseHeader,
  signerOf,
  type BackupKeys,
  type ParsedHeader,
} from './backup-header.ts';
import { backupTables, type BackupTable } from './backup-tables.ts';
import { FRAME, LENGTH_BYTES, frameLength } from './frames.ts';
import { signedMessage } from './signing-key.ts';
import type { TableDigest } from './snapshot.ts';

const SIGNATURE_BYTES = 64;
const READ_BYTES = 8 * SEALED_CHUNK_BYTES;
/** Few chunks at a time: what is made of one piece is garbage before the memory for it grows. */
const BODY_READ_BYTES = 2 * SEALED_CHUNK_BYTES;
const HEADER_BYTES_USUAL = 16 * 1024;
/** The first schema that backups were made of. */
const SCHEMA_MIN = 2;

/** A backup file that is open for reading. */
export interface BackupFile extends ParsedHeader {
  readonly path: string;
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  /** What the header was parsed from. It is not read again. */
  readonly start: Uint8Array;
  /** SHA-256 of header and body, once a signature over it was verified: what is read must be that. */
  signed: Uint8Array | undefined;
}

/** Rows of one table, as they follow each other in a backup. */
export interface TablePart {
  readonly table: BackupTable;
  /** The columns of these rows; those that the table lacks here are null. */
  readonly columns: readonly string[];
  /** The contents of the rows' frames; `decodeRow` takes them apart. They are wiped when the next part is asked for. */
  readonly rows: readonly Uint8Array[];
}

/**
 * Opens a file, reads its header, and closes it when `work` is done. Nothing
 * in the header is trusted yet.
 *
 * @throws {@link StrongroomError} `file_not_found`, `backup_damaged`, `schema_too_new`.
 */
export async function withBackupFile<T>(
  path: string,
  work: (file: BackupFile) => Promise<T>,
): Promise<T> {
  const handle = await openRegular(path);
  try {
    const { size } = await handle.stat();
    const start = await startOf(handle, size);
    const parsed = parseHeader(start);
    requireSchema(parsed.header.schema);
    const from = { path, handle, sizeBytes: size, start: start.subarray(0, parsed.length) };
    return await work({ ...parsed, ...from, signed: undefined });
  } finally {
    await handle.close();
  }
}

/**
 * Verifies the signature over a whole file, for which no secret is needed. From then on
 * {@link readTables} takes nothing else than what was signed.
 *
 * @param keys - The keys that are trusted. The one that the file names is among them only for a
 * caller who has found its header to be authentic.
 * @returns SHA-256 of the whole file.
 * @throws {@link StrongroomError} `backup_unverifiable` if none of the keys signed it; `backup_damaged`.
 */
export async function verifySignature(
  file: BackupFile,
  keys: readonly VerifierKey[],
): Promise<Uint8Array> {
  const signer = signerOf(file.header);
  if (!keys.some((key) => isSameKey(key, signer))) throw unverifiable();
  const end = file.sizeBytes - SIGNATURE_BYTES;
  if (end <= file.length) throw damaged('it ends too early');
  const digest = new Sha256().update(file.start);
  const buffer = new Uint8Array(Math.min(READ_BYTES, end - file.length));
  for (let at = file.length; at < end; at += buffer.length) {
    digest.update(await fill(file.handle, at, buffer.subarray(0, end - at)));
  }
  const whole = digest.copy();
  const signed = digest.digest();
  const signature = await readAt(file.handle, end, SIGNATURE_BYTES);
  const isGood = verify('ed25519', signer.publicKey, signedMessage(signed), signature);
  if (!isGood) throw damaged('its signature does not hold');
  file.signed = signed;
  return whole.update(signature).digest();
}

/**
 * Decrypts the tables, in order, and holds them against what the end of the
 * file says of them, and against what was signed, as the file may have been
 * exchanged since. Only when this is through, the backup is whole.
 *
 * @throws {@link StrongroomError} `backup_damaged`.
 */
export async function* readTables(
  file: BackupFile,
  keys: BackupKeys,
): AsyncGenerator<TablePart, readonly TableDigest[], undefined> {
  const reader = new TableReader(backupTables(file.header.schema));
  const opener = new ChunkOpener(keys.body);
  const plaintext = new Plaintext();
  const digest = new Sha256().update(file.start);
  const end = file.sizeBytes - SIGNATURE_BYTES;
  const buffer = new Uint8Array(Math.min(BODY_READ_BYTES, Math.max(0, end - file.length)));
  try {
    for (let at = file.length; at < end; at += buffer.length) {
      const sealed = await fill(file.handle, at, buffer.subarray(0, end - at));
      digest.update(sealed);
      openChunks(opener, sealed, at + sealed.length === end, plaintext);
      plaintext.drop(yield* partsOf(reader, plaintext.bytes));
    }
    if (plaintext.bytes.length > 0) throw damaged('it ends within a row');
  } finally {
    plaintext.wipe();
  }
  if (file.signed !== undefined && !equalBytes(file.signed, digest.digest())) {
    throw damaged('it was exchanged while it was read');
  }
  return reader.end();
}

/** @returns Where the last whole frame ends. */
function* partsOf(reader: TableReader, bytes: Uint8Array): Generator<TablePart, number, undefined> {
  for (let at = 0; ;) {
    const part = reader.take(bytes, at);
    if (part.rows !== undefined) yield part.rows;
    if (part.next === at) return at;
    at = part.next;
  }
}

/** Decrypts some chunks, which the body may end with. */
function openChunks(
  opener: ChunkOpener,
  sealed: Uint8Array,
  isEnd: boolean,
  plaintext: Plaintext,
): void {
  for (let from = 0; from < sealed.length; from += SEALED_CHUNK_BYTES) {
    const next = from + SEALED_CHUNK_BYTES;
    const chunk = openChunk(opener, sealed.subarray(from, next), isEnd && next >= sealed.length);
    plaintext.add(chunk);
    wipe(chunk);
  }
}

/**
 * Plaintext that was decrypted and not taken yet, in memory that is used again
 * for what comes next. It is as large as the largest row makes it.
 */
class Plaintext {
  #memory: Uint8Array = new Uint8Array(2 * BODY_READ_BYTES);
  #length = 0;

  /** What is there, in the memory that the next call changes. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }

  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#memory.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(this.bytes);
      wipe(this.#memory);
      this.#memory = larger;
    }
    this.#memory.set(bytes, this.#length);
    this.#length = length;
  }

  /** Takes bytes away from the beginning. */
  drop(count: number): void {
    this.#memory.copyWithin(0, count, this.#length);
    this.#memory.fill(0, this.#length - count, this.#length);
    this.#length -= count;
  }

  wipe(): void {
    wipe(this.#memory);
    this.#length = 0;
  }
}

function openChunk(opener: ChunkOpener, chunk: Uint8Array, isLast: boolean): Uint8Array {
  try {
    return opener.open(chunk, isLast);
  } catch (cause) {
    throw damaged('a part of it was altered or is not in its place', cause);
  }
}

/** Takes frames and keeps account of tables. */
class TableReader {
  readonly #tables: readonly BackupTable[];
  #next = 0;
  #columns: readonly string[] = [];
  #rows = 0;
  #digest: Sha256 = new Sha256();
  readonly #found: TableDigest[] = [];
  #claimed: unknown;

  constructor(tables: readonly BackupTable[]) {
    this.#tables = tables;
  }

  /**
   * Takes all the rows that follow at a place, or one frame of another kind.
   *
   * @returns Where what was taken ends: `at`, if no frame is whole.
   */
  take(bytes: Uint8Array, at: number): { readonly next: number; readonly rows?: TablePart } {
    if (this.#claimed !== undefined) {
      if (at < bytes.length) throw damaged('something follows its end');
      return { next: at };
    }
    const rows: Uint8Array[] = [];
    let next = at;
    for (;;) {
      const frame = frameAt(bytes, next);
      if (frame === undefined) break;
      if (frame.kind !== FRAME.row) {
        if (rows.length > 0) break;
        this.#other(frame, bytes.subarray(next, frame.end));
        return { next: frame.end };
      }
      rows.push(frame.content);
      next = frame.end;
    }
    if (rows.length === 0) return { next };
    this.#digest.update(bytes.subarray(at, next));
    this.#rows += rows.length;
    const table = this.#tables[this.#next - 1];
    if (table === undefined) throw damaged('a row is of no table');
    return { next, rows: { table, columns: this.#columns, rows } };
  }

  #other({ kind, content }: Frame, whole: Uint8Array): void {
    this.#close();
    if (kind === FRAME.end) {
      this.#claimed = parsed(content) ?? {};
      return;
    }
    const table = this.#tables[this.#next];
    if (kind !== FRAME.table || table === undefined) throw damaged('a frame is of no kind');
    this.#columns = columnsOf(table, content);
    this.#next += 1;
    this.#digest = new Sha256().update(whole);
    this.#rows = 0;
  }

  #close(): void {
    const table = this.#tables[this.#next - 1];
    if (table === undefined) return;
    const sha256 = Buffer.from(this.#digest.digest()).toString('hex');
    this.#found.push({ table: table.table, rows: this.#rows, sha256 });
  }

  end(): readonly TableDigest[] {
    const isWhole = this.#found.length === this.#tables.length;
    const found = canonicalJson({ tables: this.#found });
    if (!isWhole || this.#claimed === undefined || canonicalJson(this.#claimed) !== found) {
      throw damaged('its tables are not those that its end tells of');
    }
    return this.#found;
  }
}

interface Frame {
  readonly kind: number;
  readonly content: Uint8Array;
  readonly end: number;
}

function frameAt(bytes: Uint8Array, at: number): Frame | undefined {
  if (at + LENGTH_BYTES > bytes.length) return undefined;
  const from = at + LENGTH_BYTES;
  const end = from + frameLength(bytes.subarray(at, from));
  if (end > bytes.length) return undefined;
  return { kind: bytes[from] ?? 0, content: bytes.subarray(from + 1, end), end };
}

/** Which columns the rows have: those of the table, of which an earlier schema may lack some. */
function columnsOf(table: BackupTable, content: Uint8Array): readonly string[] {
  const json = parsed(content) as { table?: unknown; columns?: unknown } | undefined;
  const columns: readonly unknown[] = Array.isArray(json?.columns) ? json.columns : [];
  const known = table.columns.filter((column) => columns.includes(column));
  if (json?.table !== table.table || columns.length === 0 || known.length !== columns.length) {
    throw damaged('it has another table, or columns that the table does not have');
  }
  return known;
}

function parsed(content: Uint8Array): unknown {
  try {
    return parseCanonicalJson(utf8Decode(content));
  } catch {
    return undefined;
  }
}

function requireSchema(schema: number): void {
  if (schema > SCHEMA_VERSION) {
    throw new StrongroomError(
      'schema_too_new',
      `the backup has schema ${schema}, and this Strongroom knows up to ${SCHEMA_VERSION}`,
      { details: { found: schema, known: SCHEMA_VERSION }, hint: 'install a newer Strongroom' },
    );
  }
  if (schema < SCHEMA_MIN) throw damaged('it has a schema that no backup was made of');
}

async function openRegular(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    // Without waiting, so that a pipe in its place is no trap.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw translateFileError(error);
    throw new StrongroomError('file_not_found', `there is no file ${path}`, { details: { path } });
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw damaged('it is no regular file');
}

/** The beginning of a file with its header, which hardly ever is long. */
async function startOf(handle: FileHandle, size: number): Promise<Uint8Array> {
  const start = await readAt(handle, 0, Math.min(size, HEADER_BYTES_USUAL));
  const lines = start.reduce((count, byte) => count + (byte === 0x0a ? 1 : 0), 0);
  return lines >= 3 ? start : readAt(handle, 0, Math.min(size, HEADER_BYTES_MAX));
}

/** Reads exactly so many bytes. */
function readAt(handle: FileHandle, at: number, length: number): Promise<Uint8Array> {
  return fill(handle, at, new Uint8Array(length));
}

/** Reads until the buffer is full, and gives it. */
async function fill(handle: FileHandle, at: number, bytes: Uint8Array): Promise<Uint8Array> {
  for (let read = 0; read < bytes.length;) {
    let got: number;
    try {
      ({ bytesRead: got } = await handle.read(bytes, read, bytes.length - read, at + read));
    } catch (error) {
      throw translateFileError(error);
    }
    if (got === 0) throw damaged('it became shorter while it was read');
    read += got;
  }
  return bytes;
}

function isSameKey(a: VerifierKey, b: VerifierKey): boolean {
  return a.name === b.name && a.algorithm === b.algorithm && equalBytes(a.publicKey, b.publicKey);
}
