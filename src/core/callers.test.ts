import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { mintToken } from '../domain/identities/tokens.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { whoAmI } from './operations/account.ts';

let place: TemporaryVault;
let parts: OpenParts;
let ownerId: string;

beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  const { principals } = await parts.as(OWNER).users.list();
  ownerId = principals[0]?.id ?? '';
});

afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

/** Makes tokens of the owner's. */
function mint(count: number): Promise<readonly string[]> {
  return parts.write(async (work) => {
    const texts: string[] = [];
    for (let made = 0; made < count; made += 1) {
      const { text } = await mintToken(work, {
        kind: 'token',
        principal_id: ownerId,
        principal_generation: 0,
        restore_id: '',
      });
      texts.push(text.reveal());
    }
    return texts;
  });
}

const who = (credential: string): Promise<unknown> =>
  parts.vault.call(whoAmI, { context: { principal: '' }, face: 'rest', credential }, {});

/** Damages the rows of all tokens, which is found out by whoever reads one. */
const damage = (): unknown => tamper(place, (db) => db.exec("UPDATE tokens SET mac = x'00'"));

describe('a credential that is known and opens nothing', () => {
  it('is the one that the record names', async () => {
    const owner = parts.as(OWNER);
    const { token, id } = await owner.tokens.create({ uses: 1 });
    await who(token.reveal());
    await expect(who(token.reveal())).rejects.toMatchObject({ code: 'unauthenticated' });
    const [entry] = (await owner.audit.query({ action: 'auth.whoAmI' })).entries;
    expect(entry).toMatchObject({ outcome: 'denied', detail: 'used_up', target: id });
  });
});

describe('the row of a credential that was checked', () => {
  it('is remembered', async () => {
    const [text = ''] = await mint(1);
    await who(text);
    damage();
    await expect(who(text)).resolves.toMatchObject({ id: ownerId });
  });

  it('is forgotten once it is in doubt what was kept', async () => {
    const [text = ''] = await mint(1);
    await who(text);
    const { store } = parts;
    const real = store.write.bind(store);
    let isBroken = true;
    const once: typeof real = async (work) => {
      const result = await real(work);
      if (!isBroken) return result;
      isBroken = false;
      throw Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 });
    };
    Object.defineProperty(store, 'write', { value: once });
    const at = { environment: 'production', path: 'a', value: 'v' };
    await expect(parts.as(OWNER).secrets.write(at)).rejects.toThrow();
    damage();
    await expect(who(text)).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('A56 is one of so many, and no more', async () => {
    const [first = '', ...others] = await mint(10_001);
    await who(first);
    for (let at = 0; at < others.length; at += 250) {
      await Promise.all(others.slice(at, at + 250).map(who));
    }
    damage();
    await expect(who(others.at(-1) ?? '')).resolves.toMatchObject({ id: ownerId });
    await expect(who(first)).rejects.toMatchObject({ code: 'integrity_error' });
  });
});
