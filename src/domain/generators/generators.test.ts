import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import type { SecretValue } from '../../secret-value.ts';
import { SECRET_TYPES } from '../../formats/secret-type.ts';
import { generate, generateNow, generatorEntropy, wipeGenerated } from './generate.ts';
import { DEFAULT_GENERATORS, isSlow, keepRules, parseGenerator } from './generator.ts';
import { randomPassphrase } from './passphrase-words.ts';
import { CHARACTER_CLASSES, randomText, textEntropy, type RandomSource } from './random-text.ts';

/** A repeatable source of bytes (xorshift128), so that a test of chance always ends the same. */
function repeatable(seed: number): RandomSource {
  let [x, y, z, w] = [seed | 1, 362436069, 521288629, 88675123];
  const next = (): number => {
    const t = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return (w >>> 11) & 0xff;
  };
  return (length) => Uint8Array.from({ length }, next);
}

const text = (spec: string, random?: RandomSource): string =>
  reveal(generateNow(parseGenerator(spec), random).value);
const reveal = (value: SecretValue | undefined): string => value?.reveal() ?? '';
const pair = async (spec: string): Promise<Readonly<Record<string, string>>> => {
  const { fields = {} } = await generate(parseGenerator(spec));
  return Object.fromEntries(Object.entries(fields).map(([name, it]) => [name, it.reveal()]));
};

/** Pearson's statistic of counts that should all be equal. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe('random text', () => {
  it('has each character of 62 equally often, over 620,000 draws', () => {
    const alphabet = CHARACTER_CLASSES.lower + CHARACTER_CLASSES.upper + CHARACTER_CLASSES.digit;
    const counts = new Map([...alphabet].map((character) => [character, 0]));
    const random = repeatable(7);
    for (let round = 0; round < 620; round += 1) {
      for (const code of randomText({ length: 1000, groups: [alphabet] }, random)) {
        const character = String.fromCharCode(code);
        counts.set(character, (counts.get(character) ?? 0) + 1);
      }
    }
    expect(counts.size).toBe(62);
    // 61 degrees of freedom: 112.3 is exceeded by chance once in 10,000 times.
    // Taking bytes modulo 62 would give about 4,700.
    expect(chiSquare([...counts.values()])).toBeLessThan(112.3);
  });

  it('has every text that it may make equally often, where classes are demanded', () => {
    const counts = new Map<string, number>();
    const random = repeatable(11);
    for (let round = 0; round < 54_000; round += 1) {
      const made = Buffer.from(randomText({ length: 3, groups: ['ab', 'x'] }, random)).toString();
      counts.set(made, (counts.get(made) ?? 0) + 1);
    }
    // Of 27 texts of three, 8 have no x and 1 has no letter of the other class.
    expect(counts.size).toBe(18);
    // 17 degrees of freedom: 44.5 is exceeded by chance once in 3,500 times.
    expect(chiSquare([...counts.values()])).toBeLessThan(44.5);
    expect(textEntropy({ length: 3, groups: ['ab', 'x'] })).toBeCloseTo(Math.log2(18), 9);
  });

  it('throws bytes away that would favour some characters', () => {
    const bytes = [255, 250, 249, 7];
    const random: RandomSource = (length) => Uint8Array.from(bytes.splice(0, length));
    const made = randomText({ length: 2, groups: ['abcdefghij'] }, random);
    expect(Buffer.from(made).toString()).toBe('jh');
    expect(bytes).toEqual([]);
  });

  it('cannot be shorter than what it must have', () => {
    expect(() => randomText({ length: 1, groups: ['a', 'b'] })).toThrow(RangeError);
  });
});

describe('a generator', () => {
  it.each([
    ['password', 'password:24', /^[!-~]{24}$/],
    ['password:12', 'password:12', /^[!-~]{12}$/],
    ['text', 'text:32:alnum', /^[A-Za-z0-9]{32}$/],
    ['text:40:lower+digit', 'text:40:lower+digit', /^[a-z0-9]{40}$/],
    ['text:16:[abc123-]', 'text:16:[abc123-]', /^[abc123-]{16}$/],
    ['template:sk_live_{32:alnum}', 'template:sk_live_{32:alnum}', /^sk_live_[A-Za-z0-9]{32}$/],
    ['template:{8:HEX}-{16:hex}.x', 'template:{8:HEX}-{16:hex}.x', /^[0-9A-F]{8}-[0-9a-f]{16}\.x$/],
    ['hex', 'hex:32', /^[0-9a-f]{64}$/],
    ['base64:33', 'base64:33', /^[A-Za-z0-9+/]{44}$/],
    ['base64url', 'base64url:32', /^[A-Za-z0-9_-]{43}$/],
    [
      'passphrase:5',
      'passphrase:5',
      /^(([bdfghjklmnprstvz][aiou]){3}-){4}([bdfghjklmnprstvz][aiou]){3}$/,
    ],
    ['uuid', 'uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/],
    ['jwt', 'jwt:HS256', /^[A-Za-z0-9_-]{43}$/],
    ['jwt:HS512', 'jwt:HS512', /^[A-Za-z0-9_-]{86}$/],
    ['database:20@password', undefined, undefined],
    ['hex:16@pin', 'hex:16@pin', /^[0-9a-f]{32}$/],
    ['api_key', 'base64url:32', /^[A-Za-z0-9_-]{43}$/],
  ])('%s is kept as %s', (spec, canonical, shape) => {
    if (canonical === undefined) {
      expect(() => parseGenerator(spec)).toThrow('that is no generator');
      return;
    }
    expect(parseGenerator(spec).text).toBe(canonical);
    expect(parseGenerator(canonical)).toEqual(parseGenerator(spec));
    expect(text(spec)).toMatch(shape ?? /^$/);
    expect(text(spec)).not.toBe(text(spec));
  });

  it.each([
    '',
    'nonsense',
    'constructor',
    'hex:15',
    'hex:1025',
    'hex:x',
    'password:7',
    'text:0',
    'text:1025',
    'text:2:alnum',
    'text:20:klingon',
    'text:20:[aa]',
    'text:20:[a]',
    'passphrase:3',
    'uuid:4',
    'jwt:none',
    'jwt:toString',
    'rsa:1024',
    'rsa:2048:1',
    'ec:p224',
    'ed25519:1',
    'ssh:dsa',
    'certificate',
    'template:',
    'template:short{4:alnum}',
    'template:{32:klingon}',
    'template:{0:alnum}{32:alnum}',
    'template:{32:alnum',
    'template:é{32:alnum}',
    'template:{9999:alnum}',
    'rsa@privateKey',
  ])('%j is refused with a hint', (spec) => {
    expect(() => parseGenerator(spec)).toThrow(
      expect.objectContaining({ code: 'invalid_input', hint: expect.any(String) as string }),
    );
  });

  it('makes passwords with each class every time', () => {
    const random = repeatable(3);
    for (let round = 0; round < 500; round += 1) {
      const made = text('password:8', random);
      for (const characters of Object.values(CHARACTER_CLASSES)) {
        expect([...made].some((character) => characters.includes(character))).toBe(true);
      }
    }
  });

  it('keeps the rules of a workspace as far as it is made of classes', () => {
    const rules = { minLength: 40, special: true, digit: true };
    const under = (spec: string): string =>
      reveal(generateNow(keepRules(parseGenerator(spec), rules)).value);
    expect(under('text:16:lower')).toMatch(
      /^(?=.*\d)(?=.*[!#%*+,.:=?@^_~-])[a-z\d!#%*+,.:=?@^_~-]{40}$/,
    );
    expect(under('database:48')).toMatch(/^(?=.*[-._~])[\w.~-]{48}$/);
    expect(under('password')).toHaveLength(40);
    expect(under('text:16:[ab]')).toMatch(/^[ab]{16}$/);
    expect(under('hex:16')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('tells its entropy', () => {
    const bits = (spec: string): number => generatorEntropy(parseGenerator(spec));
    expect(bits('hex:32')).toBe(256);
    expect(bits('jwt:HS384')).toBe(384);
    expect(bits('uuid')).toBe(122);
    expect(bits('passphrase:6')).toBe(108);
    expect(bits('template:sk_{32:alnum}')).toBeCloseTo(32 * Math.log2(62), 9);
    expect(bits('text:32:[ab]')).toBeCloseTo(32, 9);
    // Demanding classes takes a little away.
    expect(bits('text:32')).toBeLessThan(32 * Math.log2(62));
    expect(bits('text:32')).toBeGreaterThan(32 * Math.log2(62) - 0.02);
    expect(bits('rsa:2048')).toBe(112);
  });

  it('speaks syllables, each equally often', () => {
    const counts = new Map<string, number>();
    const random = repeatable(5);
    for (let round = 0; round < 2000; round += 1) {
      const words = Buffer.from(randomPassphrase(6, random)).toString().replaceAll('-', '');
      for (const [syllable] of words.matchAll(/../g)) {
        counts.set(syllable, (counts.get(syllable) ?? 0) + 1);
      }
    }
    expect(counts.size).toBe(64);
    // 63 degrees of freedom: 115 is exceeded by chance once in 10,000 times.
    expect(chiSquare([...counts.values()])).toBeLessThan(115);
  });

  it('is there for each type but certificates, and makes at least 128 bits', () => {
    for (const type of SECRET_TYPES) {
      if (DEFAULT_GENERATORS[type] === undefined) expect(type).toBe('certificate');
      else expect(generatorEntropy(parseGenerator(type))).toBeGreaterThanOrEqual(128);
    }
  });

  it('forgets what it made when it is told to', () => {
    const made = generateNow(parseGenerator('hex:32'));
    wipeGenerated(made);
    expect(() => reveal(made.value)).toThrow('wiped');
  });
});

describe('a key pair', () => {
  const isPair = (privateKey: KeyObject, publicKey: KeyObject): boolean => {
    const hash = privateKey.asymmetricKeyType === 'ed25519' ? undefined : 'sha256';
    const message = new Uint8Array([1, 2, 3]);
    return verify(hash, message, publicKey, sign(hash, message, privateKey));
  };

  it.each([
    ['rsa:2048', 'rsa', { modulusLength: 2048 }],
    ['ec', 'ec', { namedCurve: 'prime256v1' }],
    ['ec:p384', 'ec', { namedCurve: 'secp384r1' }],
    ['ec:p521', 'ec', { namedCurve: 'secp521r1' }],
    ['ed25519', 'ed25519', {}],
  ])('%s is PKCS#8 and SPKI that belong together', async (spec, type, details) => {
    const { privateKey = '', publicKey = '', ...more } = await pair(spec);
    expect(privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(publicKey).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    expect(more).toEqual({});
    const key = createPrivateKey(privateKey);
    expect(key.asymmetricKeyType).toBe(type);
    expect(key.asymmetricKeyDetails).toMatchObject(details);
    expect(isPair(key, createPublicKey(publicKey))).toBe(true);
  });

  it('of RSA is not made while others wait', () => {
    expect(isSlow(parseGenerator('rsa'))).toBe(true);
    expect(isSlow(parseGenerator('ec'))).toBe(false);
    expect(() => generateNow(parseGenerator('ssh:rsa'))).toThrow(TypeError);
  });

  /** The members of an SSH key (RFC 4251 §5), each as base64url. */
  function sshMembers(line: string): string[] {
    const bytes = Buffer.from(line.split(' ')[1] ?? '', 'base64');
    const members: string[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUInt32BE(at);
      members.push(bytes.subarray(at + 4, at + 4 + length).toString('base64url'));
      at += 4 + length;
    }
    return members;
  }
  const name = (member: string | undefined): string =>
    Buffer.from(member ?? '', 'base64url').toString();

  it.each(['ssh:ed25519', 'ssh:rsa:2048', 'ssh:ec:p256', 'ssh:ec:p521'])(
    '%s has the line for SSH of the same public key',
    async (spec) => {
      const { publicKey = '', sshPublicKey = '' } = await pair(spec);
      const jwk = createPublicKey(publicKey).export({ format: 'jwk' });
      const [type, ...rest] = sshMembers(sshPublicKey);
      expect(sshPublicKey.split(' ')[0]).toBe(name(type));
      if (jwk.kty === 'RSA') {
        const [e, n = ''] = rest;
        expect(e).toBe(jwk.e);
        expect(Buffer.from(n, 'base64url').subarray(1).toString('base64url')).toBe(jwk.n);
        expect(Buffer.from(n, 'base64url')[0]).toBe(0);
      } else if (jwk.kty === 'EC') {
        expect(`ecdsa-sha2-${name(rest[0])}`).toBe(name(type));
        const point = Buffer.from(rest[1] ?? '', 'base64url');
        const half = (point.length - 1) / 2;
        expect(point[0]).toBe(4);
        expect(point.subarray(1, 1 + half).toString('base64url')).toBe(jwk.x);
        expect(point.subarray(1 + half).toString('base64url')).toBe(jwk.y);
      } else {
        expect(rest).toEqual([jwk.x]);
      }
    },
  );
});
