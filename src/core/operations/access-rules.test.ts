import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Capability } from '../../domain/access/capability.ts';
import type { Conditions } from '../../domain/access/conditions.ts';
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

describe('an owner', () => {
  it('is never kept from taking a denial away, and is told how', async () => {
    const denials: string[] = [];
    const all = ['list', 'read', 'write', 'delete', 'rotate', 'admin'] as const;
    for (const pattern of ['default/**', '**']) {
      const { id } = await owner.access.deny({ subject: `user:${OWNER}`, can: all, pattern });
      denials.push(id);
      const error = (await owner.secrets.read(at).catch((each: unknown) => each)) as {
        code: string;
        hint: string;
      };
      expect(error.code).toBe('denied');
      expect(error.hint).toContain(
        `access explain user:${OWNER} read default/production/db/PASSWORD`,
      );
      if (pattern === '**') break;
      expect((await owner.access.list({})).grants.map((each) => each.id)).toEqual([id]);
      expect(await refused(owner.access.revoke({ grant: id }))).toBe('ok');
      expect(await reads(OWNER)).toBe('ok');
    }
    const narrowed = parts.as(OWNER, { can: ['read'] });
    const last = { grant: denials.at(-1) ?? '' };
    expect(await refused(narrowed.access.revoke(last))).toBe('denied');
    expect(await refused(owner.access.revoke(last))).toBe('ok');
    expect(await reads(OWNER)).toBe('ok');
  });

  it('is asked with the request id by others who are refused', async () => {
    await owner.users.create({ name: 'alice' });
    const error: unknown = await parts
      .as('alice')
      .secrets.read(at)
      .catch((each: unknown) => each);
    const { details, hint } = error as { details: { request: string }; hint: string };
    expect(hint).toMatch(new RegExp(`request id ${details.request}$`));
  });
});

describe('naming places and subjects', () => {
  beforeEach(async () => {
    await owner.users.create({ name: 'alice' });
  });

  it('refuses a workspace where an environment belongs, and warns of one that is not there', async () => {
    await owner.workspaces.create({ name: 'billing' });
    const rule = { subject: 'alice', can: ['read'] as const };
    const deny = (pattern: string): Promise<{ readonly warnings: readonly string[] }> =>
      owner.access.deny({ ...rule, pattern });
    await expect(deny('default/default/production/**')).rejects.toMatchObject({
      code: 'environment_not_found',
      hint: "strongroom access deny alice read 'production/**' -w default",
    });
    await expect(deny('default/billing/production/**')).rejects.toMatchObject({
      hint: "strongroom access deny alice read 'production/**' -w billing",
    });
    expect((await deny('default/prod/**')).warnings).toEqual([
      'there is no environment prod in default: the rule counts once there is one',
    ]);
    expect((await deny('default/production/**')).warnings).toEqual([]);
    expect((await deny('default/*/db/**')).warnings).toEqual([]);
    const add = [{ ...rule, pattern: 'default/billing/**' }];
    expect(await refused(owner.access.replay({ since: '2026-03-01T00:00:00Z', add }))).toBe(
      'environment_not_found',
    );
  });

  it('warns of a rule that covers nothing yet, and tells nobody what they may not list', async () => {
    const place = { environment: 'production', value: 'v' };
    await owner.secrets.write({ ...place, path: 'db/main/password' });
    const warningsOf = async (pattern: string, can: Capability = 'read') =>
      (await owner.access.grant({ subject: 'alice', can: [can], pattern })).warnings;
    const within = 'the rule covers the environment and no secret in it: those are';
    expect(await warningsOf('default/production')).toEqual([`${within} default/production/**`]);
    expect(await warningsOf('default')).toEqual([
      'the rule covers the workspace and no secret in it: those are default/**',
    ]);
    expect(await warningsOf('default/production/db/other')).toEqual([
      'there is no secret db/other in production: the rule counts once there is one',
    ]);
    expect(await warningsOf('default/production/db/other/**')).toEqual([
      'there is no secret under db/other in production: the rule counts once there is one',
    ]);
    expect(await warningsOf('default/production/db/main')).toEqual([
      'db/main is no secret but a folder in production: what is in it is db/main/**',
    ]);
    expect(await warningsOf('default/production', 'admin')).toEqual([]);
    for (const pattern of ['', '/db/**', '/db/main/password', '/*/main/password', '/db/*/none']) {
      const whole = `default/production${pattern === '' ? '/**' : pattern}`;
      expect([whole, await warningsOf(whole)]).toEqual([whole, []]);
    }
    // With the right to give rights and without that to list, what is there and what is not are one.
    await owner.users.create({ name: 'keeper' });
    await owner.roles.assign({ name: 'admin', member: 'keeper', wholeVault: true });
    await owner.access.deny({ subject: 'keeper', can: ['list'], pattern: 'default/production/**' });
    const keeper = parts.as('keeper');
    for (const path of ['db/main/password', 'db/none', 'db/main/**', 'none/**']) {
      const pattern = `default/production/${path}`;
      const { warnings } = await keeper.access.deny({ subject: 'alice', can: ['read'], pattern });
      expect([path, warnings]).toEqual([path, []]);
    }
  });

  it('takes a name alone for whoever alone has it', async () => {
    const rule = { can: ['read'] as const, pattern: 'default/production/**' };
    const made = await owner.access.grant({ ...rule, subject: 'alice' });
    expect(made.subject).toBe('user:alice');
    await owner.groups.create({ name: 'alice' });
    const ambiguous = owner.access.grant({ ...rule, subject: 'alice' });
    await expect(ambiguous).rejects.toMatchObject({
      code: 'invalid_input',
      hint: 'as in user:alice',
    });
  });

  it('are given to nobody whose name no name can be', async () => {
    await owner.groups.create({ name: 'odd' });
    const codes: unknown[] = [];
    for (const member of ['', '\n', 'user:\nada', 'user:', 'group:\u2028', 'nobody:ada\n']) {
      codes.push([member, await refused(owner.groups.add({ name: 'odd', member }))]);
    }
    expect(codes).toEqual([
      ['', 'invalid_input'],
      ['\n', 'invalid_input'],
      ['user:\nada', 'subject_not_found'],
      ['user:', 'invalid_input'],
      ['group:\u2028', 'subject_not_found'],
      ['nobody:ada\n', 'invalid_input'],
    ]);
    await owner.groups.remove({ name: 'odd' });
  });

  it('says of a built-in role that it is one', async () => {
    expect(await refused(owner.roles.remove({ name: 'reader' }))).toBe('built_in_role');
    expect(await refused(owner.roles.remove({ name: 'none' }))).toBe('subject_not_found');
  });

  it('says what a member takes, and which one is not known', async () => {
    const rule = { subject: 'alice', pattern: 'default/**' };
    const wrong = owner.access.grant({ ...rule, can: ['reed'] as never });
    await expect(wrong).rejects.toThrow(/takes list, read, write, delete, rotate, admin$/);
    const odd = { ...rule, can: ['read'], condition: {}, sk_live_4eC39HqLyjWDarjtT1zdp7dc: 1 };
    await expect(owner.access.grant(odd as never)).rejects.toThrow(
      /^the input has no member condition$/,
    );
    await expect(
      owner.access.grant({ ...rule, can: ['read'], '4eC39HqLyjWD': 1 } as never),
    ).rejects.toThrow(/^the input has a member that is not known$/);
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
    // Nor that there is one.
    expect(await mayRead()).toBe('workspace_not_found');
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
