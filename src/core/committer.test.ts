import { rmSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { StrongroomError } from '../errors.ts';
import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { openSqlite } from '../store/sqlite.ts';
import { rawStatement } from '../store/statement.ts';
import type { Store, Transaction } from '../store/store.ts';
import { Committer, type CohortResult } from './committer.ts';

interface Item {
  readonly name: string;
  readonly mutates: boolean;
  readonly fails?: boolean;
}

let directory: string;
let store: Store;
let events: string[];
let commits: number;
let cohorts: number[];
/** How many items a transaction is to hold. */
let most: number;
/** What the next transactions do after their work: fail as a disk would, or commit. */
let failures: unknown[];

beforeEach(async () => {
  directory = temporaryDirectory();
  store = openSqlite(directory, { create: true });
  await store.write((transaction) =>
    transaction.run(rawStatement('CREATE TABLE done (name TEXT) STRICT'), {}),
  );
  [events, commits, cohorts, failures, most] = [[], 0, [], [], Number.POSITIVE_INFINITY];
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

/** The real store, which counts its transactions and fails on request once the work is done. */
function counting(): Store {
  return {
    ...(['read', 'size', 'check', 'reopen', 'close'] as const).reduce(
      (all, name) => ({ ...all, [name]: store[name].bind(store) }),
      {} as Store,
    ),
    write: async (work) => {
      const result = await store.write(async (transaction) => {
        const made = await work(transaction);
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return made;
      });
      commits += 1;
      events.push('commit');
      return result;
    },
  };
}

async function processAll(
  transaction: Transaction,
  items: readonly Item[],
  lostTo?: unknown,
): Promise<CohortResult> {
  cohorts.push(items.length);
  if (lostTo !== undefined) {
    return { outcomes: [{ ok: false, error: lostTo }], accept: () => events.push('recorded') };
  }
  const outcomes = [];
  for (const item of items.slice(0, most)) {
    try {
      await transaction.savepoint(async () => {
        await transaction.run(rawStatement(`INSERT INTO done VALUES ('${item.name}')`), {});
        if (item.fails === true) throw new RangeError(item.name);
      });
      outcomes.push({ ok: true as const, value: item.name });
    } catch (error) {
      outcomes.push({ ok: false as const, error });
    }
  }
  return { outcomes, accept: () => events.push('accept') };
}

const make = (): Committer<Item> =>
  new Committer<Item>({
    store: counting(),
    process: processAll,
    recover: async () => {
      events.push('recover');
      await store.reopen();
    },
    committed: () => events.push('committed'),
  });

const names = async (): Promise<string[]> => {
  const rows = await store.read((transaction) =>
    transaction.all(rawStatement('SELECT name FROM done'), {}),
  );
  return rows.map((row) => (row as { name: string }).name);
};
const read = (name: string): Item => ({ name, mutates: false });
const change = (name: string): Item => ({ name, mutates: true });

describe('the committer', () => {
  it('makes one commit for all that arrives in one turn, in its order', async () => {
    const committer = make();
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, n) => committer.submit(change(`${n}`))),
    );
    expect(answers).toEqual(Array.from({ length: 64 }, (_, n) => `${n}`));
    expect(commits).toBe(1);
    expect(await names()).toEqual(answers);
  });

  it('splits more than 256 into cohorts', async () => {
    const committer = make();
    await Promise.all(Array.from({ length: 600 }, (_, n) => committer.submit(read(`${n}`))));
    expect(cohorts).toEqual([256, 256, 88]);
    expect(commits).toBe(3);
  });

  it('leaves what a transaction did not hold to the next, in its order', async () => {
    const committer = make();
    most = 3;
    const submitted = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) =>
      committer.submit(change(name)).then((answer) => events.push(String(answer))),
    );
    await Promise.all(submitted);
    expect(cohorts).toEqual([7, 4, 1]);
    expect(events.filter((event) => event.length === 1)).toEqual([...'abcdefg']);
    expect(await names()).toEqual([...'abcdefg']);
    expect(commits).toBe(3);
  });

  it('waits for what comes in turns one after another, as new connections do, but not for more', async () => {
    const committer = make();
    const calls = ['a', 'b'].map((name) => committer.submit(read(name)));
    for (let n = 2; n < 50; n += 1) {
      await nextTurn();
      calls.push(committer.submit(read(`${n}`)));
    }
    await Promise.all(calls);
    expect(cohorts).toEqual([50]);
    const alone = committer.submit(read('alone'));
    await nextTurn();
    await nextTurn();
    const later = committer.submit(read('later'));
    await Promise.all([alone, later]);
    expect(cohorts.slice(-2)).toEqual([1, 1]);
  });

  it('takes what arrives during a commit into the next cohort', async () => {
    const committer = make();
    const first = committer.submit(read('first'));
    const later = first.then(() =>
      Promise.all([committer.submit(read('second')), committer.submit(read('third'))]),
    );
    await later;
    expect(cohorts).toEqual([1, 2]);
  });

  it('does not let an item that fails disturb the others of its cohort', async () => {
    const committer = make();
    const settled = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        committer.submit({ name: `${n}`, mutates: true, fails: n % 2 === 1 }),
      ),
    );
    expect(settled.map(({ status }) => status)).toEqual(
      Array.from({ length: 20 }, (_, n) => (n % 2 === 1 ? 'rejected' : 'fulfilled')),
    );
    expect(commits).toBe(1);
    expect(await names()).toEqual(['0', '2', '4', '6', '8', '10', '12', '14', '16', '18']);
    expect(committer.isBlocked).toBe(false);
  });

  it('answers only when the cohort is durable and accepted', async () => {
    const committer = make();
    await committer.submit(read('a')).then(() => events.push('answer'));
    expect(events).toEqual(['commit', 'accept', 'committed', 'answer']);
  });

  it('answers nothing when nothing could be kept: reads are audit_blocked, changes say why', async () => {
    const committer = make();
    failures.push(new StrongroomError('storage_full', 'no space', { hint: 'free some' }));
    const [reading, changing] = await Promise.allSettled([
      committer.submit(read('r')),
      committer.submit(change('c')),
    ]);
    expect(reading).toMatchObject({
      status: 'rejected',
      reason: { code: 'audit_blocked', details: { reason: 'storage_full' }, hint: 'free some' },
    });
    expect(changing).toMatchObject({ status: 'rejected', reason: { code: 'storage_full' } });
    expect(events).toEqual([]);
    expect(await names()).toEqual([]);
    expect(committer.isBlocked).toBe(true);
  });

  it('goes on without a restart when it can be kept again', async () => {
    const committer = make();
    failures.push(new StrongroomError('storage_full', 'no space'));
    await expect(committer.submit(read('r'))).rejects.toMatchObject({ code: 'audit_blocked' });
    await expect(committer.submit(read('r'))).resolves.toBe('r');
    expect(committer.isBlocked).toBe(false);
    expect(events).not.toContain('recover');
  });

  it.each([
    new StrongroomError('outcome_unknown', 'who knows'),
    new StrongroomError('storage_failed', 'the disk'),
  ])('looks at the database again before the next cohort after %s', async (failure) => {
    const committer = make();
    failures.push(failure);
    await expect(committer.submit(change('c'))).rejects.toBe(failure);
    expect(events).toEqual([]);
    await committer.submit(change('d'));
    expect(events).toEqual(['recover', 'commit', 'accept', 'committed']);
    await committer.submit(change('e'));
    expect(events.filter((event) => event === 'recover').length).toBe(1);
  });

  it('says outcome_unknown to a change and gives no read out after it', async () => {
    const committer = make();
    failures.push(new StrongroomError('outcome_unknown', 'who knows'));
    const [reading, changing] = await Promise.allSettled([
      committer.submit(read('r')),
      committer.submit(change('c')),
    ]);
    expect(reading).toMatchObject({ reason: { code: 'audit_blocked' } });
    expect(changing).toMatchObject({ reason: { code: 'outcome_unknown' } });
  });

  it('tries to recover again if that failed', async () => {
    let attempts = 0;
    const committer = new Committer<Item>({
      store: counting(),
      process: processAll,
      recover: async () => {
        attempts += 1;
        if (attempts < 3) throw new StrongroomError('storage_failed', 'still');
      },
      committed: () => undefined,
    });
    failures.push(new StrongroomError('outcome_unknown', 'who knows'));
    for (const expected of ['audit_blocked', 'audit_blocked', 'audit_blocked']) {
      await expect(committer.submit(read('r'))).rejects.toMatchObject({ code: expected });
    }
    await expect(committer.submit(read('r'))).resolves.toBe('r');
    expect(attempts).toBe(3);
    expect(cohorts.length).toBe(2);
  });

  it('is idle only when everything that waits has been answered', async () => {
    const committer = make();
    let answered = 0;
    const answers = Array.from({ length: 300 }, (_, n) =>
      committer.submit(read(`${n}`)).then(() => {
        answered += 1;
      }),
    );
    await committer.idle();
    await Promise.all(answers);
    expect(answered).toBe(300);
    expect(commits).toBe(2);
    await committer.idle();
  });

  it('runs each item alone after a failure that is not of the storage, and only the guilty one fails', async () => {
    const committer = new Committer<Item>({
      store: counting(),
      process: (transaction, items, lostTo) => {
        if (lostTo === undefined && items.some((item) => item.fails === true)) {
          cohorts.push(items.length);
          throw new StrongroomError('database_corrupt', 'a page');
        }
        return processAll(transaction, items, lostTo);
      },
      recover: async () => store.reopen(),
      committed: () => undefined,
    });
    const outcomes = await Promise.allSettled([
      committer.submit(change('a')),
      committer.submit({ ...read('b'), fails: true }),
      committer.submit(change('c')),
    ]);
    expect(outcomes).toMatchObject([
      { value: 'a' },
      { reason: { code: 'database_corrupt' } },
      { value: 'c' },
    ]);
    // All, then each alone, and the failure of one once more to put it on record.
    expect(cohorts).toEqual([3, 1, 1, 1, 1]);
    expect(events.filter((event) => event === 'recorded').length).toBe(1);
    expect(await names()).toEqual(['a', 'c']);
    expect(committer.isBlocked).toBe(false);
  });

  it.each(['storage_full', 'read_only', 'storage_failed', 'outcome_unknown'] as const)(
    'tries nothing again after %s',
    async (code) => {
      const committer = make();
      failures.push(new StrongroomError(code, 'the disk'));
      const outcomes = await Promise.allSettled(
        ['a', 'b'].map((name) => committer.submit(change(name))),
      );
      expect(outcomes).toMatchObject([{ reason: { code } }, { reason: { code } }]);
      expect(cohorts).toEqual([2]);
      expect(await names()).toEqual([]);
    },
  );

  it('runs nothing again that is durable, whatever fails after that', async () => {
    const mistake = new TypeError('a mistake');
    const committer = new Committer<Item>({
      store: counting(),
      process: processAll,
      recover: async () => undefined,
      committed: () => {
        throw mistake;
      },
    });
    const outcomes = await Promise.allSettled([
      committer.submit(change('a')),
      committer.submit(change('b')),
    ]);
    const reason = { code: 'outcome_unknown', cause: mistake };
    expect(outcomes).toMatchObject([{ reason }, { reason }]);
    expect(cohorts).toEqual([2]);
    expect(await names()).toEqual(['a', 'b']);
  });

  it('runs what a cohort had no room for, whatever becomes of the answers before it', async () => {
    let isFirst = true;
    const committer = new Committer<Item>({
      store: counting(),
      process: (transaction, items, lostTo) => processAll(transaction, items.slice(0, 1), lostTo),
      recover: async () => undefined,
      committed: () => {
        if (!isFirst) return;
        isFirst = false;
        throw new TypeError('a mistake');
      },
    });
    const [first, second] = await Promise.allSettled([
      committer.submit(change('a')),
      committer.submit(change('b')),
    ]);
    expect(first).toMatchObject({ reason: { code: 'outcome_unknown' } });
    expect(second).toEqual({ status: 'fulfilled', value: 'b' });
    expect(await names()).toEqual(['a', 'b']);
  });

  it('gives a failure that cannot be put on record to its caller', async () => {
    const committer = make();
    const mistakes = [new TypeError('a mistake'), new TypeError('another')];
    failures.push(...mistakes);
    await expect(committer.submit(change('c'))).rejects.toBe(mistakes[0]);
    expect(cohorts).toEqual([1, 1]);
    expect(committer.isBlocked).toBe(true);
    expect(await names()).toEqual([]);
  });
});
