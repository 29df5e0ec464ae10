import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { AuditEntry } from '../domain/audit/entry.ts';
import { CALLER, NAMES } from '../testing/foreign-ids.ts';
import { everyParameter, foreignOf, withParameter } from '../testing/input-parameters.ts';
import { OWNER } from '../testing/temporary-vault.ts';
import { makeTwoWorkspaces, type TwoWorkspaces } from '../testing/two-workspaces.ts';
import type { SecurityContext } from './context.ts';

/** As long as {@link NAMES.workspace}, of which nobody but the owner knows. */
const ABSENT = 'absent';
const HERE = { workspace: NAMES.workspace, environment: NAMES.environment } as const;

interface Ended {
  readonly code: string;
  /** All that the caller gets to see, without the request's own id. */
  readonly told: string;
}

/** An input that names the workspace of the others, in one place or in all. */
interface Case {
  readonly name: string;
  readonly parameter: string;
  readonly input: object;
}

let two: TwoWorkspaces;
let cases: readonly Case[];
beforeAll(async () => {
  two = await makeTwoWorkspaces();
  await two.owner.users.create({ name: 'newcomer' });
  await two.owner.users.create({ name: 'watcher' });
  for (const can of ['sys/metrics', 'sys/health', 'sys/slots', 'sys/jobs']) {
    await two.owner.access.grant({ subject: 'user:watcher', can: ['read'], pattern: can });
  }
  cases = everyCase();
});
afterAll(() => two.close());

/** Every parameter that names a workspace, by itself and with the rest of an address. */
function everyCase(): readonly Case[] {
  const named = everyParameter().flatMap(({ name, parameter }) => {
    const foreign = foreignOf(name, parameter)?.(two.theirs);
    return foreign === undefined ? [] : [{ name, parameter, foreign }];
  });
  const workspaces = named.filter(({ foreign }) => /^theirs(?:\/|$)/.test(String(foreign)));
  return workspaces.flatMap(({ name, parameter, foreign }) => {
    const own = two.inputOf(name);
    const prefix = parameter.replace(/[wW]orkspace$/, '');
    const beside = named.filter(
      (each) => each.name === name && [`${prefix}environment`, 'path'].includes(each.parameter),
    );
    const input = withParameter(own, parameter, foreign);
    const whole = beside.reduce(
      (given, each) => withParameter(given, each.parameter, each.foreign),
      input,
    );
    return [
      { name, parameter, input },
      { name, parameter: `${parameter} and what is in it`, input: whole },
    ];
  });
}

async function ended(
  name: string,
  input: object,
  who: { readonly principal: string } & Partial<SecurityContext>,
): Promise<Ended> {
  const [group = '', method = ''] = name.split('.');
  const { principal, ...context } = who;
  const session = two.parts.as(principal, context) as unknown as Readonly<
    Record<string, Readonly<Record<string, unknown>>>
  >;
  const run = session[group]?.[method] as (given: object) => Promise<unknown>;
  try {
    return { code: 'ok', told: told(await run(input)) };
  } catch (error) {
    const { code, message, hint, details } = error as Readonly<Record<string, unknown>>;
    return { code: String(code), told: told({ code, message, hint, details }) };
  }
}

/** Entries of the caller's own calls have the names that the caller gave. */
function told(answer: unknown): string {
  const ids: readonly unknown[] = Object.values({ ...two.theirs });
  const text = JSON.stringify(answer ?? null, (key: string, each: unknown) =>
    key === 'entries' && Array.isArray(each) ? each.length : each,
  );
  return text.replaceAll(/[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[\da-f]{4}-[\da-f]{12}/g, (id) =>
    ids.includes(id) ? id : 'an id of now',
  );
}

function renamed(input: object): object {
  return JSON.parse(JSON.stringify(input).replaceAll(NAMES.workspace, ABSENT)) as object;
}

/** Those that tell the workspace that there is from one that there is not. */
async function tellingApart(
  who: { readonly principal: string } & Partial<SecurityContext>,
): Promise<readonly object[]> {
  const found: object[] = [];
  for (const { name, parameter, input } of cases) {
    const present = await ended(name, input, who);
    const absent = await ended(name, renamed(input), who);
    if (present.told.replaceAll(NAMES.workspace, ABSENT) === absent.told) continue;
    found.push({ name, parameter, present, absent });
  }
  return found;
}

const callers = [
  { who: 'somebody who owns another workspace', principal: CALLER },
  { who: 'the same with a credential for little', principal: CALLER, can: ['rotate'] as const },
  { who: 'the same with a credential for names', principal: CALLER, can: ['list'] as const },
  { who: 'somebody without any right', principal: 'newcomer' },
  { who: 'somebody who looks after the vault alone', principal: 'watcher' },
];

describe('A35 a workspace of which somebody may know nothing', () => {
  it('A35 is named in every way that there is', () => {
    const parameters = new Set(cases.map(({ parameter }) => parameter));
    for (const each of ['workspace', 'toWorkspace', 'source.workspace', 'pattern', 'resource']) {
      expect(parameters).toContain(each);
    }
    expect(cases.length).toBeGreaterThan(100);
  });

  it.each(callers)('A35 is as none to $who', async ({ principal, ...context }) => {
    const { who: _, ...given } = context;
    expect(await tellingApart({ principal, ...given })).toEqual([]);
  });

  it('A35 is as none also where it is closed to calls from elsewhere', async () => {
    const workspace = NAMES.workspace;
    const name = 'allowed_ip_ranges';
    await two.owner.settings.write({ workspace, name, value: ['192.0.2.0/24'] });
    try {
      for (const { who: _, ...given } of callers) {
        expect(await tellingApart({ ...given, ip: '198.51.100.1' })).toEqual([]);
      }
    } finally {
      await two.owner.settings.write({ workspace, name, value: null });
    }
  });

  it('A35 is said to be none as one is said to be that the owner mistyped', async () => {
    const { code, told: shown } = await ended(
      'secrets.read',
      { ...HERE, path: NAMES.path },
      { principal: 'newcomer' },
    );
    expect(code).toBe('workspace_not_found');
    const mistyped = await ended(
      'secrets.read',
      { ...HERE, workspace: ABSENT, path: NAMES.path },
      { principal: OWNER },
    );
    expect(mistyped.told).toBe(shown.replaceAll(NAMES.workspace, ABSENT));
  });

  it('is on record as what it was denied for', async () => {
    const pattern = `${NAMES.workspace}/**`;
    const deny = { subject: 'user:newcomer', can: ['read'] as const, pattern };
    const rule = await two.owner.access.deny(deny);
    await ended('secrets.read', { ...HERE, path: NAMES.path }, { principal: 'newcomer' });
    const entry = await newest('newcomer');
    expect(entry).toMatchObject({
      action: 'secrets.read',
      outcome: 'denied',
      reason: 'denied',
      decision: 'deny',
      rule: rule.id,
      ...HERE,
      path: NAMES.path,
    });
    await two.owner.access.revoke({ grant: rule.id });
  });

  it('is told of with the reason to who has any right there', async () => {
    for (const can of ['list', 'read', 'rotate'] as const) {
      const pattern = `${NAMES.workspace}/${NAMES.environment}/elsewhere`;
      const grant = await two.owner.access.grant({ subject: 'user:newcomer', can: [can], pattern });
      const refused = two.parts.as('newcomer').secrets.write({
        ...HERE,
        path: NAMES.path,
        value: 'v',
      });
      await expect(refused).rejects.toMatchObject({
        code: 'denied',
        message: `you may not write ${NAMES.workspace}/${NAMES.environment}/${NAMES.path}`,
        details: { capability: 'write' },
      });
      await two.owner.access.revoke({ grant: grant.id });
    }
  });

  it('is told of to who has a right there under conditions, wherever they are', async () => {
    const subject = 'user:newcomer';
    const pattern = `${NAMES.workspace}/**`;
    const conditions = { cidr: ['192.0.2.0/24'] };
    const grant = await two.owner.access.grant({ subject, can: ['read'], pattern, conditions });
    const input = { ...HERE, path: NAMES.path };
    const away = { principal: 'newcomer', ip: '198.51.100.1' };
    expect((await ended('secrets.read', input, away)).code).toBe('denied');
    const deny = await two.owner.access.deny({ subject, can: ['read'], pattern, conditions });
    const there = { principal: 'newcomer', ip: '192.0.2.7' };
    expect((await ended('secrets.read', input, there)).code).toBe('denied');
    await two.owner.access.revoke({ grant: deny.id });
    const never = await two.owner.access.deny({ subject, can: ['read'], pattern });
    expect((await ended('secrets.read', input, there)).code).toBe('workspace_not_found');
    await two.owner.access.revoke({ grant: never.id });
    await two.owner.access.revoke({ grant: grant.id });
  });

  it('is told of with its policy to who would have a right there', async () => {
    const workspace = NAMES.workspace;
    const grant = await two.owner.access.grant({
      subject: 'user:newcomer',
      can: ['list'],
      pattern: `${workspace}/**`,
    });
    const value = ['192.0.2.0/24'];
    await two.owner.settings.write({ workspace, name: 'allowed_ip_ranges', value });
    const { secrets } = two.parts.as('newcomer', { ip: '198.51.100.1' });
    await expect(secrets.list(HERE)).rejects.toMatchObject({
      code: 'denied',
      message: 'the workspace theirs is not open to calls from this address',
    });
    await expect(secrets.read({ ...HERE, path: 'a' })).rejects.toMatchObject({
      code: 'denied',
      message: 'you may not read theirs/vorkuta/a',
    });
    await two.owner.settings.write({ workspace, name: 'allowed_ip_ranges', value: null });
    await two.owner.access.revoke({ grant: grant.id });
  });

  it('is told of to who sees everybody’s rights, and to an owner who is denied it', async () => {
    const subject = 'user:newcomer';
    const grant = await two.owner.access.grant({ subject, can: ['read'], pattern: 'sys/access' });
    const input = { ...HERE, path: NAMES.path };
    expect((await ended('secrets.read', input, { principal: 'newcomer' })).code).toBe('denied');
    await two.owner.access.revoke({ grant: grant.id });
    const rule = await two.owner.access.deny({
      subject: `user:${OWNER}`,
      can: ['list', 'read', 'write', 'delete', 'rotate', 'admin'],
      pattern: `${NAMES.workspace}/**`,
    });
    expect((await ended('secrets.read', input, { principal: OWNER })).code).toBe('denied');
    await two.owner.access.revoke({ grant: rule.id });
  });

  it('is never the first one, by the name that it has in every vault', async () => {
    const input = { environment: 'production', path: 'a' };
    expect(await ended('secrets.read', input, { principal: 'newcomer' })).toMatchObject({
      code: 'denied',
    });
  });
});

describe('A35 an environment of which somebody may know nothing', () => {
  it('A35 is as none to who may list another one of the workspace', async () => {
    await two.owner.access.grant({
      subject: 'user:newcomer',
      can: ['list', 'read', 'write', 'delete', 'rotate'],
      pattern: 'ours/development/**',
    });
    const who = { principal: 'newcomer' };
    const found: object[] = [];
    let count = 0;
    const [hidden, none] = ['production', 'extinction'];
    for (const { name, parameter } of everyParameter()) {
      if (foreignOf(name, parameter)?.(two.theirs) !== NAMES.environment) continue;
      const input = withParameter(two.inputOf(name), 'environment', 'development');
      const own = 'environment' in two.inputOf(name) ? input : two.inputOf(name);
      const present = await ended(name, withParameter(own, parameter, hidden), who);
      const absent = await ended(name, withParameter(own, parameter, none), who);
      count += 1;
      if (present.told.replaceAll(hidden, none) === absent.told) continue;
      found.push({ name, parameter, present, absent });
    }
    expect(count).toBeGreaterThan(40);
    for (const resource of [`ours/${hidden}/a`, `ours/${none}/a`]) {
      const input = { capability: 'read', resource };
      expect(await ended('access.explain', input, who)).toMatchObject({ code: 'ok' });
    }
    expect(found).toEqual([]);
  });
});

async function newest(actor: string): Promise<AuditEntry | undefined> {
  return (await two.owner.audit.query({ actor, limit: 1 })).entries[0];
}
