import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseCanonicalJson } from '../lib/canonical-json.ts';
import { isUuid } from '../lib/ids.ts';
import { SecretValue } from '../secret-value.ts';
import type { SlotRow } from '../store/tables.ts';
import { createSlot, type CreatedSlot } from './create-slot.ts';
import { openSlots } from './open-slot.ts';
import type { NewSlot, RootKey, SlotKey } from './slot.ts';

const VAULT = '01900000-0000-7000-8000-000000000001';
const NOW = 1_750_000_000_000;
const ROOT: RootKey = {
  id: '01900000-0000-7000-8000-000000000002',
  bytes: new Uint8Array(createHash('sha256').update('a root key').digest()),
};
const MASTER_KEY = Buffer.alloc(32, 7).toString('base64');
const PASSPHRASE = 'six words are easy to remember';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'seal-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function create(spec: NewSlot): Promise<CreatedSlot> {
  return createSlot(VAULT, ROOT, spec, () => NOW);
}

function stored(created: CreatedSlot): SlotRow {
  return { ...created.row, row_revision: 1, mac_key: 1, mac: new Uint8Array(32) };
}

async function rootOpenedBy(created: CreatedSlot, key: SlotKey): Promise<Uint8Array> {
  const { rootKey, ...opened } = await openSlots(VAULT, [stored(created)], [key]);
  expect(opened).toEqual({ rootKeyId: ROOT.id, slotId: created.row.id, kind: key.kind });
  return new Uint8Array(rootKey.export());
}

function paramsOf(created: CreatedSlot): unknown {
  return parseCanonicalJson(created.row.params);
}

const setId: unknown = expect.stringMatching(/^[\w+/]{11}=$/);
const salt: unknown = expect.stringMatching(/^[\w+/]{43}=$/);

describe('every kind', () => {
  test('makes a row as the specification has it', async () => {
    const { row } = await create({ kind: 'recovery' });
    expect(row).toEqual({
      id: row.id,
      kind: 'recovery',
      root_key_id: ROOT.id,
      params: row.params,
      wrapped: row.wrapped,
      created_at: NOW,
      proven_at: null,
      pending_since: null,
      replaces: null,
    });
    expect(row.params).toMatch(/^\{"salt":"[\w+/]{43}="\}$/);
    expect(isUuid(row.id)).toBe(true);
    expect(row.wrapped).toHaveLength(60);
  });

  test('leaves the bytes of the root key to the caller', async () => {
    const before = new Uint8Array(ROOT.bytes);
    await create({ kind: 'recovery' });
    expect(ROOT.bytes).toEqual(before);
  });

  test('has a salt, a nonce and a key of its own in each slot', async () => {
    const [one, two] = [await create({ kind: 'recovery' }), await create({ kind: 'recovery' })];
    expect(one.row.params).not.toBe(two.row.params);
    expect(one.row.wrapped.slice(0, 12)).not.toEqual(two.row.wrapped.slice(0, 12));
    expect(one.recovery?.reveal()).not.toBe(two.recovery?.reveal());
  });

  test('refuses a root key of another size', async () => {
    const root = { id: ROOT.id, bytes: new Uint8Array(16) };
    await expect(createSlot(VAULT, root, { kind: 'recovery' }, () => NOW)).rejects.toThrow(
      RangeError,
    );
  });
});

describe('keyfile', () => {
  test('writes a file that opens the slot', async () => {
    const path = join(directory, 'new', 'deep', 'master.key');
    const created = await create({ kind: 'keyfile', path });
    expect(await rootOpenedBy(created, { kind: 'keyfile', path })).toEqual(ROOT.bytes);
    expect(created).toEqual({ row: created.row, keyFile: path });
  });

  test('writes comments for the person, then the token', async () => {
    const path = join(directory, 'master.key');
    await create({ kind: 'keyfile', path });
    const lines = readFileSync(path, 'utf8').split('\n');
    expect(lines[0]).toBe(`# Strongroom key file of the vault ${VAULT}`);
    expect(lines[1]).toMatch(/^# Whoever has this line can open the vault/);
    expect(lines[2]).toMatch(/^sr_key_[\w-]{43}_[\w-]{6}$/);
    expect(lines.slice(3)).toEqual(['']);
  });

  test('leaves the modes of directories that were there', async () => {
    const mode = statSync(directory).mode;
    await create({ kind: 'keyfile', path: join(directory, 'master.key') });
    expect(statSync(directory).mode).toBe(mode);
  });

  test('does not overwrite a key file', async () => {
    const path = join(directory, 'master.key');
    await create({ kind: 'keyfile', path });
    const before = readFileSync(path);
    await expect(create({ kind: 'keyfile', path })).rejects.toMatchObject({
      code: 'file_exists',
      message: `there is a file at ${path} already`,
      details: { path },
    });
    expect(readFileSync(path)).toEqual(before);
  });

  test('does not write through a link', async () => {
    const path = join(directory, 'master.key');
    const target = join(directory, 'elsewhere');
    symlinkSync(target, path);
    await expect(create({ kind: 'keyfile', path })).rejects.toMatchObject({ code: 'file_exists' });
    expect(existsSync(target)).toBe(false);
  });
});

describe('passphrase', () => {
  test('uses argon2id with 256 MiB, 3 passes and 4 lanes', async () => {
    const passphrase = SecretValue.text(PASSPHRASE);
    const created = await create({ kind: 'passphrase', passphrase });
    expect(paramsOf(created)).toEqual({
      kdf: 'argon2id',
      memory_kib: 262_144,
      passes: 3,
      lanes: 4,
      salt,
    });
    expect(await rootOpenedBy(created, { kind: 'passphrase', passphrase })).toEqual(ROOT.bytes);
  });

  test('uses PBKDF2 with 1,300,000 iterations by choice', async () => {
    const passphrase = SecretValue.text(PASSPHRASE);
    const created = await create({ kind: 'passphrase', passphrase, kdf: 'pbkdf2' });
    expect(paramsOf(created)).toEqual({ kdf: 'pbkdf2', iterations: 1_300_000, salt });
    expect(await rootOpenedBy(created, { kind: 'passphrase', passphrase })).toEqual(ROOT.bytes);
  });

  test.each([
    ['14 characters', 'x'.repeat(14)],
    ['14 characters of two UTF-16 units each', '😀'.repeat(14)],
    ['15 code points that are 14 when composed', `${'x'.repeat(13)}e\u0301`],
    ['nothing', ''],
  ])('refuses %s as too short', async (_, text) => {
    const spec: NewSlot = { kind: 'passphrase', passphrase: SecretValue.text(text) };
    await expect(create(spec)).rejects.toMatchObject({
      code: 'passphrase_too_short',
      message: 'a passphrase needs at least 15 characters',
    });
  });

  test.each([
    ['1,025 characters', 'x'.repeat(1025)],
    ['a line break', `${PASSPHRASE}\n`],
    ['a control character', `${PASSPHRASE}\u0000`],
  ])('refuses %s', async (_, text) => {
    const spec: NewSlot = { kind: 'passphrase', passphrase: SecretValue.text(text) };
    await expect(create(spec)).rejects.toMatchObject({ code: 'invalid_input' });
  });

  test('refuses bytes', async () => {
    const passphrase = SecretValue.bytes(new Uint8Array(20));
    await expect(create({ kind: 'passphrase', passphrase })).rejects.toMatchObject({
      code: 'not_text',
    });
  });
});

describe('env', () => {
  test.each([32, 33, 64])('takes %i bytes of base64', async (length) => {
    const key = SecretValue.text(Buffer.alloc(length, 9).toString('base64'));
    const created = await create({ kind: 'env', key });
    expect(await rootOpenedBy(created, { kind: 'env', key })).toEqual(ROOT.bytes);
  });

  test('takes the line break that a file brings along', async () => {
    const created = await create({ kind: 'env', key: SecretValue.text(`${MASTER_KEY}\n`) });
    const key = SecretValue.text(MASTER_KEY);
    expect(await rootOpenedBy(created, { kind: 'env', key })).toEqual(ROOT.bytes);
  });

  test.each(['', Buffer.alloc(31, 1).toString('base64')])(
    'refuses fewer than 32 bytes',
    async (text) => {
      await expect(create({ kind: 'env', key: SecretValue.text(text) })).rejects.toMatchObject({
        code: 'key_too_short',
        message: 'STRONGROOM_MASTER_KEY has fewer than 32 bytes',
        hint: 'make a key with: openssl rand -base64 32',
      });
    },
  );

  test.each([
    ['text', 'a password of more than thirty-two characters'],
    ['base64 without padding', MASTER_KEY.replace('=', '')],
    ['hexadecimal digits of an odd number', 'f'.repeat(65)],
  ])('refuses %s, and does not repeat it', async (_, text) => {
    const failure: unknown = await create({ kind: 'env', key: SecretValue.text(text) }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      code: 'invalid_input',
      message: 'STRONGROOM_MASTER_KEY is not base64',
    });
    expect(JSON.stringify(failure)).not.toContain(text);
  });
});

describe('shamir', () => {
  test('hands over shares of which the threshold opens the slot', async () => {
    const created = await create({ kind: 'shamir', threshold: 2, shares: 3 });
    expect(paramsOf(created)).toEqual({
      threshold: 2,
      shares: 3,
      set_id: setId,
      salt,
    });
    const shares = created.shares ?? [];
    expect(shares).toHaveLength(3);
    for (const left of shares) {
      const others = shares.filter((share) => share !== left);
      const key: SlotKey = { kind: 'shamir', shares: others };
      expect(await rootOpenedBy(created, key)).toEqual(ROOT.bytes);
    }
  });

  test.each([
    [1, 3],
    [4, 3],
    [2, 256],
    [2.5, 3],
    [2, 3.5],
    [Number.NaN, 3],
  ])('refuses a threshold of %d of %d', async (threshold, shares) => {
    await expect(create({ kind: 'shamir', threshold, shares })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });
});

describe('recovery', () => {
  test('hands over a token that opens the slot', async () => {
    const created = await create({ kind: 'recovery' });
    const token = created.recovery ?? SecretValue.text('');
    expect(token.reveal()).toMatch(/^sr_recovery_[\w-]{43}_[\w-]{6}$/);
    expect(await rootOpenedBy(created, { kind: 'recovery', token })).toEqual(ROOT.bytes);
  });
});
