import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { uuidv7 } from '../lib/ids.ts';
import {
  makeTemporaryVault,
  openParts,
  tamper,
  storedRows,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { checkIntegrity, readEpoch } from './integrity.ts';
import { KEY_USES, PRINCIPALS } from './protected-tables.ts';
import { insertRow, removeRow, updateRow } from './rows.ts';
import type { PrincipalRow } from './tables.ts';

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

const principal = (name: string): Omit<PrincipalRow, 'row_revision' | 'mac_key' | 'mac'> => ({
  id: uuidv7(),
  kind: 'user',
  name,
  created_at: 7,
  disabled_at: null,
  factors: null,
  generation: null,
});

const insert = (name: string): Promise<PrincipalRow> =>
  parts.write((work) => insertRow(work.transaction, work.mac, PRINCIPALS, principal(name)));

const stored = (id: string): PrincipalRow =>
  tamper(place, (db) => storedRows(db, 'principals')).find(
    (row) => row['id'] === id,
  ) as unknown as PrincipalRow;

const check = (): Promise<unknown> =>
  parts.store.read((transaction) => checkIntegrity(transaction, parts.mac));

describe('a protected row', () => {
  it('is stored as it was given, at revision 1, with a MAC that checks, and is counted', async () => {
    const made = await insert('grace');
    const row = stored(made.id);
    expect(row).toMatchObject({ kind: 'user', name: 'grace', created_at: 7, disabled_at: null });
    expect(row.row_revision).toBe(1);
    parts.mac.check(PRINCIPALS, row);
    await check();
  });

  it('has the next revision and a new MAC after a change, and the columns that were not named', async () => {
    const from = await insert('grace');
    const to = await parts.write((work) =>
      updateRow(work.transaction, work.mac, PRINCIPALS, { from, set: { disabled_at: 9 } }),
    );
    const row = stored(from.id);
    expect(row).toEqual({ ...to, mac: row.mac });
    expect(row).toMatchObject({ name: 'grace', disabled_at: 9, row_revision: 2 });
    expect(Buffer.from(row.mac).equals(from.mac)).toBe(false);
    parts.mac.check(PRINCIPALS, row);
    await check();
  });

  it('is not changed from a revision that is no longer the present one', async () => {
    const from = await insert('grace');
    await parts.write((work) =>
      updateRow(work.transaction, work.mac, PRINCIPALS, { from, set: { disabled_at: 9 } }),
    );
    const late = parts.write((work) =>
      updateRow(work.transaction, work.mac, PRINCIPALS, { from, set: { name: 'late' } }),
    );
    await expect(late).rejects.toMatchObject({ code: 'integrity_error' });
    expect(stored(from.id)).toMatchObject({ name: 'grace', row_revision: 2 });
    await check();
  });

  it('is not changed when it is gone', async () => {
    const from = await insert('grace');
    tamper(place, (db) => db.prepare('DELETE FROM principals WHERE id = ?').run(from.id));
    const late = parts.write((work) =>
      updateRow(work.transaction, work.mac, PRINCIPALS, { from, set: { name: 'late' } }),
    );
    await expect(late).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('of a table that limits nobody moves no epoch', async () => {
    const before = await parts.store.read(readEpoch);
    const keyId = tamper(place, (db) => storedRows(db, 'keys'))[0]?.['id'];
    const first = await parts.write((work) =>
      insertRow(work.transaction, work.mac, KEY_USES, {
        key_id: String(keyId),
        node: 'test',
        uses: 1,
      }),
    );
    const second = await parts.write((work) =>
      updateRow(work.transaction, work.mac, KEY_USES, { from: first, set: { uses: 2 } }),
    );
    expect(second).toMatchObject({ uses: 2, row_revision: 2 });
    expect(await parts.store.read(readEpoch)).toBe(before);
    await check();
  });

  it('is undone together with its count', async () => {
    const failing = parts.write(async (work) => {
      await insertRow(work.transaction, work.mac, PRINCIPALS, principal('grace'));
      throw new RangeError('on purpose');
    });
    await expect(failing).rejects.toThrow(RangeError);
    await check();
  });

  it('leaves word of each counted change in its transaction, but of none that was undone', async () => {
    await parts.write(async ({ transaction, mac }) => {
      const epoch = await readEpoch(transaction);
      const added = await insertRow(transaction, mac, PRINCIPALS, principal('grace'));
      const failing = transaction.savepoint(async () => {
        await insertRow(transaction, mac, PRINCIPALS, principal('linus'));
        await transaction.savepoint(() =>
          insertRow(transaction, mac, PRINCIPALS, principal('alan')),
        );
        throw new RangeError('on purpose');
      });
      await expect(failing).rejects.toThrow(RangeError);
      const changed = await updateRow(transaction, mac, PRINCIPALS, {
        from: added,
        set: { disabled_at: 8 },
      });
      await removeRow(transaction, mac, PRINCIPALS, changed);
      expect(transaction.changes).toEqual([
        { table: 'principals', added },
        { table: 'principals', added: changed, removed: added },
        { table: 'principals', removed: changed },
      ]);
      expect(await readEpoch(transaction)).toBe(epoch + 3);
    });
    await check();
  });
});
