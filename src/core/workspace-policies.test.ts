import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { mintToken } from '../domain/identities/tokens.ts';
import type { SettingName } from '../domain/settings/known-settings.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import type { SecurityContext } from './context.ts';
import type { Operation } from './operation.ts';
import { readSecret } from './operations/read-secret.ts';
import { listWorkspaces } from './operations/workspaces.ts';
import { createSession, createSystemSession, type Session } from './session.ts';

const MINUTE = 60_000;
const HOME = '192.0.2.7';
const AT = { environment: 'development', path: 'KEY' } as const;

let now = Date.parse('2026-01-01T00:00:00Z');
let place: TemporaryVault;
let parts: OpenParts;
beforeEach(async () => {
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
  await parts.as(OWNER).secrets.write({ ...AT, value: 'one' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const set = (name: SettingName, value: unknown, workspace?: string): Promise<unknown> =>
  parts.as(OWNER).settings.write({ name, value, workspace });
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'ok',
    (error: unknown) => (error as { readonly code?: string }).code,
  );
const read = (context: Omit<SecurityContext, 'principal'> = {}, who = OWNER): Promise<unknown> =>
  codeOf(parts.as(who, context).secrets.read(AT));
const lastEntry = (): Record<string, unknown> =>
  tamper(place, (db) => storedRows(db, 'audit_entries'))
    .map(({ body }) => JSON.parse(String(body)) as Record<string, unknown>)
    .at(-1) ?? {};

describe('allowed networks of a workspace', () => {
  it('A53 are held against the address of each call, however it is written', async () => {
    await set('allowed_ip_ranges', ['192.0.2.0/24', '2001:db8::/32']);
    for (const ip of [HOME, `::ffff:${HOME}`, '2001:0db8:0::1', '2001:db8::1%eth0']) {
      expect(await read({ ip })).toBe('ok');
    }
    for (const ip of ['192.0.3.7', '::ffff:192.0.3.7', '2001:db9::1', '192.0.2.07', 'here']) {
      expect(await read({ ip })).toBe('denied');
    }
    expect(await read()).toBe('denied');
  });

  it('are on record with what they refused, and tell why', async () => {
    await set('allowed_ip_ranges', ['192.0.2.0/24']);
    const refused = parts.as(OWNER, { ip: '198.51.100.1' }).secrets.read(AT);
    await expect(refused).rejects.toMatchObject({
      code: 'denied',
      message: 'the workspace default is not open to calls from this address',
      details: { policy: 'allowed_ip_ranges' },
    });
    const [row] = tamper(place, (db) => storedRows(db, 'settings'));
    expect(lastEntry()).toMatchObject({
      action: 'secrets.read',
      actor_name: OWNER,
      ip: '198.51.100.1',
      decision: 'deny',
      outcome: 'denied',
      reason: 'denied',
      rule: row?.['id'],
      detail: 'policy allowed_ip_ranges',
    });
  });

  it('say nothing to those who have no right there anyway', async () => {
    await parts.as(OWNER).users.create({ name: 'eve' });
    await set('allowed_ip_ranges', ['192.0.2.0/24']);
    const refused = await parts
      .as('eve')
      .secrets.read(AT)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'denied', details: { capability: 'read' } });
    expect((refused as Error).message).not.toContain('address');
  });

  it('are those of one workspace, also for what reaches into it from another', async () => {
    const owner = parts.as(OWNER, { ip: HOME });
    await owner.workspaces.create({ name: 'billing' });
    await owner.environments.create({ workspace: 'billing', name: 'live' });
    await owner.secrets.write({ workspace: 'billing', environment: 'live', path: 'A', value: 'a' });
    await set('allowed_ip_ranges', ['198.51.100.0/24'], 'billing');
    expect(await read({ ip: HOME })).toBe('ok');
    const away = { ...AT, toWorkspace: 'billing', toEnvironment: 'live', to: 'B' } as const;
    await expect(owner.secrets.copy(away)).rejects.toMatchObject({
      code: 'denied',
      details: { workspace: 'billing', policy: 'allowed_ip_ranges' },
    });
    expect(await codeOf(owner.secrets.move(away))).toBe('denied');
    const here = { toWorkspace: 'default', toEnvironment: 'development', to: 'B' } as const;
    const there = { workspace: 'billing', environment: 'live', path: 'A' } as const;
    expect(await codeOf(owner.secrets.copy({ ...there, ...here }))).toBe('denied');
    const listed = await owner.workspaces.list();
    expect(listed.map(({ name }) => name)).toEqual(['default']);
  });

  it('are held against whatever is about the workspace, also what needs no right', async () => {
    await set('allowed_ip_ranges', ['192.0.2.0/24']);
    const about: Operation<object, unknown> = {
      ...(listWorkspaces as Operation<object, unknown>),
      subject: () => ({ workspace: 'default' }),
    };
    const from = (ip: string): Promise<unknown> =>
      codeOf(parts.vault.call(about, parts.vault.caller({ principal: OWNER, ip }, 'rest'), {}));
    expect([await from(HOME), await from('198.51.100.1')]).toEqual(['ok', 'denied']);
  });

  it('can be taken back by an owner at the vault itself, and by nobody from elsewhere', async () => {
    await set('allowed_ip_ranges', ['203.0.113.0/24']);
    await parts.as(OWNER).users.create({ name: 'admin' });
    await parts.as(OWNER).roles.assign({ name: 'admin', member: 'user:admin', wholeVault: true });
    const reset = { name: 'allowed_ip_ranges', value: null } as const;
    const from = (face: 'rest' | 'cli', principal: string): Session =>
      createSession(parts.vault, { principal, ip: HOME }, face);
    expect(await codeOf(from('rest', OWNER).settings.write(reset))).toBe('denied');
    expect(await codeOf(from('cli', 'admin').settings.write(reset))).toBe('denied');
    const narrowed = parts.as(OWNER, { can: ['admin', 'read', 'list'] });
    expect(await codeOf(narrowed.settings.write(reset))).toBe('denied');
    expect(await codeOf(parts.as(OWNER).secrets.list({ environment: 'development' }))).toBe(
      'denied',
    );
    expect(await codeOf(from('cli', OWNER).settings.read())).toBe('ok');
    expect(await codeOf(from('cli', OWNER).settings.write(reset))).toBe('ok');
    expect(await read()).toBe('ok');
  });

  it('A65 hold from the next call on, and are followed when they change', async () => {
    for (const ranges of [['203.0.113.0/24'], ['192.0.2.0/24'], null, ['203.0.113.0/24']]) {
      await set('allowed_ip_ranges', ranges);
      const isOpen = ranges === null || ranges[0] === '192.0.2.0/24';
      expect(await read({ ip: HOME })).toBe(isOpen ? 'ok' : 'denied');
    }
  });

  it('do not fall back when somebody takes their row out of the database', async () => {
    await set('allowed_ip_ranges', ['203.0.113.0/24']);
    tamper(place, (db) => db.exec('DELETE FROM settings'));
    expect(await read({ ip: HOME })).toBe('denied');
    // Whatever makes it read again finds that a row is missing.
    await expect(
      codeOf(parts.as(OWNER).settings.write({ name: 'allowed_ip_ranges', value: null })),
    ).resolves.toBe('integrity_error');
    expect(await read({ ip: HOME })).not.toBe('ok');
  });

  it('do not keep the system from what is due', async () => {
    await set('allowed_ip_ranges', ['203.0.113.0/24']);
    await set('require_mfa', true);
    expect(await codeOf(createSystemSession(parts.vault).trash.purge({}))).toBe('ok');
  });
});

describe('allowed programs of a workspace', () => {
  it('are held against the user agent of each call', async () => {
    await set('allowed_user_agents', ['billing/*', 'curl/8.0']);
    expect(await read({ userAgent: 'billing/3' })).toBe('ok');
    expect(await read({ userAgent: 'curl/8.0' })).toBe('ok');
    for (const userAgent of [
      'curl/8.01',
      'xbilling/3',
      '',
      undefined,
      `billing/${'x'.repeat(2000)}`,
    ]) {
      expect(await read({ userAgent })).toBe('denied');
    }
    expect(lastEntry()).toMatchObject({ detail: 'policy allowed_user_agents' });
  });
});

describe('whoever shuts themself out', () => {
  it.each([
    [
      'allowed_ip_ranges',
      ['192.0.2.0/24'],
      /, from 198\.51\.100\.7, cannot use the workspace default/,
    ],
    ['allowed_user_agents', ['curl/*'], /, by a program that nobody tells, cannot use /],
  ] as const)('by %s is told, then and after that', async (name, value, warned) => {
    const owner = parts.as(OWNER, { ip: '198.51.100.7' });
    const { warnings } = await owner.settings.write({ name, value });
    expect(warnings).toEqual([expect.stringMatching(warned)]);
    const wayOut = `strongroom settings reset ${name}`;
    expect(warnings[0]).toContain(wayOut);
    await expect(owner.secrets.list({ environment: 'production' })).rejects.toMatchObject({
      code: 'denied',
      hint: expect.stringContaining(wayOut),
    });
    await owner.settings.write({ name, value: null });
    const open = name === 'allowed_ip_ranges' ? ['198.51.100.0/24'] : ['*'];
    const inside = parts.as(OWNER, { ip: '198.51.100.7', userAgent: 'any' });
    expect((await inside.settings.write({ name, value: open })).warnings).toEqual([]);
    await owner.settings.write({ name, value: null });
  });
});

describe('a second factor that a workspace asks for', () => {
  it('has to be proven by people, and by no machine', async () => {
    await set('require_mfa', true);
    const owner = parts.as(OWNER, { mfa: true });
    await owner.machines.create({ name: 'ci' });
    await owner.roles.assign({ name: 'reader', member: 'machine:ci' });
    expect(await read({ mfa: true })).toBe('ok');
    expect(await read({ mfa: false })).toBe('mfa_required');
    expect(await read()).toBe('mfa_required');
    expect(lastEntry()).toMatchObject({ reason: 'mfa_required', detail: 'policy require_mfa' });
    expect(await read({}, 'ci')).toBe('ok');
  });

  it('is asked of roles that there are, and told to be lacking to who has one of them', async () => {
    const { settings } = parts.as(OWNER);
    const set = async (value: readonly string[]): Promise<readonly string[]> =>
      (await settings.write({ name: 'mfa_roles', value })).warnings;
    const [unknown, ...none] = await set(['ownr', 'reader']);
    expect(unknown).toMatch(/^there is no role ownr: /);
    expect(none).toEqual([]);
    const [own] = await set(['owner']);
    expect(own).toMatch(/^you are without a second factor now, and have one of these roles: /);
    await set([]);
  });

  it('is told to be lacking to whoever asks for it and came without one', async () => {
    const require = async (session: Session): Promise<readonly string[]> =>
      (await session.settings.write({ name: 'require_mfa', value: true })).warnings;
    const [warning, ...others] = await require(parts.as(OWNER));
    expect(warning).toMatch(/^you are without a second factor now, and cannot use .* default /);
    expect(warning).toContain('strongroom factor add');
    expect(others).toEqual([]);
    expect(await read()).toBe('mfa_required');
    expect(await require(parts.as(OWNER, { mfa: true }))).toEqual([]);
    const { settings } = parts.as(OWNER);
    expect((await settings.write({ name: 'require_mfa', value: false })).warnings).toEqual([]);
    expect((await settings.write({ name: 'complexity', value: 'strong' })).warnings).toEqual([]);
  });

  it('is not asked for where it is set to false', async () => {
    await set('require_mfa', false);
    expect(await read()).toBe('ok');
  });
});

describe('the time-out of sessions in a workspace', () => {
  const sessionOf = async (
    kind: 'session' | 'token',
    authenticatedAt: number | null,
  ): Promise<() => Promise<unknown>> => {
    const { text } = await parts.write((work) =>
      mintToken(work, {
        kind,
        principal_id: work.actor,
        restore_id: '',
        principal_generation: 0,
        authenticated_at: authenticatedAt,
        expires_at: kind === 'session' ? now + 1000 * MINUTE : null,
      }),
    );
    const caller = {
      context: { principal: '' },
      face: 'rest',
      credential: text.reveal(),
    } as const;
    return () => codeOf(parts.vault.call(readSecret, { ...caller }, AT));
  };

  it('asks for a new proof so many minutes after the last one', async () => {
    await set('session_timeout_minutes', 15);
    const session = await sessionOf('session', now - MINUTE);
    const token = await sessionOf('token', null);
    expect(await session()).toBe('ok');
    now += 14 * MINUTE - 1;
    expect(await session()).toBe('ok');
    now += 1;
    expect(await session()).toBe('reauth_required');
    expect(lastEntry()).toMatchObject({
      reason: 'reauth_required',
      detail: 'policy session_timeout_minutes',
    });
    now += 10 * MINUTE;
    expect(await token()).toBe('ok');
    await set('session_timeout_minutes', null);
    expect(await session()).toBe('ok');
  });

  it('counts from its making for a session that says nothing of a proof', async () => {
    await set('session_timeout_minutes', 1);
    const session = await sessionOf('session', null);
    expect(await session()).toBe('ok');
    now += MINUTE;
    expect(await session()).toBe('reauth_required');
  });

  it('means nothing to calls without a session', async () => {
    await set('session_timeout_minutes', 1);
    now += 10 * MINUTE;
    expect(await read()).toBe('ok');
  });
});
