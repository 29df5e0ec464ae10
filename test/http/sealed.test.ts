import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { openVault } from '../../src/core/open-vault.ts';
import { createSession } from '../../src/core/session.ts';
import { UnsealRounds } from '../../src/http/unseal-rounds.ts';
import { formatToken } from '../../src/crypto/token.ts';
import { splitSecret } from '../../src/crypto/shamir.ts';
import { toBase64 } from '../../src/lib/base64.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { OWNER } from '../../src/testing/temporary-vault.ts';
import { startServed, type Answer, type Served, type ServedOptions } from './served.ts';

const SECRETS = '/api/secrets/workspaces/default/secrets';
const PASSPHRASE = 'correct horse battery staple';
const WRONG = 'incorrect horse battery staple';
const FAST = { kdf: 'pbkdf2' } as const;

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function start(options: ServedOptions): Promise<Served> {
  served = await startServed(options);
  return served;
}

const withPassphrase = (): ServedOptions => ({
  slots: [{ kind: 'passphrase', passphrase: SecretValue.text(PASSPHRASE), ...FAST }],
});

/** A key from another address of this machine, so that only its own pace counts. */
function bring(to: Served, json: unknown, last = 1): Promise<Answer> {
  return to.ask('/api/sys/unseal', { json, localAddress: `127.0.0.${last}` });
}

const json = ({ body }: Answer): unknown => JSON.parse(body);

describe('a server whose vault no slot opens by itself', () => {
  it('answers nothing but that it is sealed, until somebody brings the passphrase', async () => {
    const sealed = await start(withPassphrase());
    expect(json(await sealed.ask('/api/sys/seal-status'))).toEqual({
      sealed: true,
      kinds: ['passphrase'],
    });
    expect(await sealed.ask('/health/ready')).toMatchObject({ status: 503 });
    expect(await sealed.ask('/health/live')).toMatchObject({ status: 200 });
    const listed = await sealed.ask(SECRETS, { token: formatToken('token', new Uint8Array(32)) });
    expect([listed.status, json(listed)]).toMatchObject([503, { code: 'sealed' }]);
    expect((await sealed.ask('/metrics')).status).toBe(401);

    expect(await bring(sealed, { passphrase: WRONG }, 1)).toMatchObject({ status: 400 });
    const opened = await bring(sealed, { passphrase: PASSPHRASE }, 2);
    expect([opened.status, json(opened)]).toEqual([200, { sealed: false }]);
    expect(await sealed.ask('/health/ready')).toMatchObject({ status: 200 });
    expect(json(await sealed.ask('/api/sys/seal-status'))).toEqual({ sealed: false });
  });

  it('says in its log that no workspace has the default environment, once it can be known', async () => {
    const told = ({ lines }: Served): readonly string[] =>
      lines.filter((line) => line.includes('default_environment'));
    const mistaken = await start({ ...withPassphrase(), environment: 'productoin' });
    expect(told(mistaken)).toEqual([]);
    expect(await bring(mistaken, { passphrase: PASSPHRASE })).toMatchObject({ status: 200 });
    await expect.poll(() => told(mistaken)).toHaveLength(1);
    expect(JSON.parse(told(mistaken)[0] ?? '')).toMatchObject({
      level: 'error',
      code: 'environment_not_found',
      hint: expect.stringContaining('--default-environment takes development'),
    });
    await mistaken.close();
    const right = await start({ ...withPassphrase(), environment: 'production' });
    expect(await bring(right, { passphrase: PASSPHRASE })).toMatchObject({ status: 200 });
    await right.server.close();
    expect(told(right)).toEqual([]);
  });

  it('A55 puts on record who opened it, and which keys did not', async () => {
    const sealed = await start(withPassphrase());
    await bring(sealed, { passphrase: WRONG }, 7);
    await bring(sealed, { passphrase: WRONG }, 8);
    await bring(sealed, { passphrase: PASSPHRASE }, 9);
    const { entries } = await sealed.owner().audit.query({ action: 'vault.unseal' });
    const told = entries.map(({ ip, outcome, reason, count }) => ({ ip, outcome, reason, count }));
    expect(told).toContainEqual(expect.objectContaining({ ip: '127.0.0.9', outcome: 'ok' }));
    for (const ip of ['127.0.0.7', '127.0.0.8']) {
      expect(told).toContainEqual({ ip, outcome: 'failed', reason: 'wrong_passphrase', count: 1 });
    }
  });

  it('A55 takes one key a second from one address', async () => {
    const sealed = await start(withPassphrase());
    // At once, so that however slow the machine is no second goes by between them.
    const wrong = { passphrase: WRONG };
    const both = await Promise.all([bring(sealed, wrong), bring(sealed, wrong)]);
    expect(both.map(({ status }) => status)).toEqual(expect.arrayContaining([400, 429]));
    const refused = both.find(({ status }) => status === 429);
    expect(refused?.headers['retry-after']).toBe('1');
    expect(sealed.server.vault).toBeUndefined();
    await sleep(1050);
    expect(await bring(sealed, { passphrase: PASSPHRASE })).toMatchObject({ status: 200 });
  });

  it('A55 A83 repeats and writes down nothing that was brought', async () => {
    const sealed = await start(withPassphrase());
    const answers = [
      await bring(sealed, { passphrase: WRONG }, 1),
      await bring(sealed, { passphrase: WRONG, more: WRONG }, 2),
      await bring(sealed, { share: WRONG }, 3),
      await bring(sealed, { recovery_key: WRONG }, 4),
      await bring(sealed, [WRONG], 5),
      await bring(sealed, { passphrase: PASSPHRASE }, 6),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 404, 400, 200]);
    const said = answers.map(({ body, headers }) => body + JSON.stringify(headers)).join('');
    expect(said + sealed.lines.join('')).not.toContain('horse');
    const { entries } = await sealed.owner().audit.query({ limit: 100 });
    expect(JSON.stringify(entries)).not.toContain('horse');
  });

  it('A83 says in its log when it is sealed and unsealed and when a key is refused, and no key', async () => {
    const sealed = await start(withPassphrase());
    const said = (): readonly object[] =>
      sealed.lines
        .map((line) => JSON.parse(line) as { readonly event: string })
        .filter(({ event }) => /seal/.test(event));
    await bring(sealed, { passphrase: WRONG }, 1);
    await bring(sealed, { share: WRONG }, 2);
    await bring(sealed, { passphrase: WRONG, more: WRONG }, 3);
    await bring(sealed, { passphrase: PASSPHRASE }, 4);
    await bring(sealed, { passphrase: PASSPHRASE }, 5);
    const { token } = await sealed.owner().tokens.create({ ttl: '1h' });
    const asked = { json: {}, token: token.reveal() };
    expect(await sealed.ask('/api/secrets/admin/seal', asked)).toMatchObject({ status: 200 });
    await bring(sealed, { passphrase: PASSPHRASE }, 6);
    const { entries } = await sealed.owner().audit.query({ action: 'vault.seal', actor: OWNER });
    const [{ request } = {}] = entries;
    const time: unknown = expect.any(String);
    const [vault, warn, message] = [sealed.made.id, 'warn', expect.any(String) as unknown];
    const refused = { time, level: warn, event: 'unseal_refused', message, count: 1 };
    await expect.poll(said).toEqual([
      { time, level: warn, event: 'sealed', message, hint: message },
      { ...refused, code: 'wrong_passphrase' },
      { ...refused, code: 'invalid_share' },
      { time, level: 'info', event: 'unsealed', vault },
      { time, level: warn, event: 'sealed', request },
      { time, level: 'info', event: 'unsealed', vault },
    ]);
    expect(sealed.lines.join('')).not.toContain('horse');
  });

  it('A55 L8 refuses a body that no key has, by its size', async () => {
    const sealed = await start(withPassphrase());
    expect(await bring(sealed, { passphrase: 'x'.repeat(10_000) })).toMatchObject({ status: 413 });
  });

  it('is sealed again by whoever may, and by nobody else', async () => {
    const sealed = await start({});
    const owner = sealed.owner();
    await owner.machines.create({ name: 'ci' });
    const { token: ci } = await owner.tokens.create({ subject: 'machine:ci' });
    const seal = (token?: string): Promise<Answer> =>
      sealed.ask('/api/secrets/admin/seal', { json: {}, token });
    expect(await seal()).toMatchObject({ status: 401 });
    expect(await seal(ci.reveal())).toMatchObject({ status: 403 });
    expect(sealed.server.vault).toBeDefined();
    expect(json(await seal(sealed.token))).toEqual({ sealed: true });
    expect(sealed.server.vault).toBeUndefined();
    expect(await sealed.ask(SECRETS, { token: sealed.token })).toMatchObject({ status: 503 });
    expect(json(await sealed.ask('/api/sys/seal-status'))).toEqual({
      sealed: true,
      kinds: ['keyfile'],
    });
    // It let go of the files, so that another process can have them.
    const { directory, configDirectory } = sealed;
    const vault = await openVault(directory, { configDirectory, holder: 'a test' });
    const session = createSession(vault, { principal: OWNER }, 'library');
    const { entries } = await session.audit.query({ action: 'vault.seal' });
    expect(entries.map(({ actor_name: name }) => name)).toContain(OWNER);
    await vault.close();
  });

  it('opens with a recovery key', async () => {
    const sealed = await start({ slots: [{ kind: 'recovery' }] });
    const recovery = sealed.made.recovery?.reveal() ?? '';
    expect(await bring(sealed, { recovery_key: recovery })).toMatchObject({ status: 200 });
    expect(sealed.server.vault).toBeDefined();
  });
});

describe('A55 shares that several people bring', () => {
  const split = (): ServedOptions => ({ slots: [{ kind: 'shamir', threshold: 2, shares: 3 }] });
  const texts = ({ made }: Served): readonly string[] =>
    (made.shares ?? []).map((share) => share.reveal());
  const roundOf = (answer: Answer): string =>
    (json(answer) as { round: { nonce: string } }).round.nonce;

  it('open the vault once there are enough in one round', async () => {
    const sealed = await start(split());
    expect(json(await sealed.ask('/api/sys/seal-status'))).toMatchObject({
      shares: [{ needed: 2, made: 3 }],
    });
    const [first, second] = texts(sealed);
    const begun = await bring(sealed, { share: first }, 1);
    expect(json(begun)).toMatchObject({ sealed: true, round: { given: 1, needed: 2 } });
    // The same share once more is no second one.
    const again = await bring(sealed, { share: first, nonce: roundOf(begun) }, 2);
    expect(json(again)).toMatchObject({ sealed: true, round: { given: 1, needed: 2 } });
    const done = await bring(sealed, { share: second, nonce: roundOf(begun) }, 3);
    expect(json(done)).toEqual({ sealed: false });
  });

  it('are of a round that nobody can end, or add to, who does not know its nonce', async () => {
    const sealed = await start(split());
    const [first, second, third] = texts(sealed);
    const begun = await bring(sealed, { share: first }, 1);
    const other = await bring(sealed, { share: third }, 2);
    expect(roundOf(other)).not.toBe(roundOf(begun));
    const foreign = await splitSecret(new Uint8Array(32), { threshold: 2, shares: 2 });
    for (const [last, wrong] of [
      { share: second, nonce: 'AAAAAAAAAAAAAAAAAAAAAA' },
      { share: foreign.shares[0] },
      { share: foreign.shares[0], nonce: roundOf(begun) },
      { share: first?.slice(0, -1) },
    ].entries()) {
      expect((await bring(sealed, wrong, last + 3)).status).toBe(400);
    }
    const status = await sealed.ask('/api/sys/seal-status');
    expect(status.body).not.toContain(roundOf(begun));
    const done = await bring(sealed, { share: second, nonce: roundOf(begun) }, 20);
    expect(json(done)).toEqual({ sealed: false });
  });

  it('are kept for 15 minutes, in a bounded number of rounds', async () => {
    let now = 0;
    const rounds = new UnsealRounds(() => now);
    const made = await splitSecret(new Uint8Array(32), { threshold: 2, shares: 2 });
    const set = { setId: toBase64(made.setId), needed: 2, made: 2 };
    const share = (): SecretValue => SecretValue.text(made.shares[0] ?? '');
    const begin = (): string => rounds.take({ share: share(), nonce: undefined }, [set]).nonce;
    const nonces = Array.from({ length: 32 }, begin);
    expect(begin).toThrow(expect.objectContaining({ code: 'rate_limited' }));
    now = 15 * 60_000 + 1;
    const second = SecretValue.text(made.shares[1] ?? '');
    expect(() => rounds.take({ share: second, nonce: nonces[0] }, [set])).toThrow(
      expect.objectContaining({ code: 'invalid_share' }),
    );
    expect(begin()).not.toBe('');
  });
});
