import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { giveRole } from '../../testing/give-role.ts';
import {
  remoteSession,
  signedInAs,
  userWithPassword,
  type Remote,
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
import type { Session } from '../session.ts';
import type { MachineSignedIn } from './machine-session.ts';
import type { SecretIdCreated } from './approle.ts';

const HOUR_MS = 3_600_000;
const at = { environment: 'production', path: 'db/password' };

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
let now = 0;

beforeEach(async () => {
  now = Date.now();
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => now });
  owner = parts.as(OWNER);
  await owner.machines.create({ name: 'ci' });
  await owner.access.grant({
    subject: 'machine:ci',
    can: ['read', 'list'],
    pattern: 'default/production/**',
  });
  await owner.secrets.write({ ...at, value: 'v' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const signIn = (
  { roleId, secretId }: Pick<SecretIdCreated, 'roleId' | 'secretId'>,
  from: Remote = {},
): Promise<MachineSignedIn> => remoteSession(parts, from).auth.signInAppRole({ roleId, secretId });

const read = ({ token }: MachineSignedIn, from: Remote = {}): Promise<unknown> =>
  remoteSession(parts, { ...from, credential: token }).secrets.read(at);

const refused = { code: 'unauthenticated' };

describe('a role', () => {
  it('gives sessions to whoever has its id and a secret id, on record', async () => {
    const role = await owner.approle.create({ machine: 'ci' });
    const made = await owner.approle.newSecretId({ role: 'ci', label: 'deploy host' });
    expect(made.secretId.reveal()).toMatch(/^sr_secretid_/);
    expect(made).toMatchObject({ kind: 'secret_id', subject: 'machine:ci', label: 'deploy host' });
    const session = await signIn(made);
    expect(session.subject).toBe('machine:ci');
    expect(Date.parse(session.expiresAt)).toBe(now + HOUR_MS);
    expect(await read(session)).toMatchObject({ version: 1 });
    const [entry] = (await owner.audit.query({ action: 'auth.signInAppRole' })).entries;
    expect(entry).toMatchObject({
      actor_name: 'ci',
      actor_kind: 'machine',
      outcome: 'ok',
      method: role.id,
      target: session.id,
      ip: '192.0.2.1',
    });
    expect(JSON.stringify(entry)).not.toContain(made.secretId.reveal());
  });

  it('gives none for anything else, and says the same each time', async () => {
    const { roleId } = await owner.approle.create({ machine: 'ci' });
    await owner.approle.create({ machine: 'ci', name: 'other' });
    const other = await owner.approle.newSecretId({ role: 'other' });
    const token = await owner.tokens.create({ subject: 'machine:ci' });
    const own = await owner.approle.newSecretId({ role: 'ci' });
    const wrong: readonly [roleId: string, secretId: string][] = [
      [roleId, ''],
      [roleId, 'sr_secretid_'],
      [roleId, other.secretId.reveal()],
      [roleId, token.token.reveal()],
      [roleId, `${own.secretId.reveal()} `],
      [roleId, own.id],
      ['', own.secretId.reveal()],
      [roleId.toUpperCase(), own.secretId.reveal()],
      [own.id, own.secretId.reveal()],
      ['ci', own.secretId.reveal()],
    ];
    const told = new Set<string>();
    for (const [id, secretId] of wrong) {
      const error = await remoteSession(parts)
        .auth.signInAppRole({ roleId: id, secretId })
        .catch((fault: unknown) => fault as Error & { code: string });
      told.add(JSON.stringify([(error as { code?: string }).code, (error as Error).message]));
    }
    expect([...told]).toEqual(['["unauthenticated","what was given to sign in was not accepted"]']);
    await signIn(own);
  });

  it('A9 counts what is wrong, and never keeps out who has what is right', async () => {
    const { id, roleId } = await owner.approle.create({ machine: 'ci' });
    const made = await owner.approle.newSecretId({ role: 'ci' });
    const { secretId } = await owner.approle.newSecretId({ role: 'ci' });
    await owner.approle.revokeSecretId({
      role: 'ci',
      id:
        (await owner.approle.listSecretIds({ role: 'ci' })).find((each) => each.id !== made.id)
          ?.id ?? '',
    });
    for (let count = 0; count < 7; count += 1) {
      await expect(signIn({ roleId, secretId })).rejects.toMatchObject(refused);
    }
    const rows = tamper(place, (db) => storedRows(db, 'attempts'));
    // From that address, and from all: a source that has to wait counts nowhere.
    expect(rows.map(({ failures }) => failures)).toEqual([5, 5]);
    const { entries } = await owner.audit.query({ action: 'auth.attemptSecretId' });
    expect(entries[0]).toMatchObject({ method: id, detail: expect.stringMatching(/^secret_id/) });
    await signIn(made);
  });

  it('takes a secret id nowhere but for signing in', async () => {
    await owner.approle.create({ machine: 'ci' });
    const { secretId } = await owner.approle.newSecretId({ role: 'ci' });
    const session = remoteSession(parts, { credential: secretId });
    await expect(session.secrets.read(at)).rejects.toMatchObject(refused);
    await expect(session.workspaces.list()).rejects.toMatchObject(refused);
  });

  it('bounds secret ids in time and number, and what they give', async () => {
    await owner.approle.create({
      machine: 'ci',
      secretIdTtl: '2h',
      secretIdUses: 2,
      sessionTtl: '10m',
      can: ['list'],
    });
    for (const wider of [{ ttl: '3h' }, { uses: 3 }]) {
      await expect(owner.approle.newSecretId({ role: 'ci', ...wider })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
    const made = await owner.approle.newSecretId({ role: 'ci' });
    expect(made.usesLeft).toBe(2);
    const session = await signIn(made);
    await expect(read(session)).rejects.toMatchObject({ code: 'denied' });
    const list = remoteSession(parts, { credential: session.token }).secrets;
    expect((await list.list({ environment: 'production' })).secrets).toHaveLength(1);
    now += 11 * 60_000;
    await expect(read(session)).rejects.toMatchObject(refused);
    await signIn(made);
    await expect(signIn(made)).rejects.toMatchObject(refused);
    const uses = (await owner.audit.query({ action: 'auth.secretIdUsed', outcome: 'ok' })).entries;
    expect(uses.map((entry) => entry['uses_left'])).toEqual([0, 1]);
    const late = await owner.approle.newSecretId({ role: 'ci', ttl: '1h' });
    now += HOUR_MS;
    await expect(signIn(late)).rejects.toMatchObject(refused);
  });

  it('heeds networks, at signing in and with each call', async () => {
    await owner.approle.create({ machine: 'ci', cidr: ['192.0.2.0/24'] });
    await expect(
      owner.approle.newSecretId({ role: 'ci', cidr: ['192.0.0.0/16'] }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
    const made = await owner.approle.newSecretId({ role: 'ci', cidr: ['192.0.2.7/32'] });
    await expect(signIn(made, { ip: '198.51.100.7' })).rejects.toMatchObject(refused);
    await expect(signIn(made, { ip: '192.0.2.8' })).rejects.toMatchObject(refused);
    const session = await signIn(made, { ip: '192.0.2.7' });
    await read(session, { ip: '192.0.2.7' });
    await expect(read(session, { ip: '192.0.2.8' })).rejects.toMatchObject(refused);
  });

  it('ends what it gave when it is disabled, narrowed or removed', async () => {
    const role = { kind: 'approle', name: 'ci' } as const;
    await owner.approle.create({ machine: 'ci' });
    const first = await owner.approle.newSecretId({ role: 'ci' });
    const session = await signIn(first);
    await owner.approle.update({ name: 'ci', sessionTtl: '2h' });
    await read(session);
    await owner.approle.update({ name: 'ci', can: ['read'], sessionTtl: '2h' });
    await expect(read(session)).rejects.toMatchObject(refused);
    await expect(signIn(first)).rejects.toMatchObject(refused);
    const second = await owner.approle.newSecretId({ role: 'ci' });
    const other = await signIn(second);
    await owner.methods.disable(role);
    await expect(read(other)).rejects.toMatchObject(refused);
    await expect(signIn(second)).rejects.toMatchObject(refused);
    await owner.methods.enable(role);
    await expect(read(other)).rejects.toMatchObject(refused);
    await expect(signIn(second)).rejects.toMatchObject(refused);
    const third = await owner.approle.newSecretId({ role: 'ci' });
    const last = await signIn(third);
    await owner.methods.remove(role);
    await expect(read(last)).rejects.toMatchObject(refused);
    const again = await owner.approle.create({ machine: 'ci' });
    await expect(signIn({ ...third, roleId: again.roleId })).rejects.toMatchObject(refused);
    const rows = tamper(place, (db) => storedRows(db, 'tokens'));
    expect(rows.filter((row) => row['method_id'] !== null)).toEqual([]);
  });

  const MADE = {
    sessionTtl: '2h',
    secretIdTtl: '24h',
    secretIdUses: 10,
    can: ['read', 'list'],
    cidr: ['192.0.2.0/24'],
  } as const;

  it.each([
    ['a session lives shorter', { sessionTtl: '1h' }],
    ['a secret id lives shorter', { secretIdTtl: '23h' }],
    ['a secret id has fewer uses', { secretIdUses: 9 }],
    ['a capability is gone', { can: ['read'] }],
    ['a network is gone', { cidr: ['192.0.2.0/25'] }],
  ] as const)('that becomes narrower ends what it gave: %s', async (_what, change) => {
    await owner.approle.create({ machine: 'ci', ...MADE });
    const session = await signIn(await owner.approle.newSecretId({ role: 'ci' }));
    await owner.approle.update({ name: 'ci', ...MADE });
    await read(session);
    await owner.approle.update({ name: 'ci', ...MADE, ...change });
    await expect(read(session)).rejects.toMatchObject(refused);
  });

  it('that becomes wider, or has a bound less, keeps what it gave', async () => {
    await owner.approle.create({ machine: 'ci', ...MADE });
    const session = await signIn(await owner.approle.newSecretId({ role: 'ci' }));
    for (const change of [
      { sessionTtl: '3h' },
      { sessionTtl: '3h', secretIdTtl: '25h' },
      { sessionTtl: '3h', secretIdTtl: undefined, secretIdUses: 11 },
      { sessionTtl: '3h', secretIdTtl: undefined, secretIdUses: undefined },
    ]) {
      await owner.approle.update({ name: 'ci', ...MADE, ...change });
      await read(session);
    }
    await owner.approle.update({ name: 'ci', sessionTtl: '3h' });
    await read(session);
  });

  it('signs nobody in whose machine is disabled or gone', async () => {
    await owner.approle.create({ machine: 'ci' });
    const made = await owner.approle.newSecretId({ role: 'ci' });
    await owner.machines.disable({ name: 'ci' });
    await expect(signIn(made)).rejects.toMatchObject(refused);
    await owner.machines.remove({ name: 'ci' });
    await expect(signIn(made)).rejects.toMatchObject(refused);
  });

  it('is noticed when its row is taken away or put back', async () => {
    await owner.approle.create({ machine: 'ci' });
    const made = await owner.approle.newSecretId({ role: 'ci' });
    const kept = tamper(place, (db) => storedRows(db, 'auth_methods')) as readonly StoredRow[];
    await owner.methods.disable({ kind: 'approle', name: 'ci' });
    for (const row of kept) tamper(place, (db) => putRow(db, 'auth_methods', row));
    await parts.vault.close();
    parts = await openParts(place, { now: () => now });
    await expect(signIn(made)).rejects.toMatchObject({ code: 'integrity_error' });
  });
});

describe('secret ids', () => {
  it('A37 are revoked by their own role only, and take the sessions that they gave along', async () => {
    for (const name of ['one', 'two']) await owner.approle.create({ machine: 'ci', name });
    const made = await owner.approle.newSecretId({ role: 'one' });
    const other = await owner.approle.newSecretId({ role: 'one' });
    const [session, elsewhere] = [await signIn(made), await signIn(other)];
    await expect(owner.approle.revokeSecretId({ role: 'two', id: made.id })).rejects.toMatchObject({
      code: 'token_not_found',
    });
    await expect(
      owner.approle.revokeSecretId({ role: 'one', id: session.id }),
    ).rejects.toMatchObject({ code: 'token_not_found' });
    await expect(owner.approle.revokeSecretId({ role: 'none', id: made.id })).rejects.toMatchObject(
      { code: 'method_not_found' },
    );
    await read(session);
    expect(await owner.approle.listSecretIds({ role: 'two' })).toEqual([]);
    const listed = await owner.approle.listSecretIds({ role: 'one' });
    expect(listed.map(({ id }) => id).toSorted()).toEqual([made.id, other.id].toSorted());
    await owner.approle.revokeSecretId({ role: 'one', id: made.id });
    await expect(signIn(made)).rejects.toMatchObject(refused);
    await expect(read(session)).rejects.toMatchObject(refused);
    await read(elsewhere);
  });

  it('that are used up are still there, by name on record, and revoked with what they gave', async () => {
    const role = await owner.approle.create({ machine: 'ci', secretIdUses: 1 });
    const made = await owner.approle.newSecretId({ role: 'ci' });
    const session = await signIn(made);
    expect(await owner.approle.listSecretIds({ role: 'ci' })).toMatchObject([
      { id: made.id, state: 'used_up', usesLeft: 0 },
    ]);
    await expect(signIn(made)).rejects.toMatchObject(refused);
    const [entry] = (await owner.audit.query({ action: 'auth.signInAppRole' })).entries;
    const about = { detail: 'used_up', target: made.id, method: role.id };
    expect(entry).toMatchObject({ outcome: 'denied', reason: 'unauthenticated', ...about });
    await read(session);
    await owner.approle.revokeSecretId({ role: 'ci', id: made.id });
    await expect(read(session)).rejects.toMatchObject(refused);
  });

  it('open nothing when a row that was revoked is put back', async () => {
    await owner.approle.create({ machine: 'ci' });
    const made = await owner.approle.newSecretId({ role: 'ci' });
    const rows = tamper(place, (db) => storedRows(db, 'tokens'));
    await owner.approle.revokeSecretId({ role: 'ci', id: made.id });
    for (const row of rows) tamper(place, (db) => putRow(db, 'tokens', row));
    await expect(signIn(made)).rejects.toMatchObject(refused);
  });

  it('A39 leave no session behind when something fails after it was made', async () => {
    await owner.approle.create({ machine: 'ci' });
    const made = await owner.approle.newSecretId({ role: 'ci', uses: 3 });
    // The use is noted last: it fails on a row that was changed in the meantime.
    const before = tamper(place, (db) => {
      db.exec(
        `CREATE TRIGGER fault BEFORE UPDATE ON tokens WHEN old.kind = 'secret_id' BEGIN SELECT RAISE(ABORT, 'fault'); END`,
      );
      return storedRows(db, 'tokens').length;
    });
    await expect(signIn(made)).rejects.toThrow();
    tamper(place, (db) => db.exec('DROP TRIGGER fault'));
    expect(tamper(place, (db) => storedRows(db, 'tokens'))).toHaveLength(before);
    await signIn(made);
  });
});

describe('who makes ways to sign in', () => {
  it('has every right that the machine has', async () => {
    const clerk = await giveRole(parts, 'clerk', [['admin read', 'sys/access']]);
    await expect(clerk.approle.create({ machine: 'ci' })).rejects.toMatchObject({
      code: 'escalation_refused',
    });
    await owner.approle.create({ machine: 'ci' });
    for (const attempt of [
      clerk.approle.newSecretId({ role: 'ci' }),
      clerk.approle.update({ name: 'ci' }),
      clerk.methods.enable({ kind: 'approle', name: 'ci' }),
    ]) {
      await expect(attempt).rejects.toMatchObject({ code: 'escalation_refused' });
    }
    await clerk.methods.disable({ kind: 'approle', name: 'ci' });
  });

  it('A16 has proven just now who they are, for opening one again too', async () => {
    await userWithPassword(parts, OWNER);
    const session = await signedInAs(parts, OWNER);
    const { approle, methods } = remoteSession(parts, { credential: session });
    await approle.create({ machine: 'ci' });
    await methods.disable({ kind: 'approle', name: 'ci' });
    now += 6 * 60_000;
    for (const attempt of [
      approle.newSecretId({ role: 'ci' }),
      approle.update({ name: 'ci' }),
      methods.enable({ kind: 'approle', name: 'ci' }),
    ]) {
      await expect(attempt).rejects.toMatchObject({ code: 'reauth_required' });
    }
    await methods.remove({ kind: 'approle', name: 'ci' });
  });

  it('does not do it from within a network that a token is limited to', async () => {
    await owner.machines.create({ name: 'provisioner' });
    await owner.roles.assign({ name: 'admin', member: 'machine:provisioner', wholeVault: true });
    await owner.machines.create({ name: 'plain' });
    const [free, bound] = [
      await owner.tokens.create({ subject: 'machine:provisioner' }),
      await owner.tokens.create({ subject: 'machine:provisioner', cidr: ['192.0.2.0/24'] }),
    ];
    await expect(
      remoteSession(parts, { credential: bound.token }).approle.create({ machine: 'plain' }),
    ).rejects.toMatchObject({ code: 'escalation_refused' });
    await remoteSession(parts, { credential: free.token }).approle.create({ machine: 'plain' });
  });
});
