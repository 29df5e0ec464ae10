import { createSecretKey, type KeyObject } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { uuidv7 } from '../lib/ids.ts';
import type { Unprotected } from '../store/row-mac.ts';
import type { KeyRow } from '../store/tables.ts';
import { Keyring } from './keyring.ts';
import { rootKeyId } from './root-key.ts';

type Row = Unprotected<KeyRow>;

const vaultId = uuidv7();
const workspace = uuidv7();
const rootBytes = new Uint8Array(32).fill(1);
const root = { id: rootKeyId(rootBytes, vaultId), key: createSecretKey(rootBytes) };
const other = { id: uuidv7(), key: createSecretKey(new Uint8Array(32).fill(2)) };

const make = (now?: () => number): Keyring => new Keyring(vaultId, root, now);

/** A keyring that holds one row. */
function holding(row: Row, from: { vaultId?: string; root?: typeof root } = {}): Keyring {
  const keyring = new Keyring(from.vaultId ?? vaultId, from.root ?? root);
  keyring.add(row);
  return keyring;
}

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'nothing';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('the root key', () => {
  it('leaves no copy in memory when it was used for slots, also when that fails', async () => {
    const key = createSecretKey(rootBytes);
    const exported: Uint8Array[] = [];
    const handle = new Proxy(key, {
      get: (of, name) => {
        if (name !== 'export') return Reflect.get(of, name, of) as unknown;
        return () => {
          exported.push(of.export());
          return exported.at(-1);
        };
      },
    });
    const keyring = new Keyring(vaultId, { id: root.id, key: handle });
    await keyring.withRoot(async ({ bytes }) => expect(hex(bytes)).toBe(hex(rootBytes)));
    await expect(
      keyring.withRoot(async () => Promise.reject(new Error('no slot'))),
    ).rejects.toThrow('no slot');
    expect(exported.map(hex)).toEqual(['00'.repeat(32), '00'.repeat(32)]);
  });
});

describe('a wrapped key', () => {
  it('is 32 new random bytes unless others are given, which are wiped', () => {
    const keyring = make();
    const first = keyring.create({ purpose: 'checksum', workspaceId: null, number: 1 });
    const second = keyring.create({ purpose: 'checksum', workspaceId: null, number: 2 });
    for (const row of [first, second]) keyring.add(row);
    expect(keyring.unwrap(first.id).length).toBe(32);
    expect(hex(keyring.unwrap(first.id))).not.toBe(hex(keyring.unwrap(second.id)));
    const bytes = Uint8Array.of(1, 2, 3);
    const third = keyring.create({ purpose: 'audit-ed25519', workspaceId: null, number: 1, bytes });
    keyring.add(third);
    expect([...bytes]).toEqual([0, 0, 0]);
    expect([...keyring.unwrap(third.id)]).toEqual([1, 2, 3]);
  });

  it('says in its row what it is for, and never holds its bytes in clear', () => {
    const keyring = make(() => 99);
    const bytes = new Uint8Array(32).fill(0xab);
    const row = keyring.create({ purpose: 'workspace', workspaceId: workspace, number: 3, bytes });
    expect(row).toMatchObject({
      purpose: 'workspace',
      workspace_id: workspace,
      number: 3,
      state: 'active',
      backend: 'local',
      root_key_id: root.id,
      created_at: 99,
    });
    expect(row.wrapped.length).toBe(12 + 32 + 16);
    expect(hex(row.wrapped)).not.toContain('abababab');
  });

  it('opens in its own place only: purpose, workspace, number, id, vault and root are bound', () => {
    const row = make().create({ purpose: 'workspace', workspaceId: workspace, number: 3 });
    expect(codeOf(() => holding(row).unwrap(row.id))).toBe('nothing');
    const swaps: Partial<Row>[] = [
      { purpose: 'checksum' },
      { purpose: 'row-mac' },
      { workspace_id: uuidv7() },
      { workspace_id: null },
      { number: 4 },
      { number: 3 + 2 ** 32 },
      { root_key_id: uuidv7() },
      { state: 'destroyed' },
      { workspace_id: 'not an id' },
    ];
    for (const swap of swaps) {
      const swapped = { ...row, ...swap };
      expect([swap, codeOf(() => holding(swapped).unwrap(row.id))]).toEqual([
        swap,
        'integrity_error',
      ]);
    }
    const renamed = { ...row, id: uuidv7() };
    expect(codeOf(() => holding(renamed).unwrap(renamed.id))).toBe('integrity_error');
    expect(codeOf(() => holding(row, { vaultId: uuidv7() }).unwrap(row.id))).toBe(
      'integrity_error',
    );
    expect(codeOf(() => holding(row, { root: other }).unwrap(row.id))).toBe('integrity_error');
    const claimed = { ...row, root_key_id: other.id };
    expect(codeOf(() => holding(claimed, { root: other }).unwrap(row.id))).toBe('integrity_error');
  });

  it('does not open when any one byte of it was flipped, or one is missing', () => {
    const row = make().create({ purpose: 'checksum', workspaceId: null, number: 1 });
    for (let at = 0; at < row.wrapped.length; at += 1) {
      const wrapped = row.wrapped.map((byte, index) => (index === at ? byte ^ 1 : byte));
      expect(codeOf(() => holding({ ...row, wrapped }).unwrap(row.id))).toBe('integrity_error');
    }
    for (const wrapped of [
      row.wrapped.subarray(1),
      row.wrapped.subarray(0, -1),
      new Uint8Array(),
    ]) {
      expect(codeOf(() => holding({ ...row, wrapped }).unwrap(row.id))).toBe('integrity_error');
    }
  });

  it('that is not there is an error that names it', () => {
    const id = uuidv7();
    expect(() => make().unwrap(id)).toThrow(
      expect.objectContaining({ code: 'integrity_error', details: { key: id } }),
    );
  });
});

describe('the keys of a workspace', () => {
  it('are kept unwrapped for five minutes by the clock, then unwrapped anew', () => {
    let now = 1_000_000;
    const keyring = make(() => now);
    const row = keyring.create({ purpose: 'workspace', workspaceId: workspace, number: 1 });
    keyring.add(row);
    const first = keyring.workspaceKey(row.id);
    now += 5 * 60 * 1000 - 1;
    expect(keyring.workspaceKey(row.id)).toBe(first);
    now += 1;
    const second = keyring.workspaceKey(row.id);
    expect(second).not.toBe(first);
    expect(second.equals(first)).toBe(true);
    now += 5 * 60 * 1000 - 1;
    expect(keyring.workspaceKey(row.id)).toBe(second);
  });

  it('that were destroyed are gone after that time at the latest', () => {
    let now = 1_000_000;
    const keyring = make(() => now);
    const row = keyring.create({ purpose: 'workspace', workspaceId: workspace, number: 1 });
    keyring.add(row);
    keyring.workspaceKey(row.id);
    keyring.add({ ...row, state: 'destroyed' });
    now += 5 * 60 * 1000;
    expect(codeOf(() => keyring.workspaceKey(row.id))).toBe('integrity_error');
  });

  it('that nobody made are not found, nor are keys of another purpose', () => {
    const keyring = make();
    const row = keyring.create({ purpose: 'checksum', workspaceId: null, number: 1 });
    keyring.add(row);
    for (const id of [row.id, uuidv7()]) {
      expect(codeOf(() => keyring.workspaceKey(id))).toBe('key_not_found');
    }
  });

  it('wrap new data keys under the active one, and only under it', () => {
    const keyring = make();
    expect(codeOf(() => keyring.activeWorkspaceKey(workspace))).toBe('integrity_error');
    const first = keyring.create({ purpose: 'workspace', workspaceId: workspace, number: 1 });
    const second = keyring.create({ purpose: 'workspace', workspaceId: workspace, number: 2 });
    const foreign = keyring.create({ purpose: 'workspace', workspaceId: uuidv7(), number: 1 });
    keyring.add({ ...first, state: 'decrypt-only' });
    expect(codeOf(() => keyring.activeWorkspaceKey(workspace))).toBe('integrity_error');
    keyring.add(second);
    keyring.add(foreign);
    expect(keyring.activeWorkspaceKey(workspace).id).toBe(second.id);
    expect(keyring.workspaceKey(first.id).type).toBe('secret');
  });

  it('do not print themselves', () => {
    const keyring = make();
    const bytes = new TextEncoder().encode('marker-of-a-key-that-may-not-show');
    const row = keyring.create({ purpose: 'workspace', workspaceId: workspace, number: 1, bytes });
    keyring.add(row);
    const key: KeyObject = keyring.workspaceKey(row.id);
    expect(JSON.stringify({ key, keyring })).not.toContain('marker');
  });
});

describe('a keyring that follows the database', () => {
  const active = (keyring: Keyring): string => keyring.activeWorkspaceKey(workspace).id;
  const key = (keyring: Keyring, number: number): Row =>
    keyring.create({ purpose: 'workspace', workspaceId: workspace, number });

  it('drops what was added since it was loaded, and only that', () => {
    const keyring = make();
    const first = key(keyring, 1);
    const second = key(keyring, 2);
    keyring.load([first]);
    keyring.add({ ...first, state: 'decrypt-only' });
    keyring.add(second);
    expect(active(keyring)).toBe(second.id);
    keyring.discard();
    expect(active(keyring)).toBe(first.id);
    expect(codeOf(() => keyring.workspaceKey(second.id))).toBe('key_not_found');
    keyring.load([{ ...first, state: 'decrypt-only' }, second]);
    keyring.discard();
    expect(active(keyring)).toBe(second.id);
    expect(codeOf(() => keyring.workspaceKey(first.id))).toBe('nothing');
  });

  it('forgets keys that were unwrapped before and are destroyed or gone', () => {
    const keyring = make();
    const [first, second] = [key(keyring, 1), key(keyring, 2)];
    keyring.load([first, second]);
    for (const { id } of [first, second]) keyring.workspaceKey(id);
    keyring.load([{ ...first, state: 'destroyed', wrapped: new Uint8Array() }]);
    expect(codeOf(() => keyring.workspaceKey(first.id))).toBe('integrity_error');
    expect(codeOf(() => keyring.workspaceKey(second.id))).toBe('key_not_found');
  });

  it('A77 works under either root key until the new one is settled', () => {
    const keyring = make();
    const first = key(keyring, 1);
    const gone = { ...key(keyring, 2), state: 'destroyed', wrapped: new Uint8Array() };
    keyring.load([first, gone]);
    const bytes = hex(keyring.unwrap(first.id));
    const moved = keyring.rewrapUnder(other);
    expect(moved.map(({ root_key_id: id }) => id)).toEqual([other.id, other.id]);
    expect(moved[1]?.wrapped.length).toBe(0);
    for (const row of moved) keyring.add(row);
    expect([keyring.rootKeyId, hex(keyring.unwrap(first.id))]).toEqual([other.id, bytes]);
    keyring.discard();
    expect([keyring.rootKeyId, hex(keyring.unwrap(first.id))]).toEqual([root.id, bytes]);
    keyring.load(moved);
    keyring.settle();
    expect([keyring.rootKeyId, hex(keyring.unwrap(first.id))]).toEqual([other.id, bytes]);
    expect(key(keyring, 3).root_key_id).toBe(other.id);
    keyring.load([first]);
    expect(codeOf(() => keyring.unwrap(first.id))).toBe('integrity_error');
  });

  it('gives out the bytes of the root key once, and wipes them', async () => {
    const keyring = make();
    let held: Uint8Array = new Uint8Array();
    const id = await keyring.withRoot(async (given) => {
      held = given.bytes;
      expect(hex(given.bytes)).toBe(hex(rootBytes));
      return given.id;
    });
    expect(id).toBe(root.id);
    expect([...held]).toEqual(Array.from({ length: 32 }, () => 0));
  });
});

describe('numbered keys', () => {
  it('are found by number, and the newest without one', () => {
    const keyring = make();
    const rows = [2, 10, 1].map((number) =>
      keyring.create({ purpose: 'checksum', workspaceId: null, number }),
    );
    for (const row of rows) keyring.add(row);
    expect(keyring.checksumKey().number).toBe(10);
    expect(keyring.checksumKey(2).number).toBe(2);
    expect(codeOf(() => keyring.checksumKey(3))).toBe('integrity_error');
    expect(codeOf(() => keyring.fingerprintKey())).toBe('integrity_error');
    expect([...keyring.secretKeys('checksum').keys()].toSorted((a, b) => a - b)).toEqual([
      1, 2, 10,
    ]);
  });

  it('include one that was added after the first use', () => {
    const keyring = make();
    keyring.add(keyring.create({ purpose: 'fingerprint', workspaceId: null, number: 1 }));
    expect(keyring.fingerprintKey().number).toBe(1);
    keyring.add(keyring.create({ purpose: 'fingerprint', workspaceId: null, number: 2 }));
    expect(keyring.fingerprintKey().number).toBe(2);
    expect(keyring.fingerprintKey(1).number).toBe(1);
  });
});

describe('the id of a root key', () => {
  it('is derived from key and vault as docs/spec/keyring.md says', async () => {
    const { hkdfSync } = await import('node:crypto');
    const salt = Buffer.from(vaultId.replaceAll('-', ''), 'hex');
    const bytes = Buffer.from(hkdfSync('sha512', rootBytes, salt, 'strongroom/v1/root-id', 16));
    expect(rootKeyId(rootBytes, vaultId).replaceAll('-', '')).toBe(bytes.toString('hex'));
    expect(rootKeyId(createSecretKey(rootBytes), vaultId)).toBe(rootKeyId(rootBytes, vaultId));
  });

  it('differs between vaults and between keys', () => {
    expect(rootKeyId(rootBytes, uuidv7())).not.toBe(root.id);
    expect(rootKeyId(new Uint8Array(32).fill(2), vaultId)).not.toBe(root.id);
    expect(() => rootKeyId(rootBytes, 'not an id')).toThrow(RangeError);
  });
});
