import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Store, Transaction } from '../../store/store.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

/** How many rows of principals were read from the store. */
let principalsRead = 0;

/** A store that counts the rows of principals that are read from it. */
function countingStore(store: Store): Store {
  const counting = (transaction: Transaction): Transaction =>
    new Proxy(transaction, {
      get: (of, name) => {
        const member: unknown = Reflect.get(of, name);
        if (name !== 'all') return typeof member === 'function' ? member.bind(of) : member;
        return async (...given: Parameters<Transaction['all']>) => {
          const rows = await of.all(...given);
          principalsRead += rows.filter((row) =>
            Object.hasOwn(row as object, 'disabled_at'),
          ).length;
          return rows;
        };
      },
    });
  return new Proxy(store, {
    get: (of, name) => {
      const member: unknown = Reflect.get(of, name);
      if (typeof member !== 'function') return member;
      if (name !== 'read' && name !== 'write') return member.bind(of);
      return (work: (transaction: Transaction) => Promise<unknown>) =>
        of[name]((transaction) => work(counting(transaction)));
    },
  });
}

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place, { through: countingStore });
  session = parts.as(OWNER);
  for (let n = 0; n < 5; n += 1) await session.users.create({ name: `user${n}` });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

describe('names of principals', () => {
  it('are known without reading the table of principals at each call', async () => {
    const address = { environment: 'development', path: 'P' };
    const { secrets } = session;
    await secrets.create({ ...address, value: 'x' });
    await session.settings.write({ name: 'trash_retention_days', value: 7 });
    principalsRead = 0;
    await secrets.update({ ...address, owner: 'user1' });
    const described = await secrets.describe(address);
    expect(described).toMatchObject({ ownerName: 'user1', createdByName: OWNER });
    const { versions } = await secrets.history({ path: 'P' });
    expect(versions).toMatchObject([{ createdByName: OWNER }]);
    const found = await secrets.search({ owner: described.owner });
    expect(found.secrets).toMatchObject([{ path: 'P', ownerName: 'user1' }]);
    const { settings } = await session.settings.read({ name: 'trash_retention_days' });
    expect(settings).toMatchObject([{ updatedByName: OWNER }]);
    await secrets.delete(address);
    const trash = await session.trash.list({});
    expect(trash.secrets).toMatchObject([{ path: 'P', deletedByName: OWNER }]);
    expect(principalsRead).toBe(0);
  });

  it('follow a renaming, and stay ids of who is gone', async () => {
    const address = { environment: 'development', path: 'Q' };
    await session.secrets.create({ ...address, value: 'x', owner: 'user2' });
    await session.users.rename({ name: 'user2', to: 'renamed' });
    const { owner } = await session.secrets.describe(address);
    expect(await session.secrets.describe(address)).toMatchObject({ ownerName: 'renamed' });
    await session.users.remove({ name: 'renamed' });
    expect(await session.secrets.describe(address)).toMatchObject({ owner, ownerName: owner });
    await expect(session.secrets.update({ ...address, owner: 'renamed' })).rejects.toMatchObject({
      code: 'subject_not_found',
    });
  });
});
