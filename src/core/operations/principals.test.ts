import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Work } from '../../domain/work.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { AUTH_METHODS, FACTOR_USES, FACTORS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Caller } from '../item.ts';
import type { Session } from '../session.ts';
import { listEnvironments } from './workspaces.ts';

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
const grant = (subject: string, pattern: string): Promise<unknown> =>
  owner.access.grant({ subject, can: ['list', 'read'], pattern });

const callerWith = (credential: string): Caller => ({
  context: { principal: '' },
  face: 'library',
  credential,
});

/** A factor that was used, and a way to sign in. */
async function fillCredentials(
  { transaction, mac, now: made, actor }: Work,
  id: string,
): Promise<void> {
  const factor = await insertRow(transaction, mac, FACTORS, {
    id: uuidv7(),
    principal_id: id,
    kind: 'password',
    label: null,
    lookup: null,
    data: '{}',
    secret: null,
    revision: 1,
    confirmed_at: made,
    created_at: made,
  });
  const uses = { factor_id: factor.id, counter: 1, used_at: made };
  await insertRow(transaction, mac, FACTOR_USES, uses);
  await insertRow(transaction, mac, AUTH_METHODS, {
    id: uuidv7(),
    kind: 'approle',
    name: id,
    principal_id: id,
    config: '{}',
    secret: null,
    revision: 1,
    generation: 0,
    disabled_at: null,
    created_at: made,
    created_by: actor,
  });
}

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

  it('that are disabled have no valid credential any more, also after they are enabled again', async () => {
    await owner.machines.create({ name: 'ci' });
    await grant('machine:ci', 'default/**');
    const token = async (): Promise<Caller> => {
      const made = await owner.tokens.create({ subject: 'machine:ci' });
      return callerWith(made.token.reveal());
    };
    const calls = (caller: Caller): Promise<string> =>
      refused(parts.vault.call(listEnvironments, caller, {}));
    const [one, other] = [await token(), await token()];
    expect(await calls(one)).toBe('ok');
    await owner.machines.disable({ name: 'ci' });
    expect(await calls(one)).toBe('unauthenticated');
    // Disabled twice, it is of the same generation.
    await owner.machines.disable({ name: 'ci' });
    await owner.machines.enable({ name: 'ci' });
    for (const old of [one, other]) expect(await calls(old)).toBe('unauthenticated');
    expect(await calls(await token())).toBe('ok');
    const [row] = tamper(place, (db) => storedRows(db, 'principals')).slice(-1);
    expect(row).toMatchObject({ name: 'ci', generation: 1 });
  });

  it('that are removed take along what they sign in with, and nobody else loses anything', async () => {
    const kept = await owner.tokens.create();
    const { id } = await owner.machines.create({ name: 'ci' });
    const made = await owner.tokens.create({ subject: 'machine:ci' });
    await owner.users.create({ name: 'alice' });
    await parts.write(async (work) => {
      await fillCredentials(work, id);
      await fillCredentials(work, uuidv7());
    });
    // An operation, so that the log vouches for what was counted.
    await owner.groups.create({ name: 'team' });
    await owner.machines.remove({ name: 'ci' });
    const rows = (table: string): number => tamper(place, (db) => storedRows(db, table)).length;
    expect(['factors', 'factor_uses', 'auth_methods', 'tokens'].map(rows)).toEqual([1, 1, 1, 1]);
    const stranger = callerWith(made.token.reveal());
    expect(await refused(parts.vault.call(listEnvironments, stranger, {}))).toBe('unauthenticated');
    const own = callerWith(kept.token.reveal());
    expect(await refused(parts.vault.call(listEnvironments, own, {}))).toBe('ok');
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

describe('groups and roles that are renamed', () => {
  beforeEach(async () => {
    await owner.users.create({ name: 'alice' });
    await owner.groups.create({ name: 'ops' });
    await owner.roles.create({ name: 'payments' });
    await owner.groups.add({ name: 'ops', member: 'user:alice' });
    await grant('role:payments', 'default/production/db/*');
    await owner.roles.assign({ name: 'payments', member: 'group:ops' });
  });

  it('stay who they are: members and rules are those of before, and the old name is free', async () => {
    const [group] = (await owner.groups.list()).sets;
    expect(await owner.groups.rename({ name: 'ops', to: 'platform' })).toEqual({
      ...group,
      name: 'platform',
    });
    await owner.roles.rename({ name: 'payments', to: 'billing' });
    expect(await reads('alice')).toBe('ok');
    expect(await owner.roles.describe({ name: 'billing' })).toMatchObject({
      members: [{ subject: 'group:platform' }],
      grants: [{ subject: 'role:billing', pattern: 'default/production/db/*' }],
    });
    expect(await refused(owner.roles.describe({ name: 'payments' }))).toBe('subject_not_found');
    expect(await refused(owner.groups.rename({ name: 'ops', to: 'other' }))).toBe(
      'subject_not_found',
    );
    expect((await owner.roles.create({ name: 'payments' })).members).toBe(0);
    await parts.vault.close();
    parts = await openParts(place);
    owner = parts.as(OWNER);
    expect(await reads('alice')).toBe('ok');
    expect((await owner.groups.list()).sets.map(({ name }) => name)).toEqual(['platform']);
    const { entries } = await owner.audit.query({ action: 'groups.rename', limit: 2 });
    expect(entries.map(({ outcome, detail }) => [outcome, detail])).toEqual([
      ['failed', 'group:ops to group:other'],
      ['ok', 'group:ops to group:platform'],
    ]);
  });

  it('A32 take names by the rules by which they are made, and built-in roles none', async () => {
    await owner.groups.create({ name: 'web' });
    const rename = (to: string): Promise<string> =>
      refused(owner.groups.rename({ name: 'ops', to }));
    for (const to of ['web', 'WEB']) expect(await rename(to)).toBe('subject_exists');
    for (const to of ['Root', 'sys', 'ｒｏｏｔ']) expect(await rename(to)).toBe('reserved_name');
    for (const to of ['', 'a*', 'a/b', 'a b']) expect(await rename(to)).toBe('invalid_name');
    expect(await rename('Ops')).toBe('ok');
    const role = (name: string, to: string, more: object = {}): Promise<string> =>
      refused(owner.roles.rename({ name, to, ...more }));
    for (const to of ['reader', 'Owner']) {
      expect(await role('payments', to)).toBe('subject_exists');
    }
    expect(await role('reader', 'readers', { wholeVault: true })).toBe('built_in_role');
    expect(await role('reader', 'readers')).toBe('built_in_role');
    await owner.workspaces.create({ name: 'billing' });
    expect(await role('payments', 'x', { workspace: 'billing' })).toBe('subject_not_found');
  });

  it('A36 take the right to change what they are of, and to have what a role gives', async () => {
    await owner.users.create({ name: 'bob' });
    const bob = parts.as('bob');
    const ops = { name: 'ops', to: 'platform' };
    const payments = { name: 'payments', to: 'harmless' };
    expect(await refused(bob.groups.rename(ops))).toBe('denied');
    await owner.roles.assign({ name: 'admin', member: 'user:bob' });
    // An admin does not read, and so does not decide who is given what reads.
    expect(await refused(bob.roles.rename(payments))).toBe('escalation_refused');
    expect(await refused(bob.groups.rename(ops))).toBe('escalation_refused');
    await owner.groups.create({ name: 'web' });
    expect(await refused(bob.groups.rename({ name: 'web', to: 'site' }))).toBe('ok');
    await owner.groups.create({ name: 'all', wholeVault: true });
    const all = { name: 'all', to: 'every' };
    expect(await refused(bob.groups.rename(all))).toBe('subject_not_found');
    expect(await refused(bob.groups.rename({ ...all, wholeVault: true }))).toBe('denied');
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
