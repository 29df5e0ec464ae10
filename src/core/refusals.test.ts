import { describe, expect, it } from 'vitest';

import type { EntryFields } from '../domain/audit/entry.ts';
import { uuidv7 } from '../lib/ids.ts';
import { Refusals, type StagedRefusals } from './refusals.ts';

const refusal = (ip: string | undefined, reason = 'principal_unknown'): EntryFields => ({
  request: uuidv7(),
  action: 'secrets.read',
  outcome: 'denied',
  reason,
  ip,
});

const MINUTE = 60_000;

/** Counts whose every transaction is durable. */
class Durable {
  readonly #refusals = new Refusals();

  take(fields: EntryFields, now: number): readonly EntryFields[] {
    return this.#durably((staged) => staged.take(fields, now));
  }

  drain(now: number, all?: boolean): readonly EntryFields[] {
    return this.#durably((staged) => staged.drain(now, all));
  }

  #durably<T>(work: (staged: StagedRefusals) => T): T {
    const staged = this.#refusals.stage();
    const result = work(staged);
    staged.accept();
    return result;
  }
}
const counts = (entries: readonly EntryFields[]): (number | undefined)[] =>
  entries.map(({ count }) => count);

describe('refusals of unknown callers', () => {
  it('go on record at once the first time, and are counted for the rest of the minute', () => {
    const refusals = new Durable();
    const first = refusal('192.0.2.1');
    expect(refusals.take(first, 0)).toEqual([{ ...first, count: 1 }]);
    for (let n = 1; n < 1000; n += 1) {
      expect(refusals.take(refusal('192.0.2.1'), n)).toEqual([]);
    }
    expect(refusals.drain(MINUTE - 1)).toEqual([]);
    const [told, ...more] = refusals.drain(MINUTE);
    expect(more).toEqual([]);
    expect(told).toMatchObject({ count: 999, ip: '192.0.2.1', reason: 'principal_unknown' });
    expect(told?.request).not.toBe(first.request);
    expect(refusals.drain(MINUTE)).toEqual([]);
  });

  it('are told before the first of the next minute', () => {
    const refusals = new Durable();
    refusals.take(refusal('a'), 0);
    refusals.take(refusal('a'), 1);
    refusals.take(refusal('a'), 2);
    expect(counts(refusals.take(refusal('a'), MINUTE))).toEqual([2, 1]);
    expect(counts(refusals.take(refusal('a'), MINUTE * 2))).toEqual([1]);
  });

  it('are counted apart by address and by reason', () => {
    const refusals = new Durable();
    for (const [ip, reason] of [
      ['a', 'x'],
      ['b', 'x'],
      ['a', 'y'],
      [undefined, 'x'],
    ] as const) {
      expect(counts(refusals.take(refusal(ip, reason), 0))).toEqual([1]);
    }
  });

  it('are counted apart by whom they were meant for', () => {
    const refusals = new Durable();
    const at = (target: string): EntryFields => ({ ...refusal('a', 'unauthenticated'), target });
    expect(counts(refusals.take(at('ada'), 0))).toEqual([1]);
    expect(counts(refusals.take(at('eve'), 1))).toEqual([1]);
    for (const target of ['ada', 'eve', 'eve']) expect(refusals.take(at(target), 2)).toEqual([]);
    expect(refusals.drain(MINUTE).map(({ target, count }) => [target, count])).toEqual([
      ['ada', 1],
      ['eve', 2],
    ]);
  });

  it('of one client are told apart up to 64, and keep nobody else off the record', () => {
    const refusals = new Durable();
    let entries = 0;
    for (let n = 0; n < 5000; n += 1) {
      const made = { ...refusal('192.0.2.1', 'method_not_found'), detail: `oidc:made-up-${n}` };
      entries += refusals.take(made, n).length;
    }
    expect(entries).toBe(65);
    expect(counts(refusals.take(refusal('192.0.2.2'), 5000))).toEqual([1]);
    const others = refusals.drain(MINUTE).filter(({ count }) => count === 5000 - 65);
    expect(others.map(({ detail, target }) => [detail, target])).toEqual([[undefined, undefined]]);
  });

  it('of more addresses than are kept are counted together, and none is lost', () => {
    const refusals = new Durable();
    let told = 0;
    const add = (entries: readonly EntryFields[]): void => {
      told += entries.reduce((sum, { count }) => sum + (count ?? 0), 0);
    };
    let entries = 0;
    for (let n = 0; n < 5000; n += 1) {
      const due = refusals.take(refusal(`address-${n}`), n % MINUTE);
      entries += due.length;
      add(due);
    }
    expect(entries).toBe(4097);
    const rest = refusals.drain(0, true);
    add(rest);
    expect(rest.length).toBe(1);
    expect(told).toBe(5000);
  });

  it('are told again if the transaction that told them failed', () => {
    const refusals = new Refusals();
    const staging = (): StagedRefusals => refusals.stage();
    expect(counts(staging().take(refusal('a'), 0))).toEqual([1]);
    const first = staging();
    expect(counts(first.take(refusal('a'), 0))).toEqual([1]);
    expect(counts(first.take(refusal('a'), 1))).toEqual([]);
    first.accept();
    staging().take(refusal('a'), 2);
    expect(counts(staging().drain(MINUTE))).toEqual([1]);
    const last = staging();
    expect(counts(last.drain(MINUTE))).toEqual([1]);
    last.accept();
    expect(staging().drain(MINUTE, true)).toEqual([]);
  });

  it('that are counted without a transaction are told with the others, once', () => {
    const refusals = new Refusals();
    const durably = <T>(work: (staged: StagedRefusals) => T, isDurable = true): T => {
      const staged = refusals.stage();
      const result = work(staged);
      if (isDurable) staged.accept();
      return result;
    };
    const fields = refusal('192.0.2.1');
    const note = (times: number, now: number): boolean[] =>
      Array.from({ length: times }, () => refusals.note(fields, now));
    // Nothing tells of one like it yet.
    expect(note(1, 0)).toEqual([false]);
    expect(durably((staged) => staged.take(fields, 0))).toHaveLength(1);
    expect(note(3, 1)).toEqual([true, true, true]);
    expect(refusals.note(refusal('192.0.2.2'), 1)).toBe(false);
    expect(refusals.note({ ...fields, actor: 'somebody' }, 1)).toBe(false);
    expect(note(1, MINUTE)).toEqual([false]);
    // What a transaction told that failed is told again.
    expect(counts(durably((staged) => staged.drain(MINUTE), false))).toEqual([3]);
    expect(counts(durably((staged) => staged.take(fields, MINUTE)))).toEqual([3, 1]);
    expect(note(2, MINUTE)).toEqual([true, true]);
    expect(counts(durably((staged) => staged.drain(2 * MINUTE)))).toEqual([2]);
    expect(durably((staged) => staged.drain(3 * MINUTE))).toEqual([]);
  });

  it('A56 of one /64 are of one source', () => {
    const refusals = new Durable();
    expect(refusals.take(refusal('2001:db8::1'), 0)).toHaveLength(1);
    for (let n = 2; n < 9; n += 1) {
      expect(refusals.take(refusal(`2001:db8::${String(n)}`), 0)).toEqual([]);
    }
  });
});
