// Whoever can write to the database puts the row of an invite back that was used.
import { afterEach, beforeEach, expect, it } from 'vitest';

import { PASSWORD, remoteSession } from '../../src/testing/remote-session.ts';
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
} from '../../src/testing/temporary-vault.ts';

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

const invites = (): readonly StoredRow[] =>
  tamper(place, (db) => storedRows(db, 'tokens')).filter(({ kind }) => kind === 'invite');

it('an invite that was used opens nothing when its row is put back', async () => {
  await parts.as(OWNER).users.create({ name: 'bob' });
  const { invite } = await parts.as(OWNER).users.invite({ name: 'bob' });
  const accept = (): Promise<unknown> =>
    remoteSession(parts).auth.acceptInvite({ invite, password: PASSWORD });
  const before = invites();
  await accept();
  expect(invites()).toEqual([]);
  tamper(place, (db) => {
    for (const row of before) putRow(db, 'tokens', row);
  });
  expect(invites()).toEqual(before);
  await expect(accept()).rejects.toMatchObject({ code: 'unauthenticated' });
});
