import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { totpCode, totpStep } from '../crypto/totp.ts';
import { fromBase32 } from '../lib/base32.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import { FACTOR_USES, FACTORS } from '../store/protected-tables.ts';
import { insertRow } from '../store/rows.ts';
import {
  PASSWORD,
  remoteSession,
  signedInAs,
  userWithPassword,
} from '../testing/remote-session.ts';
import {
  makeTemporaryVault,
  openParts,
  openTemporaryVault,
  OWNER,
  putRow,
  storedRows,
  tamper,
  temporaryDirectory,
  type StoredRow,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import type { Caller } from './item.ts';
import { listEnvironments } from './operations/workspaces.ts';
import { openVault } from './open-vault.ts';
import { restoreVault } from './restore-vault.ts';
import { createSession, type Session } from './session.ts';
import type { UnsealedVault } from './vault.ts';

const EACH = 100;

let place: TemporaryVault;
let root: string;
beforeEach(async () => {
  place = await makeTemporaryVault();
  root = temporaryDirectory();
});
afterEach(() => {
  place.remove();
  rmSync(root, { recursive: true, force: true });
});

const callerWith = (credential: string): Caller => ({
  context: { principal: '' },
  face: 'library',
  credential,
});

/** How many credentials open a vault. */
async function accepted(vault: UnsealedVault, credentials: readonly string[]): Promise<number> {
  let count = 0;
  for (const credential of credentials) {
    await vault.call(listEnvironments, callerWith(credential), {}).then(
      () => (count += 1),
      (error: unknown) => expect(error).toMatchObject({ code: 'unauthenticated' }),
    );
  }
  return count;
}

interface Given {
  readonly id: string;
  readonly text: string;
}

async function giveOut(session: Session, count: number, uses?: number): Promise<Given[]> {
  const given: Given[] = [];
  for (let index = 0; index < count; index += 1) {
    const { id, token } = await session.tokens.create({ uses });
    given.push({ id, text: token.reveal() });
  }
  return given;
}

/** A vault on another machine, restored from a backup. */
async function restored(
  file: string,
  { place: from = place, now }: { place?: TemporaryVault; now?: Clock } = {},
): Promise<{ path: string; vault: UnsealedVault }> {
  const path = join(root, 'restored', 'vault');
  const keys = [{ kind: 'keyfile', path: from.keyFile }] as const;
  const options = { keys, configDirectory: join(root, 'restored'), now };
  await restoreVault(path, { file, by: OWNER, ...options });
  return { path, vault: await openVault(path, { holder: 'a test', ...options }) };
}

const textOf = ({ text }: Given): string => text;

describe('A69 credentials of before a restore', () => {
  it('A69 are refused after it, be they revoked since, used up since, or neither', async () => {
    const { vault, as } = await openParts(place);
    const session = as(OWNER);
    const toRevoke = await giveOut(session, EACH);
    const once = await giveOut(session, EACH, 1);
    const kept = await giveOut(session, 1);
    const { file } = await session.backups.create({ directory: join(root, 'backups') });
    for (const { id } of toRevoke) await session.tokens.revoke({ token: id });
    expect(await accepted(vault, once.map(textOf))).toBe(EACH);
    expect(await accepted(vault, kept.map(textOf))).toBe(1);
    const rows = tamper(place, (db) => storedRows(db, 'tokens'));
    await vault.close();

    const after = await restored(file);
    const all = [...toRevoke, ...once, ...kept].map(textOf);
    expect(await accepted(after.vault, all)).toBe(0);
    const own = createSession(after.vault, { principal: OWNER }, 'library');
    expect(await own.tokens.list()).toEqual([]);
    const fresh = await giveOut(own, 1);
    expect(await accepted(after.vault, fresh.map(textOf))).toBe(1);
    await after.vault.close();

    // Their rows have MACs of the same key, and are of another generation of the vault.
    using db = new DatabaseSync(join(after.path, 'vault.db'));
    for (const row of rows) putRow(db, 'tokens', row);
    expect(storedRows(db, 'tokens').length).toBe(rows.length + 1);
    db.close();
    const keys = [{ kind: 'keyfile', path: place.keyFile }] as const;
    const options = { keys, configDirectory: join(root, 'restored'), holder: 'a test' };
    const again = await openVault(after.path, options);
    expect(await accepted(again, all)).toBe(0);
    expect(await accepted(again, fresh.map(textOf))).toBe(1);
    await again.close();
  });

  it('A69 are refused once an older copy of the vault was accepted', async () => {
    const first = await openParts(place);
    const given = await giveOut(first.as(OWNER), 3);
    await first.vault.close();
    cpSync(place.path, join(root, 'copy'), { recursive: true });
    const second = await openParts(place);
    await second.as(OWNER).tokens.revoke({ token: given[0]?.id ?? '' });
    await second.vault.close();
    rmSync(place.path, { recursive: true });
    cpSync(join(root, 'copy'), place.path, { recursive: true });
    const vault = await openTemporaryVault(place, { acceptRollback: true });
    expect(await accepted(vault, given.map(textOf))).toBe(0);
    await vault.close();
  });
});

describe('A69 what a restore makes of factors', () => {
  it('A69 codes that were used since, and recovery codes of before, are refused; later codes count', async () => {
    let now = Date.parse('2026-03-01T12:00:10Z');
    const clock = (): number => now;
    const own = await makeTemporaryVault({ now: clock });
    try {
      const parts = await openParts(own, { now: clock });
      const users = [];
      for (let index = 0; index < 10; index += 1) {
        const name = `user-${index}`;
        await userWithPassword(parts, name);
        const credential = await signedInAs(parts, name);
        const { auth } = remoteSession(parts, { credential });
        const { factor, secret } = await auth.enrollTotp();
        const bytes = fromBase32(secret.reveal()) ?? new Uint8Array();
        const code = (): string => totpCode(bytes, totpStep(now));
        const { recoveryCodes } = await auth.confirmTotp({ factor, code: code() });
        users.push({ name, code, recoveryCode: recoveryCodes?.[0] ?? '' });
      }
      now += 30_000;
      const { file } = await parts.as(OWNER).backups.create({ directory: join(root, 'backups') });
      for (const { name, code } of users) await signedInAs(parts, name, { code });
      await parts.vault.close();

      const { vault } = await restored(file, { place: own, now: clock });
      const { auth } = remoteSession({ vault });
      const refused = { code: 'unauthenticated' };
      for (const { name, code, recoveryCode } of users) {
        const begun = await auth.signIn({ name, password: PASSWORD });
        const challenge = begun.challenge ?? '';
        await expect(auth.verifyTotp({ challenge, code: code() })).rejects.toMatchObject(refused);
        const given = { challenge, code: recoveryCode };
        await expect(auth.useRecoveryCode(given)).rejects.toMatchObject(refused);
      }
      now += 30_000;
      for (const { name, code } of users) await signedInAs({ vault }, name, { code });
      await vault.close();
    } finally {
      own.remove();
    }
  });

  it('A69 each is there with what it consists of, and counts from the beginning', async () => {
    const parts = await openParts(place);
    const factors: StoredRow[] = [];
    await parts.write(async ({ transaction, mac, now, actor }) => {
      for (const counter of [7, 8]) {
        const factor = await insertRow(transaction, mac, FACTORS, {
          id: uuidv7(),
          principal_id: actor,
          kind: 'totp',
          label: null,
          lookup: null,
          data: '{}',
          secret: new Uint8Array(200).fill(counter),
          revision: 1,
          confirmed_at: now,
          created_at: now,
        });
        factors.push({ ...factor });
        const uses = { factor_id: factor.id, counter, used_at: now };
        await insertRow(transaction, mac, FACTOR_USES, uses);
      }
    });
    const { file } = await parts.as(OWNER).backups.create({ directory: join(root, 'backups') });
    await parts.vault.close();
    const { path, vault } = await restored(file);
    await vault.close();
    using db = new DatabaseSync(join(path, 'vault.db'));
    const there = storedRows(db, 'factors');
    expect(there).toEqual(factors.map((row) => ({ ...row })));
    const uses = storedRows(db, 'factor_uses');
    for (const row of uses) parts.mac.check(FACTOR_USES, row as never);
    expect(uses.map(({ factor_id: id, counter, used_at: at }) => [id, counter, at])).toEqual(
      factors.map(({ id }) => [id, 0, null]),
    );
    const [row] = storedRows(db, 'vault');
    expect(row?.['restored_at']).toBeGreaterThan(0);
  });
});
