import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  storedRows,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../../core/session.ts';
import { checkIntegrity } from '../../store/integrity.ts';
import { Directory } from './directory.ts';
import { isName, requireNewName } from './names.ts';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'nothing';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

describe('names of workspaces and environments', () => {
  it.each(['a', '0', 'a-b', 'pay-2', 'x'.repeat(63), 'a-'])('may be %s', (name) => {
    expect(isName(name)).toBe(true);
    expect(codeOf(() => requireNewName('workspace', name))).toBe('nothing');
  });

  it.each(['', '-a', 'A', 'a_b', 'a.b', 'a/b', 'a b', 'é', 'a\n', 'x'.repeat(64), '..', '*'])(
    'may not be %j',
    (name) => {
      expect(isName(name)).toBe(false);
      expect(codeOf(() => requireNewName('environment', name))).toBe('invalid_name');
    },
  );

  it.each('sys auth secret cubbyhole transit database pki identity kv root default'.split(' '))(
    'may not be %s, which is reserved',
    async (name) => {
      await expect(session.workspaces.create({ name })).rejects.toMatchObject({
        code: expect.stringMatching(/^(reserved_name|workspace_exists)$/) as string,
      });
      await expect(session.environments.create({ name })).rejects.toMatchObject({
        code: 'reserved_name',
      });
    },
  );
});

describe('a workspace', () => {
  it('begins with its own key and the four usual environments', async () => {
    const made = await session.workspaces.create({ name: 'payments' });
    const environments = await session.environments.list({ workspace: 'payments' });
    expect(environments.map(({ name, position }) => [position, name])).toEqual([
      [0, 'development'],
      [1, 'staging'],
      [2, 'production'],
      [3, 'testing'],
    ]);
    const keys = tamper(place, (db) => storedRows(db, 'keys')).filter(
      (row) => row['purpose'] === 'workspace',
    );
    expect(keys.length).toBe(2);
    expect(keys.map((row) => row['workspace_id'])).toContain(made.id);
    await expect(session.workspaces.create({ name: 'payments' })).rejects.toMatchObject({
      code: 'workspace_exists',
    });
  });

  it('takes further environments at its end, each name once', async () => {
    await session.environments.create({ name: 'preview' });
    await session.environments.create({ name: 'demo' });
    await expect(session.environments.create({ name: 'demo' })).rejects.toMatchObject({
      code: 'environment_exists',
    });
    const names = (await session.environments.list()).map(({ name }) => name);
    expect(names.slice(-2)).toEqual(['preview', 'demo']);
    await session.secrets.write({ environment: 'demo', path: 'a', value: 'v' });
    await expect(
      session.environments.create({ workspace: 'none', name: 'demo' }),
    ).rejects.toMatchObject({ code: 'workspace_not_found' });
  });

  it('that was altered or moved is refused when names are looked up', async () => {
    const load = (): Promise<Directory> =>
      parts.store.read(async (transaction) =>
        Directory.from(await checkIntegrity(transaction, parts.mac)),
      );
    expect((await load()).environment('default', 'production').position).toBe(2);
    for (const [table, change, back] of [
      ['workspaces', "name = 'other'", "name = 'default'"],
      ['environments', 'protected = 1', 'protected = 0'],
      ['environments', 'position = position + 1', 'position = position - 1'],
    ] as const) {
      tamper(place, (db) => db.exec(`UPDATE ${table} SET ${change}`));
      await expect(load()).rejects.toMatchObject({ code: 'integrity_error', details: { table } });
      tamper(place, (db) => db.exec(`UPDATE ${table} SET ${back}`));
    }
    await expect(load()).resolves.toBeInstanceOf(Directory);
  });

  it('of many made at once is made once for each name', async () => {
    const settled = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) => session.workspaces.create({ name: `w-${n % 4}` })),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled').length).toBe(4);
    expect((await session.workspaces.list()).length).toBe(5);
    await session.secrets.write({
      workspace: 'w-3',
      environment: 'testing',
      path: 'a',
      value: 'v',
    });
  });
});
