import { createHmac, createPublicKey, KeyObject, sign } from 'node:crypto';

import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { toBase64Url } from '../../lib/base64.ts';
import { utf8 } from '../../lib/bytes.ts';
import { remoteSession } from '../../testing/remote-session.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { startIssuer, type TokenIssuer } from '../../testing/token-issuer.ts';
import type { Session } from '../session.ts';
import type { MachineSignedIn } from './machine-session.ts';

const AUDIENCE = 'strongroom';
const SUBJECT = 'job:deploy';
const at = { environment: 'production', path: 'db/password' };
const refused = { code: 'unauthenticated' };

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
let issuer: TokenIssuer;
let now = 0;

beforeEach(async () => {
  now = Date.now();
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => now });
  owner = parts.as(OWNER);
  issuer = await startIssuer(() => now);
  await owner.secrets.write({ ...at, value: 'v' });
  await owner.settings.write({ name: 'outbound_hosts', value: [issuer.host] });
});
afterEach(async () => {
  await issuer.close();
  await parts.vault.close();
  place.remove();
});

const trust = (more: object = {}): Promise<unknown> =>
  owner.trusts.create({
    trust: {
      kind: 'jwt',
      issuer: issuer.issuer,
      audiences: [AUDIENCE, 'other-of-ours'],
      claims: { sub: [SUBJECT] },
      ...more,
    },
    name: 'deploy',
    machine: 'deployer',
    environment: 'production',
  });

const claims = { aud: AUDIENCE, sub: SUBJECT };

const signIn = (token: string, more: object = {}): Promise<MachineSignedIn> =>
  remoteSession(parts).auth.signInJwt({ token, ...more });

/** How often each answer came, of tokens that must all be refused alike. */
async function answersTo(tokens: Readonly<Record<string, string>>): Promise<unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, token] of Object.entries(tokens)) {
    found[name] = await signIn(token).then(
      () => 'let in',
      (error: unknown) => `${(error as { code: string }).code}: ${(error as Error).message}`,
    );
  }
  return found;
}

const all = (tokens: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    Object.keys(tokens).map((name) => [
      name,
      'unauthenticated: what was given to sign in was not accepted',
    ]),
  );

const json = (value: unknown): string => toBase64Url(utf8(JSON.stringify(value)));

describe('a trust in an issuer', () => {
  it('makes machine and rights, and signs it in by a token', async () => {
    await trust();
    const session = await signIn(await issuer.sign(claims));
    expect(session.subject).toBe('machine:deployer');
    const machine = remoteSession(parts, { credential: session.token });
    expect(await machine.secrets.read(at)).toMatchObject({ version: 1 });
    await expect(machine.secrets.write({ ...at, value: 'w' })).rejects.toMatchObject({
      code: 'denied',
    });
    const [entry] = (await owner.audit.query({ action: 'auth.signInJwt' })).entries;
    expect(entry).toMatchObject({ actor_name: 'deployer', outcome: 'ok', detail: SUBJECT });
  });

  it('ends what it gave when it is disabled', async () => {
    await trust();
    const token = await issuer.sign(claims);
    const { token: credential } = await signIn(token);
    await owner.methods.disable({ kind: 'jwt', name: 'deploy' });
    const machine = remoteSession(parts, { credential });
    await expect(machine.secrets.read(at)).rejects.toMatchObject(refused);
    await expect(signIn(token)).rejects.toMatchObject(refused);
    await owner.methods.enable({ kind: 'jwt', name: 'deploy' });
    await expect(machine.secrets.read(at)).rejects.toMatchObject(refused);
    await signIn(token);
  });

  it('works by keys that it holds itself, and asks nobody then', async () => {
    await trust({ jwks: JSON.stringify({ keys: [issuer.publicKey] }) });
    await signIn(await issuer.sign(claims));
    expect(issuer.asked).toEqual([]);
    await issuer.rotate('two');
    const token = await issuer.sign(claims);
    await expect(signIn(token)).rejects.toMatchObject(refused);
    const jwks = JSON.stringify({ keys: [issuer.publicKey] });
    await owner.trusts.renew({ name: 'deploy', jwks });
    await signIn(token);
  });

  it('ends what it gave when it has other keys: whoever was let in by one that is gone', async () => {
    await trust({ jwks: JSON.stringify({ keys: [issuer.publicKey] }) });
    const { token: credential } = await signIn(await issuer.sign(claims));
    const machine = remoteSession(parts, { credential });
    await machine.secrets.read(at);
    await issuer.rotate('two');
    const jwks = JSON.stringify({ keys: [issuer.publicKey] });
    await owner.trusts.renew({ name: 'deploy', jwks });
    await expect(machine.secrets.read(at)).rejects.toMatchObject(refused);
  });

  it('is refused without a claim that names the caller, or with an algorithm that is none', async () => {
    for (const more of [
      { claims: { environment: ['production'] } },
      { algorithms: ['HS256'] },
      { algorithms: ['none'] },
      { issuer: 'http://issuer.example' },
      { issuer: 'https://user@issuer.example' },
      { jwks: '{"keys":[]}' },
      { jwks: JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }) },
      { jwksUrl: 'file:///etc/passwd' },
    ]) {
      await expect(trust(more), JSON.stringify(more)).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });

  it('follows keys that are changed, no more often than every 30 seconds', async () => {
    await trust();
    await signIn(await issuer.sign(claims));
    expect(issuer.asked.map(({ path }) => path)).toEqual([
      '/.well-known/openid-configuration',
      '/keys',
    ]);
    await issuer.rotate('two');
    now += 1000;
    const token = await issuer.sign(claims);
    for (let count = 0; count < 5; count += 1) {
      await expect(signIn(token)).rejects.toMatchObject(refused);
    }
    expect(issuer.asked).toHaveLength(2);
    now += 30_000;
    await signIn(token);
    expect(issuer.asked).toHaveLength(4);
    await signIn(token);
    expect(issuer.asked).toHaveLength(4);
  });

  it('waits for keys that are on their way, however many come at once, and asks for them once', async () => {
    await trust();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => issuer.sign(claims)));
    const ended = await Promise.allSettled(tokens.map((token) => signIn(token)));
    const failed = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(failed).toEqual([]);
    expect(issuer.asked.map(({ path }) => path)).toEqual([
      '/.well-known/openid-configuration',
      '/keys',
    ]);
  });

  it('goes on with keys that it has for an hour when the issuer is away, and not longer', async () => {
    await trust();
    await signIn(await issuer.sign(claims));
    issuer.answers.set('/keys', 500);
    now += 20 * 60_000;
    await signIn(await issuer.sign(claims));
    now += 41 * 60_000;
    await expect(signIn(await issuer.sign(claims))).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('A21 an audience', () => {
  it('is one of ours to the letter, and every one of them is', async () => {
    await trust();
    const tokens: Record<string, string> = {};
    for (const aud of [
      undefined,
      null,
      '',
      [],
      'Strongroom',
      'strongroom ',
      'strongroom,other',
      'strong',
      'strongrooms',
      'another',
      ['another'],
      [AUDIENCE, 'another'],
      [AUDIENCE, null],
      [[AUDIENCE]],
      { 0: AUDIENCE },
      7,
      true,
      '*',
    ]) {
      tokens[JSON.stringify(aud) ?? 'none'] = await issuer.sign({ ...claims, aud });
    }
    expect(await answersTo(tokens)).toEqual(all(tokens));
    for (const aud of [AUDIENCE, [AUDIENCE], [AUDIENCE, 'other-of-ours']]) {
      await signIn(await issuer.sign({ ...claims, aud }));
    }
  });
});

describe('A22 signatures and headers', () => {
  it('are taken by the list of the issuer alone, with keys of the issuer alone', async () => {
    await trust();
    const good = await issuer.sign(claims);
    const [head = '', body = '', signature = ''] = good.split('.');
    const stranger = await generateKeyPair('RS256', { extractable: true });
    const strangers = await exportJWK(stranger.publicKey);
    const withHeader = (header: object): Promise<string> => issuer.sign(claims, header);
    const byStranger = (header: object): Promise<string> =>
      new SignJWT({ ...claims, iss: issuer.issuer })
        .setIssuedAt(Math.floor(now / 1000))
        .setExpirationTime(Math.floor(now / 1000) + 60)
        .setProtectedHeader({ alg: 'RS256', ...header })
        .sign(stranger.privateKey);
    const pem = createPublicKey({ key: issuer.publicKey, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    const hs = (alg: string, key: string): string => {
      const start = `${json({ alg, kid: 'one' })}.${body}`;
      return `${start}.${createHmac('sha256', key).update(start).digest('base64url')}`;
    };
    const signedBy = (alg: string, hash: string): string => {
      const start = `${json({ alg, kid: 'one' })}.${body}`;
      const key = KeyObject.from(issuer.privateKey);
      return `${start}.${sign(hash, utf8(start), key).toString('base64url')}`;
    };
    const tokens: Record<string, string> = {
      'alg none': `${json({ alg: 'none' })}.${body}.`,
      'alg None': `${json({ alg: 'None', kid: 'one' })}.${body}.${signature}`,
      'no alg': `${json({ kid: 'one' })}.${body}.${signature}`,
      'alg of another case': `${json({ alg: 'rs256', kid: 'one' })}.${body}.${signature}`,
      'HS256 with the public key': hs('HS256', pem),
      'HS256 with the key id': hs('HS256', 'one'),
      'no signature': `${head}.${body}.`,
      'signature of another body': `${head}.${json({ ...claims, iss: issuer.issuer })}.${signature}`,
      'an algorithm that is not on the list': signedBy('RS512', 'sha512'),
      'a stranger of the same kid': await byStranger({ kid: 'one' }),
      'a stranger without kid': await byStranger({}),
      jwk: await byStranger({ kid: 'one', jwk: strangers }),
      jku: await byStranger({ kid: 'x', jku: `${issuer.issuer}/mine` }),
      x5u: await byStranger({ kid: 'x', x5u: `${issuer.issuer}/mine` }),
      x5c: await byStranger({ kid: 'x', x5c: ['MIIB'] }),
      'jku with the right key': await withHeader({ jku: `${issuer.issuer}/keys` }),
      'jwk with the right key': await withHeader({ jwk: issuer.publicKey }),
      crit: `${json({ alg: 'RS256', kid: 'one', crit: ['exp'] })}.${body}.${signature}`,
      'crit and b64': await withHeader({ crit: ['b64'], b64: true }),
      'a path for kid': await byStranger({ kid: '../../etc/passwd' }),
      'SQL for kid': await byStranger({ kid: "' OR 1=1 --" }),
      'a number for kid': await withHeader({ kid: 1 }),
      'a list for kid': await withHeader({ kid: ['one'] }),
      'a long kid': await byStranger({ kid: 'k'.repeat(2000) }),
      'another type': await withHeader({ typ: 'logout+jwt' }),
      'two signatures': `${good}.${signature}`,
      'JSON serialisation': JSON.stringify({ payload: body, protected: head, signature }),
      'several signatures in JSON': JSON.stringify({
        payload: body,
        signatures: [
          { protected: json({ alg: 'none' }), signature: '' },
          { protected: head, signature },
        ],
      }),
      'white space': ` ${good}`,
      'a line end': `${good}\n`,
      padding: `${head}.${body}.${signature}==`,
    };
    expect(await answersTo(tokens)).toEqual(all(tokens));
    expect(issuer.asked.filter(({ path }) => path === '/mine')).toEqual([]);
    await signIn(good);
    await signIn(signedBy('RS256', 'sha256'));
  });

  it('come from no key that is not for signing, or not public', async () => {
    await trust();
    const { publicKey } = issuer;
    issuer.answers.set('/keys', { keys: [{ ...publicKey, use: 'enc' }] });
    await expect(signIn(await issuer.sign(claims))).rejects.toMatchObject({ code: 'unreachable' });
    now += 31_000;
    issuer.answers.set('/keys', { keys: [{ ...publicKey, alg: 'RS512' }] });
    await expect(signIn(await issuer.sign(claims))).rejects.toMatchObject(refused);
    now += 11 * 60_000;
    issuer.answers.set('/keys', { keys: [publicKey] });
    await signIn(await issuer.sign(claims));
  });
});

describe('claims', () => {
  it('are exact texts', async () => {
    await trust({ claims: { sub: [SUBJECT], environment: ['production', 'staging'] } });
    const tokens: Record<string, string> = {};
    for (const [name, more] of Object.entries({
      'no environment': {},
      'another environment': { environment: 'testing' },
      'a list': { environment: ['production'] },
      'another case': { environment: 'Production' },
      'more text': { environment: 'production2' },
      'a star': { environment: '*' },
      'an object': { environment: { production: true } },
      'another subject': { environment: 'production', sub: 'job:deploy:x' },
      'an issuer with a slash': { environment: 'production', iss: `${issuer.issuer}/` },
      'another issuer': { environment: 'production', iss: 'https://issuer.example' },
    })) {
      tokens[name] = await issuer.sign({ ...claims, ...more });
    }
    expect(await answersTo(tokens)).toEqual(all(tokens));
    await signIn(await issuer.sign({ ...claims, environment: 'staging' }));
  });

  it('of time have a leeway of 30 seconds, and an age of a day at most', async () => {
    await trust();
    const seconds = Math.floor(now / 1000);
    const tokens = {
      'over for 31 seconds': await issuer.sign({ ...claims, exp: seconds - 31 }),
      'over for a day': await issuer.sign({ ...claims, exp: seconds - 86_400 }),
      'not before 31 seconds from now': await issuer.sign({ ...claims, nbf: seconds + 32 }),
      'from the future': await issuer.sign({ ...claims, iat: seconds + 60 }),
      'more than a day old': await issuer.sign({ ...claims, iat: seconds - 86_500 }),
      'without an end': await issuer.sign({ ...claims, exp: undefined }),
      'without a beginning': await issuer.sign({ ...claims, iat: undefined }),
      'with an end in words': await issuer
        .sign({ ...claims, exp: 'tomorrow' as never })
        .catch(() => 'a.b.c'),
    };
    expect(await answersTo(tokens)).toEqual(all(tokens));
    await signIn(await issuer.sign({ ...claims, exp: seconds - 20, nbf: seconds + 20 }));
  });

  it.each(['asks for', 'holds itself'])(
    'that are wrong in a token signed by keys that a trust %s are on record with it, and told to nobody',
    async (how) => {
      const jwks = JSON.stringify({ keys: [issuer.publicKey] });
      await trust(how === 'holds itself' ? { jwks } : {});
      const { methods } = await owner.methods.list({ kind: 'jwt' });
      const [{ id } = { id: '' }] = methods;
      const seconds = Math.floor(now / 1000);
      const tokens = {
        expired: await issuer.sign({ ...claims, exp: seconds - 31 }),
        times: await issuer.sign({ ...claims, nbf: seconds + 60 }),
        audience: await issuer.sign({ ...claims, aud: 'another' }),
        'audience ': await issuer.sign({ ...claims, aud: undefined }),
        claims: await issuer.sign({ ...claims, sub: 'job:other' }),
      };
      for (const [why, token] of Object.entries(tokens)) {
        expect(await answersTo({ token })).toEqual(all({ token }));
        const [entry] = (await owner.audit.query({ action: 'auth.signInJwt' })).entries;
        expect(entry).toMatchObject({ outcome: 'denied', detail: why.trim(), method: id });
      }
      const cut = tokens.expired.slice(0, tokens.expired.lastIndexOf('.') + 1);
      await expect(signIn(`${cut}AAAA`)).rejects.toMatchObject(refused);
      const [entry] = (await owner.audit.query({ action: 'auth.signInJwt' })).entries;
      expect(entry).toMatchObject({ detail: 'signature' });
      expect(entry).not.toHaveProperty('method');
    },
  );

  it('that fit two trusts sign in nobody, unless it is said which is meant', async () => {
    await trust();
    await owner.trusts.create({
      trust: {
        kind: 'jwt',
        issuer: issuer.issuer,
        audiences: [AUDIENCE],
        claims: { sub: [SUBJECT] },
      },
      name: 'second',
      machine: 'another',
    });
    const token = await issuer.sign(claims);
    await expect(signIn(token)).rejects.toMatchObject(refused);
    expect((await signIn(token, { method: 'second' })).subject).toBe('machine:another');
    await expect(signIn(token, { method: 'none' })).rejects.toMatchObject(refused);
  });
});

describe('a token that nobody signed', () => {
  const forged = (more: object = {}): string => {
    const seconds = Math.floor(now / 1000);
    const said = { iss: issuer.issuer, iat: seconds, exp: seconds + 600, ...claims, ...more };
    return `${json({ alg: 'RS256', kid: 'unknown' })}.${json(said)}.AAAA`;
  };
  const guesses = {
    'what is trusted': {},
    'another audience': { aud: 'another' },
    'no audience': { aud: undefined },
    'another subject': { sub: 'job:other' },
    'no subject': { sub: undefined },
    'one that is over': { exp: 1 },
  };

  it('A21 is told nothing of what a trust asks for, by an answer or by what is asked for', async () => {
    await trust();
    const stopped = [500, 'elsewhere', { keys: [] }, { keys: [issuer.publicKey] }];
    for (const answer of stopped) {
      issuer.answers.set('/keys', answer);
      const found = new Set<string>();
      for (const guess of Object.values(guesses)) {
        for (const named of [{}, { method: 'deploy' }, { method: 'none' }]) {
          now += 31_000;
          issuer.asked.length = 0;
          const error = await signIn(forged(guess), named).catch((fault: unknown) => fault);
          const { code, message, hint, details } = error as Record<string, unknown>;
          const asked = issuer.asked.map(({ path }) => path);
          found.add(JSON.stringify({ code, message, hint, details, asked }));
        }
      }
      const isAway = answer !== stopped.at(-1);
      expect([...found]).toEqual([
        expect.stringContaining(isAway ? '"unreachable"' : '"unauthenticated"'),
      ]);
      expect([...found][0]).toContain('"asked":["/.well-known/openid-configuration","/keys"]');
    }
  });

  it('is refused at once of an issuer that nobody trusts, or not any more', async () => {
    await trust();
    issuer.answers.set('/keys', 500);
    await expect(signIn(forged({ iss: 'https://issuer.example' }))).rejects.toMatchObject(refused);
    await owner.methods.disable({ kind: 'jwt', name: 'deploy' });
    await expect(signIn(forged())).rejects.toMatchObject(refused);
    expect(issuer.asked).toEqual([]);
  });

  it('is not taken for one of another trust in the same issuer, which has other keys', async () => {
    const other = await startIssuer(() => now);
    try {
      await trust({ jwks: JSON.stringify({ keys: [issuer.publicKey] }) });
      await owner.trusts.create({
        trust: {
          kind: 'jwt',
          issuer: issuer.issuer,
          audiences: [AUDIENCE],
          claims: { sub: ['job:other'] },
          jwks: JSON.stringify({ keys: [other.publicKey] }),
        },
        name: 'second',
        machine: 'another',
      });
      const own = { iss: issuer.issuer, aud: AUDIENCE };
      await expect(signIn(await issuer.sign({ ...own, sub: 'job:other' }))).rejects.toMatchObject(
        refused,
      );
      await expect(signIn(await other.sign({ ...own, sub: SUBJECT }))).rejects.toMatchObject(
        refused,
      );
      expect((await signIn(await other.sign({ ...own, sub: 'job:other' }))).subject).toBe(
        'machine:another',
      );
      expect((await signIn(await issuer.sign(claims))).subject).toBe('machine:deployer');
      expect([...issuer.asked, ...other.asked]).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('keeps nobody waiting for an issuer whose keys another trust holds', async () => {
    await trust({ jwks: JSON.stringify({ keys: [issuer.publicKey] }) });
    await owner.trusts.create({
      trust: {
        kind: 'jwt',
        issuer: issuer.issuer,
        audiences: [AUDIENCE],
        claims: { sub: ['job:other'] },
      },
      name: 'second',
      machine: 'another',
    });
    issuer.answers.set('/keys', 500);
    await signIn(await issuer.sign(claims));
    expect(issuer.asked).toEqual([]);
    await expect(signIn(forged())).rejects.toMatchObject({ code: 'unreachable' });
    await expect(signIn(await issuer.sign({ ...claims, sub: 'job:other' }))).rejects.toMatchObject({
      code: 'unreachable',
    });
  });
});

describe('what is sent in place of a token', () => {
  it('A60 is refused for its size or its form, before any work', async () => {
    await trust();
    const form = { p2c: 1_000_000_000, p2s: 'c2FsdA', alg: 'PBES2-HS256+A128KW', enc: 'A128GCM' };
    const [head = '', body = ''] = (await issuer.sign(claims)).split('.');
    const before = process.hrtime.bigint();
    for (const token of [
      '.'.repeat(1_048_576),
      `${head}.${body}.${'A'.repeat(1_048_576)}`,
      `${json(form)}.a.a.a.a`,
      `${json(form)}.${body}.a`,
      `${json({ alg: 'RS256', p2c: 1_000_000_000 })}.${body}.a`,
    ]) {
      const error = await signIn(token).catch((fault: unknown) => fault as { code: string });
      expect(['unauthenticated', 'invalid_input']).toContain((error as { code: string }).code);
    }
    expect(Number(process.hrtime.bigint() - before) / 1e6).toBeLessThan(1000);
    expect(issuer.asked).toEqual([]);
  });
});

describe('A52 A24 the keys of an issuer', () => {
  it('are not asked for in a network of our own that is not listed', async () => {
    await owner.settings.write({ name: 'outbound_hosts', value: ['elsewhere.example'] });
    await expect(trust()).rejects.toMatchObject({ code: 'invalid_input' });
    await trust({ issuer: 'https://127.0.0.1' });
    await expect(
      signIn(await issuer.sign({ ...claims, iss: 'https://127.0.0.1' })),
    ).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('are not looked for where a redirect leads, nor where a document of another issuer does', async () => {
    await trust();
    const token = await issuer.sign(claims);
    issuer.answers.set('/.well-known/openid-configuration', `${issuer.issuer}/elsewhere`);
    await expect(signIn(token)).rejects.toMatchObject({ code: 'unreachable' });
    for (const document of [
      { issuer: 'https://issuer.example', jwks_uri: `${issuer.issuer}/keys` },
      { issuer: issuer.issuer, jwks_uri: 'http://169.254.169.254/latest' },
      { issuer: issuer.issuer, jwks_uri: 'file:///etc/passwd' },
      { issuer: issuer.issuer },
      [],
    ]) {
      now += 31_000;
      issuer.answers.set('/.well-known/openid-configuration', document);
      await expect(signIn(await issuer.sign(claims))).rejects.toMatchObject({
        code: 'unreachable',
      });
    }
    expect(issuer.asked.every(({ path }) => path.startsWith('/.well-known'))).toBe(true);
  });

  it('are asked for without anything of the call', async () => {
    await trust();
    const { token: credential } = await owner.tokens.create({ subject: 'machine:deployer' });
    await remoteSession(parts, { credential }).auth.signInJwt({
      token: await issuer.sign(claims),
    });
    expect(issuer.asked).toHaveLength(2);
    for (const { headers } of issuer.asked) {
      expect(Object.keys(headers).toSorted()).toEqual([
        'accept',
        'accept-encoding',
        'connection',
        'host',
        'user-agent',
      ]);
    }
  });
});

describe('A39 a sign-in that fails', () => {
  it('leaves no session behind', async () => {
    await trust();
    const token = await issuer.sign(claims);
    tamper(place, (db) =>
      db.exec(
        `CREATE TRIGGER fault AFTER INSERT ON tokens BEGIN SELECT RAISE(ABORT, 'fault'); END`,
      ),
    );
    await expect(signIn(token)).rejects.toThrow();
    tamper(place, (db) => db.exec('DROP TRIGGER fault'));
    expect(tamper(place, (db) => storedRows(db, 'tokens'))).toEqual([]);
    await signIn(token);
  });
});
