import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { StrongroomError } from '../errors.ts';
import { QueuedSink } from './line-sink.ts';
import { SealLog } from './seal-log.ts';
import { ServerLog } from './server-log.ts';

let lines: string[];
let seals: SealLog;
beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  seals = new SealLog(new ServerLog(new QueuedSink(async (line) => void lines.push(line))));
});
afterEach(() => {
  vi.useRealTimers();
});

const wrong = new StrongroomError('wrong_passphrase', 'the passphrase opens nothing');

async function told(ms: number): Promise<readonly unknown[]> {
  await vi.advanceTimersByTimeAsync(ms);
  const said = lines.map((line) => JSON.parse(line) as { code: string; count: number });
  lines.length = 0;
  return said.map(({ code, count }) => [code, count]);
}

describe('the log of a vault that somebody tries keys of', () => {
  it('tells the first at once, and those that follow once a second', async () => {
    for (let count = 0; count < 1000; count += 1) seals.refused(wrong);
    expect(await told(0)).toEqual([['wrong_passphrase', 1]]);
    expect(await told(999)).toEqual([]);
    expect(await told(1)).toEqual([['wrong_passphrase', 999]]);
    seals.refused(wrong);
    expect(await told(1000)).toEqual([['wrong_passphrase', 1]]);
    expect(await told(10_000)).toEqual([]);
    seals.refused(wrong);
    expect(await told(0)).toEqual([['wrong_passphrase', 1]]);
  });

  it('tells of each kind of failure by itself, and nothing of what was not tried', async () => {
    seals.refused(wrong);
    seals.refused(new StrongroomError('invalid_share', 'this is not a share'));
    seals.refused(new StrongroomError('rate_limited', 'too many'));
    expect(await told(0)).toEqual([
      ['wrong_passphrase', 1],
      ['invalid_share', 1],
    ]);
  });

  it('repeats nothing of an error that nobody foresaw', async () => {
    seals.refused(new TypeError('not-a-real-passphrase'));
    await vi.advanceTimersByTimeAsync(0);
    expect(lines).toHaveLength(1);
    expect(lines.join('')).not.toContain('not-a-real');
  });
});
