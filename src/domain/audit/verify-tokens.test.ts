import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Caller } from '../../core/item.ts';
import { readSecret } from '../../core/operations/read-secret.ts';
import { listEnvironments } from '../../core/operations/workspaces.ts';
import { createToken, revokeTokenOperation } from '../../core/operations/tokens.ts';
import { remoteSession, signedInAs, userWithPassword } from '../../testing/remote-session.ts';
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

let place: TemporaryVault;
let parts: OpenParts;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const owner = (): Caller => ({ context: { principal: OWNER }, face: 'library' });

/** A token, and whoever calls with it. */
async function tokenOf(uses?: number): Promise<{ readonly id: string; readonly caller: Caller }> {
  const { id, token } = await parts.vault.call(createToken, owner(), { uses });
  const caller: Caller = {
    context: { principal: '' },
    face: 'library',
    credential: token.reveal(),
  };
  return { id, caller };
}

const use = (caller: Caller): Promise<unknown> => parts.vault.call(listEnvironments, caller, {});

const verify = (): Promise<unknown> => parts.as(OWNER).audit.verify();

const rows = (): StoredRow[] => tamper(place, (db) => storedRows(db, 'tokens'));

const put = (row: StoredRow | undefined): void =>
  tamper(place, (db) => putRow(db, 'tokens', row ?? {}));

const putBack = (credential: string): object =>
  expect.objectContaining({ code: 'integrity_error', details: { credential } });

interface FactorRows {
  readonly factors: readonly StoredRow[];
  readonly uses: readonly StoredRow[];
}

const factorRows = (): FactorRows =>
  tamper(place, (db) => ({
    factors: storedRows(db, 'factors'),
    uses: storedRows(db, 'factor_uses'),
  }));

const putFactorRows = ({ factors, uses }: FactorRows): void =>
  tamper(place, (db) => {
    db.exec('DELETE FROM factors; DELETE FROM factor_uses');
    for (const row of factors) putRow(db, 'factors', row);
    for (const row of uses) putRow(db, 'factor_uses', row);
  });

describe('audit.verify of credentials', () => {
  it('is content with those that were used and used up', async () => {
    const [some, none] = [await tokenOf(2), await tokenOf(1)];
    await tokenOf();
    await use(some.caller);
    await use(none.caller);
    await expect(use(none.caller)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(rows().map((row) => row['uses_left'])).toEqual(expect.arrayContaining([1, 0, null]));
    await expect(verify()).resolves.toMatchObject({ secrets: 0 });
  });

  it('A69 finds the row of one that had more uses left', async () => {
    const { id, caller } = await tokenOf(2);
    const [before] = rows();
    await use(caller);
    const [after] = rows();
    put(before);
    await expect(verify()).rejects.toEqual(putBack(id));
    put(after);
    await expect(verify()).resolves.toMatchObject({ secrets: 0 });
  });

  it('A69 finds the row of one that was revoked, which opens nothing', async () => {
    const { id, caller } = await tokenOf();
    const [before] = rows();
    await parts.as(OWNER).tokens.revoke({ token: id });
    expect(rows()).toEqual([]);
    put(before);
    await expect(use(caller)).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(verify()).rejects.toEqual(putBack(id));
  });

  it('finds a row that was altered', async () => {
    await tokenOf(2);
    const [row] = rows();
    put({ ...row, uses_left: 3 });
    await expect(verify()).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('a refused call says what is left too, and an entry says it of one credential only', async () => {
    const { id, caller } = await tokenOf(5);
    const secret = { environment: 'nowhere', path: 'a' };
    await expect(parts.vault.call(readSecret, caller, secret)).rejects.toThrow();
    const other = await tokenOf(9);
    await parts.vault.call(revokeTokenOperation, caller, { token: other.id });
    const entries = await parts.as(OWNER).audit.query({ actor: OWNER });
    const about = entries.entries.filter(({ credential }) => credential === id);
    expect(about.map(({ action, uses_left: left, target }) => [action, left, target])).toEqual([
      ['tokens.revoke', 3, other.id],
      ['secrets.read', 4, undefined],
    ]);
    await expect(verify()).resolves.toMatchObject({ secrets: 0 });
  });

  it('finds factors that are not those of whose they are', async () => {
    await userWithPassword(parts, 'bob');
    const before = factorRows();
    const { auth } = remoteSession(parts, { credential: await signedInAs(parts, 'bob') });
    await auth.enrollTotp();
    const after = factorRows();
    await expect(verify()).resolves.toMatchObject({ secrets: 0 });
    const details = { principal: before.factors[0]?.['principal_id'] };
    const nothing = { factors: [], uses: [] };
    for (const wrong of [before, { ...after, uses: before.uses }, nothing]) {
      putFactorRows(wrong);
      await expect(verify()).rejects.toMatchObject({ code: 'integrity_error', details });
    }
    putFactorRows(after);
    await expect(verify()).resolves.toMatchObject({ secrets: 0 });
  });
});
