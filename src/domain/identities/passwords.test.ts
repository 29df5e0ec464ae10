import { readdirSync, readFileSync } from 'node:fs';
import { createSecretKey } from 'node:crypto';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { LOGIN_DEFAULTS, testOnlyDeriveArgon2id } from '../../crypto/password.ts';
import { hmacSha256 } from '../../crypto/mac.ts';
import { Keyring } from '../../keys/keyring.ts';
import { fromBase64, toBase64 } from '../../lib/base64.ts';
import { tuple, utf8 } from '../../lib/bytes.ts';
import { uuidBytes, uuidv7 } from '../../lib/ids.ts';
import {
  isOutdated,
  isPassword,
  makePassword,
  requireGoodPassword,
  type PasswordData,
} from './passwords.ts';

const vaultId = uuidv7();
const root = { id: uuidv7(), key: createSecretKey(new Uint8Array(32).fill(7)) };
const keyring = new Keyring(vaultId, root);
keyring.add(keyring.create({ purpose: 'pepper', workspaceId: null, number: 1 }));
const ownerId = uuidv7();
const LONG = 'x'.repeat(15);

describe('the hash of a password', () => {
  it('A75 is argon2id of an HMAC over all that it is bound to, as the specification has it', async () => {
    const data = await makePassword(keyring, ownerId, 'seven quiet\u00a0herons by the weir');
    const label = 'strongroom/v1/password';
    const password = utf8('seven quiet herons by the weir');
    const input = tuple([label, uuidBytes(vaultId), uuidBytes(ownerId), password]);
    const peppered = hmacSha256(keyring.pepperKey(1).key, input);
    const salt = fromBase64(data.salt) ?? new Uint8Array();
    expect(salt).toHaveLength(16);
    const hash = await testOnlyDeriveArgon2id(peppered, salt, LOGIN_DEFAULTS);
    expect(data).toEqual({
      kdf: 'argon2id',
      memory_kib: 19_456,
      passes: 2,
      lanes: 1,
      salt: toBase64(salt),
      pepper: 1,
      hash: toBase64(hash),
    });
  });

  it('A75 is made in one place: nothing else calls the key derivation for passwords', () => {
    const src = join(import.meta.dirname, '..', '..');
    const callers = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .filter((name) => /\bhashPassword\(/.test(readFileSync(join(src, name), 'utf8')));
    expect(callers.toSorted()).toEqual(['crypto/password.ts', 'domain/identities/passwords.ts']);
    const own = readFileSync(join(src, 'domain/identities/passwords.ts'), 'utf8');
    expect(own.match(/\bhashPassword\(/g)).toHaveLength(1);
  });

  it('A18 differs with the last byte, whatever comes before, and with whose it is', async () => {
    for (const length of [72, 128, 1023]) {
      const data = await makePassword(keyring, ownerId, `${'a'.repeat(length)}b`);
      const stored = { ownerId, data };
      expect(await isPassword(keyring, stored, `${'a'.repeat(length)}b`)).toBe(true);
      expect(await isPassword(keyring, stored, `${'a'.repeat(length)}c`)).toBe(false);
      expect(await isPassword(keyring, stored, 'a'.repeat(length))).toBe(false);
      const others = { ownerId: uuidv7(), data };
      expect(await isPassword(keyring, others, `${'a'.repeat(length)}b`)).toBe(false);
    }
  });

  it('is never right for somebody who has none', async () => {
    expect(await isPassword(keyring, undefined, LONG)).toBe(false);
  });

  it.each([
    ['memory_kib', 19_455],
    ['memory_kib', 2 ** 21],
    ['passes', 1],
    ['passes', 1e9],
    ['lanes', 0],
    ['lanes', 17],
  ] as const)('A60 is refused before it is begun with %s of %i', async (member, value) => {
    const data = { ...(await makePassword(keyring, ownerId, LONG)), [member]: value };
    await expect(isPassword(keyring, { ownerId, data }, LONG)).rejects.toMatchObject({
      code: 'kdf_out_of_bounds',
    });
  });

  it('is outdated under an older pepper, and with less than today', async () => {
    const data: PasswordData = await makePassword(keyring, ownerId, LONG);
    expect(isOutdated(keyring, data)).toBe(false);
    expect(isOutdated(keyring, { ...data, passes: 1 })).toBe(true);
    expect(isOutdated(keyring, { ...data, pepper: 0 })).toBe(true);
  });
});

describe('a password that somebody chooses', () => {
  const codeOf = (password: string, name = 'ada'): string => {
    try {
      requireGoodPassword(password, { name });
      return 'ok';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  it('has 15 to 1,024 characters, and no control characters', () => {
    const good = 'seven quiet herons by the weir';
    expect(codeOf(good)).toBe('ok');
    expect(codeOf('four grey herons'.slice(0, 14))).toBe('too_weak');
    expect(codeOf('four grey heron')).toBe('ok');
    expect(codeOf('🐦🪶🌊🏞🌫🪨🌾🐟🌙☁🌿🍃🦢🪺')).toBe('too_weak');
    expect(codeOf(good.padEnd(1024, 'é'))).toBe('ok');
    expect(codeOf(good.padEnd(1025, 'é'))).toBe('invalid_input');
    expect(codeOf(`${good}\n`)).toBe('invalid_input');
  });

  it.each([
    'passwordpassword',
    'Password123456789',
    'P4ssw0rd!P4ssw0rd!',
    'qwertyuiopasdfghjkl',
    '123456789012345678',
    'aaaaaaaaaaaaaaaaaaaa',
    'abcabcabcabcabcabc',
    'abcdefghijklmnopqrs',
    'Strongroom2026!!!!!',
    'correct horse battery staple',
    'Evangeline-Evangeline',
    'evangeline.admin.2024',
  ])('is none of those that are tried first: %s', (password) => {
    expect(codeOf(password, 'evangeline')).toBe('too_weak');
  });
});
