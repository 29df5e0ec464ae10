import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { BUILT_IN_ROLES } from '../../domain/access/built-in-roles.ts';
import { assignRole, createUser } from '../../domain/access/principals.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { query } from '../../store/statement.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { CallOptions } from '../context.ts';
import type { Session } from '../session.ts';
import { operations } from './operations.ts';

const address = { environment: 'production', path: 'db/password' };

/** Who may call what, by built-in role, and an input that would do for an owner. */
const TABLE: Readonly<Record<string, readonly [roles: string, input: object]>> = {
  'secrets.create': ['writer admin owner', { ...address, path: 'new', value: 'v' }],
  'secrets.read': ['reader writer owner', address],
  'secrets.update': ['writer admin owner', { ...address, value: 'v' }],
  'secrets.write': ['writer admin owner', { ...address, value: 'v' }],
  'secrets.delete': ['writer admin owner', address],
  'secrets.undelete': ['writer admin owner', address],
  'secrets.list': ['reader writer rotator auditor admin owner', {}],
  'secrets.history': ['reader writer rotator auditor admin owner', { path: 'db/password' }],
  'secrets.describe': ['reader writer rotator auditor admin owner', address],
  'secrets.import': [
    'writer owner',
    { environment: 'testing', secrets: [{ path: 'a', value: 'v' }] },
  ],
  'layouts.read': ['reader writer owner', { environment: 'production' }],
  'workspaces.create': ['admin owner', { name: 'made' }],
  'workspaces.list': ['nobody reader writer rotator auditor admin owner', {}],
  'environments.create': ['admin owner', { name: 'made' }],
  'environments.list': ['reader writer rotator auditor admin owner', {}],
  'audit.query': ['auditor admin owner', {}],
  'audit.export': ['auditor admin owner', {}],
  'audit.verify': ['auditor admin owner', {}],
  'audit.proof': ['auditor admin owner', { seq: 0 }],
  'audit.checkpoint': ['auditor admin owner', {}],
  'audit.key': ['auditor admin owner', {}],
  'health.read': ['auditor admin owner', {}],
};

type Methods = Readonly<
  Record<
    string,
    Readonly<Record<string, (input: object, options?: CallOptions) => Promise<unknown>>>
  >
>;

const named = Object.entries(operations).flatMap(([group, methods]) =>
  Object.entries(methods as Readonly<Record<string, { readonly name: string }>>).map(
    ([method, operation]) => ({ group, method, operation }),
  ),
);
const ROLES = ['nobody', ...BUILT_IN_ROLES.map(({ name }) => name)];

let place: TemporaryVault;
let parts: OpenParts;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  await parts.as(OWNER).secrets.write({ ...address, value: 'v' });
  const rows = await parts.store.read((transaction) =>
    transaction.all(
      query((db) => db.selectFrom('roles').selectAll()),
      {},
    ),
  );
  await parts.write(async (work) => {
    for (const role of ROLES) {
      const { id: principalId } = await createUser(work, uuidv7(), `the-${role}`);
      const roleId = rows.find(({ name }) => name === role)?.id;
      if (roleId !== undefined) await assignRole(work, { principalId, roleId, workspaceId: null });
    }
  });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

function call(session: Session, name: string, input: object): Promise<unknown> {
  const [group = '', method = ''] = name.split('.');
  const run = (session as unknown as Methods)[group]?.[method];
  if (run === undefined) throw new TypeError(`there is no ${name}`);
  return run(input);
}

/** `allowed` unless the call is denied; what else it may come to does not matter. */
async function verdict(role: string, name: string, input: object): Promise<string> {
  try {
    await call(parts.as(`the-${role}`), name, input);
    return 'allowed';
  } catch (error) {
    return (error as { code?: string }).code === 'denied' ? 'denied' : 'allowed';
  }
}

describe('the registry of operations', () => {
  it('names each operation as session methods do, and each stands in the table of roles', () => {
    for (const { group, method, operation } of named) {
      expect(operation.name).toBe(`${group}.${method}`);
    }
    expect(named.map(({ operation }) => operation.name).toSorted()).toEqual(
      Object.keys(TABLE).toSorted(),
    );
  });

  it.each(ROLES)('lets %s call what the table says, and nothing else', async (role) => {
    const found: Record<string, string> = {};
    const expected: Record<string, string> = {};
    for (const [name, [allowed, input]] of Object.entries(TABLE)) {
      found[name] = await verdict(role, name, input);
      expected[name] = allowed.split(' ').includes(role) ? 'allowed' : 'denied';
    }
    expect(found).toEqual(expected);
  });

  it.each(Object.keys(TABLE))('lets nobody call %s whom the vault does not know', async (name) => {
    const [, input] = TABLE[name] ?? ['', {}];
    await expect(call(parts.as('stranger'), name, input)).rejects.toMatchObject({
      code: 'principal_unknown',
    });
  });

  it.each(Object.keys(TABLE))('refuses input of %s that has a member too many', async (name) => {
    const [, input] = TABLE[name] ?? ['', {}];
    await expect(call(parts.as(OWNER), name, { ...input, more: 1 })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    for (const nothing of [null, 'text', 7, []]) {
      await expect(call(parts.as(OWNER), name, nothing as never)).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });
});
