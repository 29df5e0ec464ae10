import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { KEY_USES } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import type { KeyUsesRow } from '../../store/tables.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../../core/session.ts';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

/** The counts of workspace keys; the vault's own key has one too. */
const rows = (): KeyUsesRow[] =>
  tamper(place, (db) => {
    const ofWorkspaces = storedRows(db, 'keys').filter((key) => key['purpose'] === 'workspace');
    const ids = new Set(ofWorkspaces.map((key) => key['id']));
    return storedRows(db, 'key_uses').filter((row) => ids.has(row['key_id']));
  }) as unknown as KeyUsesRow[];
const uses = (): number => rows().reduce((sum, row) => sum + row.uses, 0);
const environment = 'testing';

describe('the uses of a workspace key', () => {
  it('are counted for each value, description, layout and kept answer', async () => {
    await session.secrets.write({ environment, path: 'a', value: 'v' });
    expect(uses()).toBe(1);
    await session.secrets.write({ environment, path: 'a', value: 'v', description: 'd' });
    expect(uses()).toBe(3);
    await session.secrets.write({ environment, path: 'a', value: 'v' }, { idempotencyKey: 'k' });
    expect(uses()).toBe(5);
    await session.secrets.read({ environment, path: 'a' });
    expect(uses()).toBe(5);
    expect(rows().length).toBe(1);
  });

  it('are counted once for all of a cohort, and under a MAC', async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        session.secrets.write({ environment, path: `p${n}`, value: 'v' }),
      ),
    );
    const [row] = rows();
    if (row === undefined) throw new TypeError('it was counted');
    expect(row).toMatchObject({ uses: 50, row_revision: 2 });
    parts.mac.check(KEY_USES, row);
    tamper(place, (db) => db.exec('UPDATE key_uses SET uses = 1'));
    await expect(
      session.secrets.write({ environment, path: 'a', value: 'v' }),
    ).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('begin at none with the key, and nothing is wrapped by a key whose count is gone', async () => {
    await session.workspaces.create({ name: 'fresh' });
    expect(rows().map((row) => row.uses)).toEqual([0, 0]);
    await session.secrets.write({ environment, path: 'a', value: 'v' });
    tamper(place, (db) => db.exec('DELETE FROM key_uses WHERE uses > 0'));
    const write = session.secrets.write({ environment, path: 'a', value: 'w' });
    await expect(write).rejects.toMatchObject({ code: 'integrity_error' });
    expect(rows().length).toBe(1);
    await expect(session.secrets.read({ environment, path: 'a' })).resolves.toMatchObject({
      version: 1,
    });
    await session.secrets.write({ workspace: 'fresh', environment, path: 'a', value: 'v' });
  });

  it('end at 2^30: the next value is refused, and everything can still be read', async () => {
    await session.secrets.write({ environment, path: 'a', value: 'v' });
    const [from] = rows();
    if (from === undefined) throw new TypeError('it was counted');
    await parts.write((work) =>
      updateRow(work.transaction, work.mac, KEY_USES, { from, set: { uses: 2 ** 30 - 1 } }),
    );
    const settled = await Promise.allSettled(
      ['b', 'c'].map((path) => session.secrets.write({ environment, path, value: 'v' })),
    );
    expect(settled).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'integrity_error' } },
    ]);
    expect(uses()).toBe(2 ** 30);
    await expect(session.secrets.read({ environment, path: 'a' })).resolves.toBeDefined();
    await session.workspaces.create({ name: 'fresh' });
    await session.secrets.write({ workspace: 'fresh', environment, path: 'a', value: 'v' });
  });
});
