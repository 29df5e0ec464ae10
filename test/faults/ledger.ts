import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What a client wrote down about one answer, after it had it. */
export interface LedgerLine {
  readonly op: 'init' | 'create' | 'update' | 'stale' | 'import' | 'read' | LifeStep;
  readonly path: string;
  readonly version: number;
  /** Hash of the value that was written or read. */
  readonly sha256: string;
  readonly outcome: 'ok' | 'failed' | 'unknown';
  /** The error's code, if there was one. */
  readonly code?: string;
}

/** A change of a secret that makes no version. */
export type LifeStep = 'describe' | 'delete' | 'undelete';

/** What some secrets go through after their last version, in this order. */
export const LIFE: readonly LifeStep[] = ['describe', 'delete', 'undelete', 'describe'];

/** Whether a line is about a change that makes no version. */
export function isLifeStep(op: LedgerLine['op']): op is LifeStep {
  return (LIFE as readonly string[]).includes(op);
}

/** The tags that step `index` of a life gives, if it gives any. */
export function tagsOfStep(index: number): readonly string[] {
  return [`step-${index + 1}`];
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
