import { createHook } from 'node:async_hooks';
import { readdirSync, readFileSync } from 'node:fs';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { canonicalJson } from '../lib/canonical-json.ts';
import { SecretValue } from '../secret-value.ts';
import type { SlotRow } from '../store/tables.ts';
import { createSlot } from './create-slot.ts';
import { openSlots } from './open-slot.ts';
import { parseSlotParams } from './slot-params.ts';
import type { SlotKdf } from './slot.ts';

const SOURCES = new URL('../', import.meta.url);
const VAULT = '01900000-0000-7000-8000-000000000001';
const ROOT = { id: '01900000-0000-7000-8000-000000000002', bytes: new Uint8Array(32).fill(3) };
const PASSPHRASE = 'a passphrase of a test';

const sources = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => ({ path, source: readFileSync(new URL(path, SOURCES), 'utf8') }));

/** The source files that say something, besides in comments. */
function saying(what: RegExp): readonly string[] {
  const comment = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;
  return sources
    .filter(({ source }) => what.test(source.replaceAll(comment, '')))
    .map(({ path }) => path)
    .toSorted();
}

describe('A75 a passphrase becomes a key in one way only', () => {
  test('A75 the slow functions are taken from the runtime in one file, besides known answers', () => {
    const slow =
      /\b(argon2|pbkdf2|scrypt)(Sync)?\s*\(|(argon2|pbkdf2|scrypt)\w*[^;]*\} from 'node:crypto'/;
    expect(saying(slow)).toEqual(['crypto/password.ts', 'crypto/self-test.ts']);
    // The self-test derives nothing but its own known answers.
    expect(saying(/from '[^']*\/self-test\.ts'/).length).toBeGreaterThan(0);
    const tested = sources.find(({ path }) => path === 'crypto/self-test.ts')?.source ?? '';
    expect(tested).not.toMatch(/passphrase|SecretValue|src\/seal|\.\.\/seal/i);
  });

  test('A75 only the kinds of slots derive with them, and nothing passes the floors by', () => {
    expect(saying(/\bderive(Argon2id|Pbkdf2)\b/)).toEqual([
      'crypto/password.ts',
      'seal/slot-kinds.ts',
    ]);
    expect(saying(/\btestOnlyDerive(Argon2id|Pbkdf2)\b/)).toEqual(['crypto/password.ts']);
  });

  test('A75 the bytes of one are made for a slot, or to see whether it is long enough, and wiped', () => {
    expect(saying(/\bgivenPassphraseBytes\b/)).toEqual([
      'seal/passphrase.ts',
      'seal/slot-kinds.ts',
    ]);
    expect(saying(/\bnewPassphraseBytes\b/)).toEqual([
      'cli/first-slots.ts',
      'seal/passphrase.ts',
      'seal/slot-kinds.ts',
    ]);
    const early = sources.find(({ path }) => path === 'cli/first-slots.ts')?.source ?? '';
    const calls = early.match(/.*newPassphraseBytes\(.*/g)?.map((line) => line.trim());
    expect(calls).toEqual(['check: (given) => wipe(newPassphraseBytes(given)),']);
    expect(saying(/passphrase\w*\.reveal(Bytes)?\(/i)).toEqual(['seal/passphrase.ts']);
  });
});

describe('A75 each try costs the whole derivation', () => {
  /** The derivations that the runtime was asked for. */
  const derived: string[] = [];
  const hook = createHook({
    init: (_id, type) => {
      if (/ARGON2|PBKDF2|SCRYPT/.test(type)) derived.push(type);
    },
  });
  const slots = new Map<SlotKdf, SlotRow>();

  beforeAll(async () => {
    for (const kdf of ['argon2id', 'pbkdf2'] as const) {
      const passphrase = SecretValue.text(PASSPHRASE);
      const spec = { kind: 'passphrase' as const, passphrase, kdf };
      const { row } = await createSlot(VAULT, ROOT, spec, Date.now);
      slots.set(kdf, { ...row, row_revision: 1, mac_key: 1, mac: new Uint8Array(32) });
    }
    hook.enable();
  });
  afterAll(() => hook.disable());
  beforeEach(() => {
    derived.length = 0;
  });

  function slotOf(kdf: SlotKdf, change: Readonly<Record<string, unknown>> = {}): SlotRow {
    const row = slots.get(kdf);
    if (row === undefined) throw new TypeError('it was made before');
    return { ...row, params: canonicalJson({ ...parseSlotParams(row.params), ...change }) };
  }
  const codeOf = (slot: SlotRow, text: string): Promise<unknown> =>
    openSlots(VAULT, [slot], [{ kind: 'passphrase', passphrase: SecretValue.text(text) }]).then(
      () => 'it opened',
      (error: unknown) => (error as { code?: unknown }).code,
    );

  test.each([
    ['argon2id', 'ARGON2REQUEST', { memory_kib: 262_144, passes: 3, lanes: 4 }],
    ['pbkdf2', 'PBKDF2REQUEST', { iterations: 1_300_000 }],
  ] as const)('A75 a right one and a wrong one take one %s', async (kdf, type, cost) => {
    const { salt, ...params } = parseSlotParams(slotOf(kdf).params);
    expect(typeof salt).toBe('string');
    // Nothing else is kept by which a guess could be told wrong more cheaply.
    expect(params).toEqual({ kdf, ...cost });
    expect(await codeOf(slotOf(kdf), PASSPHRASE)).toBe('it opened');
    expect(derived).toEqual([type]);
    expect(await codeOf(slotOf(kdf), 'another passphrase of a test')).toBe('wrong_passphrase');
    expect(derived).toEqual([type, type]);
  });

  test.each([
    ['argon2id', { memory_kib: 65_535 }],
    ['argon2id', { passes: 2 }],
    ['argon2id', { lanes: 3 }],
    ['pbkdf2', { iterations: 599_999 }],
    ['pbkdf2', { iterations: 1 }],
  ] as const)(
    'A75 a slot of %s below the floor is refused before anything is derived: %o',
    async (kdf, change) => {
      expect(await codeOf(slotOf(kdf, change), PASSPHRASE)).toBe('kdf_out_of_bounds');
      expect(derived).toEqual([]);
    },
  );
});
