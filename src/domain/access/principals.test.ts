import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { uuidv7 } from '../../lib/ids.ts';
import { checkIntegrity } from '../../store/integrity.ts';
import { GRANTS, PRINCIPALS } from '../../store/protected-tables.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import { query } from '../../store/statement.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Directory } from '../workspaces/directory.ts';
import { createWorkspace } from '../workspaces/create.ts';
import { BUILT_IN_ROLES } from './built-in-roles.ts';
import { Policy, type PrincipalView } from './policy.ts';
import { assignRole, createUser } from './principals.ts';

let place: TemporaryVault;
let parts: OpenParts;
const roles = new Map<string, string>();
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  const rows = await parts.store.read((transaction) =>
    transaction.all(
      query((db) => db.selectFrom('roles').selectAll()),
      {},
    ),
  );
  for (const row of rows) roles.set(row.name, row.id);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

const load = (who: string): Promise<PrincipalView | undefined> =>
  parts.store.read(async (transaction) =>
    new Policy(await checkIntegrity(transaction, parts.mac)).view(who),
  );

async function user(name: string): Promise<string> {
  const made = await parts.write((work) => createUser(work, uuidv7(), name));
  return made.id;
}

describe('a new vault', () => {
  it('has the built-in roles with their rules, and an owner who has the role of that name', async () => {
    expect([...roles.keys()].toSorted()).toEqual(BUILT_IN_ROLES.map(({ name }) => name).toSorted());
    const view = await load(OWNER);
    const owner = BUILT_IN_ROLES.find(({ name }) => name === 'owner');
    expect(view?.principal).toMatchObject({ name: OWNER, kind: 'user' });
    expect(
      view?.grants.map((grant) => [grant.effect, grant.pattern.join('/'), [...grant.capabilities]]),
    ).toEqual(owner?.grants.map((grant) => ['allow', grant.pattern, [...grant.capabilities]]));
  });
});

describe('a principal', () => {
  it('is found by name and by id, and otherwise not at all', async () => {
    const id = await user('grace');
    expect((await load('grace'))?.principal.id).toBe(id);
    expect((await load(id))?.principal.name).toBe('grace');
    for (const nobody of ['Grace', 'grace ', '', '%', uuidv7(), id.toUpperCase()]) {
      expect(await load(nobody)).toBeUndefined();
    }
  });

  it('has no rights of its own', async () => {
    await user('nobody');
    expect((await load('nobody'))?.grants).toEqual([]);
  });

  it('may not act while it is disabled', async () => {
    const id = await user('disabled');
    const row = await parts.store.read((transaction) =>
      transaction.get(
        query((db) => db.selectFrom('principals').selectAll().where('id', '=', id)),
        {},
      ),
    );
    if (row === undefined) throw new TypeError('it was made');
    await parts.write((work) =>
      updateRow(work.transaction, work.mac, PRINCIPALS, { from: row, set: { disabled_at: 1 } }),
    );
    expect(await load('disabled')).toBeUndefined();
    expect(await load(id)).toBeUndefined();
  });

  it('has the rules of its roles: everywhere, or in the one workspace of the membership', async () => {
    const id = await user('linus');
    const workspace = await parts.write(async (work) =>
      createWorkspace(work, { findWorkspace: () => undefined } as unknown as Directory, 'kernel'),
    );
    await parts.write(async (work) => {
      await assignRole(work, {
        principalId: id,
        roleId: roles.get('reader') ?? '',
        workspaceId: null,
      });
      await assignRole(work, {
        principalId: id,
        roleId: roles.get('writer') ?? '',
        workspaceId: workspace.id,
      });
    });
    const grants = (await load('linus'))?.grants ?? [];
    expect(grants.map((grant) => [grant.workspaceId, [...grant.capabilities].join(' ')])).toEqual([
      [null, 'list read'],
      [workspace.id, 'list read write delete'],
    ]);
  });

  it('has its own grants too; what is not an allow denies, and what is no capability counts for none', async () => {
    const id = await user('rules');
    await parts.write(async (work) => {
      for (const [effect, capabilities, conditions] of [
        ['allow', 'read use list', null],
        ['deny', 'write', null],
        ['permit', 'delete', '{"mfa":true}'],
      ] as const) {
        await insertRow(work.transaction, work.mac, GRANTS, {
          id: uuidv7(),
          workspace_id: null,
          subject_kind: 'principal',
          subject_id: id,
          effect,
          capabilities,
          pattern: 'default/*/**',
          conditions,
          created_at: 1,
          created_by: null,
          secret_id: null,
        });
      }
    });
    const grants = (await load('rules'))?.grants ?? [];
    expect(
      grants.map((grant) => [grant.effect, [...grant.capabilities], grant.condition !== undefined]),
    ).toEqual([
      ['allow', ['read', 'list'], false],
      ['deny', ['write'], false],
      ['deny', ['delete'], true],
    ]);
    expect(grants[0]?.pattern).toEqual(['default', '*', '**']);
  });

  it('is refused if its row, a rule or a membership was altered', async () => {
    const id = await user('victim');
    await parts.write((work) =>
      assignRole(work, { principalId: id, roleId: roles.get('reader') ?? '', workspaceId: null }),
    );
    const undo = (table: string, column: string, where: string, value: string): void =>
      tamper(place, (db) => db.exec(`UPDATE ${table} SET ${column} = '${value}' WHERE ${where}`));
    for (const [table, column, where, before, after] of [
      ['principals', 'kind', `id = '${id}'`, 'user', 'system'],
      ['memberships', 'parent_kind', `member_id = '${id}'`, 'role', 'group'],
      ['grants', 'pattern', `subject_id = '${roles.get('reader')}'`, '**', 'sys/**'],
    ] as const) {
      undo(table, column, where, after);
      await expect(load('victim')).rejects.toMatchObject({
        code: 'integrity_error',
        details: { table },
      });
      undo(table, column, where, before);
    }
    tamper(place, (db) =>
      db.exec(
        `UPDATE memberships SET parent_id = '${roles.get('owner')}' WHERE member_id = '${id}'`,
      ),
    );
    await expect(load('victim')).rejects.toMatchObject({ code: 'integrity_error' });
    tamper(place, (db) =>
      db.exec(
        `UPDATE memberships SET parent_id = '${roles.get('reader')}' WHERE member_id = '${id}'`,
      ),
    );
    expect((await load('victim'))?.grants.length).toBe(1);
  });

  it('has a name of letters, digits and a few signs, and no other', async () => {
    for (const name of ['ada.l', 'a@b.example', 'é', '数', 'x'.repeat(128), 'a-b_c+d']) {
      expect(await user(name)).toBeTypeOf('string');
    }
    for (const name of ['', ' ', 'a b', 'a/b', 'a\n', 'a\u0000', 'x'.repeat(129), 'a"b', '<a>']) {
      await expect(user(name)).rejects.toMatchObject({ code: 'invalid_name' });
    }
  });
});
