import { cpSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { totpCode, totpStep } from '../../crypto/totp.ts';
import { countAttempt } from '../../domain/identities/attempts.ts';
import { foldName } from '../../domain/access/subject-names.ts';
import { fromBase32 } from '../../lib/base32.ts';
import { networkOfClient } from '../../lib/ip-networks.ts';
import {
  signedInAs,
  PASSWORD,
  remoteSession,
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
  type StoredRow,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { SecretValue } from '../../secret-value.ts';
import { KEYS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import { passwordQueue } from '../password-queue.ts';

let place: TemporaryVault;
let parts: OpenParts;
let now = 0;

const clock = (): number => now;
const wrong = 'four grey geese over a pond';
const MINUTE = 60_000;

beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:10Z');
  place = await makeTemporaryVault({ now: clock });
  parts = await openParts(place, { now: clock });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const signIn = (name: string, password = PASSWORD, remote: object = {}, rest: object = {}) =>
  remoteSession(parts, remote).auth.signIn({ name, password, ...rest });

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => String((error as { code?: unknown }).code),
  );

/** Sets time-based codes up for somebody; gives what makes them. */
async function enroll(name: string): Promise<{
  readonly code: (skew?: number) => string;
  readonly recoveryCodes: readonly SecretValue[];
}> {
  const bob = remoteSession(parts, { credential: (await signIn(name)).session });
  const { factor, secret } = await bob.auth.enrollTotp();
  const bytes = fromBase32(secret.reveal()) ?? new Uint8Array();
  const code = (skew = 0): string => totpCode(bytes, totpStep(now) + skew);
  const confirmed = await bob.auth.confirmTotp({ factor, code: code() });
  now += 30_000;
  return { code, recoveryCodes: confirmed.recoveryCodes ?? [] };
}

/** As after `kill -9`: what was on disk at some moment, in a vault that was not closed. */
async function openCopy(name: string): Promise<OpenParts> {
  const path = join(place.root, name);
  cpSync(place.path, path, { recursive: true });
  return openParts({ ...place, path }, { now: clock });
}

const factorTables = ['principals', 'factors', 'factor_uses'] as const;

describe('signing in with a password', () => {
  it('gives a session that calls are made with, and ends it', async () => {
    await userWithPassword(parts, 'bob');
    const signedIn = await signIn('Bob');
    expect(signedIn).toMatchObject({ challenge: null, factors: [], mustEnroll: false });
    const bob = remoteSession(parts, { credential: signedIn.session });
    expect(await bob.auth.whoAmI()).toMatchObject({
      name: 'bob',
      kind: 'user',
      credential: { id: signedIn.id, kind: 'session' },
      roles: [],
    });
    await bob.auth.signOut();
    await expect(bob.auth.whoAmI()).rejects.toMatchObject({ code: 'unauthenticated' });
    const { entries } = await parts.as(OWNER).audit.query({ action: 'auth.signIn' });
    expect(entries[0]).toMatchObject({ actor_name: 'bob', outcome: 'ok', target: signedIn.id });
  });

  it('ends after an hour of rest, and after twelve in any case', async () => {
    await userWithPassword(parts, 'bob');
    const { session } = await signIn('bob');
    const bob = remoteSession(parts, { credential: session });
    const begun = now;
    for (let hours = 0; hours < 14; hours += 1) {
      now += 59 * MINUTE;
      const isOver = now >= begun + 720 * MINUTE;
      expect(await codeOf(bob.auth.whoAmI())).toBe(isOver ? 'unauthenticated' : 'ok');
    }
    const rested = remoteSession(parts, { credential: (await signIn('bob')).session });
    now += 60 * MINUTE;
    expect(await codeOf(rested.auth.whoAmI())).toBe('unauthenticated');
  });

  it('is as long as the settings of the vault say', async () => {
    await userWithPassword(parts, 'bob');
    const owner = parts.as(OWNER);
    await owner.settings.write({ name: 'session_max_minutes', value: 30 });
    await owner.settings.write({ name: 'session_idle_minutes', value: 10 });
    const { session, expiresAt } = await signIn('bob');
    expect(Date.parse(expiresAt ?? '')).toBe(now + 30 * MINUTE);
    now += 10 * MINUTE;
    const bob = remoteSession(parts, { credential: session });
    expect(await codeOf(bob.auth.whoAmI())).toBe('unauthenticated');
  });

  it('takes a session as what it was given for, and not as the other', async () => {
    await userWithPassword(parts, 'bob');
    const { session: credential } = await signIn('bob', PASSWORD, {}, { carrier: 'cookie' });
    expect(await codeOf(remoteSession(parts, { credential }).auth.whoAmI())).toBe(
      'unauthenticated',
    );
    const carrier = 'cookie';
    expect(await codeOf(remoteSession(parts, { credential, carrier }).auth.whoAmI())).toBe('ok');
  });

  it('is open to whoever brings a session that is over', async () => {
    await userWithPassword(parts, 'bob');
    const credential = await signedInAs(parts, 'bob');
    await remoteSession(parts, { credential }).auth.signOut();
    expect(await codeOf(signIn('bob', PASSWORD, { credential }))).toBe('ok');
    expect(await codeOf(signIn('bob', PASSWORD, { credential: 'no credential' }))).toBe('ok');
  });

  it('stores a password anew that is under an older pepper, and takes it before and after', async () => {
    await userWithPassword(parts, 'bob');
    await parts.write(async ({ transaction, mac, keyring }) => {
      const row = keyring.create({ purpose: 'pepper', workspaceId: null, number: 2 });
      await insertRow(transaction, mac, KEYS, row);
    });
    const pepper = (): unknown => {
      const [row] = tamper(place, (db) => storedRows(db, 'factors'));
      return (JSON.parse(String(row?.['data'])) as { readonly pepper?: unknown }).pepper;
    };
    expect(pepper()).toBe(1);
    expect(await codeOf(signIn('bob'))).toBe('ok');
    // The new key is known from its first cohort on.
    expect(await codeOf(signIn('bob'))).toBe('ok');
    expect(pepper()).toBe(2);
    expect(await codeOf(signIn('bob', wrong))).toBe('unauthenticated');
    expect(await codeOf(signIn('bob'))).toBe('ok');
  });

  it('that nobody came to look at is no wrong guess: too many are told to come back', async () => {
    await userWithPassword(parts, 'bob');
    let end = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      end = resolve;
    });
    const places = availableParallelism() + 64;
    // From where they sign in: others would make room for them.
    const from = networkOfClient('192.0.2.1');
    const holding = Array.from({ length: places }, () => passwordQueue.run(() => held, from));
    for (let count = 0; count < 7; count += 1) {
      await expect(signIn('bob')).rejects.toMatchObject({
        code: 'rate_limited',
        details: { retryAfter: 5 },
      });
    }
    end();
    await Promise.all(holding);
    expect(await codeOf(signIn('bob'))).toBe('ok');
  });

  it('A7 says the same of a wrong password, an unknown name, no password, a lock and somebody disabled', async () => {
    for (const name of ['bob', 'eve', 'locked']) await userWithPassword(parts, name);
    await parts.as(OWNER).users.create({ name: 'none' });
    await parts.as(OWNER).users.disable({ name: 'eve' });
    for (let count = 0; count < 5; count += 1) await codeOf(signIn('locked', wrong));
    const told = async (name: string, password: string): Promise<string> => {
      const error: unknown = await signIn(name, password).catch((reason: unknown) => reason);
      const { code, message, hint, details } = error as Readonly<Record<string, unknown>>;
      return JSON.stringify({ code, message, hint, details });
    };
    const answers = [
      await told('bob', wrong),
      await told('stranger', wrong),
      await told('none', PASSWORD),
      await told('eve', PASSWORD),
      await told('locked', PASSWORD),
    ];
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('unauthenticated');
  });

  it('A6 derives a key once for each attempt, whether the name is known or not', async () => {
    await userWithPassword(parts, 'bob');
    await parts.as(OWNER).users.create({ name: 'none' });
    const runs: number[] = [];
    for (const name of ['bob', 'stranger', 'none', 'ŝtranger']) {
      const before = passwordQueue.begun;
      await codeOf(signIn(name, wrong, { ip: `192.0.2.${runs.length + 1}` }));
      runs.push(passwordQueue.begun - before);
    }
    expect(runs).toEqual([1, 1, 1, 1]);
  });

  it('A6 takes as long for a name that is not known', async () => {
    await userWithPassword(parts, 'bob');
    const times: Record<string, number[]> = { bob: [], stranger: [] };
    for (let round = 0; round < 15; round += 1) {
      for (const name of ['bob', 'stranger']) {
        const begun = performance.now();
        await codeOf(signIn(name, wrong, { ip: `192.0.2.${round}` }));
        times[name]?.push(performance.now() - begun);
      }
    }
    const medians = Object.values(times).map((all) => all.toSorted((a, b) => a - b)[7] ?? 0);
    // A key derivation that is missing would be most of it.
    expect(Math.max(...medians) / Math.min(...medians)).toBeLessThan(1.5);
  });
});

describe('wrong guesses', () => {
  it('A4 count for whom they mean, however the name is written', async () => {
    await userWithPassword(parts, 'alíce');
    const variants = ['Alíce', 'ALÍCE ', 'ali\u0301ce', 'alíce\u200b', '\u2060ALI\u0301CE\u00a0'];
    for (const name of variants) expect(await codeOf(signIn(name, wrong))).toBe('unauthenticated');
    const before = passwordQueue.begun;
    expect(await codeOf(signIn('alíce'))).toBe('unauthenticated');
    expect(passwordQueue.begun).toBe(before);
    now += MINUTE;
    expect(await codeOf(signIn('alíce'))).toBe('ok');
  });

  it('A4 of a name are those of its folded form, and folding it again changes nothing', () => {
    for (const name of ['İlker', 'ﬁlip', 'ALÍCE\u200b', 'Ǆ', 'ẞ', 'Σίσυφος', 'K\u0307']) {
      expect(foldName(foldName(name))).toBe(foldName(name));
    }
  });

  it('A9 at once are no more than one after another: five are looked at', async () => {
    await userWithPassword(parts, 'bob');
    const before = passwordQueue.begun;
    const all = Array.from({ length: 200 }, () => codeOf(signIn('bob', wrong)));
    expect(new Set(await Promise.all(all))).toEqual(new Set(['unauthenticated']));
    expect(passwordQueue.begun - before).toBe(5);
  });

  it('A9 begin anew after a right one, and wait longer each time otherwise', async () => {
    await userWithPassword(parts, 'bob');
    const tried = async (): Promise<boolean> => {
      const before = passwordQueue.begun;
      await codeOf(signIn('bob', wrong));
      return passwordQueue.begun > before;
    };
    for (let count = 0; count < 5; count += 1) expect(await tried()).toBe(true);
    for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
      now += seconds * 1000 - 1;
      expect(await tried()).toBe(false);
      now += 1;
      expect(await tried()).toBe(true);
    }
    now += 900_000;
    expect(await codeOf(signIn('bob'))).toBe('ok');
    for (let count = 0; count < 5; count += 1) expect(await tried()).toBe(true);
    expect(await tried()).toBe(false);
  });

  it('of several people from one address are on record one by one', async () => {
    await userWithPassword(parts, 'bob');
    await userWithPassword(parts, 'carol');
    for (const name of ['bob', 'carol', 'bob', 'nobody-such']) {
      expect(await codeOf(signIn(name, wrong))).toBe('unauthenticated');
    }
    const { principals } = await parts.as(OWNER).users.list();
    const idOf = (name: string) => principals.find((each) => each.name === name)?.id;
    const { entries } = await parts.as(OWNER).audit.query({ action: 'auth.signIn', limit: 10 });
    const targets = entries
      .filter(({ outcome }) => outcome === 'denied')
      .map((each) => each.target);
    expect(targets).toEqual(expect.arrayContaining([idOf('bob'), idOf('carol')]));
  });

  it('are told apart by the record alone', async () => {
    await userWithPassword(parts, 'bob');
    for (let count = 0; count < 6; count += 1) await codeOf(signIn('bob', wrong));
    await codeOf(signIn('nobody-such', wrong));
    const { entries } = await parts.as(OWNER).audit.query({ outcome: 'denied', limit: 20 });
    const causes = entries.map(({ action, reason, detail }) => `${action}: ${reason}, ${detail}`);
    expect(causes.toReversed()).toEqual([
      'auth.signIn: unauthenticated, password wrong',
      'auth.attempt: locked, password',
      'auth.signIn: locked, password',
      'auth.signIn: unauthenticated, password wrong',
    ]);
  });

  it('A11 from one address do not lock others out, nor a known client from where they come', async () => {
    await userWithPassword(parts, 'bob');
    const home = '198.51.100.7';
    const { known } = await signIn('bob', PASSWORD, { ip: home });
    const attacker = '203.0.113.9';
    for (let batch = 0; batch < 10; batch += 1) {
      await Promise.all(
        Array.from({ length: 100 }, () => codeOf(signIn('bob', wrong, { ip: attacker }))),
      );
      now += 1000;
    }
    expect(await codeOf(signIn('bob', PASSWORD, { ip: attacker }))).toBe('unauthenticated');
    expect(await codeOf(signIn('bob', PASSWORD, { ip: home }))).toBe('ok');
    expect(await codeOf(signIn('bob', PASSWORD, { ip: attacker }, { known }))).toBe('ok');
  });

  it('A11 from everywhere end after a hundred in an hour, but for a known client', async () => {
    await userWithPassword(parts, 'bob');
    await userWithPassword(parts, 'eve');
    const { known } = await signIn('bob');
    const { known: others } = await signIn('eve');
    const principalId = (
      await remoteSession(parts, { credential: (await signIn('bob')).session }).auth.whoAmI()
    ).id;
    await parts.write(async (work) => {
      for (let source = 0; source < 95; source += 1) {
        const from = { address: `2001:db8:${source.toString(16)}::1` };
        await countAttempt(work, { channel: 'password', who: { principalId }, from });
      }
    });
    const before = passwordQueue.begun;
    for (let source = 0; source < 20; source += 1) {
      await codeOf(signIn('bob', wrong, { ip: `192.0.2.${source}` }));
    }
    expect(passwordQueue.begun - before).toBe(5);
    const fresh = { ip: '198.51.100.99' };
    expect(await codeOf(signIn('bob', PASSWORD, fresh))).toBe('unauthenticated');
    expect(await codeOf(signIn('bob', PASSWORD, fresh, { known: others }))).toBe('unauthenticated');
    expect(await codeOf(signIn('bob', PASSWORD, fresh, { known }))).toBe('ok');
    // That one was right lets nobody else in.
    const stranger = { ip: '198.51.100.98' };
    expect(await codeOf(signIn('bob', PASSWORD, stranger))).toBe('unauthenticated');
    now += 60 * MINUTE;
    expect(await codeOf(signIn('bob', PASSWORD, fresh))).toBe('ok');
  });

  it('A11 from everywhere keep nobody from proving once more who they are in their session', async () => {
    await userWithPassword(parts, 'bob');
    const session = await signedInAs(parts, 'bob');
    for (let source = 0; source < 105; source += 1) {
      await codeOf(signIn('bob', wrong, { ip: `2001:db8:${source.toString(16)}::1` }));
    }
    const home = { ip: '198.51.100.7' };
    expect(await codeOf(signIn('bob', PASSWORD, home))).toBe('unauthenticated');
    const bob = remoteSession(parts, { credential: session, ...home });
    const again = await bob.auth.reauthenticate({ password: PASSWORD });
    expect(again.session).not.toBeNull();
    // Of guesses in the session itself no more are borne than elsewhere.
    const stolen = remoteSession(parts, { credential: again.session, ...home });
    const before = passwordQueue.begun;
    for (let count = 0; count < 10; count += 1) {
      await codeOf(stolen.auth.reauthenticate({ password: wrong }));
    }
    expect(passwordQueue.begun - before).toBe(5);
  });

  it('A11 of one network of IPv6 are of one source', async () => {
    await userWithPassword(parts, 'bob');
    const before = passwordQueue.begun;
    for (let host = 1; host <= 20; host += 1) {
      await codeOf(signIn('bob', wrong, { ip: `2001:db8:1:2::${host.toString(16)}` }));
    }
    expect(passwordQueue.begun - before).toBe(5);
  });

  it('A9 are known after a restart, also after one that nobody prepared', async () => {
    await userWithPassword(parts, 'bob');
    for (let count = 0; count < 5; count += 1) await codeOf(signIn('bob', wrong));
    const killed = await openCopy('killed');
    try {
      const { auth } = remoteSession(killed);
      const before = passwordQueue.begun;
      expect(await codeOf(auth.signIn({ name: 'bob', password: PASSWORD }))).toBe(
        'unauthenticated',
      );
      expect(passwordQueue.begun).toBe(before);
    } finally {
      await killed.vault.close();
    }
  });

  it('A9 are remembered when somebody takes their counts out of the database', async () => {
    await userWithPassword(parts, 'bob');
    for (let count = 0; count < 5; count += 1) await codeOf(signIn('bob', wrong));
    tamper(place, (db) => db.exec('DELETE FROM attempts'));
    expect(await codeOf(signIn('bob'))).toBe('unauthenticated');
  });

  it('A10 in one way to prove something lock all of them, and each way has its own hundred', async () => {
    await userWithPassword(parts, 'bob');
    const { code, recoveryCodes } = await enroll('bob');
    const { challenge } = await signIn('bob');
    const session = await signedInAs(parts, 'bob', { code });
    now += 30_000;
    for (let count = 0; count < 5; count += 1) await codeOf(signIn('bob', wrong));
    const bob = remoteSession(parts, { credential: session });
    const before = passwordQueue.begun;
    const ways: Readonly<Record<string, () => Promise<unknown>>> = {
      password: () => signIn('bob'),
      totp: () =>
        remoteSession(parts).auth.verifyTotp({ challenge: challenge ?? '', code: code() }),
      recovery: () =>
        remoteSession(parts).auth.useRecoveryCode({
          challenge: challenge ?? '',
          code: recoveryCodes[0] ?? '',
        }),
      reauthenticate: () => bob.auth.reauthenticate({ password: PASSWORD, code: code() }),
      change: () => bob.auth.changePassword({ current: PASSWORD, password: wrong }),
    };
    for (const [way, go] of Object.entries(ways)) {
      expect([way, await codeOf(go())]).toEqual([way, 'unauthenticated']);
    }
    expect(passwordQueue.begun).toBe(before);
    now += 1000;
    expect(await codeOf(signIn('bob'))).toBe('ok');
  });

  it('A2 of codes are five in a step, and a right one waits until the step is over', async () => {
    await userWithPassword(parts, 'bob');
    const { code } = await enroll('bob');
    const { challenge } = await signIn('bob');
    const sent = now;
    const right = code();
    const verify = (given: string): Promise<string> =>
      codeOf(remoteSession(parts).auth.verifyTotp({ challenge: challenge ?? '', code: given }));
    const bad = right === '000000' ? '111111' : '000000';
    for (let batch = 0; batch < 20; batch += 1) {
      await Promise.all(Array.from({ length: 50 }, () => verify(bad)));
      now = sent + batch * 1000;
    }
    const looked = tamper(place, (db) => storedRows(db, 'attempts'))
      .map(({ failures }) => Number(failures))
      .toSorted((a, b) => b - a);
    expect(looked[0]).toBe(5);
    expect(await verify(right)).toBe('unauthenticated');
    now = sent + 61_000;
    expect(await verify(code())).toBe('ok');
  });
});

describe('a second factor', () => {
  it('is asked for after the password, and a session comes only with it', async () => {
    await userWithPassword(parts, 'bob');
    const { code } = await enroll('bob');
    const first = await signIn('bob');
    expect(first).toMatchObject({ session: null, known: null, factors: ['totp', 'recovery'] });
    const whole = await remoteSession(parts).auth.verifyTotp({
      challenge: first.challenge ?? '',
      code: code(),
    });
    const bob = remoteSession(parts, { credential: whole.session });
    expect(await bob.auth.whoAmI()).toMatchObject({ credential: { mfa: true } });
    const asSession = remoteSession(parts, { credential: first.challenge });
    expect(await codeOf(asSession.auth.whoAmI())).toBe('unauthenticated');
  });

  it('A5 is asked for under every way to write the name', async () => {
    await userWithPassword(parts, 'alíce');
    await enroll('alíce');
    const marks = ['', ' ', '\u200b', '\u2060', '\u00ad', '\t', '\u00a0', '\ufeff'];
    const forms = ['alíce', 'ALÍCE', 'ali\u0301ce', 'Alíce', 'ａｌíｃｅ'];
    const variants = forms.flatMap((form) =>
      marks.flatMap((mark) =>
        Array.from({ length: form.length + 1 }, (_, at) => [
          form.slice(0, at) + mark + form.slice(at),
          form.slice(0, at) + mark + mark + form.slice(at),
        ]).flat(),
      ),
    );
    expect(variants.length).toBeGreaterThan(400);
    expect(new Set(variants.map(foldName))).toEqual(new Set(['alíce']));
    for (const name of variants.filter((_, index) => index % 40 === 7)) {
      expect(await signIn(name)).toMatchObject({ session: null, factors: ['totp', 'recovery'] });
    }
  });

  it('A1 A3 takes a code once, however it is written, and also after a restart', async () => {
    await userWithPassword(parts, 'bob');
    const { code } = await enroll('bob');
    const used = code();
    const full = used.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
    const forms = [` ${used}`, `${used} `, `${used}\t`, `${used}\u00a0`, `${used}\u200b`, full];
    forms.push(`+${used.slice(1)}`, `0x${used.slice(2)}`);
    const challenge = async (by: OpenParts): Promise<SecretValue | string> =>
      (await remoteSession(by).auth.signIn({ name: 'bob', password: PASSWORD })).challenge ?? '';
    const attempts = [used, ...forms.slice(0, 3), used];
    const found: string[] = [];
    for (const [index, each] of attempts.entries()) {
      const { auth } = remoteSession(parts, { ip: `192.0.2.${index}` });
      found.push(await codeOf(auth.verifyTotp({ challenge: await challenge(parts), code: each })));
    }
    expect(found).toEqual(['ok', ...Array.from({ length: 4 }, () => 'unauthenticated')]);
    for (const [index, each] of forms.entries()) {
      const { auth } = remoteSession(parts, { ip: `198.51.100.${index}` });
      const given = { challenge: await challenge(parts), code: each };
      expect(await codeOf(auth.verifyTotp(given))).toBe('unauthenticated');
    }
    const killed = await openCopy('killed');
    try {
      const { auth } = remoteSession(killed, { ip: '203.0.113.77' });
      const given = { challenge: await challenge(killed), code: used };
      expect(await codeOf(auth.verifyTotp(given))).toBe('unauthenticated');
      now += 30_000;
      expect(await codeOf(auth.verifyTotp({ ...given, code: code() }))).toBe('ok');
    } finally {
      await killed.vault.close();
    }
  });

  it('A8 is asked for after every restart', async () => {
    await userWithPassword(parts, 'bob');
    await enroll('bob');
    for (let round = 0; round < 20; round += 1) {
      const isKilled = round % 2 === 0;
      const copy = isKilled ? await openCopy(`copy-${round}`) : parts;
      const { session } = await remoteSession(copy).auth.signIn({
        name: 'bob',
        password: PASSWORD,
      });
      expect(session).toBeNull();
      if (isKilled) await copy.vault.close();
      else {
        await parts.vault.close();
        parts = await openParts(place, { now: clock });
      }
    }
  });

  it('A14 leads to one session of one challenge, one code and one invite, however many ask at once', async () => {
    await userWithPassword(parts, 'bob');
    const { code } = await enroll('bob');
    const { challenge } = await signIn('bob');
    const given = { challenge: challenge ?? '', code: code() };
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        codeOf(remoteSession(parts, { ip: `192.0.2.${index}` }).auth.verifyTotp(given)),
      ),
    );
    expect(all.filter((each) => each === 'ok')).toHaveLength(1);
    await parts.as(OWNER).users.create({ name: 'new' });
    const { invite } = await parts.as(OWNER).users.invite({ name: 'new' });
    const accepted = await Promise.all(
      Array.from({ length: 50 }, () =>
        codeOf(remoteSession(parts).auth.acceptInvite({ invite, password: PASSWORD })),
      ),
    );
    expect(accepted.filter((each) => each === 'ok')).toHaveLength(1);
  });

  it('can be a recovery code in its place, each once', async () => {
    await userWithPassword(parts, 'bob');
    const { recoveryCodes } = await enroll('bob');
    expect(recoveryCodes).toHaveLength(10);
    expect(recoveryCodes[0]?.reveal()).toMatch(/^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$/);
    const use = async (code: string): Promise<string> => {
      const { challenge } = await signIn('bob');
      return codeOf(
        remoteSession(parts).auth.useRecoveryCode({ challenge: challenge ?? '', code }),
      );
    };
    const first = recoveryCodes[0]?.reveal() ?? '';
    expect(await use(first.toLowerCase().replaceAll('-', ' '))).toBe('ok');
    expect(await use(first)).toBe('unauthenticated');
    expect(await use(`${recoveryCodes[1]?.reveal() ?? ''} `)).toBe('unauthenticated');
    expect(await use(recoveryCodes[1]?.reveal().replaceAll('-', '') ?? '')).toBe('ok');
  });

  it.each(['factors', 'factor_uses'])(
    'is missed when its row of %s is taken away',
    async (table) => {
      await userWithPassword(parts, 'bob');
      await enroll('bob');
      tamper(place, (db) => {
        const [row] = storedRows(db, 'factors').filter(({ kind }) => kind === 'totp');
        const key = table === 'factors' ? 'id' : 'factor_id';
        db.prepare(`DELETE FROM ${table} WHERE ${key} = ?`).run(row?.['id'] ?? null);
      });
      expect(await codeOf(signIn('bob'))).toBe('integrity_error');
    },
  );

  it('that was put back, or exchanged for another’s, is noticed', async () => {
    await userWithPassword(parts, 'bob');
    await userWithPassword(parts, 'eve');
    const read = (): readonly StoredRow[] => tamper(place, (db) => storedRows(db, 'factors'));
    const before = read();
    const uses = tamper(place, (db) => storedRows(db, 'factor_uses'));
    const { session } = await signIn('bob');
    const bob = remoteSession(parts, { credential: session });
    await bob.auth.changePassword({ current: PASSWORD, password: wrong });
    const idOf = (name: string): unknown =>
      tamper(place, (db) => storedRows(db, 'principals')).find((row) => row['name'] === name)?.[
        'id'
      ];
    const after = read();
    const [old] = before.filter((row) => row['principal_id'] === idOf('bob'));
    const [current] = after.filter((row) => row['principal_id'] === idOf('bob'));
    if (old === undefined || current === undefined) throw new TypeError('there is a password');
    tamper(place, (db) => {
      db.prepare('DELETE FROM factors WHERE id = ?').run(current['id'] ?? null);
      putRow(db, 'factors', old);
      for (const row of uses) putRow(db, 'factor_uses', row);
    });
    expect(await codeOf(signIn('bob'))).toBe('integrity_error');
    tamper(place, (db) => {
      db.prepare('DELETE FROM factors WHERE id = ?').run(old['id'] ?? null);
      putRow(db, 'factors', current);
      const [others] = after.filter((row) => row['principal_id'] === idOf('eve'));
      putRow(db, 'factors', { ...others, principal_id: String(idOf('bob')) });
    });
    expect(await codeOf(signIn('bob', wrong))).toBe('integrity_error');
  });

  it('and all of somebody’s factors cannot be rolled back with the row that vouches for them', async () => {
    await userWithPassword(parts, 'bob');
    const before = tamper(place, (db) =>
      Object.fromEntries(factorTables.map((table) => [table, storedRows(db, table)])),
    );
    await enroll('bob');
    await parts.vault.close();
    tamper(place, (db) => {
      for (const table of factorTables) {
        db.exec(`DELETE FROM ${table}`);
        for (const row of before[table] ?? []) putRow(db, table, row);
      }
    });
    await expect(
      openParts(place, { now: clock }).then((copy) => {
        parts = copy;
        return signIn('bob');
      }),
    ).rejects.toMatchObject({ code: 'integrity_error' });
  });
});
