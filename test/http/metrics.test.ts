// Each number of /metrics, with a value that is known.

import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startServed, type Served } from './served.ts';

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
    for (const path of ['db/password', 'none', 'nor/this']) {
      const target = `${SECRETS}/by-name/production/${path}:value`;
      statuses.push((await served.ask(target, { token })).status);
    }
    expect(statuses).toEqual([200, 404, 404]);
    expect(await valueOf('secret_access_failure_rate')).toBe(0.5);
    const { body } = await served.ask('/metrics', { token });
    expect(body).toContain('secret_accesses_total{outcome="ok"} 2\n');
    expect(body).toContain('secret_accesses_total{outcome="failed"} 2\n');
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
    const commits = (await valueOf('strongroom_committer_batch_size_count')) ?? 0;
    const calls = (await valueOf('strongroom_committer_batch_size_sum')) ?? 0;
    const entries = (await valueOf('strongroom_audit_entries')) ?? 0;
    // Each look is a call, a commit and an entry of its own.
    expect(await valueOf('strongroom_committer_batch_size_count')).toBe(commits + 3);
    expect(await valueOf('strongroom_committer_batch_size_sum')).toBe(calls + 3);
    expect(await valueOf('strongroom_committer_wait_seconds_count')).toBe(commits + 5);
    expect(await valueOf('strongroom_audit_entries')).toBe(entries + 4);
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
