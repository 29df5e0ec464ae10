import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { migrate } from '../../src/store/migrate.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store, Transaction } from '../../src/store/store.ts';
import { checkGolden, copyGolden } from './operations.ts';
import { codeOf, Scratch, type Place } from './places.ts';

/** What happens at a statement: nothing, or it fails. */
type AtStatement = (index: number) => void;

type Method = (...input: unknown[]) => unknown;

/** An object with some of its methods replaced. */
function withMethods<T extends object>(
  target: T,
  replace: (name: string, method: Method) => Method,
): T {
  return new Proxy(target, {
    get: (_target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const method: Method = (...input) => Reflect.apply(member, target, input) as unknown;
      return replace(String(name), method);
    },
  });
}

/** A store that tells of each statement of its transactions before it runs, counted from 0. */
function told(store: Store, tell: AtStatement): Store {
  let count = 0;
  const watch = (transaction: Transaction): Transaction =>
    withMethods(transaction, (name, method) => {
      if (!['get', 'all', 'run', 'runMany'].includes(name)) return method;
      return (...input) => {
        tell(count++);
        return method(...input);
      };
    });
  return withMethods(store, (name, method) => {
    if (name !== 'read' && name !== 'write') return method;
    return (work) =>
      method((transaction: Transaction) =>
        (work as (t: Transaction) => unknown)(watch(transaction)),
      );
  });
}

/** Brings a vault to the present schema as opening it does. */
async function migrateIn({ path }: Place, tell: AtStatement): Promise<void> {
  const store = told(openSqlite(path), tell);
  try {
    const before = (version: number): Promise<void> =>
      store.copy(join(path, `vault.db.schema-${version}`));
    await migrate(store, { before });
  } finally {
    await store.close();
  }
}

class Cut extends Error {}

let scratch: Scratch;
let place: Place;

const placeAt = (name: string): Place => ({
  path: scratch.at(name, 'vault'),
  configDirectory: scratch.at(name, 'config'),
});

/**
 * The schemas of before, each with how many statements lead from it to the
 * present one. A table or a column less would make it another one.
 */
const SCHEMAS: readonly (readonly [schema: number, statementsMin: number])[] = [
  [1, 60],
  [2, 23],
];

describe.each(SCHEMAS)('F13 a migration from schema %i that is cut short', (schema, minimum) => {
  beforeEach(() => {
    scratch = new Scratch();
    place = placeAt('golden');
    copyGolden(place, schema);
  });
  afterEach(() => scratch[Symbol.dispose]());

  test('F13 killed at any statement leaves a vault that opens, with a copy of the old schema', async () => {
    const running = placeAt('running');
    cpSync(scratch.at('golden'), scratch.at('running'), { recursive: true });
    let statements = 0;
    // What the files hold at a statement is what a kill at it would leave.
    await migrateIn(running, (index) => {
      cpSync(scratch.at('running'), scratch.at(`killed-${index}`), { recursive: true });
      statements = index + 1;
    });
    expect(statements).toBeGreaterThan(minimum);
    for (let index = 0; index < statements; index += 1) {
      expect([index, await checkGolden(placeAt(`killed-${index}`), schema)]).toEqual([index, []]);
      rmSync(scratch.at(`killed-${index}`), { recursive: true });
    }
  });

  test('F13 failed at any statement changes nothing, and is made up for by the next opening', async () => {
    let isOver = false;
    for (let index = 0; !isOver; index += 1) {
      const name = `failed-${index}`;
      cpSync(scratch.at('golden'), scratch.at(name), { recursive: true });
      const failure = await migrateIn(placeAt(name), (statement) => {
        if (statement === index) throw new Cut();
      }).catch((error: unknown) => error);
      isOver = failure === undefined;
      if (isOver) expect(index).toBeGreaterThan(minimum);
      else expect(failure).toBeInstanceOf(Cut);
      expect([index, await checkGolden(placeAt(name), schema)]).toEqual([index, []]);
      rmSync(scratch.at(name), { recursive: true });
    }
  });

  test('F13 a copy that was cut short is made anew', async () => {
    const kept = join(place.path, `vault.db.schema-${schema}`);
    cpSync(join(place.path, 'vault.db'), `${kept}.partial`);
    expect(await codeOf(migrateIn(place, () => undefined))).toBeUndefined();
    expect(existsSync(`${kept}.partial`)).toBe(false);
    expect(await checkGolden(place, schema)).toEqual([]);
  });
});
