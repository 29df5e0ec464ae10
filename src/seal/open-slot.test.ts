import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { fromBase64 } from '../lib/base64.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { SecretValue } from '../secret-value.ts';
import type { SlotRow } from '../store/tables.ts';
import { createSlot } from './create-slot.ts';
import { openSlots } from './open-slot.ts';
import { parseSlotParams } from './slot-params.ts';
import type { NewSlot, SlotKey } from './slot.ts';

const VAULT = '01900000-0000-7000-8000-000000000001';
const ROOT_ID = '01900000-0000-7000-8000-000000000002';
const ROOT_HEX = 'a4a19d2973da96c86c4ab6c1f0e5bd131bb9fd66f02d66b108ae62e8f6ffeb1c';
const OTHER_ID = '01900000-0000-7000-8000-0000000000ff';

/*
 * Slots of format 1 with throw-away keys. They were made from the specification
 * by a program that shares no code with this one, and must open for ever.
 */
const KEYFILE = golden('keyfile', '10', {
  params: '{"salt":"sRxWmpbD7PKqsk111hxIv/ICC9+uBF6wy5lE0DeQ+8Q="}',
  wrapped: 'TA+/OSAdFvIrfhdf4gtRUCiF21k60+2TP6nIm8Al5jbZt4CspnJl8Qnyw/6UHGkIF/To3hLlmCaqEdsv',
});
const KEYFILE_TOKEN = 'sr_key_D3rqlEyENsmoN5g_2-RI9HY-3YmW42SYgqdqEhVASG4_sCgJbQ';

const RECOVERY = golden('recovery', '11', {
  params: '{"salt":"VwxJYCTp8BU8uzFUGp508W2aV+akqEgV7L6875jjFaA="}',
  wrapped: 'Y+4zEmiH47gz/0Q5V/E7Cw4tAMLHgLaiA1LrxSxFdwvq+XOo4EiBBnpwfmwkhTPvFXw6hW43HsjxnQWm',
});
const RECOVERY_TOKEN = 'sr_recovery_O-9pVP2xsxm1yp1eHYoa6phtgt3kh_XDVWSq2tZg6mA_zCPVa3';

const ENV = golden('env', '12', {
  params: '{"salt":"wu4BqpHjZ72iwVfxAjPDkldQWX6M5aGdbPQjBLHmtko="}',
  wrapped: 'h8gn1lk0vsutJHK31H6dwiYruoJEqSX0NOKTNO6APErvASsHuMlW8dzDqXyj2JRcukq34HWZRKBAFyMx',
});
const MASTER_KEY = 'bwlcz85is+2SKECf4v52RVq3mz9VXdeO354Fk3XdPVR/WPWcQUIeNA==';

const SHAMIR = golden('shamir', '13', {
  params:
    '{"salt":"q/JG9vmk0M1Nqvu07pOESXmXPJj+2VDgUXFDymoTfrU=","set_id":"dY6yniHKGro=","shares":3,"threshold":2}',
  wrapped: 'dnmsC0PflwzebOCUJwJpel/g3GLbrNuG0mK5/ybreENxzgtsIwS8NkQDGKqfqCuQoLd8fJ7cIBifRNfE',
});
const SHARES = [
  'sr_share_AXWOsp4hyhq6AQJnC_m43HrZP8EXaRtvIKXBca_CRJb7iLW7fD-rGBPiR6w_4SXg9r',
  'sr_share_AXWOsp4hyhq6AgKUb6aITOE4tGxYa7fT4JgXx1hVBVCHkgWWJUVxz239QeE_e4uaWm',
  'sr_share_AXWOsp4hyhq6AwI_JNDQ3xeig8nvm2rPm66mxgi1VCDgTg9hWCnWBvqiSqY_mEL9Jr',
] as const;

const ARGON2ID = golden('passphrase', '14', {
  params:
    '{"kdf":"argon2id","lanes":4,"memory_kib":65536,"passes":3,"salt":"6as34hogh0XKD1umDwRozATm3ZgPwMjG3Qxo4iYzw70="}',
  wrapped: 'Xe/davKYaCDMnst/o/RWGUX2EdSBwrR61IjFIutv8lCVQe1/+Xh384H/wlSUgylb/Iy1uKrjfD4yKl3r',
});
const PBKDF2 = golden('passphrase', '15', {
  params:
    '{"iterations":600000,"kdf":"pbkdf2","salt":"z71oHR7VlRwnItZOdmWI4z+T+aEJKmrs0kOLVVnmfaU="}',
  wrapped: 'G8OGmdlX1vkfXhxhoJOliMPsO+hMGZ/ydd/t6DHYbCYQ51Bj8Jy/mavHKUUpImeWi2ph5LH+E0bHFfnl',
});
const PASSPHRASE = 'naïve café – größer als 15';

function golden(
  kind: string,
  id: string,
  { params, wrapped }: { readonly params: string; readonly wrapped: string },
): SlotRow {
  return {
    id: `01900000-0000-7000-8000-0000000000${id}`,
    kind,
    root_key_id: ROOT_ID,
    params,
    wrapped: fromBase64(wrapped) ?? new Uint8Array(),
    created_at: 1,
    proven_at: null,
    pending_since: null,
    replaces: null,
    row_revision: 1,
    mac_key: 1,
    mac: new Uint8Array(32),
  };
}

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'seal-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function keyFile(token: string, mode = 0o600): SlotKey {
  const path = join(directory, `${mode.toString(8)}-${token.slice(7, 20)}`);
  writeFileSync(path, `# a comment\n${token}\n`);
  chmodSync(path, mode);
  return { kind: 'keyfile', path };
}

function recovery(token: string): SlotKey {
  return { kind: 'recovery', token: SecretValue.text(token) };
}

function env(key: string): SlotKey {
  return { kind: 'env', key: SecretValue.text(key) };
}

function shamir(...shares: readonly string[]): SlotKey {
  return { kind: 'shamir', shares: shares.map((share) => SecretValue.text(share)) };
}

function passphrase(text: string): SlotKey {
  return { kind: 'passphrase', passphrase: SecretValue.text(text) };
}

async function failure(slots: readonly SlotRow[], ...keys: readonly SlotKey[]): Promise<unknown> {
  return openSlots(VAULT, slots, keys).then(
    () => 'it opened',
    (error: unknown) => error,
  );
}

async function another(spec: NewSlot): Promise<{ row: SlotRow; shares: readonly string[] }> {
  const root = { id: OTHER_ID, bytes: new Uint8Array(32).fill(3) };
  const { row, shares = [] } = await createSlot(VAULT, root, spec, Date.now);
  const stored = { ...row, row_revision: 1, mac_key: 1, mac: new Uint8Array(32) };
  return { row: stored, shares: shares.map((share) => share.reveal()) };
}

/** The passphrase with other spaces in it, as some keyboards and word processors give them. */
function spaced(space: string): string {
  return PASSPHRASE.replaceAll(' ', space);
}

function withParams(slot: SlotRow, change: Readonly<Record<string, unknown>>): SlotRow {
  const params = parseSlotParams(slot.params);
  return { ...slot, params: canonicalJson({ ...params, ...change }) };
}

describe('slots of format 1 open', () => {
  test.each<[string, SlotRow, () => SlotKey]>([
    ['keyfile', KEYFILE, () => keyFile(KEYFILE_TOKEN)],
    ['recovery', RECOVERY, () => recovery(RECOVERY_TOKEN)],
    ['env', ENV, () => env(MASTER_KEY)],
    ['shamir', SHAMIR, () => shamir(SHARES[2], SHARES[0])],
    ['shamir with more shares than needed', SHAMIR, () => shamir(...SHARES)],
    ['passphrase by argon2id', ARGON2ID, () => passphrase(PASSPHRASE)],
    ['passphrase by PBKDF2', PBKDF2, () => passphrase(PASSPHRASE)],
    ['passphrase typed decomposed', PBKDF2, () => passphrase(PASSPHRASE.normalize('NFD'))],
    ['passphrase with ideographic spaces', PBKDF2, () => passphrase(spaced('\u3000'))],
    ['passphrase with no-break spaces', PBKDF2, () => passphrase(spaced('\u00a0'))],
  ])('%s', async (_, slot, key) => {
    const opened = await openSlots(VAULT, [slot], [key()]);
    expect(opened.rootKey.export().toString('hex')).toBe(ROOT_HEX);
    expect(opened).toMatchObject({ rootKeyId: ROOT_ID, slotId: slot.id, kind: slot.kind });
  });
});

describe('more than one slot', () => {
  test('any key opens its own', async () => {
    const slots = [KEYFILE, RECOVERY, ENV, SHAMIR];
    const keys = [
      keyFile(KEYFILE_TOKEN),
      recovery(RECOVERY_TOKEN),
      env(MASTER_KEY),
      shamir(...SHARES),
    ];
    for (const [i, key] of keys.entries()) {
      const opened = await openSlots(VAULT, slots, [key]);
      expect(opened.slotId).toBe(slots[i]?.id);
    }
  });

  test('a key is tried on each slot of its kind', async () => {
    const slots = [(await another({ kind: 'recovery' })).row, RECOVERY];
    const opened = await openSlots(VAULT, slots, [recovery(RECOVERY_TOKEN)]);
    expect(opened.slotId).toBe(RECOVERY.id);
  });

  test('keys are tried in the order given', async () => {
    const keys = [env(MASTER_KEY), recovery(RECOVERY_TOKEN)];
    expect((await openSlots(VAULT, [RECOVERY, ENV], keys)).kind).toBe('env');
    expect((await openSlots(VAULT, [RECOVERY, ENV], keys.toReversed())).kind).toBe('recovery');
  });

  test('a key that is wrong, missing or malformed does not stop one that opens', async () => {
    const slots = [KEYFILE, ENV, SHAMIR, RECOVERY];
    const keys: SlotKey[] = [
      { kind: 'keyfile', path: join(directory, 'missing') },
      env('too short'),
      shamir(SHARES[0]),
      recovery('sr_recovery_'),
      recovery(RECOVERY_TOKEN),
    ];
    expect((await openSlots(VAULT, slots, keys)).kind).toBe('recovery');
  });

  test('a damaged slot does not stop another of its kind', async () => {
    const damaged = { ...RECOVERY, params: '{}' };
    const opened = await openSlots(VAULT, [damaged, RECOVERY], [recovery(RECOVERY_TOKEN)]);
    expect(opened.slotId).toBe(RECOVERY.id);
  });

  test('a kind that this version does not know does not stop the others', async () => {
    const slots = [{ ...ENV, kind: 'pkcs11', params: '?' }, RECOVERY];
    expect((await openSlots(VAULT, slots, [recovery(RECOVERY_TOKEN)])).kind).toBe('recovery');
  });

  test('a key file that others can read ends the attempt, though another key would open', async () => {
    const keys = [keyFile(KEYFILE_TOKEN, 0o644), recovery(RECOVERY_TOKEN)];
    expect(await failure([KEYFILE, RECOVERY], ...keys)).toMatchObject({ code: 'key_file_exposed' });
  });

  test('a key file is not looked at where no slot is for one', async () => {
    const keys = [keyFile(KEYFILE_TOKEN, 0o644), recovery(RECOVERY_TOKEN)];
    expect((await openSlots(VAULT, [RECOVERY], keys)).kind).toBe('recovery');
  });
});

describe('a wrong key is told by its kind', () => {
  test('key file', async () => {
    const path = join(directory, 'other.key');
    await another({ kind: 'keyfile', path });
    expect(await failure([KEYFILE], { kind: 'keyfile', path })).toMatchObject({
      code: 'wrong_key',
      message: `the key file ${path} does not open this vault`,
      details: { path },
    });
  });

  test('passphrase', async () => {
    expect(await failure([PBKDF2], passphrase(`${PASSPHRASE}!`))).toMatchObject({
      code: 'wrong_passphrase',
      message: 'the passphrase does not open this vault',
    });
    expect(await failure([PBKDF2], passphrase(spaced('')))).toMatchObject({
      code: 'wrong_passphrase',
    });
    expect(await failure([ARGON2ID], passphrase(PASSPHRASE.toUpperCase()))).toMatchObject({
      code: 'wrong_passphrase',
    });
  });

  test('a passphrase longer than any, without deriving anything', async () => {
    const unusable = withParams(PBKDF2, { iterations: 0 });
    expect(await failure([unusable], passphrase('x'.repeat(1025)))).toMatchObject({
      code: 'wrong_passphrase',
    });
  });

  test('master key', async () => {
    expect(await failure([ENV], env(Buffer.alloc(32).toString('base64')))).toMatchObject({
      code: 'wrong_key',
      message: 'the key in STRONGROOM_MASTER_KEY does not open this vault',
    });
    expect(await failure([ENV], env(Buffer.alloc(31).toString('base64')))).toMatchObject({
      code: 'key_too_short',
    });
    expect(await failure([ENV], env('*'))).toMatchObject({ code: 'invalid_input' });
  });

  test('recovery key', async () => {
    const { recovery: token } = await createSlot(
      VAULT,
      { id: OTHER_ID, bytes: new Uint8Array(32) },
      { kind: 'recovery' },
      Date.now,
    );
    expect(await failure([RECOVERY], recovery(token?.reveal() ?? ''))).toMatchObject({
      code: 'wrong_key',
      message: 'the recovery key does not open this vault',
    });
    expect(await failure([RECOVERY], recovery(RECOVERY_TOKEN.replace('O-9', 'O-8')))).toMatchObject(
      { code: 'wrong_key', message: 'this is not a recovery key' },
    );
    expect(await failure([RECOVERY], recovery(KEYFILE_TOKEN))).toMatchObject({
      message: 'this is not a recovery key',
    });
  });

  test('shares of another vault', async () => {
    const { shares } = await another({ kind: 'shamir', threshold: 2, shares: 2 });
    expect(await failure([SHAMIR], shamir(...shares))).toMatchObject({ code: 'wrong_key' });
  });
});

describe('shares are refused by name', () => {
  test('fewer than the threshold', async () => {
    expect(await failure([SHAMIR], shamir(SHARES[0]))).toMatchObject({
      code: 'too_few_shares',
      details: { needed: 2, given: 1 },
    });
    expect(await failure([SHAMIR], shamir())).toMatchObject({ code: 'too_few_shares' });
  });

  test('one that is given twice counts once', async () => {
    expect(await failure([SHAMIR], shamir(SHARES[0], ` ${SHARES[0]}\n`))).toMatchObject({
      code: 'invalid_share',
      details: { position: 2, reason: 'repeated' },
    });
  });

  test('shares of two sets', async () => {
    const { shares } = await another({ kind: 'shamir', threshold: 2, shares: 2 });
    expect(await failure([SHAMIR], shamir(SHARES[0], shares[1] ?? ''))).toMatchObject({
      code: 'invalid_share',
      details: { position: 2, reason: 'other_set' },
    });
  });

  test('a share with any one character altered', async () => {
    const position = fc.nat(SHARES[0].length - 1);
    await fc.assert(
      fc.asyncProperty(position, fc.constantFrom('A', 'z', '0', '_'), async (at, letter) => {
        fc.pre(SHARES[0][at] !== letter);
        const typo = SHARES[0].slice(0, at) + letter + SHARES[0].slice(at + 1);
        expect(await failure([SHAMIR], shamir(typo, SHARES[1]))).toMatchObject({
          code: 'invalid_share',
          details: { position: 1, reason: 'malformed' },
        });
      }),
    );
  });
});

describe('a key that is not there', () => {
  test('no key given names the kinds that the vault has', async () => {
    expect(await failure([KEYFILE, RECOVERY, RECOVERY])).toMatchObject({
      code: 'key_not_found',
      message: 'no key was given that this vault opens with',
      details: { kinds: ['keyfile', 'recovery'] },
      hint: 'the vault opens with a key file or a recovery key',
    });
  });

  test('a key of a kind that the vault has not', async () => {
    expect(await failure([SHAMIR], env(MASTER_KEY))).toMatchObject({
      code: 'key_not_found',
      details: { kinds: ['shamir'] },
      hint: 'the vault opens with shares',
    });
  });

  test('a key file, with its path and the other ways', async () => {
    const path = join(directory, 'missing');
    expect(await failure([KEYFILE, PBKDF2, RECOVERY], { kind: 'keyfile', path })).toMatchObject({
      code: 'key_not_found',
      message: `there is no key file at ${path}`,
      details: { path, kinds: ['keyfile', 'passphrase', 'recovery'] },
      hint: 'the vault opens with a key file, a passphrase, or a recovery key',
    });
  });

  test('slots of kinds from a newer version only', async () => {
    const slots = [
      { ...ENV, kind: 'pkcs11' },
      { ...ENV, kind: 'toString' },
    ];
    expect(await failure(slots, env(MASTER_KEY))).toMatchObject({
      code: 'key_not_found',
      hint: 'its slots are of kinds that this version of strongroom does not know',
    });
  });

  test('a vault without slots was altered', async () => {
    expect(await failure([], env(MASTER_KEY))).toMatchObject({ code: 'integrity_error' });
  });
});

describe('of several failures the most telling is thrown', () => {
  const missing: SlotKey = { kind: 'keyfile', path: join(tmpdir(), 'missing', OTHER_ID) };
  const wrong = env(Buffer.alloc(32).toString('base64'));
  const malformed = shamir(SHARES[0]);
  const slots = [KEYFILE, ENV, SHAMIR];

  test('a wrong key before a missing one', async () => {
    expect(await failure(slots, missing, wrong)).toMatchObject({ code: 'wrong_key' });
    expect(await failure(slots, wrong, missing)).toMatchObject({ code: 'wrong_key' });
  });

  test('a malformed key before a wrong one', async () => {
    expect(await failure(slots, wrong, malformed)).toMatchObject({ code: 'too_few_shares' });
    expect(await failure(slots, malformed, wrong)).toMatchObject({ code: 'too_few_shares' });
  });

  test('a damaged slot before all', async () => {
    const damaged = [...slots, { ...RECOVERY, params: '{}' }];
    const keys = [malformed, wrong, recovery(RECOVERY_TOKEN), missing];
    expect(await failure(damaged, ...keys)).toMatchObject({ code: 'integrity_error' });
  });
});

describe('parameters of a passphrase slot', () => {
  test.each([
    [ARGON2ID, 'memory_kib', 65_535],
    [ARGON2ID, 'memory_kib', 2_097_153],
    [ARGON2ID, 'memory_kib', 65_536.5],
    [ARGON2ID, 'passes', 2],
    [ARGON2ID, 'passes', 17],
    [ARGON2ID, 'lanes', 3],
    [ARGON2ID, 'lanes', 17],
    [PBKDF2, 'iterations', 599_999],
    [PBKDF2, 'iterations', 10_000_001],
    [PBKDF2, 'iterations', -1],
    [PBKDF2, 'iterations', 1e9],
  ])('are refused out of bounds, before any derivation', async (slot, parameter, value) => {
    const edited = withParams(slot, { [parameter]: value });
    expect(await failure([edited], passphrase(PASSPHRASE))).toMatchObject({
      code: 'kdf_out_of_bounds',
      details: { parameter },
    });
  });

  test.each([
    [ARGON2ID, { passes: 4 }],
    [PBKDF2, { iterations: 600_001 }],
  ])('cannot be edited within the bounds either', async (slot, change) => {
    const edited = withParams(slot, change);
    expect(await failure([edited], passphrase(PASSPHRASE))).toMatchObject({
      code: 'wrong_passphrase',
    });
  });

  test.each([
    [PBKDF2, { kdf: 'scrypt' }],
    [PBKDF2, { kdf: undefined }],
    [PBKDF2, { kdf: 'argon2id' }],
    [PBKDF2, { iterations: '600000' }],
    [PBKDF2, { iterations: undefined }],
    [PBKDF2, { memory_kib: 65_536 }],
    [ARGON2ID, { passes: undefined }],
    [ARGON2ID, { iterations: 600_000 }],
  ])('must be those of the derivation', async (slot, change) => {
    const edited = withParams(slot, change);
    expect(await failure([edited], passphrase(PASSPHRASE))).toMatchObject({
      code: 'integrity_error',
    });
  });
});

describe('a slot that was altered', () => {
  const salt = Buffer.alloc(32).toString('base64');

  test.each<[string, SlotRow, SlotKey]>([
    ['another slot id', { ...ENV, id: OTHER_ID }, env(MASTER_KEY)],
    ['another root key id', { ...ENV, root_key_id: OTHER_ID }, env(MASTER_KEY)],
    ['another salt', withParams(ENV, { salt }), env(MASTER_KEY)],
    ['the wrapped key of another slot', { ...ENV, wrapped: RECOVERY.wrapped }, env(MASTER_KEY)],
    ['another threshold', withParams(SHAMIR, { threshold: 3 }), shamir(...SHARES)],
    ['another set', withParams(SHAMIR, { set_id: 'AAAAAAAAAAA=' }), shamir(...SHARES)],
  ])('does not open: %s', async (_, slot, key) => {
    expect(await failure([slot], key)).toMatchObject({ code: 'wrong_key' });
  });

  test('does not open in another vault', async () => {
    await expect(openSlots(OTHER_ID, [ENV], [env(MASTER_KEY)])).rejects.toMatchObject({
      code: 'wrong_key',
    });
  });

  test('does not open as another kind', async () => {
    const input = Buffer.from(KEYFILE_TOKEN.slice(7, 50), 'base64url').toString('base64');
    expect(await failure([{ ...KEYFILE, kind: 'env' }], env(input))).toMatchObject({
      code: 'wrong_key',
    });
  });

  test.each<[string, SlotRow, SlotKey]>([
    ['an id', { ...ENV, id: '..' }, env(MASTER_KEY)],
    ['a root key id', { ...ENV, root_key_id: '' }, env(MASTER_KEY)],
    ['a wrapped key', { ...ENV, wrapped: ENV.wrapped.slice(1) }, env(MASTER_KEY)],
    ['parameters that are no JSON', { ...ENV, params: '' }, env(MASTER_KEY)],
    ['parameters that are a list', { ...ENV, params: '[]' }, env(MASTER_KEY)],
    ['parameters that are null', { ...ENV, params: 'null' }, env(MASTER_KEY)],
    ['parameters with spaces', { ...ENV, params: ` ${ENV.params}` }, env(MASTER_KEY)],
    ['no salt', withParams(ENV, { salt: undefined }), env(MASTER_KEY)],
    ['a short salt', withParams(ENV, { salt: 'AAAA' }), env(MASTER_KEY)],
    ['a salt that is a number', withParams(ENV, { salt: 0 }), env(MASTER_KEY)],
    ['a member more', withParams(ENV, { kdf: 'argon2id' }), env(MASTER_KEY)],
    ['very long parameters', withParams(ENV, { salt: 'A'.repeat(1e6) }), env(MASTER_KEY)],
    ['a threshold of 1', withParams(SHAMIR, { threshold: 1 }), shamir(...SHARES)],
    ['a threshold over the shares', withParams(SHAMIR, { threshold: 4 }), shamir(...SHARES)],
    ['256 shares', withParams(SHAMIR, { shares: 256 }), shamir(...SHARES)],
    ['a threshold as text', withParams(SHAMIR, { threshold: '2' }), shamir(...SHARES)],
    ['a short set id', withParams(SHAMIR, { set_id: 'AAAA' }), shamir(...SHARES)],
  ])('is damaged: %s', async (_, slot, key) => {
    expect(await failure([slot], key)).toMatchObject({ code: 'integrity_error' });
  });

  test('does not open after any bit of it was flipped, and fails by a code', async () => {
    const fields = ['wrapped', 'params'] as const;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...fields), fc.nat(), async (field, n) => {
        const value = ENV[field];
        const bytes = Uint8Array.from(typeof value === 'string' ? Buffer.from(value) : value);
        const bit = n % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const flipped = typeof value === 'string' ? Buffer.from(bytes).toString() : bytes;
        const error = await failure([{ ...ENV, [field]: flipped }], env(MASTER_KEY));
        const code = error instanceof StrongroomError ? error.code : error;
        expect(['wrong_key', 'integrity_error']).toContain(code);
      }),
      { numRuns: 500 },
    );
  });
});

test('a value that was wiped, or is bytes, is refused as it is elsewhere', async () => {
  const wiped = SecretValue.text(RECOVERY_TOKEN);
  wiped.wipe();
  expect(await failure([RECOVERY], { kind: 'recovery', token: wiped })).toMatchObject({
    code: 'secret_wiped',
  });
  const bytes = SecretValue.bytes(new Uint8Array(20));
  expect(await failure([SHAMIR], { kind: 'shamir', shares: [bytes] })).toMatchObject({
    code: 'not_text',
  });
});

test('a vault id that is none is a mistake of the program', async () => {
  await expect(openSlots('vault', [ENV], [env(MASTER_KEY)])).rejects.toThrow(RangeError);
});

test('no error shows what was given', async () => {
  const canary = 'canary-canary-canary-canary';
  const errors = [
    await failure([PBKDF2], passphrase(canary)),
    await failure([ENV], env(canary)),
    await failure([ENV], env(Buffer.from(canary.repeat(2)).toString('base64'))),
    await failure([RECOVERY], recovery(canary)),
    await failure([SHAMIR], shamir(canary)),
  ];
  for (const error of errors) {
    expect(error).toBeInstanceOf(StrongroomError);
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain('canary-canary');
  }
});
