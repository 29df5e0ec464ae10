import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  PASSWORD,
  remoteSession,
  signedInAs,
  userWithPassword,
} from '../../testing/remote-session.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { failingStore } from '../../testing/failing-store.ts';
import type { SecretValue } from '../../secret-value.ts';
import { doDueWork } from '../due-work.ts';
import { createSystemSession } from '../session.ts';

let place: TemporaryVault;
let parts: OpenParts;
let now = 0;

const DAY = 86_400_000;
const address = { environment: 'production', path: 'db/password' };

beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:10Z');
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => String((error as { code?: unknown }).code),
  );

const as = (credential: SecretValue | null, ip = '192.0.2.1'): ReturnType<typeof remoteSession> =>
  remoteSession(parts, { credential, ip });

async function machine(name: string, role = 'reader'): Promise<void> {
  await parts.as(OWNER).machines.create({ name });
  await parts.as(OWNER).roles.assign({ name: role, member: `machine:${name}`, wholeVault: true });
}

describe('a token', () => {
  it('is used as its principal may, until it is revoked', async () => {
    await machine('ci');
    await parts.as(OWNER).secrets.write({ ...address, value: 'v' });
    const { token, id } = await parts.as(OWNER).tokens.create({ subject: 'machine:ci' });
    expect((await as(token).secrets.read(address)).value?.reveal()).toBe('v');
    await parts.as(OWNER).tokens.revoke({ token: id });
    expect(await codeOf(as(token).secrets.read(address))).toBe('unauthenticated');
  });

  it('of another user nobody makes, an owner neither', async () => {
    await parts.as(OWNER).users.create({ name: 'bob' });
    expect(await codeOf(parts.as(OWNER).tokens.create({ subject: 'user:bob' }))).toBe(
      'escalation_refused',
    );
    expect(await codeOf(parts.as(OWNER).tokens.create({ subject: `user:${OWNER}` }))).toBe('ok');
  });

  it('is made of a machine only by whoever has all that it may', async () => {
    await machine('root-like', 'owner');
    await parts.as(OWNER).users.create({ name: 'keeper' });
    await parts.as(OWNER).roles.assign({ name: 'admin', member: 'user:keeper', wholeVault: true });
    const subject = 'machine:root-like';
    expect(await codeOf(parts.as('keeper').tokens.create({ subject }))).toBe('escalation_refused');
  });

  it('gives nobody rights that count elsewhere, if it is limited to networks, whosever it is', async () => {
    const owner = parts.as(OWNER);
    await machine('mallory');
    await owner.secrets.write({ ...address, value: 'v' });
    const [free, bound] = [
      await owner.tokens.create({ ttl: '1d' }),
      await owner.tokens.create({ ttl: '1d', cidr: ['10.0.0.0/8'] }),
    ];
    const member = 'machine:mallory';
    const rule = { subject: member, can: ['read'] as const, pattern: '**' };
    const inside = as(bound.token, '10.1.2.3');
    const tries = (who: typeof inside): readonly (() => Promise<unknown>)[] => [
      () => who.access.grant(rule),
      () => who.roles.assign({ name: 'owner', member, wholeVault: true }),
      () => who.secrets.update({ ...address, access: [{ subject: member, can: ['read'] }] }),
      () => who.tokens.create({ subject: member }),
    ];
    for (const each of tries(inside)) expect(await codeOf(each())).toBe('escalation_refused');
    expect(await codeOf(inside.secrets.read(address))).toBe('ok');
    for (const each of tries(as(free.token, '10.1.2.3'))) expect(await codeOf(each())).toBe('ok');
  });

  it('makes none that may more, lives longer, or is taken from elsewhere', async () => {
    await machine('ci');
    const made = await parts.as(OWNER).tokens.create({
      subject: 'machine:ci',
      can: ['list', 'read'],
      cidr: ['10.0.0.0/8', '2001:db8::/32'],
      ttl: '2d',
    });
    const inside = as(made.token, '10.1.2.3');
    const child = await inside.tokens.create({ can: ['read', 'write'], ttl: 'never' });
    expect(child).toMatchObject({ can: ['read'], expiresAt: made.expiresAt });
    expect(await codeOf(as(child.token, '192.0.2.1').auth.whoAmI())).toBe('unauthenticated');
    expect(await codeOf(as(child.token, '10.9.9.9').auth.whoAmI())).toBe('ok');
    for (const cidr of ['0.0.0.0/0', '10.0.0.0/7', '11.0.0.1', '::/0', '2001:db8::/31']) {
      expect([cidr, await codeOf(inside.tokens.create({ cidr: [cidr] }))]).toEqual([
        cidr,
        'escalation_refused',
      ]);
    }
    const narrow = await inside.tokens.create({ cidr: ['10.1.0.0/16', '10.2.3.4'] });
    expect(await codeOf(as(narrow.token, '10.1.9.9').auth.whoAmI())).toBe('ok');
    expect(await codeOf(as(narrow.token, '10.2.3.4').auth.whoAmI())).toBe('ok');
    expect(await codeOf(as(narrow.token, '10.2.3.5').auth.whoAmI())).toBe('unauthenticated');
  });

  it('that opens nothing any more says so, and why, in a list', async () => {
    await machine('ci');
    const owner = parts.as(OWNER);
    const make = (input: { readonly ttl?: string; readonly uses?: number }) =>
      owner.tokens.create({ subject: 'machine:ci', ...input });
    const made = {
      good: await make({ uses: 2 }),
      short: await make({ ttl: '1h' }),
      once: await make({ uses: 1 }),
    };
    expect(made.good.state).toBe('active');
    for (const { token } of [made.good, made.once]) await as(token).auth.whoAmI();
    now += 2 * 3_600_000;
    const states = async (): Promise<Readonly<Record<string, string>>> => {
      const listed = await owner.tokens.list({ subject: 'machine:ci' });
      return Object.fromEntries(
        Object.entries(made).flatMap(([name, { id }]) =>
          listed.flatMap((each) => (each.id === id ? [[name, each.state]] : [])),
        ),
      );
    };
    expect(await states()).toEqual({ good: 'active', short: 'expired', once: 'used_up' });
    expect(await owner.tokens.revoke({ token: made.short.id })).toMatchObject({ state: 'revoked' });
    await owner.machines.disable({ name: 'ci' });
    expect(await states()).toEqual({ good: 'void', once: 'void' });
    // It is no more than what a call comes to.
    expect(await codeOf(as(made.good.token).auth.whoAmI())).toBe('unauthenticated');
  });

  it('with a number of uses makes no other', async () => {
    await machine('ci');
    const { token } = await parts.as(OWNER).tokens.create({ subject: 'machine:ci', uses: 3 });
    expect(await codeOf(as(token).tokens.create({}))).toBe('escalation_refused');
  });

  it('A65 that is revoked ends all that was made with it, which makes no more', async () => {
    await machine('ci');
    await parts.as(OWNER).secrets.write({ ...address, value: 'v' });
    const first = await parts.as(OWNER).tokens.create({ subject: 'machine:ci' });
    const second = await as(first.token).tokens.create({});
    expect(await codeOf(as(second.token).secrets.read(address))).toBe('ok');
    expect(await codeOf(as(second.token).tokens.create({}))).toBe('escalation_refused');
    await parts.as(OWNER).tokens.revoke({ token: first.id });
    expect(await codeOf(as(second.token).secrets.read(address))).toBe('unauthenticated');
  });

  it('A64 of one use is used once, however many try at once', async () => {
    await machine('ci');
    for (let round = 0; round < 20; round += 1) {
      const { token } = await parts.as(OWNER).tokens.create({ subject: 'machine:ci', uses: 1 });
      const all = await Promise.all(
        Array.from({ length: 100 }, (_, host) =>
          codeOf(as(token, `10.0.${round}.${host}`).auth.whoAmI()),
        ),
      );
      expect(all.filter((code) => code === 'ok')).toHaveLength(1);
      expect(all.filter((code) => code === 'unauthenticated')).toHaveLength(99);
    }
  });

  it('A65 opens nothing from the next call on after it, its machine, its role or a grant is taken', async () => {
    await machine('ci');
    await parts.as(OWNER).secrets.write({ ...address, value: 'v' });
    const owner = parts.as(OWNER);
    const subject = 'machine:ci';
    const { token, id } = await owner.tokens.create({ subject });
    const read = (): Promise<string> => codeOf(as(token).secrets.read(address));
    const member = { name: 'reader', member: subject, wholeVault: true };
    for (let round = 0; round < 20; round += 1) {
      expect(await read()).toBe('ok');
      await owner.roles.unassign(member);
      expect(await read()).toBe('denied');
      await owner.roles.assign(member);
    }
    await owner.machines.disable({ name: 'ci' });
    expect(await read()).toBe('unauthenticated');
    await owner.machines.enable({ name: 'ci' });
    await owner.tokens.revoke({ token: id });
    expect(await read()).toBe('unauthenticated');
  });

  it('A65 that was revoked opens nothing when its row is put back', async () => {
    await machine('ci');
    const { token, id } = await parts.as(OWNER).tokens.create({ subject: 'machine:ci' });
    const row = tamper(place, (db) => storedRows(db, 'tokens')).find((each) => each['id'] === id);
    await parts.as(OWNER).tokens.revoke({ token: id });
    tamper(place, (db) => putRow(db, 'tokens', row ?? {}));
    expect(await codeOf(as(token).auth.whoAmI())).toBe('unauthenticated');
  });

  it('A63 ends at its moment, and not a millisecond later', async () => {
    await machine('ci');
    const { token } = await parts.as(OWNER).tokens.create({ subject: 'machine:ci', ttl: '1m' });
    now += 59_999;
    expect(await codeOf(as(token).auth.whoAmI())).toBe('ok');
    const child = await as(token).tokens.create({ ttl: '90d' });
    now += 1;
    expect(await codeOf(as(token).auth.whoAmI())).toBe('unauthenticated');
    expect(await codeOf(as(child.token).auth.whoAmI())).toBe('unauthenticated');
  });

  it('A68 does not come back with a clock that is set back, and does not live longer by it', async () => {
    let elapsed = 0;
    const pass = (ms: number): void => {
      now += ms;
      elapsed += ms;
    };
    await machine('ci');
    await parts.vault.close();
    parts = await openParts(place, { now: () => now, rateLimits: { clock: () => elapsed } });
    const { token } = await parts.as(OWNER).tokens.create({ subject: 'machine:ci', ttl: '10m' });
    const isTaken = async (): Promise<boolean> => (await codeOf(as(token).auth.whoAmI())) === 'ok';
    expect(await isTaken()).toBe(true);
    const DAY = 86_400_000;
    for (const jump of [-DAY, 3650 * DAY, -3650 * DAY, DAY]) {
      now += jump;
      pass(60_000);
      // Whether it is over too early while the clock is ahead is another matter.
      if (jump <= 0) expect(await isTaken()).toBe(true);
    }
    pass(5 * 60_000 + 59_000);
    expect(await isTaken()).toBe(true);
    now -= DAY;
    pass(2000);
    expect(await isTaken()).toBe(false);
    now -= 5 * DAY;
    expect(await isTaken()).toBe(false);
    const [own] = (await parts.as(OWNER).audit.query({ action: 'auth.whoAmI', limit: 1 })).entries;
    expect(own).toMatchObject({ outcome: 'denied', reason: 'unauthenticated' });
  });
});

describe('a sign-in that fails after its session was made', () => {
  it('A39 leaves no session behind, at whatever write it fails', async () => {
    await userWithPassword(parts, 'bob');
    await parts.vault.close();
    let left = Number.POSITIVE_INFINITY;
    parts = await openParts(place, {
      now: () => now,
      through: (store) =>
        failingStore(store, () => {
          left -= 1;
          return left === 0;
        }),
    });
    const sessions = (): number =>
      tamper(place, (db) => storedRows(db, 'tokens')).filter(({ kind }) => kind === 'session')
        .length;
    const before = sessions();
    const failures = new Set<string>();
    let at = 0;
    for (;;) {
      at += 1;
      left = at;
      now += 20 * 60_000;
      const { auth } = remoteSession(parts);
      const code = await codeOf(auth.signIn({ name: 'bob', password: PASSWORD }));
      const isDone = left > 0;
      left = Number.POSITIVE_INFINITY;
      expect(sessions()).toBe(before + (code === 'ok' ? 1 : 0));
      if (isDone) break;
      failures.add(code);
    }
    expect(at).toBeGreaterThan(6);
    expect(failures).not.toContain('ok');
  });
});

describe('what is left of credentials', () => {
  it('is removed by the work that is due, a day after it could count', async () => {
    await userWithPassword(parts, 'bob');
    const session = await signedInAs(parts, 'bob');
    await as(session).auth.signOut();
    await codeOf(remoteSession(parts).auth.signIn({ name: 'bob', password: 'wrong' }));
    const left = (): readonly number[] =>
      tamper(place, (db) =>
        ['tokens', 'revocations', 'attempts'].map((table) => storedRows(db, table).length),
      );
    const attempts = { mayTry: () => true, succeeded: () => undefined, failed: () => undefined };
    const work = (): ReturnType<typeof doDueWork> =>
      doDueWork(createSystemSession(parts.vault), attempts);
    expect((await work()).done.credentials).toBe(0);
    expect(left().every((count) => count > 0)).toBe(true);
    now += 100 * DAY;
    const { done, failures } = await work();
    expect(failures.filter(({ task }) => task === 'credentials')).toEqual([]);
    expect(done.credentials).toBeGreaterThan(3);
    expect(left()).toEqual([0, 0, 0]);
  });
});
