import { describe, expect, it } from 'vitest';
import { StoredAuditLog } from '../../testing/stored-audit-log.ts';
import type { AuditEntry } from './entry.ts';
import { queryEntries, type AuditFilter, type AuditPage } from './query.ts';

interface Options {
  readonly limit?: number;
  readonly before?: number;
  readonly maySee?: (entry: AuditEntry) => boolean;
}

function query(
  stored: StoredAuditLog,
  filter: AuditFilter,
  { limit = 100, before, maySee = () => true }: Options = {},
): Promise<AuditPage> {
  return stored.store.write((transaction) =>
    queryEntries(transaction, stored.log, filter, { limit, before, maySee }),
  );
}

function seqs({ entries }: AuditPage): number[] {
  return entries.map(({ seq }) => seq);
}

/** 1,000 entries, one a second, of three paths, two actors and two outcomes. */
async function filledLog(): Promise<StoredAuditLog> {
  const stored = await StoredAuditLog.create();
  for (let seq = 0; seq < 1000; seq += 1) {
    await stored.append(1, () => ({
      path: `p/${String(seq % 3)}`,
      environment: seq % 2 === 0 ? 'production' : 'staging',
      workspace: seq < 500 ? 'default' : 'other',
      action: seq % 5 === 0 ? 'secrets.write' : 'secrets.read',
      outcome: seq % 7 === 0 ? 'denied' : 'ok',
      actor: `id-${String(seq % 2)}`,
      actorName: seq % 2 === 0 ? 'ada' : 'bob',
    }));
    stored.now += 1000;
  }
  return stored;
}

const ALL = [...Array(1000).keys()].toReversed();

describe('queryEntries', () => {
  it('names the index of an entry that is none any more', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(10, () => ({ path: 'p' }));
    stored.tamper('UPDATE audit_entries SET body = substr(body, 2) WHERE seq = 4');
    const fault = { code: 'audit_tampered', details: { index: 4 } };
    for (const filter of [{}, { path: 'p' }, { outcome: 'denied' } as const]) {
      await expect(query(stored, filter)).rejects.toMatchObject(fault);
    }
    expect(seqs(await query(stored, {}, { before: 4 }))).toEqual([3, 2, 1, 0]);
  });

  it('gives the newest entries first, and what each filter asks for', async () => {
    await using stored = await filledLog();
    const cases: readonly (readonly [AuditFilter, (seq: number) => boolean])[] = [
      [{}, () => true],
      [{ path: 'p/1' }, (seq) => seq % 3 === 1],
      [{ path: 'p' }, () => false],
      [{ environment: 'staging' }, (seq) => seq % 2 === 1],
      [{ workspace: 'default' }, (seq) => seq < 500],
      [{ action: 'secrets.write' }, (seq) => seq % 5 === 0],
      [{ outcome: 'denied' }, (seq) => seq % 7 === 0],
      [{ actor: 'ada' }, (seq) => seq % 2 === 0],
      [{ actor: 'id-1' }, (seq) => seq % 2 === 1],
      [{ path: 'p/2', outcome: 'denied', actor: 'bob' }, (seq) => seq % 42 === 35],
    ];
    for (const [filter, fits] of cases) {
      const page = await query(stored, filter, { limit: 1000 });
      expect(seqs(page), JSON.stringify(filter)).toStrictEqual(ALL.filter(fits));
    }
  });

  it('narrows to a time: from a moment on, and before one', async () => {
    await using stored = await filledLog();
    const timeOf = (seq: number): string =>
      new Date(stored.now - (1000 - seq) * 1000).toISOString();
    const filter = { since: timeOf(100), until: timeOf(110) };
    expect(seqs(await query(stored, filter))).toStrictEqual(
      ALL.filter((seq) => seq >= 100 && seq < 110),
    );
    expect(seqs(await query(stored, { ...filter, path: 'p/0' }))).toStrictEqual([108, 105, 102]);
  });

  it('pages join to the whole, with a filter, an index, and entries that are not to be seen', async () => {
    await using stored = await filledLog();
    for (const [filter, fits] of [
      [{}, () => true],
      [{ path: 'p/1' }, (seq: number) => seq % 3 === 1],
      [{ outcome: 'denied' }, (seq: number) => seq % 7 === 0],
    ] as const) {
      const found: number[] = [];
      let before: number | undefined;
      do {
        const page: AuditPage = await query(stored, filter, {
          limit: 7,
          maySee: ({ seq }) => seq % 11 !== 0,
          ...(before === undefined ? {} : { before }),
        });
        expect(page.entries.length).toBeLessThanOrEqual(7);
        found.push(...seqs(page));
        before = page.next;
      } while (before !== undefined);
      expect(found).toStrictEqual(ALL.filter((seq) => fits(seq) && seq % 11 !== 0));
    }
  });

  it('says that nothing follows where nothing can', async () => {
    await using stored = await StoredAuditLog.create();
    expect(await query(stored, {})).toStrictEqual({ entries: [], next: undefined });
    await stored.append(3);
    expect(await query(stored, {}, { limit: 3 })).toMatchObject({ next: undefined });
    expect(await query(stored, {}, { limit: 2 })).toMatchObject({ next: 1 });
    expect(await query(stored, {}, { limit: 2, before: 1 })).toMatchObject({ next: undefined });
    expect(await query(stored, {}, { before: 0 })).toStrictEqual({ entries: [], next: undefined });
    expect(seqs(await query(stored, {}, { before: 99 }))).toStrictEqual([2, 1, 0]);
  });

  it('finds a path also among entries that were written since the index was made', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(2, () => ({ path: 'p' }));
    expect(seqs(await query(stored, { path: 'p' }))).toStrictEqual([1, 0]);
    await stored.append(2, () => ({ path: 'p' }));
    expect(seqs(await query(stored, { path: 'p' }))).toStrictEqual([3, 2, 1, 0]);
  });

  it('does without an index that names entries of something else, and has it made again', async () => {
    await using stored = await filledLog();
    const expected = ALL.filter((seq) => seq % 3 === 1);
    expect(seqs(await query(stored, { path: 'p/1' }, { limit: 1000 }))).toStrictEqual(expected);
    // Some entries of the path are hidden, and one of another path stands for them.
    stored.tamper("DELETE FROM audit_index WHERE path = 'p/1' AND seq > 400");
    stored.tamper("INSERT INTO audit_index VALUES ('p/1', 1, 300)");
    expect(seqs(await query(stored, { path: 'p/1' }, { limit: 1000 }))).toStrictEqual(expected);
    const count = (): unknown => stored.rows('SELECT count(*) AS n FROM audit_index')[0]?.['n'];
    expect(count()).toBe(0);
    expect(seqs(await query(stored, { path: 'p/1' }, { limit: 1000 }))).toStrictEqual(expected);
    expect(count()).toBe(1000);
  });
});
