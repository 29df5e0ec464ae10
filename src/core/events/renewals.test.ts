import { expect, it } from 'vitest';

import { StrongroomError, type ErrorCode } from '../../errors.ts';
import type { Changes } from './bell.ts';
import { renewals } from './renewals.ts';

const failure = (code: ErrorCode): StrongroomError => new StrongroomError(code, `it is ${code}`);

/** Reads what it is told to, one after the other, until changes are not told any more. */
async function follow(
  reads: readonly (number | Error)[],
): Promise<Readonly<Record<'given' | 'waited' | 'said' | 'dropped', readonly unknown[]>>> {
  const left = [...reads];
  const waited: unknown[] = [];
  const said: unknown[] = [];
  const dropped: unknown[] = [];
  const changes: Changes = {
    next: async (withinMs) => {
      waited.push(withinMs);
      if (left.length === 0) throw failure('denied');
      return true;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  const given: unknown[] = [];
  const news = renewals(1, {
    changes,
    read: async () => {
      const next = left.shift();
      if (typeof next === 'number') return next;
      throw next;
    },
    isSame: (before, now) => before === now,
    drop: (now) => dropped.push(now),
    failed: (error, what) => said.push([what, (error as Error).message]),
  });
  for await (const now of news) given.push(now);
  return { given, waited, said, dropped };
}

const END = ['following', 'it is denied'];

it('gives what is new, and is done with what is not', async () => {
  expect(await follow([1, 2, 2, 3, 1])).toEqual({
    given: [2, 3, 1],
    dropped: [1, 2],
    waited: [undefined, undefined, undefined, undefined, undefined, undefined],
    said: [END],
  });
});

it('tries again by itself after what passes, and says the same once', async () => {
  const passing = failure('sealed');
  const other = failure('unreachable');
  expect(await follow([passing, passing, other, 2, passing])).toEqual({
    given: [2],
    dropped: [],
    waited: [undefined, 5000, 5000, 5000, undefined, 5000],
    said: [
      ['reading', 'it is sealed'],
      ['reading', 'it is unreachable'],
      ['reading', 'it is sealed'],
      END,
    ],
  });
});

it('waits for a further change after what does not pass', async () => {
  const { given, waited, said } = await follow([failure('name_conflict'), new TypeError('x'), 2]);
  expect(given).toEqual([2]);
  expect(waited).toEqual([undefined, undefined, undefined, undefined]);
  expect(said).toEqual([['reading', 'it is name_conflict'], ['reading', 'x'], END]);
});
