import { describe, expect, it } from 'vitest';

import type { BackupRow } from '../../store/tables.ts';
import { expiredBackups, type Retention } from './retention.ts';

const DAY = 86_400_000;
const now = 100 * DAY;

/** Backups of so many days ago, newest first; those that are named were proven. */
function backups(ages: readonly number[], proven: readonly number[] = ages): BackupRow[] {
  return ages.map(
    (age) =>
      ({
        id: String(age),
        created_at: now - age * DAY,
        proven_at: proven.includes(age) ? now : null,
        keep_until: null,
        removed_at: null,
      }) as BackupRow,
  );
}

function expired(rows: readonly BackupRow[], retention: Retention): string[] {
  return expiredBackups(rows, retention, now).map(({ id }) => id);
}

describe('the retention of backups', () => {
  it('removes those that are older than asked', () => {
    expect(expired(backups([1, 5, 8, 30]), { keepMs: 7 * DAY })).toEqual(['8', '30']);
  });

  it('removes those beyond a number, and keeps what any rule keeps', () => {
    expect(expired(backups([1, 5, 8, 30]), { keepLast: 3 })).toEqual(['30']);
    expect(expired(backups([1, 5, 8, 30]), { keepLast: 1, keepMs: 6 * DAY })).toEqual(['8', '30']);
  });

  it('goes by the time that each backup was given if nothing else is asked', () => {
    const [a, b, c] = backups([1, 2, 3]);
    const rows = [{ ...a, keep_until: now - 1 }, { ...b, keep_until: now - 1 }, c] as BackupRow[];
    expect(expired(rows, {})).toEqual(['2']);
  });

  it('always spares the newest that was proven, however old', () => {
    expect(expired(backups([1, 50, 90], [50]), { keepMs: 1 })).toEqual(['1', '90']);
    expect(expired(backups([50], []), { keepMs: 1 })).toEqual([]);
  });

  it('removes nothing before its own time is over, unless that is said', () => {
    const rows = backups([1, 2, 3]).map((row) => ({ ...row, keep_until: now + DAY }));
    for (const rule of [{ keepMs: 1 }, { keepLast: 1 }, {}])
      expect(expired(rows, rule)).toEqual([]);
    expect(expired(rows, { keepLast: 1, evenKept: true })).toEqual(['2', '3']);
  });
});
