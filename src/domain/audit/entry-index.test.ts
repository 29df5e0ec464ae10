import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoredAuditLog } from '../../testing/stored-audit-log.ts';
import { indexEntries, rebuildIndex } from './entry-index.ts';

function index(stored: StoredAuditLog, entriesMax = 100_000): Promise<number> {
  return stored.store.write((transaction) => indexEntries(transaction, stored.log, entriesMax));
}

function indexed(stored: StoredAuditLog): Record<string, unknown>[] {
  return stored
    .rows('SELECT path, seq FROM audit_index ORDER BY path, seq')
    .map((row) => ({ ...row }));
}

/** Two paths, and entries that name none. */
function pathOf(seq: number): string | undefined {
  return seq % 3 === 0 ? undefined : `p/${String(seq % 3)}`;
}

describe('the index of entries by path', () => {
  it('has each entry that names a path, once, however often it is brought up to date', async () => {
    await using stored = await StoredAuditLog.create();
    for (const count of [5, 0, 300, 1]) {
      await stored.append(count, (seq) => ({ path: pathOf(seq) }));
      await index(stored);
      await index(stored);
    }
    const expected = [...Array(306).keys()]
      .flatMap((seq) => (pathOf(seq) === undefined ? [] : [{ path: pathOf(seq), seq }]))
      .toSorted((a, b) => (a.path ?? '').localeCompare(b.path ?? '') || a.seq - b.seq);
    expect(indexed(stored)).toStrictEqual(expected);
  });

  it('goes on past one page', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(8200, (seq) => ({ path: seq === 8199 ? 'last' : 'other' }));
    await index(stored);
    expect(indexed(stored)).toHaveLength(8200);
    expect(indexed(stored)[0]).toStrictEqual({ path: 'last', seq: 8199 });
  });

  it('is brought nearer in steps, and says how much is left', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(25, () => ({ path: 'p' }));
    expect(await index(stored, 10)).toBe(15);
    expect(indexed(stored)).toHaveLength(10);
    expect(await index(stored, 10)).toBe(5);
    expect(await index(stored, 10)).toBe(0);
    expect(await index(stored, 10)).toBe(0);
    expect(indexed(stored)).toHaveLength(25);
  });

  it('goes on over rows that someone else put there, and begins anew when it is to reach too far', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(10, () => ({ path: 'p' }));
    stored.tamper("INSERT INTO audit_index VALUES ('p', 1, 3)");
    expect(await index(stored)).toBe(0);
    expect(indexed(stored)).toHaveLength(10);
    stored.tamper('DELETE FROM audit_index');
    stored.tamper('UPDATE audit_indexed SET size = 11');
    expect(await index(stored)).toBe(0);
    expect(indexed(stored)).toHaveLength(10);
  });

  it('is made again after it was emptied, without the rows of another log', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(10, () => ({ path: 'p' }));
    await index(stored);
    stored.tamper("INSERT INTO audit_index VALUES ('p', 2, 3)");
    await stored.store.write((transaction) => rebuildIndex(transaction, stored.log));
    expect(indexed(stored)).toStrictEqual([{ path: 'p', seq: 3 }]);
    expect(await index(stored)).toBe(0);
    expect(indexed(stored)).toHaveLength(11);
  });

  it('is not led astray by text of other members that looks like a path', async () => {
    await using stored = await StoredAuditLog.create();
    const texts = ['","path":"forged"', ',"path":"forged"', String.raw`\","path":"forged"`];
    const mores = fc.sample(fc.string({ unit: 'binary' }), 300);
    await stored.append(mores.length, (seq) => {
      const [text = '', more = ''] = [texts[seq % texts.length], mores[seq]];
      return { actorName: text + more, detail: more + text, userAgent: text, path: 'real' };
    });
    await stored.append(1, () => ({ detail: texts[0] }));
    await index(stored);
    expect(new Set(indexed(stored).map(({ path }) => path))).toStrictEqual(new Set(['real']));
    expect(indexed(stored)).toHaveLength(mores.length);
  });
});
