import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Conditions } from '../../domain/access/conditions.ts';
import { uuidv7 } from '../../lib/ids.ts';
import {
  makeTemporaryVault,
  openParts,
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

  it('gives no answer about a workspace or an environment that is not there', async () => {
    const code = (resource: string): Promise<readonly string[]> =>
      Promise.all([
        refused(owner.access.explain({ principal: 'alice', ...ask, resource })),
        refused(owner.access.whoCan({ ...ask, resource })),
        refused(
          owner.access.test({
            cases: [{ principal: 'alice', ...ask, resource, expected: 'deny' }],
          }),
        ),
      ]);
    expect(new Set(await code('nope/production/a'))).toEqual(new Set(['workspace_not_found']));
    expect(new Set(await code('default/prod/a'))).toEqual(new Set(['environment_not_found']));
    expect(new Set(await code('default/default/production/a'))).toEqual(
      new Set(['environment_not_found']),
    );
    expect(new Set(await code('sys/audit/nope'))).toEqual(new Set(['workspace_not_found']));
    await owner.workspaces.create({ name: 'billing' });
    const misplaced = owner.access.whoCan({ ...ask, resource: 'default/billing/production/a' });
    await expect(misplaced).rejects.toMatchObject({
      code: 'environment_not_found',
      hint: 'what is in that workspace is named with -w billing: production/a',
    });
    // Who may see nothing there learns nothing.
    const alice = parts.as('alice').access.explain({ ...ask, resource: 'nope/production/a' });
    expect(await alice).toMatchObject({ allowed: false, reason: 'no grant allows it' });
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
