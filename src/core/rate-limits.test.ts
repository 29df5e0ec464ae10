import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import type { Store } from '../store/store.ts';
import type { Face } from './context.ts';
import { DeferredInput } from './deferred-input.ts';
import type { Caller } from './item.ts';
import { listWorkspaces } from './operations/workspaces.ts';
import type { Operation } from './operation.ts';
import { RateLimits, type RateLimitOptions } from './rate-limits.ts';

const limited = (retryAfter: number): object => ({
  code: 'rate_limited',
  details: { retryAfter },
});
const refused = (work: () => void): unknown => {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
};

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** What is still held, without what was left to be collected. */
const heapUsed = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

describe('rate limits', () => {
  let now = 0;
  const limitsOf = (options: RateLimitOptions = {}): RateLimits =>
    new RateLimits({ clock: () => now, ...options });

  it('let a burst through, then what comes at the lasting rate, and say how long to wait', () => {
    now = 1e9;
    const limits = limitsOf({ address: { perSecond: 0.1, burst: 3 } });
    const take = (): unknown => refused(() => limits.takeAddress('192.0.2.1'));
    expect([take(), take(), take()]).toEqual([undefined, undefined, undefined]);
    expect(take()).toMatchObject(limited(10));
    now += 9_000;
    expect(take()).toMatchObject(limited(1));
    now += 1_000;
    expect(take()).toBeUndefined();
    expect(take()).toMatchObject(limited(10));
    now += 3_600_000;
    expect([take(), take(), take()]).toEqual([undefined, undefined, undefined]);
    expect(take()).toMatchObject(limited(10));
  });

  it('are 20,000 a second and at once for an address, unless they are set', () => {
    const limits = limitsOf();
    for (let n = 0; n < 20_000; n += 1) limits.takeAddress('192.0.2.1');
    expect(refused(() => limits.takeAddress('192.0.2.1'))).toMatchObject(limited(1));
    now += 500;
    for (let n = 0; n < 10_000; n += 1) limits.takeAddress('192.0.2.1');
    expect(refused(() => limits.takeAddress('192.0.2.1'))).toMatchObject(limited(1));
    limits.takeAddress('192.0.2.2');
  });

  it('A53 are one for an address however it is written, and for the /64 that one client has', () => {
    const limits = limitsOf({ address: { perSecond: 1, burst: 2 } });
    const take = (ip: string): unknown => refused(() => limits.takeAddress(ip));
    expect([take('192.0.2.1'), take('::ffff:192.0.2.1')]).toEqual([undefined, undefined]);
    expect(take('0:0:0:0:0:ffff:c000:201')).toMatchObject(limited(1));
    expect([take('2001:db8::1'), take('2001:db8::ffff')]).toEqual([undefined, undefined]);
    expect(take('2001:db8:0:0:1::')).toMatchObject(limited(1));
    expect(take('2001:db8:0:1::')).toBeUndefined();
  });

  it('A2 are one for all that is no address, so that nobody makes up their own', () => {
    const limits = limitsOf({ address: { perSecond: 1, burst: 2 } });
    const takes = [undefined, 'a', 'b'].map((ip) => refused(() => limits.takeAddress(ip)));
    expect(takes).toMatchObject([undefined, undefined, limited(1)]);
  });

  it('A56 remember so many and no more, and forget who did not come for longest', () => {
    const limits = limitsOf({ address: { perSecond: 0.001, burst: 1 }, remembered: 1000 });
    limits.takeAddress('192.0.2.1');
    const before = heapUsed();
    for (let n = 0; n < 1_000_000; n += 1) {
      limits.takeAddress(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`);
    }
    expect(heapUsed() - before).toBeLessThan(4 * 2 ** 20);
    expect(refused(() => limits.takeAddress('192.0.2.1'))).toBeUndefined();
    const last = 999_999;
    const ip = `10.${last >> 16}.${(last >> 8) & 255}.${last & 255}`;
    expect(refused(() => limits.takeAddress(ip))).toMatchObject({ code: 'rate_limited' });
  });

  it('are not there where they are turned off', () => {
    const limits = limitsOf({ address: null, principal: null });
    for (let n = 0; n < 100_000; n += 1) limits.takeAddress('192.0.2.1');
    for (let n = 0; n < 100_000; n += 1) limits.takePrincipal('somebody');
  });

  it.each([
    { address: { perSecond: 0, burst: 1 } },
    { principal: { perSecond: 1, burst: 0 } },
    { address: { perSecond: Number.NaN, burst: 1 } },
    { address: { perSecond: 1, burst: Number.POSITIVE_INFINITY } },
    { remembered: 0 },
  ])('refuse %j', (options) => {
    expect(() => new RateLimits(options)).toThrow(RangeError);
  });
});

describe('rate limits of calls', () => {
  let place: TemporaryVault;
  let parts: OpenParts;
  let now = Date.parse('2026-01-01T00:00:00Z');
  let ticks = 0;
  const IP = '192.0.2.1';
  let transactions = 0;
  const counted = (store: Store): Store =>
    new Proxy(store, {
      get: (target, name) => {
        if (name === 'write') transactions += 1;
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  const begin = async (rateLimits: RateLimitOptions): Promise<void> => {
    place = await makeTemporaryVault();
    const clock = (): number => ticks;
    parts = await openParts(place, {
      now: () => now,
      rateLimits: { clock, ...rateLimits },
      through: counted,
    });
  };
  afterEach(async () => {
    await parts.vault.close();
    place.remove();
  });
  const caller = (face: Face, ip: string = IP, principal = OWNER): Caller =>
    parts.vault.caller({ principal, ip }, face);
  const call = (by: Caller, input: unknown = {}): Promise<unknown> =>
    parts.vault.call(listWorkspaces, by, input as never);
  const codeOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'ok',
      (error: unknown) => (error as { readonly code?: string }).code,
    );
  const entries = (): Record<string, unknown>[] =>
    tamper(place, (db) => storedRows(db, 'audit_entries')).map(
      ({ body }) => JSON.parse(String(body)) as Record<string, unknown>,
    );

  it.each(['library', 'cli', 'scheduler'] as const)('are none for the %s', async (face) => {
    await begin({ address: { perSecond: 1, burst: 1 }, principal: { perSecond: 1, burst: 1 } });
    for (let n = 0; n < 5; n += 1) expect(await codeOf(call(caller(face)))).toBe('ok');
  });

  it('A57 ask address, then who calls, then their own limit, and only then what they send', async () => {
    await begin({ address: { perSecond: 1, burst: 5 }, principal: { perSecond: 1, burst: 2 } });
    const received: string[] = [];
    const sent = (what: string): DeferredInput =>
      new DeferredInput({}, async () => {
        received.push(what);
        return () => ({});
      });
    expect(await codeOf(call(caller('rest', IP, 'nobody'), sent('of a stranger')))).toBe(
      'principal_unknown',
    );
    expect(await codeOf(call(caller('rest'), sent('first')))).toBe('ok');
    expect(await codeOf(call(caller('rest'), sent('second')))).toBe('ok');
    expect(await codeOf(call(caller('rest'), sent('third')))).toBe('rate_limited');
    expect(await codeOf(call(caller('rest', '192.0.2.2'), sent('elsewhere')))).toBe('rate_limited');
    expect(await codeOf(call(caller('rest', IP, 'nobody'), sent('again')))).toBe(
      'principal_unknown',
    );
    // Who calls is not asked any more: the address has no more calls.
    expect(await codeOf(call(caller('rest', IP, 'nobody'), sent('late')))).toBe('rate_limited');
    expect(received).toEqual(['first', 'second']);
  });

  it('A56 put the first refusal of a minute on record at once, and the rest as one count', async () => {
    await begin({ address: { perSecond: 0.001, burst: 1 } });
    expect(await codeOf(call(caller('rest')))).toBe('ok');
    const size = entries().length;
    const before = transactions;
    for (let n = 0; n < 1000; n += 1)
      expect(await codeOf(call(caller('rest')))).toBe('rate_limited');
    // One for the entry, and whatever the vault does by itself meanwhile.
    expect(transactions - before).toBeLessThan(20);
    const first = entries().slice(size);
    expect(first).toMatchObject([
      { action: 'workspaces.list', outcome: 'denied', reason: 'rate_limited', ip: IP, count: 1 },
    ]);
    expect(first[0]).not.toHaveProperty('actor');
    now += 60_000;
    await call(caller('cli'));
    const rest = entries().slice(size + 1);
    expect(rest.find(({ reason }) => reason === 'rate_limited')).toMatchObject({
      count: 999,
      ip: IP,
    });
    now += 60_000;
    await call(caller('cli'));
    expect(entries().filter(({ reason }) => reason === 'rate_limited')).toHaveLength(2);
  });

  it('put those of a principal on record as theirs, counted too', async () => {
    await begin({ principal: { perSecond: 0.001, burst: 1 } });
    expect(await codeOf(call(caller('rest')))).toBe('ok');
    for (let n = 0; n < 10; n += 1) {
      const error = await call(caller('rest')).catch((fault: unknown) => fault);
      expect(error).toMatchObject(limited(1000));
    }
    await parts.vault.close();
    const found = entries().filter(({ reason }) => reason === 'rate_limited');
    expect(found).toMatchObject([
      { actor_name: OWNER, count: 1 },
      { actor_name: OWNER, count: 9 },
    ]);
  });

  it('are asked once of a request that was let in before it was looked at', async () => {
    await begin({ address: { perSecond: 0.001, burst: 2 } });
    const first = caller('rest');
    await parts.vault.admit(first);
    expect(await codeOf(call(first))).toBe('ok');
    expect(await codeOf(call(caller('rest')))).toBe('ok');
    for (let n = 0; n < 5; n += 1) {
      expect(await codeOf(parts.vault.admit(caller('rest')))).toBe('rate_limited');
    }
    await parts.vault.close();
    const found = entries().filter(({ reason }) => reason === 'rate_limited');
    expect(found).toMatchObject([
      { action: 'requests.admit', count: 1 },
      { action: 'requests.admit', count: 4 },
    ]);
  });

  it('count a call that is part of another one no second time', async () => {
    await begin({ address: { perSecond: 0.001, burst: 1 }, principal: { perSecond: 1, burst: 1 } });
    const outer: Operation<object, unknown> = {
      ...(listWorkspaces as Operation<object, unknown>),
      input: z.strictObject({}),
      prepare: async (_input, services) => services.run(listWorkspaces, {}),
      apply: async (_input, _call, done) => done,
    };
    expect(await parts.vault.call(outer, caller('rest'), {})).toHaveLength(1);
    ticks += 1;
  });
});
