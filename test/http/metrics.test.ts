// Each number of /metrics, with a value that is known.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { VaultMetrics } from '../../src/core/operations/read-metrics.ts';
import { readKeys } from '../../src/domain/keys/load-keys.ts';
import { ServerMetrics } from '../../src/http/metrics/server-metrics.ts';
import { makeTemporaryVault, openParts, OWNER } from '../../src/testing/temporary-vault.ts';
import { canRun, fill, isRoot, Scratch } from '../faults/places.ts';
import { startServed, type Served } from './served.ts';

/** Mounting needs root. */
const canMount = canRun(isRoot, 'of numbers on full disks', 'root');
const HOUR = 3_600_000;
const SECRETS = '/api/secrets/workspaces/default/secrets';
const at = { environment: 'production', path: 'db/password' };

let now = Date.now();
let served: Served;
let token: string | undefined;

beforeEach(async () => {
  now = Date.now();
  served = await startServed({ now: () => now });
  token = (await served.owner().tokens.create({ ttl: '90d' })).token.reveal();
});
afterEach(() => served.close());

/** The sum of all values of a metric. */
async function valueOf(name: string): Promise<number | undefined> {
  const { body } = await served.ask('/metrics', { token });
  const lines = body.split('\n').filter((line) => new RegExp(`^${name}(?:\\{| )`).test(line));
  if (lines.length === 0) return undefined;
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Waits until the work is done that is due as a vault is opened: then a look adds itself alone. */
async function quiet(): Promise<void> {
  const calls = async (): Promise<number> =>
    (await valueOf('strongroom_committer_batch_size_sum')) ?? 0;
  await expect.poll(async () => -(await calls()) + (await calls()), { interval: 100 }).toBe(1);
}

describe('numbers of a server', () => {
  it('count active secrets whose rotation is due', async () => {
    const owner = served.owner();
    await owner.secrets.create({ ...at, value: 'v', rotation: 'auto_30_days' });
    await owner.secrets.create({ ...at, path: 'other', value: 'v' });
    expect(await valueOf('secret_rotation_due_count')).toBe(0);
    now += 31 * 24 * HOUR;
    expect(await valueOf('secret_rotation_due_count')).toBe(1);
  });

  it('tell the part of accesses that failed, and how many ended how', async () => {
    expect(await valueOf('secret_access_failure_rate')).toBe(0);
    await served.owner().secrets.write({ ...at, value: 'v' });
    const statuses: number[] = [];
    for (const path of ['db/password', 'none', 'nor/this', 'nor/that']) {
      const target = `${SECRETS}/by-name/production/${path}:value`;
      statuses.push((await served.ask(target, { token })).status);
    }
    expect(statuses).toEqual([200, 404, 404, 404]);
    expect(await valueOf('secret_access_failure_rate')).toBe(0.6);
    const { body } = await served.ask('/metrics', { token });
    expect(body).toContain('secret_accesses_total{outcome="ok"} 2\n');
    expect(body).toContain('secret_accesses_total{outcome="failed"} 3\n');
  });

  it('tell how long ago the log was signed, a backup made, and a restore of one proven', async () => {
    expect(await valueOf('strongroom_backup_age_seconds')).toBeUndefined();
    const owner = served.owner();
    const directory = join(served.directory, '..', 'backups');
    await owner.backups.create({ directory, proof: 'now' });
    now += 2 * HOUR;
    await owner.backups.create({ directory, proof: 'later' });
    await owner.audit.checkpoint();
    now += HOUR;
    expect(await valueOf('strongroom_backup_age_seconds')).toBeCloseTo(3600, 0);
    expect(await valueOf('strongroom_backup_receipt_age_seconds')).toBeCloseTo(3 * 3600, 0);
    expect(await valueOf('strongroom_audit_checkpoint_age_seconds')).toBeCloseTo(3600, 0);
  });

  it('tell whether the keys can be used, of entries how many there are, and of commits how large', async () => {
    expect(await valueOf('encryption_backend_health')).toBe(1);
    expect(await valueOf('strongroom_sealed')).toBe(0);
    expect(await valueOf('strongroom_audit_blocked')).toBe(0);
    await quiet();
    const commits = (await valueOf('strongroom_committer_batch_size_count')) ?? 0;
    const calls = (await valueOf('strongroom_committer_batch_size_sum')) ?? 0;
    const entries = (await valueOf('strongroom_audit_entries')) ?? 0;
    // Each look is a call, a commit and an entry of its own.
    expect(await valueOf('strongroom_committer_batch_size_count')).toBe(commits + 3);
    expect(await valueOf('strongroom_committer_batch_size_sum')).toBe(calls + 3);
    expect(await valueOf('strongroom_committer_wait_seconds_count')).toBe(commits + 5);
    expect(await valueOf('strongroom_audit_entries')).toBe(entries + 4);
  });

  it('tell how late timers were since somebody last looked', async () => {
    const lag = 'nodejs_eventloop_lag_p99_seconds';
    await valueOf(lag);
    // It begins anew with the next timer.
    await sleep(100);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    await sleep(50);
    expect(await valueOf(lag)).toBeGreaterThan(0.9);
    expect(await valueOf(lag)).toBeLessThan(0.5);
  });

  it('tell how many calls became durable together, and how many seconds the first of them waited', async () => {
    await quiet();
    const owner = served.owner();
    const [size, wait] = ['strongroom_committer_batch_size', 'strongroom_committer_wait_seconds'];
    const look = async (): Promise<readonly number[]> => {
      const { body } = await served.ask('/metrics', { token });
      return [`${size}_count`, `${size}_sum`, `${wait}_sum`].map((name) =>
        Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body)?.[1]),
      );
    };
    const [commits = NaN, calls = NaN, waited = NaN] = await look();
    const began = performance.now();
    await Promise.all(Array.from({ length: 40 }, () => owner.workspaces.list()));
    const [moreCommits = NaN, moreCalls = NaN, waitedMore = NaN] = await look();
    const seconds = (performance.now() - began) / 1000;
    // The second look is one too, and told of itself.
    expect(moreCalls - calls).toBe(41);
    expect(moreCommits - commits).toBeLessThan(20);
    expect(waitedMore - waited).toBeGreaterThan(0);
    expect(waitedMore - waited).toBeLessThan(seconds);
  });
});

describe('numbers that anyone may see', () => {
  it('tell that the vault is sealed', async () => {
    await served.close();
    served = await startServed({ metricsOpen: true });
    token = undefined;
    expect(await valueOf('strongroom_sealed')).toBe(0);
    await served.owner().vault.seal();
    expect(await valueOf('strongroom_sealed')).toBe(1);
    expect(await valueOf('secret_rotation_due_count')).toBeUndefined();
  });
});

describe('numbers of what is wrong', () => {
  it('tell that the key of a workspace cannot be used', async () => {
    const place = await makeTemporaryVault();
    const parts = await openParts(place);
    try {
      const line = async (): Promise<string | undefined> => {
        const numbers = await parts.as(OWNER).metrics.read();
        return /^encryption_backend_health \d$/m.exec(textOf(numbers))?.[0];
      };
      expect(await line()).toBe('encryption_backend_health 1');
      const keys = await parts.write(({ transaction, mac }) => readKeys(transaction, mac));
      const altered = keys.map((key) =>
        key.purpose === 'workspace' ? { ...key, wrapped: key.wrapped.map((byte) => ~byte) } : key,
      );
      parts.keyring.load(altered);
      expect(await line()).toBe('encryption_backend_health 0');
    } finally {
      await parts.vault.close();
      place.remove();
    }
  });

  it.runIf(canMount)('tell that nothing is given out for want of a record', async () => {
    using scratch = new Scratch();
    const root = scratch.mount('vault', 'size=4m');
    await served.close();
    served = await startServed({ root, metricsOpen: true });
    await served.owner().secrets.write({ ...at, value: 'v' });
    const target = `${SECRETS}/by-name/production/db/password:value`;
    expect(await valueOf('strongroom_audit_blocked')).toBe(0);
    const ballast = fill(root);
    let status = 200;
    // What is left of the database's own last pages may still take some entries.
    for (let tries = 0; tries < 3000 && status === 200; tries += 1) {
      ({ status } = await served.ask(target, { token: served.token }));
    }
    expect([503, 507]).toContain(status);
    // The vault was looked at a moment ago: that is not put on record again.
    expect(await valueOf('strongroom_audit_blocked')).toBe(1);
    rmSync(ballast);
    await expect.poll(() => valueOf('strongroom_audit_blocked'), { timeout: 10_000 }).toBe(0);
    await served.close();
  });
});

/** The numbers of a server whose vault says these. */
function textOf(numbers: VaultMetrics): string {
  return new ServerMetrics({
    vault: () => numbers,
    isSealed: () => false,
    isBlocked: () => false,
    connections: () => 0,
    lost: () => 0,
    now: Date.now,
  }).text();
}
