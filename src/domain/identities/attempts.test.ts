import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { uuidv7 } from '../../lib/ids.ts';
import {
  makeTemporaryVault,
  openParts,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import {
  ATTEMPT_LIMITS,
  cancelAttempt,
  countAttempt,
  purgeAttempts,
  takeBack,
  type Attempt,
  type Channel,
} from './attempts.ts';

let place: TemporaryVault;
let parts: OpenParts;
let now = Date.parse('2026-03-01T12:00:00Z');

beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => now });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

const by = (channel: Channel, principalId: string, address = '192.0.2.1'): Attempt => ({
  channel,
  who: { principalId },
  from: { address },
});

const isCounted = (attempt: Attempt, limits = ATTEMPT_LIMITS): Promise<boolean> =>
  parts.write(async (work) => (await countAttempt(work, attempt, limits)) !== undefined);

describe('counts of attempts', () => {
  it('A10 of each way to prove something have a hundred of their own', async () => {
    const id = uuidv7();
    const counts: Record<string, number> = {};
    for (const channel of ['password', 'totp', 'recovery'] as const) {
      // The others are not locked yet.
      now += 3_600_000;
      counts[channel] = 0;
      for (let source = 0; source < 110; source += 1) {
        const isOne = await isCounted(by(channel, id, `10.0.${channel.length}.${source}`));
        if (isOne) counts[channel] += 1;
      }
    }
    expect(counts).toEqual({ password: 100, totp: 100, recovery: 100 });
  });

  it('A10 A11 within sessions have a hundred of their own, and lock nobody out of signing in', async () => {
    const id = uuidv7();
    const within = (source: number): Attempt => ({
      channel: 'password',
      who: { principalId: id },
      from: { address: `10.1.0.${source}`, inSession: true },
    });
    let counted = 0;
    for (let source = 0; source < 110; source += 1)
      if (await isCounted(within(source))) counted += 1;
    expect(counted).toBe(100);
    expect(await isCounted(by('password', id))).toBe(true);

    const other = uuidv7();
    for (let source = 0; source < 110; source += 1)
      await isCounted(by('password', other, `10.2.0.${source}`));
    expect(await isCounted(by('password', other, '10.3.0.1'))).toBe(false);
    expect(await isCounted({ ...within(1), who: { principalId: other } })).toBe(true);
  });

  it('A10 of a secret id are nothing to those of people', async () => {
    const id = uuidv7();
    for (let count = 0; count < 5; count += 1) await isCounted(by('secret_id', id));
    expect(await isCounted(by('secret_id', id))).toBe(false);
    expect(await isCounted(by('password', id))).toBe(true);
  });

  it('follow the limits that are set', async () => {
    const id = uuidv7();
    const limits = { failuresMax: 2, waitMsMax: 60_000 };
    const all = [];
    for (let count = 0; count < 3; count += 1)
      all.push(await isCounted(by('password', id), limits));
    expect(all).toEqual([true, true, false]);
  });

  it('are taken back: of the source wholly, of all by one', async () => {
    const id = uuidv7();
    const attempt = by('password', id);
    for (let count = 0; count < 4; count += 1) await isCounted(attempt);
    await parts.write(async (work) => {
      const counted = await countAttempt(work, attempt);
      if (counted === undefined) throw new TypeError('it is the fifth');
      await takeBack(work, counted);
    });
    const counted = await parts.write((work) => countAttempt(work, attempt));
    expect(tamperedRow(counted?.source ?? '')).toMatchObject({ failures: 1 });
    expect(tamperedRow(counted?.all ?? '')).toMatchObject({ failures: 5 });
    await parts.write(async (work) => {
      if (counted !== undefined) await cancelAttempt(work, counted);
    });
    expect(tamperedRow(counted?.source ?? '')).toMatchObject({ failures: 0 });
    expect(tamperedRow(counted?.all ?? '')).toMatchObject({ failures: 4 });
  });

  it('of names that there are not share what cannot fill the disk', async () => {
    const ids = new Set<string>();
    await parts.write(async (work) => {
      for (let index = 0; index < 3000; index += 1) {
        const attempt: Attempt = {
          channel: 'password',
          who: { foldedName: `made-up-${index}` },
          from: { address: '198.51.100.200' },
        };
        const counted = await countAttempt(work, attempt);
        if (counted !== undefined) ids.add(counted.source);
      }
    });
    // 2¹⁶ buckets: some of so many names meet (the birthday problem), most do not.
    expect(ids.size).toBeLessThan(3000);
    expect(ids.size).toBeGreaterThan(2800);
  });

  it('are removed after a day of rest', async () => {
    const id = uuidv7();
    await isCounted(by('password', id));
    const before = tamper(place, (db) => storedRows(db, 'attempts')).length;
    expect(await parts.write(purgeAttempts)).toBe(0);
    now += 86_400_000;
    let purged = 0;
    for (let done = -1; done !== 0; purged += done) done = await parts.write(purgeAttempts);
    expect(purged).toBe(before);
    expect(tamper(place, (db) => storedRows(db, 'attempts'))).toEqual([]);
  });

  it('bear no clock that was set back: a wait is never longer than the longest', async () => {
    const id = uuidv7();
    for (let count = 0; count < 6; count += 1) await isCounted(by('password', id));
    expect(await isCounted(by('password', id))).toBe(false);
    now -= 365 * 86_400_000;
    expect(await isCounted(by('password', id))).toBe(true);
    now += 365 * 86_400_000;
  });

  it('A9 let no more through than failures that are borne and waits that are over', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 40 }),
        async (pauses) => {
          const id = uuidv7();
          const begun = now;
          let through = 0;
          for (const pause of pauses) {
            now += pause;
            if (await isCounted(by('password', id))) through += 1;
          }
          const seconds = (now - begun) / 1000;
          // After n waits 2ⁿ − 1 seconds have passed.
          const waits = Math.floor(Math.log2(seconds + 1));
          expect(through).toBeLessThanOrEqual(5 + waits);
        },
      ),
      { numRuns: 15 },
    );
  });
});

function tamperedRow(id: string): unknown {
  return tamper(place, (db) => storedRows(db, 'attempts')).find((row) => row['id'] === id);
}
