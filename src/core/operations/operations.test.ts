import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { BUILT_IN_ROLES } from '../../domain/access/built-in-roles.ts';
import { CAPABILITIES } from '../../domain/access/capability.ts';
import type { Conditions } from '../../domain/access/conditions.ts';
import { assignRole, createUser } from '../../domain/access/principals.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { query } from '../../store/statement.ts';
import { NEW_PASSKEY, USED_PASSKEY } from '../../testing/passkey-samples.ts';
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

const EVERYBODY = 'nobody reader writer rotator auditor admin owner';
const NO_ID = '01890000-0000-7000-8000-000000000000';

/** Who may call what, by built-in role, and an input that would do for an owner. */
const TABLE: Readonly<Record<string, readonly [roles: string, input: object]>> = {
  'secrets.create': ['writer admin owner', { ...address, path: 'new', value: 'v' }],
  'secrets.read': ['reader writer owner', address],
  'secrets.readMany': [
    'reader writer owner',
    { environment: 'production', paths: ['db/password'] },
  ],
  'secrets.accesses': ['auditor admin owner', address],
  'secrets.update': ['writer admin owner', { ...address, value: 'v' }],
  'secrets.write': ['writer admin owner', { ...address, value: 'v' }],
  'secrets.delete': ['writer admin owner', address],
  'secrets.undelete': ['writer admin owner', address],
  'secrets.destroy': ['admin owner', { ...address, versions: [99] }],
  'secrets.verify': ['reader writer owner', { ...address, candidate: 'v' }],
  'secrets.verifyChecksums': ['auditor admin owner', {}],
  'secrets.search': ['reader writer rotator auditor admin owner', { text: 'pass' }],
  'secrets.expiring': [
    'reader writer rotator auditor admin owner',
    { before: '2030-01-01T00:00:00Z' },
  ],
  'secrets.statistics': ['reader writer rotator auditor admin owner', {}],
  'trash.list': ['reader writer rotator auditor admin owner', {}],
  'trash.purge': ['admin owner', {}],
  'secrets.list': ['reader writer rotator auditor admin owner', {}],
  'secrets.history': ['reader writer rotator auditor admin owner', { path: 'db/password' }],
  'secrets.describe': ['reader writer rotator auditor admin owner', address],
  'secrets.import': [
    'writer owner',
    { environment: 'testing', secrets: [{ path: 'a', value: 'v' }] },
  ],
  'secrets.rename': ['writer owner', { environment: 'testing', path: 'none', to: 'other' }],
  'secrets.move': ['writer owner', { ...address, path: 'none', toEnvironment: 'testing' }],
  'secrets.copy': ['writer owner', { ...address, path: 'none', toEnvironment: 'testing' }],
  'secrets.diff': [
    'reader writer rotator auditor admin owner',
    { environment: 'production', toEnvironment: 'staging' },
  ],
  'secrets.undo': ['reader writer rotator auditor admin owner', { change: 0 }],
  'secrets.rewind': [
    'writer admin owner',
    { environment: 'testing', since: '2026-03-01T12:00:00Z', dryRun: true },
  ],
  'secrets.resolve': ['reader writer owner', address],
  'secrets.override': ['reader writer owner', { ...address, value: 'v' }],
  'secrets.removeOverride': ['reader writer owner', address],
  'overrides.list': ['reader writer rotator auditor admin owner', {}],
  'imports.create': [
    'writer owner',
    { environment: 'testing', folder: 'db', source: { environment: 'production' } },
  ],
  'imports.list': ['reader writer rotator auditor admin owner', {}],
  'imports.delete': [
    'writer admin owner',
    { environment: 'testing', folder: 'db', source: { environment: 'production' } },
  ],
  'secrets.generate': ['reader writer rotator auditor admin owner', { generator: 'hex:32' }],
  'secrets.rotate': ['rotator admin owner', { ...address, newValue: 'v' }],
  'secrets.rollback': ['rotator admin owner', address],
  'secrets.retire': ['rotator admin owner', address],
  'secrets.due': ['reader writer rotator auditor admin owner', {}],
  'layouts.read': ['reader writer owner', { environment: 'production' }],
  'workspaces.create': ['admin owner', { name: 'made' }],
  'workspaces.delete': ['admin owner', { name: 'none' }],
  'workspaces.list': ['nobody reader writer rotator auditor admin owner', {}],
  'environments.create': ['admin owner', { name: 'made' }],
  'environments.list': ['reader writer rotator auditor admin owner', {}],
  'environments.promote': ['writer owner', { from: 'production', to: 'staging', dryRun: true }],
  'environments.resolve': ['reader writer owner', { environment: 'production' }],
  'environments.names': [
    'reader writer rotator auditor admin owner',
    { environment: 'production' },
  ],
  'audit.query': ['auditor admin owner', {}],
  'audit.export': ['auditor admin owner', {}],
  'audit.verify': ['auditor admin owner', {}],
  'audit.proof': ['auditor admin owner', { seq: 0 }],
  'audit.checkpoint': ['auditor admin owner', {}],
  'audit.key': ['auditor admin owner', {}],
  'audit.prune': ['admin owner', {}],
  'keys.status': ['admin owner', {}],
  'keys.health': ['admin owner', {}],
  'keys.generateFernet': ['admin owner', {}],
  'keys.rotate': ['admin owner', {}],
  'keys.rotateDue': ['admin owner', {}],
  'keys.rewrap': ['admin owner', {}],
  'keys.retire': ['admin owner', {}],
  'keys.beginRoot': ['owner', {}],
  'keys.rotateRoot': ['owner', {}],
  'keys.drill': ['admin owner', { openers: [] }],
  'slots.list': ['admin owner', {}],
  'slots.add': ['owner', { slot: { kind: 'recovery' } }],
  'slots.confirm': ['owner', { slot: 'shamir', shares: [] }],
  'slots.remove': ['owner', { slot: 'shamir' }],
  'jobs.list': ['admin owner', {}],
  'jobs.run': ['admin owner', {}],
  // What these ask for, they ask for themselves: rights have no part in it.
  'auth.signIn': [EVERYBODY, { name: 'nobody-of-this-name', password: 'not a password' }],
  'auth.verifyTotp': [EVERYBODY, { challenge: 'none', code: '000000' }],
  'auth.useRecoveryCode': [EVERYBODY, { challenge: 'none', code: 'none' }],
  'auth.reauthenticate': [EVERYBODY, { password: 'not a password' }],
  'auth.signOut': [EVERYBODY, {}],
  'auth.whoAmI': [EVERYBODY, {}],
  'auth.acceptInvite': [EVERYBODY, { invite: 'none', password: 'not a password' }],
  'auth.changePassword': [EVERYBODY, { current: 'not a password', password: 'not a password' }],
  'auth.listFactors': [EVERYBODY, {}],
  'auth.enrollTotp': [EVERYBODY, {}],
  'auth.confirmTotp': [EVERYBODY, { factor: NO_ID, code: '000000' }],
  'auth.removeFactor': [EVERYBODY, { factor: NO_ID }],
  'auth.renewRecoveryCodes': [EVERYBODY, {}],
  'auth.enrollPasskey': [EVERYBODY, {}],
  'auth.confirmPasskey': [EVERYBODY, { challenge: 'none', credential: NEW_PASSKEY }],
  'auth.beginPasskey': [EVERYBODY, {}],
  'auth.verifyPasskey': [EVERYBODY, { challenge: 'none', credential: USED_PASSKEY }],
  'auth.beginReauthentication': [EVERYBODY, {}],
  'auth.reauthenticatePasskey': [EVERYBODY, { challenge: 'none', credential: USED_PASSKEY }],
  'auth.signInAppRole': [EVERYBODY, { roleId: 'none', secretId: 'none' }],
  'auth.signInJwt': [EVERYBODY, { token: 'none' }],
  'auth.signInCertificate': [EVERYBODY, {}],
  'auth.ways': [EVERYBODY, {}],
  'auth.beginSso': [EVERYBODY, { name: 'none-such', port: 45_678 }],
  'auth.finishSso': [EVERYBODY, { challenge: 'none', state: 'none', code: 'none' }],
  'auth.beginSsoLink': [EVERYBODY, { name: 'none-such', port: 45_678 }],
  'auth.finishSsoLink': [EVERYBODY, { challenge: 'none', state: 'none', code: 'none' }],
  'sso.create': [
    'admin owner',
    { name: 'corp', issuer: 'https://idp.example', clientId: 'vault', groups: [] },
  ],
  'sso.update': ['admin owner', { name: 'none-such', sessionTtl: '1h' }],
  'auth.beginDevice': [EVERYBODY, {}],
  'auth.lookAtDevice': [EVERYBODY, { code: 'none' }],
  'auth.confirmDevice': [EVERYBODY, { code: 'none' }],
  'auth.denyDevice': [EVERYBODY, { code: 'none' }],
  'auth.finishDevice': [EVERYBODY, { device: 'none' }],
  'approle.create': ['admin owner', { machine: 'none-such' }],
  'approle.update': ['admin owner', { name: 'none-such' }],
  'approle.newSecretId': ['admin owner', { role: 'none-such' }],
  'approle.listSecretIds': ['admin owner', { role: 'none-such' }],
  'approle.revokeSecretId': ['admin owner', { role: 'none-such', id: NO_ID }],
  'trusts.create': [
    'admin owner',
    { trust: { kind: 'github', repository: 'acme/app' }, machine: 'none-such' },
  ],
  'trusts.renew': ['admin owner', { name: 'none-such', jwks: '{}' }],
  'methods.list': ['admin owner', {}],
  'methods.disable': ['admin owner', { kind: 'jwt', name: 'none-such' }],
  'methods.enable': ['admin owner', { kind: 'jwt', name: 'none-such' }],
  'methods.remove': ['admin owner', { kind: 'jwt', name: 'none-such' }],
  'tokens.create': [EVERYBODY, {}],
  'tokens.list': [EVERYBODY, {}],
  'tokens.revoke': [EVERYBODY, {}],
  'tokens.purge': ['admin owner', {}],
  'users.invite': ['admin owner', { name: 'none-such' }],
  'users.create': ['admin owner', { name: 'made' }],
  'users.list': ['admin owner', {}],
  'users.rename': ['admin owner', { name: 'the-nobody', to: 'the-nobody' }],
  'users.disable': ['admin owner', { name: 'none-such' }],
  'users.enable': ['admin owner', { name: 'none-such' }],
  'users.remove': ['admin owner', { name: 'none-such' }],
  'machines.create': ['admin owner', { name: 'made-one' }],
  'machines.list': ['admin owner', {}],
  'machines.rename': ['admin owner', { name: 'none-such', to: 'other' }],
  'machines.disable': ['admin owner', { name: 'none-such' }],
  'machines.enable': ['admin owner', { name: 'none-such' }],
  'machines.remove': ['admin owner', { name: 'none-such' }],
  'groups.create': ['admin owner', { name: 'ops' }],
  'groups.list': ['admin owner', {}],
  'groups.describe': ['admin owner', { name: 'ops' }],
  'groups.add': ['admin owner', { name: 'ops', member: 'user:the-nobody' }],
  'groups.drop': ['admin owner', { name: 'ops', member: 'user:the-nobody' }],
  'groups.rename': ['admin owner', { name: 'none-such', to: 'other' }],
  'groups.remove': ['admin owner', { name: 'none-such' }],
  'roles.create': ['admin owner', { name: 'payments' }],
  'roles.list': ['admin owner', {}],
  'roles.describe': ['admin owner', { name: 'payments' }],
  'roles.assign': ['admin owner', { name: 'payments', member: 'user:the-nobody' }],
  'roles.unassign': ['admin owner', { name: 'payments', member: 'user:the-nobody' }],
  'roles.rename': ['admin owner', { name: 'none-such', to: 'other' }],
  'roles.remove': ['admin owner', { name: 'none-such' }],
  'access.grant': [
    'admin owner',
    { subject: 'role:payments', can: ['list'], pattern: 'default/testing/none' },
  ],
  'access.deny': [
    'admin owner',
    { subject: 'role:payments', can: ['list'], pattern: 'default/testing/none' },
  ],
  // Which right it takes is the rule's; none is there.
  'access.revoke': [
    'nobody reader writer rotator auditor admin owner',
    { grant: '01890000-0000-7000-8000-000000000000' },
  ],
  'access.list': ['admin owner', {}],
  'access.explain': [
    'admin owner',
    { principal: OWNER, capability: 'read', resource: 'default/testing/a' },
  ],
  'access.whoCan': ['admin owner', { capability: 'read', resource: 'default/testing/a' }],
  'access.test': [
    'admin owner',
    {
      cases: [
        {
          principal: OWNER,
          capability: 'read',
          resource: 'default/testing/a',
          expected: 'allow',
        },
      ],
    },
  ],
  'access.replay': ['admin owner', { since: '2026-01-01T00:00:00Z' }],
  'backups.create': ['admin owner', { directory: '/nowhere/that/can/be/made', proof: 'later' }],
  'backups.list': ['admin owner', {}],
  'backups.verify': ['admin owner', { file: '/nowhere/a.backup' }],
  'backups.prune': ['admin owner', { keepLast: 1000 }],
  'backups.key': ['admin owner', {}],
  'backups.runScheduled': ['admin owner', {}],
  'backups.restoreParts': ['owner', { ...address, file: '/nowhere/a.backup' }],
  'health.read': ['auditor admin owner', {}],
  'metrics.read': ['admin owner', {}],
  'vault.seal': ['admin owner', {}],
  'events.open': [
    'reader writer rotator auditor admin owner',
    { workspace: 'default', environment: 'production' },
  ],
  'settings.read': ['admin owner', {}],
  'settings.write': ['admin owner', { name: 'trash_retention_days', value: 7 }],
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

describe('A36 the rights to every operation', () => {
  const ALL = [...CAPABILITIES];
  /** What the rules of a workspace give of the record: `under` asks for any part of it. */
  const IN_A_WORKSPACE: ReadonlySet<string> = new Set(
    Object.keys(TABLE).filter((name) => name.startsWith('audit.') && name !== 'audit.prune'),
  );

  interface State {
    /** How somebody comes to be in this state; they have the role `role`. */
    readonly prepare: (owner: Session, name: string, role: string) => Promise<unknown>;
    /** Whether the table counts for them, or only what it says of nobody; or they are none. */
    readonly counts: 'as the role' | 'as nobody' | 'in a workspace' | 'not at all';
    readonly context?: object;
  }

  const assign = async (
    owner: Session,
    member: string,
    role: string,
    where: object,
  ): Promise<void> => {
    if (role !== 'nobody') await owner.roles.assign({ name: role, member, ...where });
  };
  const vault = { wholeVault: true };
  const made = async (owner: Session, name: string, role: string): Promise<void> => {
    await owner.users.create({ name });
    await assign(owner, `user:${name}`, role, vault);
  };
  const inGroup = async (owner: Session, name: string, role: string): Promise<void> => {
    await owner.users.create({ name });
    for (const group of ['inner', 'outer'])
      await owner.groups.create({ name: `${group}.${name}`, ...vault });
    await owner.groups.add({ name: `outer.${name}`, member: `group:inner.${name}`, ...vault });
    await owner.groups.add({ name: `inner.${name}`, member: `user:${name}`, ...vault });
    await assign(owner, `group:outer.${name}`, role, vault);
  };
  const deny = async (owner: Session, name: string, conditions?: Conditions): Promise<void> => {
    for (const pattern of ['**', 'sys/**']) {
      await owner.access.deny({ subject: `user:${name}`, can: ALL, pattern, conditions });
    }
  };

  /** Written down by hand: how rights stand is not worked out here. */
  const STATES: Readonly<Record<string, State>> = {
    'only in a nested group': { counts: 'as the role', prepare: inGroup },
    'out of the nested group again': {
      counts: 'as nobody',
      prepare: async (owner, name, role) => {
        await inGroup(owner, name, role);
        await owner.groups.drop({ name: `outer.${name}`, member: `group:inner.${name}`, ...vault });
      },
    },
    'in a group that is gone': {
      counts: 'as nobody',
      prepare: async (owner, name, role) => {
        await inGroup(owner, name, role);
        await owner.groups.remove({ name: `outer.${name}`, ...vault });
      },
    },
    'with a role that was taken': {
      counts: 'as nobody',
      prepare: async (owner, name, role) => {
        await made(owner, name, role);
        if (role !== 'nobody') {
          await owner.roles.unassign({ name: role, member: `user:${name}`, ...vault });
        }
      },
    },
    'with the role in another workspace': {
      counts: 'in a workspace',
      prepare: async (owner, name, role) => {
        await owner.users.create({ name });
        await assign(owner, `user:${name}`, role, { workspace: 'elsewhere' });
      },
    },
    disabled: {
      counts: 'not at all',
      prepare: async (owner, name, role) => {
        await made(owner, name, role);
        await owner.users.disable({ name });
      },
    },
    removed: {
      counts: 'not at all',
      prepare: async (owner, name, role) => {
        await made(owner, name, role);
        await owner.users.remove({ name });
      },
    },
    'of the name of one who was removed': {
      counts: 'as nobody',
      prepare: async (owner, name, role) => {
        await made(owner, name, role);
        await owner.users.remove({ name });
        await owner.users.create({ name });
      },
    },
    denied: {
      counts: 'as nobody',
      prepare: async (owner, name, role) => {
        await made(owner, name, role);
        await deny(owner, name);
      },
    },
    'denied unless it is known that they have a second factor': {
      counts: 'as nobody',
      prepare: async (owner, name, role) => {
        await made(owner, name, role);
        await deny(owner, name, { mfa: false });
      },
    },
    'denied outside a network, from an unknown address': {
      counts: 'as nobody',
      prepare: async (owner, name, role) => {
        await made(owner, name, role);
        await deny(owner, name, { cidr: ['203.0.113.0/24'] });
      },
    },
    'narrowed to nothing by the context': {
      counts: 'as nobody',
      context: { can: [] },
      prepare: made,
    },
  };

  function expected(state: State, role: string, name: string): string {
    const roles = (TABLE[name]?.[0] ?? '').split(' ');
    if (state.counts === 'not at all') return 'unknown';
    if (
      state.counts === 'as the role' ||
      (state.counts === 'in a workspace' && IN_A_WORKSPACE.has(name))
    ) {
      return roles.includes(role) ? 'allowed' : 'denied';
    }
    return roles.includes('nobody') ? 'allowed' : 'denied';
  }

  async function found(session: Session, name: string, input: object): Promise<string> {
    const code = await call(session, name, input).then(
      () => 'ok',
      (error: unknown) => (error as { code?: string }).code,
    );
    if (code === 'principal_unknown') return 'unknown';
    return code === 'denied' ? 'denied' : 'allowed';
  }

  let cells = 0;
  beforeAll(async () => {
    await parts.as(OWNER).workspaces.create({ name: 'elsewhere' });
  });

  it.each(Object.keys(STATES))('are as the table says for everybody who is %s', async (label) => {
    const state = STATES[label];
    if (state === undefined) throw new TypeError('it is in the table');
    const owner = parts.as(OWNER);
    for (const role of ROLES) {
      const who = `${role}.${Object.keys(STATES).indexOf(label)}`;
      await state.prepare(owner, who, role);
      const session = parts.as(who, state.context);
      const pairs = await Promise.all(
        Object.entries(TABLE).map(async ([name, [, input]]) => [
          name,
          `${role}: ${await found(session, name, input)}`,
        ]),
      );
      cells += pairs.length;
      expect(Object.fromEntries(pairs)).toEqual(
        Object.fromEntries(
          Object.keys(TABLE).map((name) => [name, `${role}: ${expected(state, role, name)}`]),
        ),
      );
    }
  });

  it('of what opens the vault are the owners’ alone: an admin cannot come by them', async () => {
    await parts.as(OWNER).users.create({ name: 'the-keeper' });
    await assign(parts.as(OWNER), 'user:the-keeper', 'admin', vault);
    const admin = parts.as('the-keeper');
    const slot = { kind: 'recovery' } as const;
    await expect(admin.slots.add({ slot })).rejects.toMatchObject({
      code: 'denied',
      details: { capability: 'write', resource: 'sys/slots' },
    });
    const [subject, can] = ['user:the-keeper', ['write'] as const];
    for (const pattern of ['sys/slots', 'sys/keys', 'sys/**']) {
      await expect(admin.access.grant({ subject, can, pattern })).rejects.toMatchObject({
        code: 'escalation_refused',
      });
    }
    await expect(
      admin.roles.assign({ name: 'owner', member: subject, ...vault }),
    ).rejects.toMatchObject({ code: 'escalation_refused' });
    await expect(admin.slots.add({ slot })).rejects.toMatchObject({ code: 'denied' });
  });

  it('are tried in 2,000 cells or more', () => {
    expect(cells).toBeGreaterThanOrEqual(2000);
  });
});
