import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);

/** Cryptography in JavaScript, by the name of the package. */
const DENIED = new Set([
  'aes-js',
  'asmcrypto.js',
  'bcryptjs',
  'browserify-aes',
  'browserify-sign',
  'create-hash',
  'create-hmac',
  'crypto-browserify',
  'crypto-js',
  'elliptic',
  'fernet',
  'hash.js',
  'jsencrypt',
  'jsrsasign',
  'libsodium-wrappers',
  'md5.js',
  'node-forge',
  'openpgp',
  'pbkdf2',
  'randombytes',
  'ripemd160',
  'scrypt-js',
  'secp256k1',
  'sha.js',
  'sjcl',
  'tweetnacl',
]);

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

/** The packages of a production install, nested ones too. */
function productionPackages(lock: Lockfile): string[] {
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
}

function isDenied(name: string): boolean {
  return DENIED.has(name) || name.startsWith('@noble/') || name.startsWith('@stablelib/');
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"]([^'"]+)['"]/g;

function importsOf(source: string): string[] {
  return [...source.matchAll(IMPORT)].map((match) => match[1]!);
}

/** What a source file of ours may take from outside when it is about cryptography: nothing but two modules. */
function isForeignCrypto(specifier: string): boolean {
  if (specifier.startsWith('.')) return false;
  if (specifier === 'node:crypto' || specifier === 'shamir-secret-sharing') return false;
  return (
    /crypto|cipher|\baes|sha\d|hmac|scrypt|argon|pbkdf|fernet|nacl|sodium/i.test(specifier) ||
    isDenied(specifier)
  );
}

function usesWebCrypto(source: string): boolean {
  return /\.subtle\b|\bimport\s[^;]*\bsubtle\b|\bwebcrypto\b|\bglobalThis\.crypto\b/.test(source);
}

const sources = readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => ({ path, source: readFileSync(new URL(`src/${path}`, ROOT), 'utf8') }));

describe('A80: cryptography comes from the runtime', () => {
  it('A80: no production dependency is cryptography in JavaScript', () => {
    const lock: Lockfile = JSON.parse(readFileSync(new URL('package-lock.json', ROOT), 'utf8'));
    const names = productionPackages(lock);
    expect(names).toContain('shamir-secret-sharing');
    expect(names.filter(isDenied)).toEqual([]);
  });

  it('A80: the walk finds a denied package, also a nested one, and leaves development alone', () => {
    const names = productionPackages({
      packages: {
        '': {},
        'node_modules/kysely': {},
        'node_modules/kysely/node_modules/elliptic': {},
        'node_modules/@noble/hashes': {},
        'node_modules/sha.js': {},
        'node_modules/node-forge': { dev: true },
      },
    });
    expect(names.filter(isDenied)).toEqual(['elliptic', '@noble/hashes', 'sha.js']);
  });

  it('A80: src/ imports no cryptography but node:crypto and shamir-secret-sharing', () => {
    expect(sources.length).toBeGreaterThan(15);
    const found = sources.flatMap(({ path, source }) =>
      importsOf(source)
        .filter(isForeignCrypto)
        .map((specifier) => `${path}: ${specifier}`),
    );
    expect(found).toEqual([]);
  });

  it('A80: the shares alone use shamir-secret-sharing', () => {
    const users = sources.filter(({ source }) =>
      importsOf(source).some((specifier) => specifier.startsWith('shamir-secret-sharing')),
    );
    expect(users.map(({ path }) => path)).toEqual(['crypto/shamir.ts']);
  });

  it('A80: the search for imports sees every form of them', () => {
    const source = [
      "import { createHash } from 'crypto';",
      "import 'crypto-js';",
      "const a = await import('@noble/hashes/sha2');",
      'const b = require("sha.js");',
      "export * from 'tweetnacl';",
      "import type { Kysely } from 'kysely';",
      "import { hash } from 'node:crypto';",
      "import { x } from './crypto/random.ts';",
    ].join('\n');
    expect(importsOf(source).filter(isForeignCrypto)).toEqual([
      'crypto',
      'crypto-js',
      '@noble/hashes/sha2',
      'sha.js',
      'tweetnacl',
    ]);
  });
});

describe('A81: MACs are verified with timingSafeEqual', () => {
  it('A81: src/ does not use WebCrypto', () => {
    const found = sources.filter(({ source }) => usesWebCrypto(source));
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  it('A81: the search sees WebCrypto in its forms', () => {
    expect(usesWebCrypto("await crypto.subtle.verify('HMAC', key, mac, data)")).toBe(true);
    expect(usesWebCrypto("import { subtle } from 'node:crypto'")).toBe(true);
    expect(usesWebCrypto("import { webcrypto } from 'node:crypto'")).toBe(true);
    expect(usesWebCrypto('globalThis.crypto.getRandomValues(a)')).toBe(true);
    expect(usesWebCrypto("import { timingSafeEqual } from 'node:crypto'")).toBe(false);
  });
});
