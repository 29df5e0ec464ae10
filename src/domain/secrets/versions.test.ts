import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Session } from '../../core/session.ts';
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

const at = { environment: 'production', path: 'db/password' };

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  for (const value of ['one', 'two', 'three']) await session.secrets.write({ ...at, value });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

describe('the versions of a secret', () => {
  it('are listed newest first', async () => {
    const { versions } = await session.secrets.history(at);
    expect(versions.map(({ version }) => version)).toStrictEqual([3, 2, 1]);
  });

  it.each([1, 2, 3])('are not listed when version %i was removed', async (version) => {
    const rows = tamper(place, (db) => storedRows(db, 'versions'));
    tamper(place, (db) => db.prepare('DELETE FROM versions WHERE version = ?').run(version));
    await expect(session.secrets.history(at)).rejects.toMatchObject({ code: 'integrity_error' });
    tamper(place, (db) => {
      for (const row of rows) putRow(db, 'versions', row);
    });
    expect((await session.secrets.history(at)).versions).toHaveLength(3);
  });

  it('are not listed when the row of the secret is an older one', async () => {
    const [row] = tamper(place, (db) => storedRows(db, 'secrets'));
    await session.secrets.write({ ...at, value: 'four' });
    const [newer] = tamper(place, (db) => storedRows(db, 'secrets'));
    tamper(place, (db) => putRow(db, 'secrets', row ?? {}));
    await expect(session.secrets.history(at)).rejects.toMatchObject({ code: 'integrity_error' });
    const [first] = tamper(place, (db) => storedRows(db, 'versions'));
    // As many as there should be, but not those.
    tamper(place, (db) => db.exec('DELETE FROM versions WHERE version = 1'));
    await expect(session.secrets.history(at)).rejects.toMatchObject({ code: 'integrity_error' });
    tamper(place, (db) => putRow(db, 'versions', first ?? {}));
    tamper(place, (db) => putRow(db, 'secrets', newer ?? {}));
    expect((await session.secrets.history(at)).versions).toHaveLength(4);
  });
});
