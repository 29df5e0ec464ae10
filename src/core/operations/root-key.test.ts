import { cpSync, existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { SlotKey } from '../../seal/slot.ts';
import { SecretValue } from '../../secret-value.ts';
import { failingStore } from '../../testing/failing-store.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { openVault } from '../open-vault.ts';
import type { Session } from '../session.ts';
import type { SlotAdded } from './slots.ts';

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

const keyFile = (path = place.keyFile): SlotKey => ({ kind: 'keyfile', path });
const at = (name: string): string => join(place.root, name);

/** Whether a copy of the vault, as it is on disk now, opens with a key. */
async function opens(key: SlotKey): Promise<string> {
  const base = mkdtempSync(join(place.root, 'copy-'));
  const [copy, configDirectory] = [join(base, 'vault'), join(base, 'config')];
  cpSync(place.path, copy, { recursive: true, filter: (path) => !path.includes('lock') });
  try {
    const vault = await openVault(copy, { keys: [key], configDirectory, holder: 'a', waitMs: 0 });
    await vault.close();
    return 'opens';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

async function addShares(): Promise<SlotAdded> {
  const added = await session.slots.add({ slot: { kind: 'shamir', threshold: 2, shares: 3 } });
  await session.slots.confirm({ slot: added.slot.id, shares: added.shares ?? [] });
  return added;
}

describe('rotation of the root key with several slots of one kind', () => {
  it('gives every recovery slot its own new recovery key, without being asked', async () => {
    const first = await session.slots.add({ slot: { kind: 'recovery' } });
    const second = await session.slots.add({ slot: { kind: 'recovery' } });
    const { handovers } = await session.keys.beginRoot({ keep: [keyFile()] });
    expect(handovers.map(({ slot, kind }) => [slot, kind])).toEqual([
      [first.slot.id, 'recovery'],
      [second.slot.id, 'recovery'],
    ]);
    const { slots } = await session.keys.rotateRoot();
    for (const { recovery, becomes } of handovers) {
      expect(slots.map(({ id }) => id)).toContain(becomes);
      const token = recovery ?? SecretValue.text('');
      expect(await opens({ kind: 'recovery', token })).toBe('opens');
    }
    expect(await opens({ kind: 'recovery', token: first.recovery ?? SecretValue.text('') })).toBe(
      'wrong_key',
    );
  });

  it('A77 gives every set of shares its own, and wants each of them back', async () => {
    await addShares();
    await addShares();
    const { handovers } = await session.keys.beginRoot({ keep: [keyFile()] });
    expect(handovers.map(({ threshold, shares = [] }) => [threshold, shares.length])).toEqual([
      [2, 3],
      [2, 3],
    ]);
    const confirm = handovers.map(({ slot, shares = [] }) => ({ slot, shares: shares.slice(1) }));
    await expect(session.keys.rotateRoot({ confirm: confirm.slice(0, 1) })).rejects.toMatchObject({
      code: 'too_few_shares',
    });
    const swapped = confirm.map(({ slot }, n) => ({ slot, shares: confirm[1 - n]?.shares ?? [] }));
    await expect(session.keys.rotateRoot({ confirm: swapped })).rejects.toMatchObject({
      code: 'wrong_key',
    });
    await session.keys.rotateRoot({ confirm });
    for (const { shares } of confirm) expect(await opens({ kind: 'shamir', shares })).toBe('opens');
  });

  it('A78 keeps several sets of shares that are brought together, in whatever order', async () => {
    const sets = [(await addShares()).shares ?? [], (await addShares()).shares ?? []] as const;
    const mixed = [sets[0][0], sets[1][2], sets[1][0], sets[0][1]].map(
      (share) => share ?? SecretValue.text(''),
    );
    const keep = (shares: readonly SecretValue[]): SlotKey[] => [
      keyFile(),
      { kind: 'shamir', shares },
    ];
    const { failed, slots: drilled } = await session.keys.drill({ openers: keep(mixed) });
    expect(failed).toEqual([]);
    const bytes = [{ kind: 'shamir' as const, shares: [SecretValue.bytes(new Uint8Array(4))] }];
    expect((await session.keys.drill({ openers: bytes })).failed).toMatchObject([
      { kind: 'shamir', code: 'not_text' },
    ]);
    expect(drilled.map(({ outcome }) => outcome)).toEqual(['proven', 'proven', 'proven']);
    for (const [shares, code] of [
      [mixed.slice(0, 3), 'too_few_shares'],
      [[...mixed, SecretValue.text('sr_share_no')], 'invalid_share'],
      [[...mixed, mixed[0] ?? SecretValue.text('')], 'invalid_share'],
      [[], 'too_few_shares'],
    ] as const) {
      await expect(session.keys.beginRoot({ keep: keep(shares) })).rejects.toMatchObject({ code });
    }
    expect((await session.keys.beginRoot({ keep: keep(mixed) })).kept).toHaveLength(3);
    const { slots } = await session.keys.rotateRoot();
    expect(slots.map(({ kind }) => kind)).toEqual(['keyfile', 'shamir', 'shamir']);
    for (const shares of sets) expect(await opens({ kind: 'shamir', shares })).toBe('opens');
  });

  it('writes a key file for each slot that is named, and refuses one for two', async () => {
    const old = at('second.key');
    const added = await session.slots.add({ slot: { kind: 'keyfile', path: old } });
    const [first] = await session.slots.list();
    const slots = [first?.id ?? '', added.slot.id];
    const renewed = (paths: readonly string[]): object[] =>
      paths.map((path, n) => ({ slot: slots[n], by: { kind: 'keyfile', path: at(path) } }));
    for (const [renew, code] of [
      [[{ slot: 'keyfile', by: { kind: 'keyfile', path: at('a') } }], 'slot_not_found'],
      [renewed(['a', 'a']), 'invalid_input'],
      [renewed(['a', 'second.key']), 'file_exists'],
      [[...renewed(['a']), ...renewed(['b'])], 'invalid_input'],
    ] as const) {
      await expect(
        session.keys.beginRoot({ keep: [keyFile()], renew: renew as never }),
      ).rejects.toMatchObject({ code });
    }
    expect(existsSync(at('a'))).toBe(false);
    await session.keys.beginRoot({ renew: renewed(['a', 'b']) as never });
    await session.keys.rotateRoot();
    for (const path of ['a', 'b']) expect(await opens(keyFile(at(path)))).toBe('opens');
    for (const path of [old, place.keyFile]) expect(await opens(keyFile(path))).toBe('wrong_key');
  });
});

describe('what becomes of each slot', () => {
  it('is decided by what was brought: that stays, but for what is renewed or dropped', async () => {
    const token = (await session.slots.add({ slot: { kind: 'recovery' } })).recovery;
    const { slot } = await session.slots.add({ slot: { kind: 'recovery' } });
    const env = SecretValue.text(Buffer.alloc(32, 7).toString('base64'));
    await session.slots.add({ slot: { kind: 'env', key: env } });
    const begun = await session.keys.beginRoot({
      keep: [
        keyFile(),
        { kind: 'recovery', token: token ?? SecretValue.text('') },
        { kind: 'env', key: env },
      ],
      renew: [{ slot: 'keyfile', by: { kind: 'keyfile', path: at('new.key') } }],
      drop: ['env'],
    });
    expect(begun.kept).toHaveLength(1);
    expect(begun.dropped).toHaveLength(1);
    expect(begun.handovers.map(({ kind }) => kind)).toEqual(['keyfile', 'recovery']);
    expect(begun.handovers[1]?.slot).toBe(slot.id);
    const { slots } = await session.keys.rotateRoot();
    expect(slots.map(({ kind }) => kind)).toEqual(['keyfile', 'recovery', 'recovery']);
    expect(await opens({ kind: 'recovery', token: token ?? env })).toBe('opens');
    expect(await opens(keyFile())).toBe('wrong_key');
  });

  it('is refused while shares wait to be confirmed, unless they are dropped', async () => {
    const { slot } = await session.slots.add({ slot: { kind: 'shamir', threshold: 2, shares: 2 } });
    await expect(session.keys.beginRoot({ keep: [keyFile()] })).rejects.toMatchObject({
      code: 'slot_not_covered',
      details: { slots: [slot.id] },
      hint: expect.stringContaining(`--drop ${slot.id}`),
    });
    const begun = await session.keys.beginRoot({ keep: [keyFile()], drop: [slot.id] });
    expect(begun.dropped).toEqual([slot.id]);
    await session.keys.rotateRoot();
    expect((await session.slots.list()).map(({ kind }) => kind)).toEqual(['keyfile']);
  });
});

describe('the key file of an attempt that failed', () => {
  const path = (): string => at('new.key');

  it('is not there, whichever write of a new slot fails, and the next attempt succeeds', async () => {
    await expect(
      session.slots.add({ slot: { kind: 'keyfile', path: path() }, replaces: 'keyfile' }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
    expect(existsSync(path())).toBe(false);
    await failEachWrite((each) => each.slots.add({ slot: { kind: 'keyfile', path: path() } }));
    expect(await opens(keyFile(path()))).toBe('opens');
  });

  it('is not there, whichever write of a rotation fails, and the next attempt succeeds', async () => {
    const renew = [{ slot: 'keyfile', by: { kind: 'keyfile', path: path() } as const }];
    await failEachWrite(async (each) => {
      await each.keys.beginRoot({ renew });
      await each.keys.rotateRoot();
    });
    expect(await opens(keyFile(path()))).toBe('opens');
  });

  it('is not there while shares have yet to be entered back', async () => {
    const { slot } = await addShares();
    const { handovers } = await session.keys.beginRoot({
      renew: [{ slot: 'keyfile', by: { kind: 'keyfile', path: path() } }],
    });
    await expect(session.keys.rotateRoot()).rejects.toMatchObject({ code: 'too_few_shares' });
    expect(existsSync(path())).toBe(false);
    const shares = handovers.find((each) => each.slot === slot.id)?.shares ?? [];
    await session.keys.rotateRoot({ confirm: [{ slot: slot.id, shares }] });
    expect(await opens(keyFile(path()))).toBe('opens');
  });

  /** Does something with one write of the database failing, another at each try, until none is left. */
  async function failEachWrite(work: (session: Session) => Promise<unknown>): Promise<void> {
    await parts.vault.close();
    let isDone = false;
    for (let failing = 1; failing < 80 && !isDone; failing += 1) {
      let isArmed = false;
      let writes = 0;
      parts = await openParts(place, {
        through: (store) => failingStore(store, () => isArmed && (writes += 1) === failing),
      });
      session = parts.as(OWNER);
      isArmed = true;
      isDone = await work(session).then(
        () => writes < failing,
        () => false,
      );
      isArmed = false;
      if (!isDone) expect(existsSync(path())).toBe(false);
      if (!isDone) await parts.vault.close();
    }
    expect(isDone).toBe(true);
  }
});

describe('an idempotency key', () => {
  it('is refused for what is given once, as it could not be given again', async () => {
    const options = { idempotencyKey: 'the-key' };
    for (const call of [
      () => session.slots.add({ slot: { kind: 'recovery' } }, options),
      () => session.keys.beginRoot({ keep: [keyFile()] }, options),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'invalid_input',
        message: expect.stringContaining('takes no idempotency key'),
      });
    }
    expect(await session.slots.list()).toHaveLength(1);
  });
});
