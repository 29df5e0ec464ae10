import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';
import type { AccessToSecret } from './secret-accesses.ts';

const environment = 'production';
const at = { environment, path: 'db/password' };
const CONTEXT = { ip: '192.0.2.7', userAgent: 'a test' };

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER, CONTEXT);
  for (const name of ['auditor', 'grace']) await owner.users.create({ name });
  await owner.roles.assign({ name: 'auditor', member: 'user:auditor' });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

async function accesses(more: object = {}): Promise<readonly AccessToSecret[]> {
  return (await owner.secrets.accesses({ ...at, ...more })).entries;
}

describe('what was done with a secret', () => {
  it('is told with who, from where, and how it ended', async () => {
    const { id } = await owner.secrets.write({ ...at, value: 'v' });
    await owner.secrets.read(at);
    await expect(parts.as('grace').secrets.read(at)).rejects.toMatchObject({ code: 'denied' });
    const [denial, read, write] = await accesses();
    expect(read).toEqual({
      id: expect.any(Number) as number,
      secretId: id,
      action: 'secrets.read',
      userId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      ipAddress: '192.0.2.7',
      userAgent: 'a test',
      details: expect.objectContaining({ ...at, outcome: 'ok', version: 1 }) as object,
      success: true,
      createdAt: expect.any(String) as string,
    });
    expect(write).toMatchObject({ action: 'secrets.write', success: true });
    expect(denial).toMatchObject({
      secretId: id,
      success: false,
      details: { outcome: 'denied', actor_name: 'grace' },
    });
  });

  it('is told wherever it was, and not of others that are or were there', async () => {
    const before = { environment: 'staging', path: 'old/name' };
    const { id } = await owner.secrets.write({ ...before, value: 'v' });
    await owner.secrets.move({ ...before, toEnvironment: environment, to: 'new/name' });
    // Another one at the place where it was, and one of the same path elsewhere.
    await owner.secrets.write({ ...before, value: 'other' });
    await owner.secrets.write({ environment: 'testing', path: 'new/name', value: 'other' });
    for (const place of [{ environment: 'testing', path: 'new/name' }, before]) {
      const denied = parts.as('grace').secrets.read(place);
      await expect(denied).rejects.toMatchObject({ code: 'denied' });
    }
    await owner.secrets.read({ environment, path: 'new/name' });
    const found = await accesses({ path: 'new/name' });
    const told = found.filter(({ action }) => action !== 'secrets.accesses');
    expect(told.map(({ action, details }) => [action, details['path']])).toEqual([
      ['secrets.read', 'new/name'],
      ['secrets.move', 'new/name'],
      ['secrets.move', 'old/name'],
      ['secrets.write', 'old/name'],
    ]);
    expect(new Set(found.map(({ secretId }) => secretId))).toEqual(new Set([id]));
  });

  it('is told in pages, without a gap and nothing twice', async () => {
    const paged = { environment, path: 'paged/b' };
    await owner.secrets.write({ environment, path: 'paged/a', value: 'v' });
    for (let n = 0; n < 5; n += 1) await owner.secrets.read({ environment, path: 'paged/a' });
    await owner.secrets.rename({ environment, path: 'paged/a', to: 'paged/b' });
    for (let n = 0; n < 5; n += 1) await owner.secrets.read(paged);
    const all = (await owner.secrets.accesses({ ...paged, limit: 1000 })).entries;
    const first = all[0]?.id ?? 0;
    const found: number[] = [];
    let before: number | undefined = first + 1;
    while (before !== undefined) {
      const page: { entries: readonly AccessToSecret[]; next: number | undefined } =
        await owner.secrets.accesses({ ...paged, limit: 3, before });
      expect(page.entries.length).toBeLessThanOrEqual(3);
      found.push(...page.entries.map(({ id }) => id));
      before = page.next;
    }
    expect(found).toEqual(all.map(({ id }) => id));
    expect(found).toHaveLength(13);
  });

  it('does not have who was turned away from a name before it was this one’s', async () => {
    const later = { environment, path: 'later/one' };
    const denied = parts.as('grace').secrets.read(later);
    await expect(denied).rejects.toMatchObject({ code: 'denied' });
    // Entries are told apart by milliseconds.
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
    await owner.secrets.write({ ...later, value: 'v' });
    expect(await accesses(later)).toMatchObject([{ action: 'secrets.write' }]);
  });

  it('is told of one in the trash, and not of one that never was', async () => {
    const gone = { environment, path: 'gone/one' };
    await owner.secrets.write({ ...gone, value: 'v' });
    await owner.secrets.delete(gone);
    expect(await accesses(gone)).toMatchObject([
      { action: 'secrets.delete' },
      { action: 'secrets.write' },
    ]);
    await expect(accesses({ path: 'gone/never' })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
  });

  it('is told to those alone who may see the record of the workspace', async () => {
    const { entries } = await parts.as('auditor').secrets.accesses(at);
    expect(entries.length).toBeGreaterThan(0);
    await owner.access.grant({ subject: 'user:grace', can: ['read'], pattern: 'default/**' });
    await expect(parts.as('grace').secrets.accesses(at)).rejects.toMatchObject({ code: 'denied' });
    await owner.workspaces.create({ name: 'other' });
    const can = ['read'] as const;
    await owner.access.grant({ subject: 'user:grace', can, pattern: 'sys/audit/other' });
    await expect(parts.as('grace').secrets.accesses(at)).rejects.toMatchObject({ code: 'denied' });
  });
});
