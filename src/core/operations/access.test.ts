import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Conditions } from '../../domain/access/conditions.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { ROLES } from '../../store/protected-tables.ts';
import { query } from '../../store/statement.ts';
import {
  makeTemporaryVault,
  openParts,
  openTemporaryVault,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

let now: number;
let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
const at = { environment: 'production', path: 'db/PASSWORD' };

beforeEach(async () => {
  now = Date.parse('2026-03-02T12:00:00Z');
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
  owner = parts.as(OWNER);
  await owner.secrets.write({ ...at, value: 'v' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const refused = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => (error as { code?: string }).code ?? 'no code',
  );
const reads = (who: string, context = {}): Promise<string> =>
  refused(parts.as(who, context).secrets.read(at));
const grant = (subject: string, pattern: string, conditions?: Conditions): Promise<unknown> =>
  owner.access.grant({ subject, can: ['list', 'read'], pattern, conditions });

describe('users and machines', () => {
  it('begin without rights, are listed, renamed, disabled and enabled, and keep their rights', async () => {
    const made = await owner.users.create({ name: 'alice' });
    await owner.machines.create({ name: 'ci' });
    expect(await reads('alice')).toBe('denied');
    await grant('user:alice', 'default/production/**');
    const alice = parts.as('alice');
    expect(await refused(alice.secrets.read(at))).toBe('ok');
    await owner.users.rename({ name: 'alice', to: 'alice.l' });
    expect(await refused(alice.secrets.read(at))).toBe('ok');
    expect(await reads('alice')).toBe('principal_unknown');
    await owner.users.disable({ name: 'alice.l' });
    expect(await refused(alice.secrets.read(at))).toBe('principal_unknown');
    await owner.users.enable({ name: 'alice.l' });
    expect(await refused(alice.secrets.read(at))).toBe('ok');
    const { principals } = await owner.users.list();
    expect(principals.map(({ name }) => name)).toEqual([OWNER, 'alice.l']);
    expect(principals[1]?.id).toBe(made.id);
    expect((await owner.machines.list()).principals.map(({ name }) => name)).toEqual(['ci']);
    expect(await refused(owner.users.remove({ name: 'ci' }))).toBe('subject_not_found');
  });

  it('have names that no two share, also not in other letters', async () => {
    await owner.users.create({ name: 'alice' });
    for (const name of ['alice', 'Alice', 'ALICE']) {
      expect(await refused(owner.machines.create({ name }))).toBe('subject_exists');
    }
    await owner.users.rename({ name: 'alice', to: 'Alice' });
  });

  it('A33 that are made again under a name inherit nothing, and a caller of before is nobody', async () => {
    await owner.groups.create({ name: 'inner' });
    await owner.groups.create({ name: 'outer' });
    await owner.groups.add({ name: 'outer', member: 'group:inner' });
    const gone = await owner.users.create({ name: 'alice' });
    await owner.groups.add({ name: 'inner', member: 'user:alice' });
    await owner.roles.assign({ name: 'reader', member: 'group:outer' });
    await grant('user:alice', 'default/staging/**');
    await owner.secrets.write({
      ...at,
      value: 'w',
      access: [{ subject: 'user:alice', can: ['read'] }],
    });
    const before = parts.as('alice');
    expect(await refused(before.secrets.read(at))).toBe('ok');
    await owner.users.remove({ name: 'alice' });
    const made = await owner.users.create({ name: 'alice' });
    expect(await refused(before.secrets.read(at))).toBe('principal_unknown');
    expect(await reads('alice')).toBe('denied');
    expect(made.id).not.toBe(gone.id);
    const ids = new Set<unknown>([made.id, gone.id]);
    const rows = tamper(place, (db) => [
      ...storedRows(db, 'grants').filter((row) => ids.has(row['subject_id'])),
      ...storedRows(db, 'memberships').filter((row) => ids.has(row['member_id'])),
    ]);
    expect(rows).toEqual([]);
  });

  it('A33 that leave a nested group, or whose group leaves one, lose its rights at the next call', async () => {
    await owner.groups.create({ name: 'inner' });
    await owner.groups.create({ name: 'outer' });
    await owner.users.create({ name: 'alice' });
    const inOuter = { name: 'outer', member: 'group:inner' };
    const inInner = { name: 'inner', member: 'user:alice' };
    await owner.groups.add(inOuter);
    await owner.groups.add(inInner);
    await owner.roles.assign({ name: 'reader', member: 'group:outer' });
    const alice = parts.as('alice');
    expect(await refused(alice.secrets.read(at))).toBe('ok');
    await owner.groups.drop(inOuter);
    expect(await refused(alice.secrets.read(at))).toBe('denied');
    await owner.groups.add(inOuter);
    expect(await refused(alice.secrets.read(at))).toBe('ok');
    await owner.groups.drop(inInner);
    expect(await refused(alice.secrets.read(at))).toBe('denied');
    await owner.groups.add(inInner);
    await owner.groups.remove({ name: 'outer' });
    expect(await refused(alice.secrets.read(at))).toBe('denied');
    expect(await refused(owner.groups.drop(inOuter))).toBe('subject_not_found');
  });

  const PRIVILEGED = [
    'root',
    'Root',
    'ROOT ',
    ' root',
    'ｒｏｏｔ',
    'r\u006fot',
    'ro\u200bot',
    '\ufeffroot',
  ].concat(['system', 'SYSTEM', 'sys', 'Ｓｙｓ', 'sy\u00ads']);
  it.each(PRIVILEGED)('A32 cannot be called %j, nor can groups and roles', async (name) => {
    const codes = await Promise.all([
      refused(owner.users.create({ name })),
      refused(owner.machines.create({ name })),
      refused(owner.groups.create({ name })),
      refused(owner.roles.create({ name })),
      refused(owner.groups.create({ name, wholeVault: true })),
      refused(owner.roles.create({ name, wholeVault: true })),
      refused(owner.users.rename({ name: OWNER, to: name })),
    ]);
    expect(new Set(codes)).toEqual(new Set(['reserved_name']));
    await owner.users.create({ name: 'alice' });
    for (const role of [name, `role:${name}`]) {
      expect(await refused(owner.roles.assign({ name: role, member: 'user:alice' }))).toBe(
        'subject_not_found',
      );
    }
  });

  it('A31 and groups and roles cannot have names that mean something in a pattern', async () => {
    for (const name of [
      'a*',
      '*',
      '**',
      'a/b',
      'a,b',
      'a+',
      '{a}',
      '${a}',
      '%2f',
      '..',
      'a b',
      '',
    ]) {
      for (const create of [owner.groups.create, owner.roles.create]) {
        expect(await refused(create({ name }))).toBe('invalid_name');
      }
      if (/[*/{},$% ]|^\.\.$|^$/.test(name)) {
        expect(await refused(owner.users.create({ name }))).toBe('invalid_name');
      }
    }
    for (const pattern of [
      'default/pro*',
      'default/{{user}}/**',
      'default/${user}/**',
      'default/%2f',
      'default/a,b',
      'default//a',
      '/default',
      'default/',
      'default/../x',
      'default/./x',
      '',
      'Default/**',
      'default/a\n',
      'default/ａ',
      'default/production/***',
      '**/**/**/**/**',
    ]) {
      expect(await refused(grant('role:reader', pattern))).toBe('invalid_input');
    }
    expect(await refused(grant('user:ada', 'none-such/**'))).toBe('workspace_not_found');
  });
});

describe('groups', () => {
  it('are never in themselves, by whatever way, and not nested deeper than 8', async () => {
    for (let n = 0; n < 11; n += 1) await owner.groups.create({ name: `g${n}` });
    const add = (inner: number, outer: number): Promise<string> =>
      refused(owner.groups.add({ name: `g${outer}`, member: `group:g${inner}` }));
    expect(await add(0, 0)).toBe('group_cycle');
    for (let n = 0; n < 8; n += 1) expect(await add(n, n + 1)).toBe('ok');
    expect(await add(8, 9)).toBe('invalid_input');
    expect(await add(8, 0)).toBe('group_cycle');
    expect(await add(3, 1)).toBe('group_cycle');
    expect(await add(9, 0)).toBe('invalid_input');
    expect(await add(9, 10)).toBe('ok');
    expect(await add(0, 10)).toBe('ok');
  });

  it('of a workspace give rights in that one only', async () => {
    await owner.workspaces.create({ name: 'billing' });
    await owner.secrets.write({ workspace: 'billing', ...at, value: 'v' });
    await owner.groups.create({ name: 'ops', workspace: 'billing' });
    await owner.users.create({ name: 'alice' });
    await owner.groups.add({ name: 'ops', member: 'user:alice', workspace: 'billing' });
    await owner.roles.assign({ name: 'reader', member: 'group:ops', workspace: 'billing' });
    expect(await reads('alice')).toBe('denied');
    const there = parts.as('alice').secrets.read({ workspace: 'billing', ...at });
    expect(await refused(there)).toBe('ok');
    expect(await refused(owner.groups.add({ name: 'ops', member: 'user:alice' }))).toBe(
      'subject_not_found',
    );
    expect(await refused(grant('group:ops', 'default/**'))).toBe('subject_not_found');
    expect(await refused(owner.groups.create({ name: 'Ops', wholeVault: true }))).toBe(
      'subject_exists',
    );
    expect((await owner.groups.describe({ name: 'ops', workspace: 'billing' })).members).toEqual([
      { subject: 'user:alice', workspace: 'billing' },
    ]);
  });
});

describe('roles', () => {
  it('of one’s own are sets of rules; built-in ones stay as they are', async () => {
    await owner.users.create({ name: 'alice' });
    await owner.roles.create({ name: 'payments' });
    await grant('role:payments', 'default/production/db/*');
    await owner.roles.assign({ name: 'payments', member: 'user:alice' });
    expect(await reads('alice')).toBe('ok');
    await owner.access.deny({
      subject: 'role:payments',
      can: ['read'],
      pattern: 'default/*/db/**',
    });
    expect(await reads('alice')).toBe('denied');
    await owner.roles.unassign({ name: 'payments', member: 'user:alice' });
    expect(await refused(owner.roles.unassign({ name: 'payments', member: 'user:alice' }))).toBe(
      'not_a_member',
    );
    expect(await refused(owner.roles.remove({ name: 'reader', wholeVault: true }))).toBe(
      'built_in_role',
    );
    expect(await refused(grant('role:reader', 'default/**'))).toBe('built_in_role');
    expect(await refused(owner.roles.create({ name: 'reader' }))).toBe('subject_exists');
    const [built] = (await owner.access.list({ subject: 'role:reader', wholeVault: true })).grants;
    expect(await refused(owner.access.revoke({ grant: built?.id ?? '' }))).toBe('built_in_role');
    expect((await owner.roles.list()).sets.map(({ name }) => name)).toContain('payments');
    await owner.roles.remove({ name: 'payments' });
    expect((await owner.access.list()).grants).toEqual([]);
  });
});

describe('the last owner', () => {
  it('cannot be disabled, removed, unassigned or denied the change of rights', async () => {
    const attempts = (): Promise<string>[] => [
      refused(owner.users.disable({ name: OWNER })),
      refused(owner.users.remove({ name: OWNER })),
      refused(owner.roles.unassign({ name: 'owner', member: `user:${OWNER}`, wholeVault: true })),
      refused(owner.access.deny({ subject: `user:${OWNER}`, can: ['admin'], pattern: 'sys/**' })),
      refused(
        owner.access.deny({
          subject: `user:${OWNER}`,
          can: ['admin'],
          pattern: 'sys/access',
          conditions: { notBefore: '2030-01-01T00:00:00Z' },
        }),
      ),
    ];
    expect(new Set(await Promise.all(attempts()))).toEqual(new Set(['last_owner']));
    // One who may not act, a machine, and one in a single workspace are none.
    await owner.users.create({ name: 'grace' });
    await owner.roles.assign({ name: 'owner', member: 'user:grace' });
    await owner.machines.create({ name: 'bot' });
    await owner.roles.assign({ name: 'owner', member: 'machine:bot', wholeVault: true });
    expect(new Set(await Promise.all(attempts()))).toEqual(new Set(['last_owner']));
    // What was refused is undone, in memory too.
    expect(await reads(OWNER)).toBe('ok');
    await owner.roles.assign({ name: 'owner', member: 'user:grace', wholeVault: true });
    expect(await refused(owner.users.disable({ name: OWNER }))).toBe('ok');
    expect(await reads(OWNER)).toBe('principal_unknown');
    expect(await refused(parts.as('grace').users.disable({ name: 'grace' }))).toBe('last_owner');
  });
});

describe('giving rights', () => {
  let admin: Session;
  beforeEach(async () => {
    await owner.users.create({ name: 'bob' });
    await owner.users.create({ name: 'alice' });
    await owner.roles.assign({ name: 'admin', member: 'user:bob', wholeVault: true });
    admin = parts.as('bob');
  });

  it('is for those who have them: an admin without read gives nobody read', async () => {
    const give = (can: 'read' | 'write', pattern = 'default/**'): Promise<string> =>
      refused(admin.access.grant({ subject: 'user:alice', can: [can], pattern }));
    expect(await give('write')).toBe('ok');
    expect(await give('read')).toBe('escalation_refused');
    for (const name of ['reader', 'writer', 'owner']) {
      for (const scope of [{}, { wholeVault: true }]) {
        expect(await refused(admin.roles.assign({ name, member: 'user:alice', ...scope }))).toBe(
          'escalation_refused',
        );
      }
    }
    expect(await refused(admin.roles.assign({ name: 'rotator', member: 'user:alice' }))).toBe('ok');
    await owner.roles.create({ name: 'readers' });
    await grant('role:readers', 'default/staging/**');
    await owner.groups.create({ name: 'ops' });
    expect(await refused(admin.groups.add({ name: 'ops', member: 'user:alice' }))).toBe('ok');
    await owner.roles.assign({ name: 'readers', member: 'group:ops' });
    expect(await refused(admin.groups.add({ name: 'ops', member: 'user:bob' }))).toBe(
      'escalation_refused',
    );
    const access = [{ subject: 'user:bob', can: ['read' as const] }];
    expect(
      await refused(
        admin.secrets.create({ environment: 'testing', path: 'x', value: 'v', access }),
      ),
    ).toBe('escalation_refused');
    await owner.access.grant({
      subject: 'user:bob',
      can: ['read'],
      pattern: 'default/staging/db/*',
    });
    expect(await give('read', 'default/staging/db/*')).toBe('ok');
    expect(await give('read', 'default/staging/db/HOST')).toBe('ok');
    expect(await give('read', 'default/staging/db/**')).toBe('escalation_refused');
    await owner.access.deny({ subject: 'user:bob', can: ['read'], pattern: '**/HOST' });
    expect(await give('read', 'default/staging/db/*')).toBe('escalation_refused');
    expect(await give('read', 'default/staging/db/PORT')).toBe('ok');
  });

  it('is not done by lifting a denial, nor by becoming somebody who has more', async () => {
    const denial = await owner.access.deny({
      subject: 'user:bob',
      can: ['write'],
      pattern: 'default/production/**',
    });
    expect(await refused(admin.access.revoke({ grant: denial.id }))).toBe('escalation_refused');
    await owner.groups.create({ name: 'limited' });
    await owner.access.deny({ subject: 'group:limited', can: ['write'], pattern: 'default/**' });
    await owner.groups.add({ name: 'limited', member: 'user:bob' });
    expect(await refused(admin.groups.drop({ name: 'limited', member: 'user:bob' }))).toBe(
      'escalation_refused',
    );
    expect(await refused(admin.groups.remove({ name: 'limited' }))).toBe('escalation_refused');
    for (const change of [
      admin.users.rename({ name: OWNER, to: 'someone' }),
      admin.users.disable({ name: OWNER }),
      admin.users.remove({ name: OWNER }),
      admin.roles.unassign({ name: 'owner', member: `user:${OWNER}`, wholeVault: true }),
    ]) {
      expect(await refused(change)).toBe('escalation_refused');
    }
    const narrowed = parts.as(OWNER, { can: ['admin'] });
    expect(
      await refused(narrowed.access.grant({ subject: 'user:bob', can: ['read'], pattern: '**' })),
    ).toBe('escalation_refused');
    // An owner lifts what is denied to them by others.
    const own = await admin.access.deny({
      subject: `user:${OWNER}`,
      can: ['read'],
      pattern: 'default/**',
    });
    expect(await reads(OWNER)).toBe('denied');
    expect(await refused(owner.access.revoke({ grant: own.id }))).toBe('ok');
    expect(await reads(OWNER)).toBe('ok');
  });

  it('in one workspace is for its admin, and gives nothing elsewhere', async () => {
    await owner.workspaces.create({ name: 'billing' });
    await owner.users.create({ name: 'carol' });
    await owner.roles.assign({ name: 'owner', member: 'user:carol', workspace: 'billing' });
    const carol = parts.as('carol');
    const give = (pattern: string): Promise<string> =>
      refused(carol.access.grant({ subject: 'user:alice', can: ['read'], pattern }));
    expect(await give('billing/**')).toBe('ok');
    for (const pattern of [
      'default/**',
      '**',
      '*/production/**',
      'sys/access',
      'sys/audit/billing',
    ]) {
      expect(await give(pattern)).toBe('denied');
    }
    expect(await refused(carol.users.list())).toBe('denied');
    expect(await refused(carol.users.create({ name: 'dave' }))).toBe('denied');
    expect(await refused(carol.access.list({ workspace: 'billing' }))).toBe('ok');
    expect(await refused(carol.access.list({ wholeVault: true }))).toBe('denied');
    expect(await refused(carol.access.list())).toBe('denied');
    await grant('user:alice', 'default/**');
    const [foreign] = (await owner.access.list({ subject: 'user:alice' })).grants;
    expect(await refused(carol.access.revoke({ grant: foreign?.id ?? '' }))).toBe('denied');
    const shown = (await carol.access.list({ workspace: 'billing' })).grants;
    expect(shown.map(({ pattern }) => pattern)).toEqual(['billing/**']);
  });
});

describe('access on one secret', () => {
  const alice = [{ subject: 'user:alice', can: ['read' as const] }];
  beforeEach(async () => {
    await owner.users.create({ name: 'alice' });
  });
  const rules = async (): Promise<readonly string[]> =>
    (await owner.access.list()).grants.map(({ pattern }) => pattern);

  it('is given with it, replaced with it, and takes admin', async () => {
    await owner.users.create({ name: 'bob' });
    await owner.roles.assign({ name: 'writer', member: 'user:bob' });
    const made = { environment: 'production', path: 'own', value: 'v' };
    expect(await refused(parts.as('bob').secrets.create({ ...made, access: alice }))).toBe(
      'denied',
    );
    await owner.secrets.create({ ...made, access: alice });
    const read = (): Promise<string> => refused(parts.as('alice').secrets.read(made));
    const own = { environment: 'production', path: 'own' };
    expect(await refused(parts.as('alice').secrets.read(own))).toBe('ok');
    expect(await reads('alice')).toBe('denied');
    expect(await read()).toBe('invalid_input');
    await owner.secrets.update({ ...own, access: [] });
    expect(await refused(parts.as('alice').secrets.read(own))).toBe('denied');
    expect(
      await refused(
        owner.secrets.update({ ...own, access: [{ subject: 'user:zoe', can: ['read'] }] }),
      ),
    ).toBe('subject_not_found');
    expect(await rules()).toEqual([]);
  });

  it('sleeps while the secret is in the trash, and is not had by another of the name', async () => {
    await owner.secrets.write({ ...at, value: 'w', access: alice });
    expect(await reads('alice')).toBe('ok');
    await owner.secrets.delete(at);
    await owner.secrets.write({ ...at, value: 'another' });
    expect(await reads('alice')).toBe('denied');
    expect(await rules()).toEqual(['']);
    await owner.secrets.delete(at);
    now += 1000;
    await owner.secrets.undelete(at);
    expect(await reads('alice')).toBe('denied');
  });

  it('A34 of a workspace that is gone is not had in another of its name', async () => {
    const workspace = 'billing';
    await owner.workspaces.create({ name: workspace });
    await owner.secrets.write({ ...at, workspace, value: 'v', access: alice });
    await grant('user:alice', 'billing/**');
    const groups = { name: 'ops', workspace };
    await owner.groups.create(groups);
    await owner.groups.add({ ...groups, member: 'user:alice' });
    await owner.roles.assign({ name: 'reader', member: 'user:alice', workspace });
    await owner.access.grant({
      subject: 'user:alice',
      can: ['read'],
      pattern: 'sys/audit/billing',
    });
    const mayRead = (): Promise<string> =>
      refused(parts.as('alice').secrets.read({ ...at, workspace }));
    expect(await mayRead()).toBe('ok');
    await owner.workspaces.delete({ name: workspace });
    await owner.workspaces.create({ name: workspace });
    await owner.secrets.write({ ...at, workspace, value: 'v' });
    expect(await mayRead()).toBe('denied');
    expect((await owner.access.list({ workspace })).grants).toEqual([]);
    expect((await owner.access.list({ subject: 'user:alice', wholeVault: true })).grants).toEqual(
      [],
    );
    expect(await refused(parts.as('alice').audit.query({}))).toBe('denied');
    expect(await refused(owner.groups.describe(groups))).toBe('subject_not_found');
    const ids = tamper(place, (db) =>
      ['principals', 'roles', 'grants', 'memberships', 'workspaces', 'secrets'].flatMap((table) =>
        storedRows(db, table).map((row) => String(row['id'])),
      ),
    );
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
  });
});

describe('explaining access', () => {
  beforeEach(async () => {
    await owner.users.create({ name: 'alice' });
  });
  const ask = { capability: 'read' as const, resource: 'default/production/db/PASSWORD' };

  it('names the rule and the way to it, or the command for the smallest that would do', async () => {
    const none = await owner.access.explain({ principal: 'alice', ...ask });
    expect(none).toMatchObject({
      allowed: false,
      reason: 'no grant allows it',
      suggestion: 'strongroom access grant user:alice read production/db/PASSWORD',
    });
    await owner.groups.create({ name: 'ops' });
    await owner.groups.add({ name: 'ops', member: 'user:alice' });
    await owner.roles.assign({ name: 'reader', member: 'group:ops' });
    const through = await owner.access.explain({ principal: 'user:alice', ...ask });
    expect(through).toMatchObject({ allowed: true, suggestion: undefined });
    expect(through.rule).toMatchObject({ pattern: '**', through: ['group:ops', 'role:reader'] });
    expect(through.reason).toMatch(
      /^grant .* allows list, read on \*\*.*through group:ops, role:reader$/,
    );
    const denial = await owner.access.deny({
      subject: 'group:ops',
      can: ['read'],
      pattern: 'default/*/db/**',
    });
    const denied = await owner.access.explain({ principal: 'alice', ...ask });
    expect(denied).toMatchObject({ allowed: false, suggestion: undefined });
    expect(denied.rule?.id).toBe(denial.id);
    expect(await refused(owner.access.explain({ principal: 'zoe', ...ask }))).toBe(
      'subject_not_found',
    );
    await owner.users.disable({ name: 'alice' });
    const disabled = await owner.access.explain({ principal: 'alice', ...ask });
    expect(disabled).toMatchObject({ allowed: false, reason: 'user:alice is disabled' });
  });

  it('gives a command that does allow it', async () => {
    const asked = { principal: 'alice', capability: 'rotate' as const, resource: 'sys/access' };
    expect((await owner.access.explain(asked)).suggestion).toBe(
      'strongroom access grant user:alice rotate sys/access --whole-vault',
    );
    await owner.workspaces.create({ name: 'billing' });
    const there = await owner.access.explain({ ...asked, resource: 'billing/production/a' });
    expect(there.suggestion).toBe(
      'strongroom access grant user:alice rotate production/a -w billing',
    );
  });

  it('is for oneself, and of others for those who may see who may do what', async () => {
    const alice = parts.as('alice');
    for (const principal of [undefined, 'alice', 'user:alice']) {
      expect((await alice.access.explain({ principal, ...ask })).allowed).toBe(false);
    }
    expect(await refused(alice.access.explain({ principal: OWNER, ...ask }))).toBe('denied');
    expect(await refused(alice.access.explain({ principal: 'zoe', ...ask }))).toBe('denied');
    expect(await refused(alice.access.whoCan(ask))).toBe('denied');
    const cases = [{ principal: 'alice', ...ask, expected: 'deny' as const }];
    expect(await refused(alice.access.test({ cases }))).toBe('denied');
    await owner.roles.assign({ name: 'admin', member: 'user:alice' });
    expect((await alice.access.explain({ principal: OWNER, ...ask })).allowed).toBe(true);
    const elsewhere = { ...ask, resource: 'sys/audit' };
    expect(await refused(alice.access.explain({ principal: OWNER, ...elsewhere }))).toBe('denied');
    const error = await parts
      .as('alice')
      .secrets.read(at)
      .catch((each: unknown) => each);
    expect(error).toMatchObject({
      code: 'denied',
      details: { request: expect.any(String) as string },
    });
    expect(JSON.stringify(error)).not.toMatch(/grant|role/);
  });

  it('lists who may do something, under conditions or not', async () => {
    await owner.users.create({ name: 'bob' });
    await owner.users.create({ name: 'carol' });
    await owner.roles.assign({ name: 'reader', member: 'user:carol', wholeVault: true });
    await grant('user:alice', 'default/production/**', { mfa: true });
    const { holders } = await owner.access.whoCan(ask);
    expect(holders.map(({ principal, isConditional }) => [principal, isConditional])).toEqual([
      [`user:${OWNER}`, false],
      ['user:alice', true],
      ['user:carol', false],
    ]);
    await owner.access.deny({
      subject: 'user:carol',
      can: ['read'],
      pattern: '**',
      conditions: { mfa: false },
    });
    await owner.access.deny({ subject: 'user:alice', can: ['read'], pattern: '**' });
    const later = (await owner.access.whoCan(ask)).holders;
    expect(later.map(({ principal, isConditional }) => [principal, isConditional])).toEqual([
      [`user:${OWNER}`, false],
      ['user:carol', true],
    ]);
    const page = await owner.access.whoCan({ ...ask, limit: 1 });
    expect(page.holders.length).toBe(1);
    expect((await owner.access.whoCan({ ...ask, limit: 1, cursor: page.next })).holders).toEqual(
      [],
    );
  });

  it('decides test cases, and tells which come out otherwise', async () => {
    await grant('user:alice', 'default/staging/**', { cidr: ['10.0.0.0/8'] });
    const resource = 'default/staging/db/HOST';
    const cases = [
      { principal: 'alice', ...ask, expected: 'deny' as const },
      { principal: 'alice', capability: 'read' as const, resource, expected: 'allow' as const },
      {
        principal: 'alice',
        capability: 'read' as const,
        resource,
        circumstances: { ip: '10.1.2.3' },
        expected: 'allow' as const,
      },
    ];
    const { passed, failed, results } = await owner.access.test({ cases });
    expect([passed, failed]).toEqual([2, 1]);
    expect(results.map((each) => each.passed)).toEqual([true, false, true]);
    expect(results[1]?.reason).toMatch(/conditions/);
  });
});

describe('replaying a change of rules', () => {
  it('tells who would lose or gain what they asked for, and changes nothing', async () => {
    await owner.users.create({ name: 'alice' });
    await owner.users.create({ name: 'bob' });
    const made = await owner.access.grant({
      subject: 'user:alice',
      can: ['read', 'list'],
      pattern: 'default/production/**',
    });
    for (let n = 0; n < 3; n += 1) await parts.as('alice').secrets.read(at);
    await parts.as('alice').secrets.list({ environment: 'production' });
    expect(await reads('bob')).toBe('denied');
    now += 3_600_000;
    const before = tamper(place, (db) => storedRows(db, 'grants').length);
    const since = '2026-03-01T00:00:00Z';
    const found = await owner.access.replay({
      since,
      remove: [made.id],
      add: [
        { subject: 'user:bob', can: ['read'], pattern: 'default/production/db/*' },
        { subject: `user:${OWNER}`, effect: 'deny', can: ['write'], pattern: 'default/**' },
      ],
    });
    const shown = found.shifts.map((each) => [
      each.change,
      each.principal,
      each.action,
      each.times,
    ]);
    expect(shown).toContainEqual(['loses', 'user:alice', 'secrets.read', 3]);
    expect(shown).toContainEqual(['loses', 'user:alice', 'secrets.list', 1]);
    expect(shown).toContainEqual(['loses', `user:${OWNER}`, 'secrets.write', 1]);
    expect(shown).toContainEqual(['gains', 'user:bob', 'secrets.read', 1]);
    expect(shown.length).toBe(4);
    expect(found.isComplete).toBe(true);
    expect(await reads('bob')).toBe('denied');
    expect(await reads('alice')).toBe('ok');
    expect(tamper(place, (db) => storedRows(db, 'grants').length)).toBe(before);
    const later = await owner.access.replay({ since: '2026-03-02T12:59:00Z', remove: [made.id] });
    expect(later.shifts.map(({ principal }) => principal)).toEqual(['user:alice']);
    expect(await refused(owner.access.replay({ since, remove: [uuidv7()] }))).toBe(
      'grant_not_found',
    );
  });
});

describe('conditions', () => {
  beforeEach(async () => {
    await owner.users.create({ name: 'alice' });
  });

  it.each<[name: string, conditions: Conditions, met: object, unmet: readonly object[]]>([
    [
      'networks',
      { cidr: ['10.0.0.0/8', '2001:db8::/32'] },
      { ip: '10.1.2.3' },
      [{ ip: '11.0.0.1' }, {}],
    ],
    [
      'IPv6',
      { cidr: ['2001:db8::/32'] },
      { ip: '2001:db8::5' },
      [{ ip: '2001:db9::5' }, { ip: 'x' }],
    ],
    ['programs', { userAgents: ['ci/*'] }, { userAgent: 'ci/7' }, [{ userAgent: 'curl' }, {}]],
    ['a second factor', { mfa: true }, { mfa: true }, [{ mfa: false }, {}]],
  ])(
    'about %s make an allow count only where they are met',
    async (_name, conditions, met, unmet) => {
      await grant('user:alice', 'default/production/**', conditions);
      expect(await reads('alice', met)).toBe('ok');
      for (const each of unmet) expect(await reads('alice', each)).toBe('denied');
    },
  );

  it('of a denial count where they are met, and where that is not known', async () => {
    await grant('user:alice', 'default/production/**');
    await owner.access.deny({
      subject: 'user:alice',
      can: ['read'],
      pattern: 'default/**',
      conditions: { mfa: false },
    });
    expect(await reads('alice', { mfa: true })).toBe('ok');
    expect(await reads('alice', { mfa: false })).toBe('denied');
    expect(await reads('alice')).toBe('denied');
  });

  it('about time follow the clock', async () => {
    await grant('user:alice', 'default/production/**', {
      times: [{ days: ['mon'], from: '09:00', to: '17:00', zone: 'Europe/Berlin' }],
      notAfter: '2026-03-09T10:00:00Z',
    });
    const readsAt = async (time: string): Promise<string> => {
      now = Date.parse(time);
      return reads('alice');
    };
    expect(await readsAt('2026-03-02T12:00:00Z')).toBe('ok');
    expect(await readsAt('2026-03-02T16:00:00Z')).toBe('denied');
    expect(await readsAt('2026-03-03T12:00:00Z')).toBe('denied');
    expect(await readsAt('2026-03-09T09:59:59Z')).toBe('ok');
    expect(await readsAt('2026-03-09T10:00:00Z')).toBe('denied');
  });

  it('that cannot be enforced are refused', async () => {
    for (const conditions of [
      { cidr: [] },
      { cidr: ['10.0.0.0/33'] },
      { cidr: ['10.0.0.0/08'] },
      { cidr: ['fe80::1%eth0'] },
      { cidr: ['::ffff:10.0.0.0/104'] },
      { cidr: ['localhost'] },
      { userAgents: ['x'.repeat(201)] },
      { userAgents: ['*********'] },
      { times: [{ zone: 'Mars/Base' }] },
      { times: [{ zone: '+02:00' }] },
      { times: [{ from: '25:00', zone: 'UTC' }] },
      { times: [{ from: '09:00', to: '09:00', zone: 'UTC' }] },
      { mfa: 'yes' },
      { notBefore: 'tomorrow' },
      { country: ['DE'] },
      { notBefore: '2026-03-02T12:00:00Z', notAfter: '2026-03-02T12:00:00Z' },
    ] as object[]) {
      expect(await refused(grant('user:alice', 'default/**', conditions as Conditions))).toBe(
        'invalid_input',
      );
    }
  });
});

describe('many rules', () => {
  it('are known again after the vault was closed and opened', async () => {
    await owner.users.create({ name: 'alice' });
    await grant('user:alice', 'default/production/**', { mfa: true });
    await parts.vault.close();
    const vault = await openTemporaryVault(place);
    await vault.close();
    parts = await openParts(place, { now: () => now });
    owner = parts.as(OWNER);
    expect(await reads('alice', { mfa: true })).toBe('ok');
    const roles = await parts.store.read((transaction) =>
      transaction.all(
        query((db) => db.selectFrom('roles').selectAll()),
        {},
      ),
    );
    for (const row of roles) parts.mac.check(ROLES, row);
  });
});
