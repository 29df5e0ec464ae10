import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What a client wrote down about one answer, after it had it. */
export interface LedgerLine {
  readonly op: 'init' | 'create' | 'update' | 'stale' | 'import' | 'read';
  readonly path: string;
  readonly version: number;
  /** Hash of the value that was written or read. */
  readonly sha256: string;
  readonly outcome: 'ok' | 'failed' | 'unknown';
  /** The error's code, if there was one. */
  readonly code?: string;
}

/** Members of a group that was imported at once: all of them are there, or none. */
export const IMPORTED: readonly string[] = ['a', 'b', 'c'];

/** A value that is never to be found in a vault: every write of it has to fail. */
export const REFUSED = 'this write is refused';

/** The value that belongs to a version, so that a reader can tell it from every other. */
export function valueOf(path: string, version: number): string {
  const seed = createHash('sha256').update(`${path}@${version}`).digest();
  const length = 20 + (seed.readUInt16BE(0) % 1500);
  const line = `${path}@${version}:${seed.toString('hex')};`;
  return line.repeat(Math.ceil(length / line.length)).slice(0, Math.max(length, line.length));
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The lines of a ledger. A last line without an end was cut short by the kill and says nothing. */
export function readLedger(file: string): LedgerLine[] {
  const text = readFileSync(file, 'utf8');
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LedgerLine);
}
