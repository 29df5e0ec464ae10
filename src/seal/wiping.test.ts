import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type * as aead from '../crypto/aead.ts';
import type * as hkdf from '../crypto/hkdf.ts';
import { SecretValue } from '../secret-value.ts';
import type { SlotRow } from '../store/tables.ts';
import { createSlot } from './create-slot.ts';
import { openSlots } from './open-slot.ts';
import type { NewSlot, SlotKey } from './slot.ts';

/** Every array of key bytes that went into a derivation, or came out of one or of an unwrapping. */
const seen = vi.hoisted((): Uint8Array[] => []);

vi.mock('../crypto/hkdf.ts', async (original) => {
  const real = await original<typeof hkdf>();
  const hkdfSha512: typeof real.hkdfSha512 = (input, salt, info, length) => {
    const derived = real.hkdfSha512(input, salt, info, length);
    if (input instanceof Uint8Array) seen.push(input);
    seen.push(derived);
    return derived;
  };
  return { ...real, hkdfSha512 };
});

vi.mock('../crypto/aead.ts', async (original) => {
  const real = await original<typeof aead>();
  const unwrapKey: typeof real.unwrapKey = (...input) => {
    const unwrapped = real.unwrapKey(...input);
    seen.push(unwrapped);
    return unwrapped;
  };
  return { ...real, unwrapKey };
});

const VAULT = '01900000-0000-7000-8000-000000000001';
const ROOT = { id: '01900000-0000-7000-8000-000000000002', bytes: new Uint8Array(32).fill(8) };

let directory: string;
beforeEach(() => {
  seen.length = 0;
  directory = mkdtempSync(join(tmpdir(), 'wiping-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function seenInClear(): readonly Uint8Array[] {
  return seen.filter((bytes) => bytes.some((byte) => byte !== 0));
}

async function created(spec: NewSlot): Promise<{ slot: SlotRow; recovery?: SecretValue }> {
  const { row, ...handover } = await createSlot(VAULT, ROOT, spec, Date.now);
  return { slot: { ...row, row_revision: 1, mac_key: 1, mac: new Uint8Array(32) }, ...handover };
}

test('key bytes are zeros after a slot was made', async () => {
  await created({ kind: 'recovery' });
  expect(seen).toHaveLength(2);
  expect(seenInClear()).toEqual([]);
});

test('key bytes are zeros after a slot could not be made', async () => {
  const path = directory;
  await expect(created({ kind: 'keyfile', path })).rejects.toMatchObject({ code: 'file_exists' });
  expect(seen).toHaveLength(2);
  expect(seenInClear()).toEqual([]);
});

test('key bytes are zeros after a slot was opened, and the root key lives on as a key object', async () => {
  const { slot, recovery: token = SecretValue.text('') } = await created({ kind: 'recovery' });
  seen.length = 0;
  const { rootKey } = await openSlots(VAULT, [slot], [{ kind: 'recovery', token }]);
  expect(seen).toHaveLength(3);
  expect(seenInClear()).toEqual([]);
  expect(new Uint8Array(rootKey.export())).toEqual(ROOT.bytes);
});

test('key bytes are zeros after a key was refused', async () => {
  const { slot } = await created({ kind: 'env', key: masterKey(1) });
  seen.length = 0;
  const wrong: SlotKey = { kind: 'env', key: masterKey(2) };
  await expect(openSlots(VAULT, [slot], [wrong])).rejects.toMatchObject({ code: 'wrong_key' });
  expect(seen).toHaveLength(2);
  expect(seenInClear()).toEqual([]);
});

function masterKey(fill: number): SecretValue {
  return SecretValue.text(Buffer.alloc(32, fill).toString('base64'));
}
