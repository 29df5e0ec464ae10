import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { assignRole, createUser } from '../../domain/access/principals.ts';
import { GRANTS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import { query } from '../../store/statement.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { limitedUser } from '../../testing/limited-user.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';
import type { SearchSecretsInput } from './search-secrets.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let now = Date.UTC(2030, 0, 1);
const iso = (ms: number): string => new Date(ms).toISOString();

beforeAll(async () => {
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
  session = parts.as(OWNER);
  const create = (environment: string, path: string, more: object = {}): Promise<unknown> =>
    session.secrets.create({ environment, path, value: 'v', ...more });
  await create('production', 'pay/STRIPE_KEY', {
    type: 'api_key',
    tags: ['billing'],
    owner: OWNER,
  });
  await create('production', 'old', { expiresAt: iso(now + 5 * DAY_MS) });
  now += 100 * DAY_MS;
  await create('production', 'db/PASSWORD', {
    type: 'password',
    expiresAt: iso(now + 10 * DAY_MS),
  });
  await create('staging', 'pay/stripe_test', { type: 'api_key', active: false });
  await create('staging', 'late', { expiresAt: iso(now + 40 * DAY_MS) });
  await create('staging', 'gone', { expiresAt: iso(now + DAY_MS) });
  await session.secrets.delete({ environment: 'staging', path: 'gone' });
  await session.secrets.read({ environment: 'production', path: 'old' });
  await session.secrets.read({ environment: 'production', path: 'old' });
  await parts.write(async (work) => {
    const rows = await work.transaction.all(
      query((db) => db.selectFrom('roles').selectAll().where('name', '=', 'reader')),
      {},
    );
    const grace = await createUser(work, uuidv7(), 'grace');
    const roleId = rows[0]?.id ?? '';
    await assignRole(work, { principalId: grace.id, roleId, workspaceId: null });
    await insertRow(work.transaction, work.mac, GRANTS, {
      id: uuidv7(),
      workspace_id: null,
      subject_kind: 'principal',
      subject_id: grace.id,
      effect: 'deny',
      capabilities: 'list read',
      pattern: 'default/production/pay/**',
      conditions: null,
      created_at: now,
      created_by: null,
      secret_id: null,
    });
  });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

async function found(input: SearchSecretsInput, who: Session = session): Promise<string[]> {
  return (await who.secrets.search(input)).secrets.map(({ path }) => path);
}

describe('a search', () => {
  it.each([
    [{ text: 'STRIPE' }, ['pay/stripe_test', 'pay/STRIPE_KEY']],
    [{ text: 'pay/', environment: 'staging' }, ['pay/stripe_test']],
    [{ type: 'api_key' as const, tag: 'billing' }, ['pay/STRIPE_KEY']],
    [{ owner: OWNER }, ['pay/STRIPE_KEY']],
    [{ owner: null, environment: 'production' }, ['db/PASSWORD', 'old']],
    [{ active: false }, ['pay/stripe_test']],
    [{ active: true, environment: 'staging' }, ['late']],
    [{ expired: true }, ['old']],
    [{ expired: false, environment: 'production' }, ['db/PASSWORD', 'pay/STRIPE_KEY']],
    [{ changedBefore: '2030-03-01T00:00:00Z' }, ['old', 'pay/STRIPE_KEY']],
    [{ changedAfter: '2030-03-01T00:00:00Z', environment: 'production' }, ['db/PASSWORD']],
    [{ text: '%' }, []],
  ])('for %j finds %j', async (input, expected) => {
    expect(await found(input)).toEqual(expected);
  });

  it('finds nothing that the caller may not list, and counts nothing of it', async () => {
    const grace = parts.as('grace');
    expect(await found({ text: 'stripe' }, grace)).toEqual(['pay/stripe_test']);
    const mine = (await grace.secrets.statistics()).environments;
    expect(mine.map(({ environment, secrets }) => [environment, secrets])).toContainEqual([
      'production',
      2,
    ]);
  });

  it('A35 finds nothing of an owner that nobody is, like of one whose secrets are not to be seen', async () => {
    const grace = parts.as('grace');
    const ofNobody = await grace.secrets.search({ owner: 'no-such-name' });
    expect(ofNobody).toEqual({ secrets: [], next: undefined });
    expect(await grace.secrets.search({ owner: OWNER })).toEqual(ofNobody);
  });

  it('names owners, and goes on page by page', async () => {
    const { secrets } = await session.secrets.search({ owner: OWNER });
    expect(secrets[0]).toMatchObject({ ownerName: OWNER });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await session.secrets.search({ type: 'api_key', limit: 1, cursor });
      seen.push(...page.secrets.map(({ path }) => path));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(seen).toEqual(['pay/stripe_test', 'pay/STRIPE_KEY']);
  });

  it('A30 refuses limits and cursors that are none', async () => {
    const before = iso(now);
    for (const limit of [0, -1, 1e9, 1001, 1.5, Number.NaN, '', [], null]) {
      const refused = { code: 'invalid_input' };
      const given = limit as never;
      await expect(session.secrets.search({ limit: given })).rejects.toMatchObject(refused);
      await expect(session.secrets.expiring({ before, limit: given })).rejects.toMatchObject(
        refused,
      );
    }
    for (const cursor of ['', 'x', 'A'.repeat(22), `1.${'A'.repeat(21)}`, '1e9.x', '%00']) {
      for (const list of [
        () => session.secrets.expiring({ before, cursor }),
        () => session.secrets.due({ cursor }),
        () => session.trash.list({ cursor }),
      ]) {
        await expect(list()).rejects.toMatchObject({ code: 'invalid_input' });
      }
    }
  });
});

describe('what expires', () => {
  it('is listed by its time, what has expired first', async () => {
    const before = iso(now + 30 * DAY_MS);
    const { secrets } = await session.secrets.expiring({ before });
    expect(secrets.map(({ path }) => path)).toEqual(['old', 'db/PASSWORD']);
    const first = await session.secrets.expiring({ before, limit: 1 });
    expect(first.secrets.map(({ path }) => path)).toEqual(['old']);
    const second = await session.secrets.expiring({ before, limit: 1, cursor: first.next });
    expect(second.secrets.map(({ path }) => path)).toEqual(['db/PASSWORD']);
  });

  it('goes on where it was, also when what it gave last expires later now, or is no more', async () => {
    await session.workspaces.create({ name: 'turns' });
    const at = { workspace: 'turns', environment: 'testing' };
    const before = iso(now + 30 * DAY_MS);
    // One that expired before 1970 is the first.
    const times = [
      '1969-07-20T20:17:40.000Z',
      ...[1, 2, 2, 3].map((days) => iso(now + days * DAY_MS)),
    ];
    for (const [n, expiresAt] of times.entries()) {
      await session.secrets.create({ ...at, path: `E${n}`, value: 'v', expiresAt });
    }
    const seen: string[] = [];
    for (let cursor: string | undefined, isOver = false; !isOver;) {
      const page = await session.secrets.expiring({ ...at, before, limit: 1, cursor });
      for (const { path } of page.secrets) {
        seen.push(path);
        if (path === 'E2') await session.secrets.delete({ ...at, path });
        else await session.secrets.update({ ...at, path, expiresAt: null });
      }
      cursor = page.next;
      isOver = cursor === undefined;
    }
    expect(seen).toEqual(['E0', 'E1', 'E2', 'E3', 'E4']);
    await session.workspaces.delete({ name: 'turns' });
  });
});

describe('a list by a moment', () => {
  it('A30 A35 has what the caller may list alone, however small its pages are', async () => {
    for (const workspace of ['ours', 'others']) {
      await session.workspaces.create({ name: workspace });
      for (const [environment, folder] of [
        ['testing', 'closed'],
        ['testing', 'open'],
        ['testing', 'shut'],
        ['staging', 'open'],
      ]) {
        for (const name of ['live', 'gone']) {
          const at = { workspace, environment: environment ?? '', path: `${folder}/${name}` };
          const expiresAt = iso(now + DAY_MS);
          await session.secrets.create({ ...at, value: 'v', expiresAt, rotation: 'every 1d' });
          if (name === 'gone') await session.secrets.delete(at);
        }
      }
    }
    const who = await limitedUser(parts, ['list', 'ours/testing/open/**']);
    const before = iso(now + 30 * DAY_MS);
    type Turn = Parameters<Session['trash']['list']>[0];
    const lists = {
      trash: (turn: Turn) => who.trash.list(turn),
      expiring: (turn: Turn) => who.secrets.expiring({ ...turn, before }),
      due: (turn: Turn) => who.secrets.due({ ...turn, within: '30d' }),
    };
    for (const [name, list] of Object.entries(lists)) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await list({ workspace: 'ours', limit: 1, cursor });
        seen.push(...page.secrets.map(({ environment, path }) => `${environment}/${path}`));
        cursor = page.next;
      } while (cursor !== undefined);
      expect([name, seen]).toEqual([name, [`testing/open/${name === 'trash' ? 'gone' : 'live'}`]]);
      const others = list({ workspace: 'others' });
      await expect(others).rejects.toMatchObject({ code: 'workspace_not_found' });
      const staging = list({ workspace: 'ours', environment: 'staging' });
      await expect(staging).rejects.toMatchObject({ code: 'denied' });
    }
    for (const name of ['ours', 'others']) await session.workspaces.delete({ name });
  });
});

describe('statistics and health', () => {
  it('count by environment, type, tag and state', async () => {
    const { total, environments } = await session.secrets.statistics();
    expect(total).toBe(5);
    expect(environments.find(({ environment }) => environment === 'production')).toEqual({
      environment: 'production',
      secrets: 3,
      versions: 3,
      byType: { api_key: 1, generic: 1, password: 1 },
      byTag: { billing: 1 },
      inactive: 0,
      withoutOwner: 2,
      expired: 1,
      expiringSoon: 1,
      rotationDue: 0,
      neverRead: 2,
    });
    expect(await session.health.read({ deep: true })).toMatchObject({
      status: 'ok',
      isDeep: true,
      secrets: 5,
      byType: { api_key: 2, generic: 2, password: 1 },
      expired: 1,
      expiringSoon: 1,
      neverRead: 4,
      entriesNotCounted: expect.any(Number) as number,
      trash: 1,
      backupAt: undefined,
    });
    const { byWorkspace, oldestUnprovenSlot } = await session.health.read();
    expect(byWorkspace[0]?.environments).toContainEqual({ environment: 'staging', secrets: 2 });
    expect(oldestUnprovenSlot).toMatchObject({ kind: 'keyfile', provenAt: null });
  });

  it('count a read once, not a refused one, and not of what is deleted', async () => {
    const at = { environment: 'staging', path: 'late' };
    const neverRead = async (): Promise<number> =>
      (await session.health.read({ deep: true })).neverRead;
    await expect(session.secrets.read({ ...at, field: 'none' })).rejects.toThrow();
    expect(await neverRead()).toBe(4);
    await session.secrets.read(at);
    await session.secrets.describe(at);
    expect(await neverRead()).toBe(3);
    await session.secrets.delete(at);
    expect(await neverRead()).toBe(3);
    await session.secrets.undelete(at);
    expect(await neverRead()).toBe(4);
  });
});
