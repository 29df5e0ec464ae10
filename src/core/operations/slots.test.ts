import { cpSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { SlotKey } from '../../seal/slot.ts';
import { SecretValue } from '../../secret-value.ts';
import { failingStore } from '../../testing/failing-store.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { openVault } from '../open-vault.ts';
import type { Session } from '../session.ts';

const environment = 'production';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  await session.secrets.write({ environment, path: 'a', value: 'the value' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const masterKey = (): SecretValue => SecretValue.text(Buffer.alloc(32, 7).toString('base64'));
const keyFile = (path = place.keyFile): SlotKey => ({ kind: 'keyfile', path });

/** Whether a copy of the vault, as it is on disk now, opens with a key and gives the value. */
async function opens(key: SlotKey): Promise<string> {
  const base = mkdtempSync(join(place.root, 'copy-'));
  const [copy, configDirectory] = [join(base, 'vault'), join(base, 'config')];
  cpSync(place.path, copy, { recursive: true, filter: (path) => !path.includes('lock') });
  try {
    const options = { keys: [key], configDirectory, holder: 'a test', waitMs: 0 };
    const vault = await openVault(copy, options);
    await vault.close();
    return 'opens';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('slots of an open vault', () => {
  it('are added, and open the vault from then on', async () => {
    const env = await session.slots.add({ slot: { kind: 'env', key: masterKey() } });
    expect(env.slot).toMatchObject({ kind: 'env', isPending: false, provenAt: null });
    const made = await session.slots.add({ slot: { kind: 'recovery' } });
    const path = join(place.root, 'second.key');
    await session.slots.add({ slot: { kind: 'keyfile', path } });
    expect(await opens({ kind: 'env', key: masterKey() })).toBe('opens');
    const token = made.recovery ?? SecretValue.text('');
    expect(await opens({ kind: 'recovery', token })).toBe('opens');
    expect(await opens(keyFile(path))).toBe('opens');
    expect((await session.slots.list()).map(({ kind }) => kind)).toEqual([
      'keyfile',
      'env',
      'recovery',
      'keyfile',
    ]);
  });

  it('are removed but for the last, and say which backups they still open', async () => {
    await expect(session.slots.remove({ slot: 'keyfile' })).rejects.toMatchObject({
      code: 'last_slot',
    });
    await session.slots.add({ slot: { kind: 'env', key: masterKey() } });
    const removed = await session.slots.remove({ slot: 'keyfile' });
    expect(removed).toMatchObject({ slot: { kind: 'keyfile' }, stillOpens: [] });
    expect(removed.warnings[0]).toContain('offline');
    expect(await opens(keyFile())).toBe('key_not_found');
    await expect(session.slots.remove({ slot: 'env' })).rejects.toMatchObject({
      code: 'last_slot',
    });
    await expect(session.slots.remove({ slot: 'shamir' })).rejects.toMatchObject({
      code: 'slot_not_found',
    });
  });

  it('A77 of shares open nothing and do not count until they were entered back', async () => {
    const { slot, shares = [] } = await session.slots.add({
      slot: { kind: 'shamir', threshold: 2, shares: 3 },
    });
    expect(slot.isPending).toBe(true);
    expect(await opens({ kind: 'shamir', shares })).toBe('key_not_found');
    await expect(session.slots.remove({ slot: 'keyfile' })).rejects.toMatchObject({
      code: 'last_slot',
    });
    const [one, two, three] = shares;
    const both = [one, three].filter((share) => share !== undefined);
    const twice = [one, one].filter((share) => share !== undefined);
    for (const [given, code] of [
      [[two].filter((share) => share !== undefined), 'too_few_shares'],
      [twice, 'invalid_share'],
      [[], 'too_few_shares'],
    ] as const) {
      await expect(session.slots.confirm({ slot: slot.id, shares: given })).rejects.toMatchObject({
        code,
      });
    }
    await session.slots.confirm({ slot: slot.id, shares: both });
    expect(await opens({ kind: 'shamir', shares: both })).toBe('opens');
    await session.slots.remove({ slot: 'keyfile' });
  });

  it('A77 of shares that are split anew keep the old ones until the new ones were entered back', async () => {
    const first = await session.slots.add({ slot: { kind: 'shamir', threshold: 2, shares: 2 } });
    const old = first.shares ?? [];
    await session.slots.confirm({ slot: first.slot.id, shares: old });
    const second = await session.slots.add({
      slot: { kind: 'shamir', threshold: 2, shares: 3 },
      replaces: first.slot.id,
    });
    expect(await opens({ kind: 'shamir', shares: old })).toBe('opens');
    const shares = (second.shares ?? []).slice(1);
    await expect(
      session.slots.confirm({ slot: second.slot.id, shares: old }),
    ).rejects.toMatchObject({ code: 'wrong_key' });
    const confirmed = await session.slots.confirm({ slot: second.slot.id, shares });
    expect(confirmed).toMatchObject({ removed: first.slot.id, stillOpens: [] });
    expect(await opens({ kind: 'shamir', shares: old })).toBe('wrong_key');
    expect(await opens({ kind: 'shamir', shares })).toBe('opens');
  });

  it('A74 are refused with parameters that were made weaker', async () => {
    const passphrase = SecretValue.text('correct horse battery staple');
    await session.slots.add({ slot: { kind: 'passphrase', passphrase, kdf: 'pbkdf2' } });
    tamper(place, (db) => {
      const row = storedRows(db, 'slots').find(({ kind }) => kind === 'passphrase');
      const weaker = String(row?.['params']).replace('1300000', '1000');
      db.prepare('UPDATE slots SET params = ? WHERE id = ?').run(weaker, row?.['id'] ?? null);
    });
    await expect(
      session.keys.drill({ openers: [{ kind: 'passphrase', passphrase }] }),
    ).rejects.toMatchObject({ code: 'integrity_error' });
    expect(await opens({ kind: 'passphrase', passphrase })).toBe('kdf_out_of_bounds');
    tamper(place, (db) => db.exec("DELETE FROM slots WHERE kind = 'passphrase'"));
  });
});

describe('a drill', () => {
  it('proves the slots that open, and says which were not tried', async () => {
    const { recovery } = await session.slots.add({ slot: { kind: 'recovery' } });
    await session.slots.add({ slot: { kind: 'env', key: masterKey() } });
    const token = recovery ?? SecretValue.text('');
    const drilled = await session.keys.drill({ openers: [keyFile(), { kind: 'recovery', token }] });
    expect(drilled.failed).toEqual([]);
    expect(drilled.slots.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual([
      'keyfile proven',
      'recovery proven',
      'env untried',
    ]);
    expect(drilled.slots[0]?.provenAt).not.toBeNull();
    expect(drilled.oldestUnproven?.kind).toBe('env');
    await session.audit.verify();
  });

  it('names openers that open nothing, and proves the others all the same', async () => {
    await session.slots.add({ slot: { kind: 'env', key: masterKey() } });
    const wrong = SecretValue.text(Buffer.alloc(32, 8).toString('base64'));
    const drilled = await session.keys.drill({
      openers: [keyFile(), { kind: 'env', key: wrong }, keyFile(join(place.root, 'none'))],
    });
    expect(drilled.failed.map(({ kind, code }) => `${kind} ${code}`)).toEqual([
      'env wrong_key',
      'keyfile key_not_found',
    ]);
    expect(drilled.slots.map(({ outcome }) => outcome)).toEqual(['proven', 'untried']);
  });

  it('A43 counts a share that is given twice once', async () => {
    const { slot, shares = [] } = await session.slots.add({
      slot: { kind: 'shamir', threshold: 2, shares: 2 },
    });
    await session.slots.confirm({ slot: slot.id, shares });
    const [share] = shares;
    const twice = [share, share].filter((each) => each !== undefined);
    const drilled = await session.keys.drill({ openers: [{ kind: 'shamir', shares: twice }] });
    expect(drilled.failed).toMatchObject([{ kind: 'shamir', code: 'invalid_share' }]);
    expect(drilled.slots.find(({ id }) => id === slot.id)?.outcome).toBe('untried');
  });
});

describe('rotation of the root key', () => {
  it('wraps every key and every slot anew, and nothing of the old root opens', async () => {
    const before = tamper(place, (db) => storedRows(db, 'keys'));
    const copyOfKey = readFileSync(place.keyFile, 'utf8');
    const { root } = await session.keys.beginRoot({ keep: [keyFile()] });
    const rotated = await session.keys.rotateRoot();
    expect(rotated).toMatchObject({ root, slots: [{ kind: 'keyfile' }], stillOpens: [] });
    const after = tamper(place, (db) => storedRows(db, 'keys'));
    expect(after.length).toBe(before.length);
    for (const row of after) expect(row['root_key_id']).toBe(root);
    for (const [at, row] of after.entries()) {
      expect(row['wrapped']).not.toEqual(before[at]?.['wrapped']);
    }
    expect(readFileSync(place.keyFile, 'utf8')).toBe(copyOfKey);
    await session.secrets.write({ environment, path: 'b', value: 'later' });
    await session.workspaces.create({ name: 'later' });
    await session.slots.add({ slot: { kind: 'env', key: masterKey() } });
    expect(await opens(keyFile())).toBe('opens');
    expect(await opens({ kind: 'env', key: masterKey() })).toBe('opens');
    await parts.vault.close();
    parts = await openParts(place);
    session = parts.as(OWNER);
    const read = await session.secrets.read({ environment, path: 'a' });
    expect(read.value?.reveal()).toBe('the value');
    await session.audit.verify();
  });

  it('wants something for every slot, or that it is dropped', async () => {
    await session.slots.add({ slot: { kind: 'env', key: masterKey() } });
    const { recovery } = await session.slots.add({ slot: { kind: 'recovery' } });
    await expect(session.keys.beginRoot({ keep: [keyFile()] })).rejects.toMatchObject({
      code: 'slot_not_covered',
    });
    await expect(
      session.keys.beginRoot({ drop: ['env', 'recovery', 'keyfile'] }),
    ).rejects.toMatchObject({ code: 'last_slot' });
    const begun = await session.keys.beginRoot({
      keep: [keyFile()],
      renew: [{ slot: 'recovery', by: { kind: 'recovery' } }],
      drop: ['env'],
    });
    expect(await opens({ kind: 'env', key: masterKey() })).toBe('opens');
    await session.keys.rotateRoot();
    expect(await opens({ kind: 'env', key: masterKey() })).toBe('key_not_found');
    const [handover] = begun.handovers;
    const token = handover?.recovery ?? SecretValue.text('');
    expect(await opens({ kind: 'recovery', token })).toBe('opens');
    expect(await opens({ kind: 'recovery', token: recovery ?? token })).toBe('wrong_key');
  });

  it('A77 waits until new shares were entered back, and leaves the old ones until then', async () => {
    const first = await session.slots.add({ slot: { kind: 'shamir', threshold: 2, shares: 2 } });
    const old = first.shares ?? [];
    await session.slots.confirm({ slot: first.slot.id, shares: old });
    const by = { kind: 'shamir', threshold: 2, shares: 3 } as const;
    const begun = await session.keys.beginRoot({
      keep: [keyFile()],
      renew: [{ slot: 'shamir', by }],
    });
    const shares = begun.handovers[0]?.shares ?? [];
    await expect(session.keys.rotateRoot()).rejects.toMatchObject({ code: 'too_few_shares' });
    const slot = first.slot.id;
    await expect(
      session.keys.rotateRoot({ confirm: [{ slot, shares: old }] }),
    ).rejects.toMatchObject({ code: 'wrong_key' });
    expect(await opens({ kind: 'shamir', shares: old })).toBe('opens');
    await session.keys.rotateRoot({ confirm: [{ slot, shares: shares.slice(0, 2) }] });
    expect(await opens({ kind: 'shamir', shares: old })).toBe('wrong_key');
    expect(await opens({ kind: 'shamir', shares: shares.slice(1) })).toBe('opens');
    expect(await opens(keyFile())).toBe('opens');
  });

  it('is refused when slots changed since it was begun, or none was', async () => {
    await expect(session.keys.rotateRoot()).rejects.toMatchObject({ code: 'root_key_changed' });
    await session.keys.beginRoot({ keep: [keyFile()] });
    await session.slots.add({ slot: { kind: 'env', key: masterKey() } });
    await expect(session.keys.rotateRoot()).rejects.toMatchObject({ code: 'root_key_changed' });
    await session.keys.beginRoot({
      keep: [keyFile(), { kind: 'env', key: masterKey() }],
    });
    await session.keys.rotateRoot();
    await expect(session.keys.rotateRoot()).rejects.toMatchObject({ code: 'root_key_changed' });
    await session.secrets.write({ environment, path: 'a', value: 'still' });
  });
});

describe('a change of keys that is cut off', () => {
  const second = (): SlotKey => ({ kind: 'env', key: masterKey() });
  const CHANGES: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
    'a rotation of the root': async (each) => {
      await each.keys.beginRoot({ keep: [keyFile(), second()] });
      await each.keys.rotateRoot();
    },
    'a slot that is added': (each) => each.slots.add({ slot: { kind: 'recovery' } }),
    'a slot that is removed': (each) => each.slots.remove({ slot: 'env' }),
  };

  it.each(Object.keys(CHANGES))(
    'A77 at any write of %s leaves the old or the new keys working, on disk and in memory',
    async (name) => {
      await session.slots.add({ slot: { kind: 'env', key: masterKey() } });
      await parts.vault.close();
      let isDone = false;
      for (let at = 1; at < 80 && !isDone; at += 1) {
        let isArmed = false;
        let writes = 0;
        parts = await openParts(place, {
          through: (store) => failingStore(store, () => isArmed && (writes += 1) === at),
        });
        isArmed = true;
        isDone = await (CHANGES[name]?.(parts.as(OWNER)) ?? Promise.reject(new Error())).then(
          () => writes < at,
          () => false,
        );
        isArmed = false;
        expect(await opens(keyFile())).toBe('opens');
        const read = await parts.as(OWNER).secrets.read({ environment, path: 'a' });
        expect(read.value?.reveal()).toBe('the value');
        await parts.as(OWNER).secrets.write({ environment, path: 'b', value: `v${at}` });
        await parts.vault.close();
      }
      expect(isDone).toBe(true);
      parts = await openParts(place);
      await parts.as(OWNER).audit.verify();
    },
  );
});
