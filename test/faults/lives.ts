// What the rows of secrets say that are changed, deleted and taken back, held
// against a ledger, without asking the vault.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { open } from '../../src/index.ts';
import type { AuditEntry } from '../../src/domain/audit/entry.ts';
import { isLifeStep, LIFE, tagsOfStep, valueOf, type LedgerLine } from './ledger.ts';

const environment = 'development';

/** The row of a secret, as far as this is about it. */
interface LifeRow {
  readonly id: string;
  readonly path: string;
  readonly tags: string;
  readonly version: number;
  readonly isDeleted: number;
  readonly states: number;
  readonly since: number | null;
}

/** What {@link checkLives} is given. */
export interface LivesInput {
  readonly path: string;
  readonly config: string;
  readonly acks: readonly LedgerLine[];
  /** The same and what was answered later, which may be there. */
  readonly later: readonly LedgerLine[];
  readonly entries: readonly AuditEntry[];
}

/** What {@link checkLives} found. */
export interface LivesReport {
  readonly problems: readonly string[];
  readonly lost: number;
  /** Versions of the secrets that are deleted, by `path@version id`. */
  readonly deleted: readonly string[];
}

/**
 * Holds each secret's row against what was acknowledged about it: I1 to I4 and
 * I8 for changes that make no version. The vault must be closed.
 */
export async function checkLives(input: LivesInput): Promise<LivesReport> {
  const problems: string[] = [];
  const db = new DatabaseSync(join(input.path, 'vault.db'), { readOnly: true });
  let rows: LifeRow[];
  try {
    rows = lifeRows(db);
    for (const row of rows) checkStates(db, row, problems);
  } finally {
    db.close();
  }
  const lost = checkSteps(rows, input, problems);
  const deleted = rows.filter((row) => row.isDeleted === 1);
  await checkDeleted(deleted, input, problems);
  const keys = deleted.flatMap(({ id, path, version }) =>
    Array.from({ length: version }, (_, index) => `${path}@${index + 1} ${id}`),
  );
  return { problems, lost, deleted: keys };
}

function lifeRows(db: DatabaseSync): LifeRow[] {
  return db
    .prepare(
      `SELECT id, path, tags, current_version AS version, deleted_at IS NOT NULL AS isDeleted,
       COALESCE(states, 0) AS states, state_since AS since FROM secrets`,
    )
    .all() as unknown as LifeRow[];
}

/** I3: the states before the present one are all there, and each ends where the next begins. */
function checkStates(db: DatabaseSync, row: LifeRow, problems: string[]): void {
  const states = db
    .prepare('SELECT number, since, until FROM secret_states WHERE secret_id = ? ORDER BY number')
    .all(row.id);
  const isWhole =
    states.length === row.states &&
    states.every(({ number, since }, index) => {
      const before = states[index - 1];
      return number === index + 1 && (before === undefined || before['until'] === since);
    }) &&
    (states.at(-1)?.['until'] ?? null) === row.since;
  if (!isWhole) problems.push(`I3 ${row.path}: its ${states.length} states are not ${row.states}`);
}

/** I1 to I4: as many steps were gone as were acknowledged, or the one more that had no answer. */
function checkSteps(rows: readonly LifeRow[], input: LivesInput, problems: string[]): number {
  const steps = stepsOf(input.acks);
  const mostSteps = stepsOf(input.later);
  const recorded = recordedSteps(input.entries);
  const byPath = new Map(rows.map((row) => [row.path, row]));
  let lost = 0;
  for (const [path, { done }] of steps) {
    const row = byPath.get(path);
    if (row === undefined || row.states < done) {
      lost += 1;
      problems.push(`I1 ${path}: ${row?.states ?? 0} of ${done} acknowledged changes`);
    }
    if (row === undefined) continue;
    const most = mostSteps.get(path);
    if (row.states > (most?.done ?? done) + (most?.mayGoOn === true ? 1 : 0))
      problems.push(`I2 ${path}: a change nobody made`);
  }
  for (const row of rows) {
    const made = recorded.get(row.id) ?? 0;
    if (made !== row.states) problems.push(`I4 ${row.path}: ${made} entries, ${row.states} states`);
    if (!isAsAfter(row)) problems.push(`I3 ${row.path}: half of a change`);
  }
  return lost;
}

/** How far each secret's life went by the ledger, and whether a step more may have been kept. */
function stepsOf(
  acks: readonly LedgerLine[],
): Map<string, { readonly done: number; readonly mayGoOn: boolean }> {
  const steps = new Map<string, { done: number; mayGoOn: boolean }>();
  for (const { op, path, outcome } of acks) {
    if (!isLifeStep(op)) continue;
    const { done } = steps.get(path) ?? { done: 0 };
    const isDone = outcome === 'ok';
    steps.set(path, { done: done + (isDone ? 1 : 0), mayGoOn: outcome !== 'failed' });
  }
  return steps;
}

/** How many changes without a version the log knows, by the secret's id. */
function recordedSteps(entries: readonly AuditEntry[]): Map<string, number> {
  const recorded = new Map<string, number>();
  for (const { action, outcome, commit, secret_id: id } of entries) {
    if (outcome !== 'ok' || commit !== undefined || id === undefined) continue;
    if (!['secrets.update', 'secrets.delete', 'secrets.undelete'].includes(action)) continue;
    recorded.set(id, (recorded.get(id) ?? 0) + 1);
  }
  return recorded;
}

function isAsAfter({ states, isDeleted, tags }: LifeRow): boolean {
  const last = LIFE.slice(0, states).lastIndexOf('describe');
  const expected = last === -1 ? [] : tagsOfStep(last);
  const stored: unknown = JSON.parse(tags);
  const isDeletedThen = LIFE[states - 1] === 'delete' ? 1 : 0;
  return isDeleted === isDeletedThen && JSON.stringify(stored) === JSON.stringify(expected);
}

/** I8: what is in the trash can be taken back, and reads as it was written. Done with a copy. */
async function checkDeleted(
  deleted: readonly LifeRow[],
  { path, config }: LivesInput,
  problems: string[],
): Promise<void> {
  if (deleted.length === 0) return;
  const copy = mkdtempSync(join(tmpdir(), 'strongroom-trash-'));
  try {
    cpSync(path, join(copy, 'vault'), { recursive: true });
    cpSync(config, join(copy, 'config'), { recursive: true });
    const place = { path: join(copy, 'vault'), configDirectory: join(copy, 'config') };
    await using vault = await open(place);
    const { secrets } = vault.as({ principal: 'ada' });
    for (const { path: name, version: count } of deleted) {
      await secrets.undelete({ environment, path: name });
      for (let version = 1; version <= count; version += 1) {
        const found = await secrets.read({ environment, path: name, version });
        if (found.value?.reveal() === valueOf(name, version)) continue;
        problems.push(`I8 ${name}@${version}: altered in the trash`);
      }
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
