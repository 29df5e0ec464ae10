import { describe, expect, it } from 'vitest';

import { WorkQueue } from './password-queue.ts';

describe('a queue of work', () => {
  it('does so much at once, lets so much wait, and refuses the rest at once', async () => {
    const queue = new WorkQueue({ atOnce: 2, waitingMax: 3, retryAfter: 5 });
    const ends: (() => void)[] = [];
    let [underWay, most] = [0, 0];
    const work = async (): Promise<string> => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise<void>((resolve) => ends.push(resolve));
      underWay -= 1;
      return 'done';
    };
    const all = Array.from({ length: 7 }, () => queue.run(work).catch((error: unknown) => error));
    expect(await Promise.all(all.slice(5))).toEqual([
      expect.objectContaining({ code: 'rate_limited', details: { retryAfter: 5 } }),
      expect.objectContaining({ code: 'rate_limited' }),
    ]);
    for (let rest = 5; rest > 0; rest -= 1) {
      await new Promise(setImmediate);
      ends.shift()?.();
    }
    expect(await Promise.all(all.slice(0, 5))).toEqual(Array.from({ length: 5 }, () => 'done'));
    expect([most, queue.begun]).toEqual([2, 5]);
  });

  it('has whoever waits for most make room for who waits for less, and for nobody else', async () => {
    const queue = new WorkQueue({ atOnce: 1, waitingMax: 4, retryAfter: 5 });
    const told: string[] = [];
    let end = (): void => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    const run = (from: string): Promise<unknown> =>
      queue
        .run(() => held, from)
        .then(
          () => told.push(`${from} done`),
          () => told.push(`${from} refused`),
        );
    const all = [...'AAAAA'].map(run);
    all.push(run('A'), run('B'), run('C'), run('C'), run('D'));
    await new Promise(setImmediate);
    // Four of A waited, of whom three made room. The second of C would have had as many as A.
    expect(told.toSorted()).toEqual([
      'A refused',
      'A refused',
      'A refused',
      'A refused',
      'C refused',
    ]);
    end();
    await Promise.all(all);
    expect(told.slice(5).toSorted()).toEqual(['A done', 'A done', 'B done', 'C done', 'D done']);
  });

  it('goes on after work that failed', async () => {
    const queue = new WorkQueue({ atOnce: 1, waitingMax: 1, retryAfter: 1 });
    const failing = queue.run(() => Promise.reject(new Error('no')));
    const next = queue.run(() => Promise.resolve('yes'));
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
    expect(await queue.run(() => Promise.resolve('again'))).toBe('again');
  });
});
