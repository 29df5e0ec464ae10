import { describe, expect, it } from 'vitest';

import { migrate } from '../store/migrate.ts';
import { statement, type Parameters } from '../store/statement.ts';
import type { Store, Transaction } from '../store/store.ts';

/** A store under test, and how to be rid of it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Opens a second store on the same data, once the first is closed. */
  again(): Promise<Store>;
  remove(): Promise<void>;
}

interface Tile {
  readonly log: number;
  readonly level: number;
  readonly tile: number;
  readonly hashes: Uint8Array;
}

const insertTile = statement((db, p: Parameters<Tile>) =>
  db
    .insertInto('audit_tiles')
    .values({ log: p('log'), level: p('level'), tile: p('tile'), hashes: p('hashes') }),
);

const allTiles = statement((db) =>
  db.selectFrom('audit_tiles').selectAll().orderBy('log').orderBy('level', 'desc').orderBy('tile'),
);

const oneTile = statement((db, p: Parameters<{ log: number }>) =>
  db.selectFrom('audit_tiles').selectAll().where('log', '=', p('log')).orderBy('tile'),
);

const removeTiles = statement((db, p: Parameters<{ log: number }>) =>
  db.deleteFrom('audit_tiles').where('log', '=', p('log')),
);

const insertPath = statement((db, p: Parameters<{ path: string; log: number; seq: number }>) =>
  db.insertInto('audit_index').values({ path: p('path'), log: p('log'), seq: p('seq') }),
);

const allPaths = statement((db) =>
  db.selectFrom('audit_index').select('path').orderBy('path').orderBy('seq'),
);

const tile = (log: number, more: Partial<Tile> = {}): Tile => ({
  log,
  level: 0,
  tile: 0,
  hashes: Uint8Array.of(log),
  ...more,
});

const put = (transaction: Transaction, log: number): Promise<number> =>
  transaction.run(insertTile, tile(log));

/** Numbers of the logs that have a tile, as another transaction sees them. */
async function logsIn(store: Store): Promise<number[]> {
  const rows = await store.read((transaction) => transaction.all(allTiles, {}));
  return rows.map((row) => row.log);
}

/**
 * What every {@link Store} has to do, whatever the database.
 *
 * @param name - Name of the store for the tests' names.
 * @param openStore - Opens a new, empty store.
 */
export function testStore(name: string, openStore: () => Promise<StoreUnderTest>): void {
  const using = async (work: (under: StoreUnderTest) => Promise<void>): Promise<void> => {
    const under = await openStore();
    try {
      await migrate(under.store);
      await work(under);
    } finally {
      await under.store.close();
      await under.remove();
    }
  };

  describe(`the store ${name}`, () => {
    describeTransactions(using);
    describeSavepoints(using);
    describeReads(using);
    describeValues(using);
  });
}

type Using = (work: (under: StoreUnderTest) => Promise<void>) => Promise<void>;

function describeTransactions(using: Using): void {
  it('keeps what a transaction wrote, also for whoever opens it next', () =>
    using(async ({ store, again }) => {
      await expect(
        store.write(async (transaction) => {
          await put(transaction, 1);
          return 'answer';
        }),
      ).resolves.toBe('answer');
      expect(await logsIn(store)).toEqual([1]);
      await store.close();
      const next = await again();
      expect(await logsIn(next)).toEqual([1]);
      await next.close();
    }));

  it('keeps nothing of a transaction that fails, and goes on', () =>
    using(async ({ store }) => {
      const failure = new TypeError('on purpose');
      const failing = store.write(async (transaction) => {
        await put(transaction, 1);
        await transaction.runMany(insertTile, [tile(2), tile(3)]);
        throw failure;
      });
      await expect(failing).rejects.toBe(failure);
      expect(await logsIn(store)).toEqual([]);
      await store.write((transaction) => put(transaction, 4));
      expect(await logsIn(store)).toEqual([4]);
    }));

  it('keeps nothing of a transaction in which the database refused a row', () =>
    using(async ({ store }) => {
      const failing = store.write(async (transaction) => {
        await put(transaction, 1);
        await put(transaction, 1);
      });
      await expect(failing).rejects.toMatchObject({ code: 'storage_failed' });
      expect(await logsIn(store)).toEqual([]);
    }));

  it('runs writes one after another, however many wait', () =>
    using(async ({ store }) => {
      let running = 0;
      const writes = Array.from({ length: 20 }, (_, log) =>
        store.write(async (transaction) => {
          running += 1;
          expect(running).toBe(1);
          await put(transaction, log);
          await Promise.resolve();
          running -= 1;
        }),
      );
      await Promise.all(writes);
      expect((await logsIn(store)).length).toBe(20);
    }));

  it('says how many rows a change changed', () =>
    using(async ({ store }) => {
      await store.write(async (transaction) => {
        expect(await put(transaction, 1)).toBe(1);
        await transaction.run(insertTile, tile(1, { tile: 1 }));
        expect(await transaction.run(removeTiles, { log: 1 })).toBe(2);
        expect(await transaction.run(removeTiles, { log: 1 })).toBe(0);
      });
    }));
}

function describeSavepoints(using: Using): void {
  it('undoes what a failed savepoint did, and only that', () =>
    using(async ({ store }) => {
      await store.write(async (transaction) => {
        await put(transaction, 1);
        const failing = transaction.savepoint(async () => {
          await put(transaction, 2);
          throw new RangeError('on purpose');
        });
        await expect(failing).rejects.toThrow(RangeError);
        await expect(
          transaction.savepoint(async () => {
            await put(transaction, 3);
            return 3;
          }),
        ).resolves.toBe(3);
      });
      expect(await logsIn(store)).toEqual([1, 3]);
    }));

  it('lets savepoints nest: an inner one is undone alone, an outer one with all in it', () =>
    using(async ({ store }) => {
      await store.write(async (transaction) => {
        await transaction.savepoint(async () => {
          await put(transaction, 1);
          await transaction
            .savepoint(async () => {
              await put(transaction, 2);
              throw new RangeError('on purpose');
            })
            .catch(() => undefined);
          await put(transaction, 3);
        });
        await transaction
          .savepoint(async () => {
            await transaction.savepoint(() => put(transaction, 4));
            throw new RangeError('on purpose');
          })
          .catch(() => undefined);
      });
      expect(await logsIn(store)).toEqual([1, 3]);
    }));

  it('goes on after a row that the database refused inside a savepoint', () =>
    using(async ({ store }) => {
      await store.write(async (transaction) => {
        await put(transaction, 1);
        await expect(transaction.savepoint(() => put(transaction, 1))).rejects.toThrow();
        await put(transaction, 2);
      });
      expect(await logsIn(store)).toEqual([1, 2]);
    }));
}

function describeReads(using: Using): void {
  it('shows a reader one state, whatever is written meanwhile', () =>
    using(async ({ store }) => {
      await store.write((transaction) => put(transaction, 1));
      await store.read(async (reader) => {
        expect((await reader.all(allTiles, {})).length).toBe(1);
        await store.write((transaction) => put(transaction, 2));
        expect((await reader.all(allTiles, {})).length).toBe(1);
      });
      expect(await logsIn(store)).toEqual([1, 2]);
    }));

  it('does not show a reader what is not committed, and shows the writer its own', () =>
    using(async ({ store }) => {
      await store.write(async (transaction) => {
        await put(transaction, 1);
        expect((await transaction.all(allTiles, {})).length).toBe(1);
        expect(await logsIn(store)).toEqual([]);
      });
    }));

  it('lets no reader write', () =>
    using(async ({ store }) => {
      const writing = store.read((transaction) => put(transaction, 1));
      await expect(writing).rejects.toMatchObject({ code: 'read_only' });
      expect(await logsIn(store)).toEqual([]);
    }));

  it('serves more readers at once than it has connections for, each in turn', () =>
    using(async ({ store }) => {
      await store.write((transaction) => put(transaction, 1));
      let release: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      let answered = 0;
      const reads = Array.from({ length: 40 }, () =>
        store.read(async (transaction) => {
          await gate;
          const rows = await transaction.all(allTiles, {});
          answered += 1;
          return rows.length;
        }),
      );
      await store.write((transaction) => put(transaction, 2));
      expect(answered).toBe(0);
      release();
      const lengths = await Promise.all(reads);
      expect(lengths.every((length) => length === 1 || length === 2)).toBe(true);
      expect(answered).toBe(40);
    }));

  it('gives a reader back after a failure', () =>
    using(async ({ store }) => {
      for (let turn = 0; turn < 20; turn += 1) {
        await expect(
          store.read(() => Promise.reject(new RangeError('on purpose'))),
        ).rejects.toThrow(RangeError);
      }
      expect(await logsIn(store)).toEqual([]);
    }));

  it('opens new connections on request, and knows what was written before', () =>
    using(async ({ store }) => {
      await store.write((transaction) => put(transaction, 1));
      await store.reopen();
      expect(await logsIn(store)).toEqual([1]);
      await store.write((transaction) => put(transaction, 2));
      expect(await logsIn(store)).toEqual([1, 2]);
      expect(await store.check()).toEqual([]);
      expect(await store.size()).toBeGreaterThan(0);
    }));
}

function describeValues(using: Using): void {
  it('gives bytes back as they were, the empty ones and a view of a larger buffer too', () =>
    using(async ({ store }) => {
      const large = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
      const values = [new Uint8Array(), Uint8Array.of(0, 255, 0), large, large.subarray(5, 9)];
      await store.write((transaction) =>
        transaction.runMany(
          insertTile,
          values.map((hashes, log) => tile(log, { hashes })),
        ),
      );
      const rows = await store.read((transaction) => transaction.all(allTiles, {}));
      expect(rows.map((row) => Buffer.from(row.hashes).toString('hex'))).toEqual(
        values.map((value) => Buffer.from(value).toString('hex')),
      );
      expect(rows.every((row) => row.hashes instanceof Uint8Array)).toBe(true);
    }));

  it('gives integers back as they were, to both ends of what is safe', () =>
    using(async ({ store }) => {
      const numbers = [
        Number.MIN_SAFE_INTEGER,
        -(2 ** 32) - 1,
        -1,
        0,
        2 ** 31,
        2 ** 32 + 1,
        Number.MAX_SAFE_INTEGER,
      ];
      await store.write((transaction) =>
        transaction.runMany(
          insertTile,
          numbers.map((value) => tile(1, { tile: value })),
        ),
      );
      const rows = await store.read((transaction) => transaction.all(oneTile, { log: 1 }));
      expect(rows.map((row) => row.tile)).toEqual(numbers);
    }));

  it('orders by the columns that were asked for, upwards and downwards', () =>
    using(async ({ store }) => {
      const places = [
        [2, 1, 0],
        [1, 0, 2],
        [1, 2, 0],
        [1, 0, 1],
        [1, 0, 10],
      ] as const;
      await store.write((transaction) =>
        transaction.runMany(
          insertTile,
          places.map(([log, level, index]) => tile(log, { level, tile: index })),
        ),
      );
      const rows = await store.read((transaction) => transaction.all(allTiles, {}));
      expect(rows.map((row) => [row.log, row.level, row.tile])).toEqual([
        [1, 2, 0],
        [1, 0, 1],
        [1, 0, 2],
        [1, 0, 10],
        [2, 1, 0],
      ]);
    }));

  it('orders text by its bytes, with capitals before small letters', () =>
    using(async ({ store }) => {
      const paths = ['b', 'a', 'B', '_', '-', '.', '/', '0', 'ä', '~', 'aa', 'a/b', 'a.b', ''];
      await store.write((transaction) =>
        transaction.runMany(
          insertPath,
          paths.map((path, seq) => ({ path, log: 1, seq })),
        ),
      );
      const rows = await store.read((transaction) => transaction.all(allPaths, {}));
      const byBytes = paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(rows.map((row) => row.path)).toEqual(byBytes);
    }));

  it('resolves to undefined for no row, and to an empty list for none', () =>
    using(async ({ store }) => {
      await store.read(async (transaction) => {
        expect(await transaction.get(oneTile, { log: 1 })).toBeUndefined();
        expect(await transaction.all(oneTile, { log: 1 })).toEqual([]);
      });
    }));
}
