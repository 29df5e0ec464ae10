import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const src = join(root, 'src');

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .filter((name) => !name.startsWith('testing/'))
  .map((name) => join(src, name));

const IMPORT =
  /^(?:import|export)\s+(?<type>type\s)?[^'";]*?from\s+'(?<to>[^']+)'|^import\s+'(?<bare>[^']+)'|import\('(?<dynamic>[^']+)'\)/gm;

const imports: readonly Import[] = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(({ groups }) => ({
    from: file,
    to: groups?.['to'] ?? groups?.['bare'] ?? groups?.['dynamic'] ?? '',
    isType: groups?.['type'] !== undefined,
  })),
);

const own = imports
  .filter(({ to }) => to.startsWith('.'))
  .map((each) => ({ ...each, to: resolve(dirname(each.from), each.to) }));

/** The part of the house that a file belongs to. */
function partOf(file: string): string {
  const [first = '', second = ''] = relative(src, file).split('/');
  if (first.endsWith('.ts')) return ['index.ts', 'embedded.ts'].includes(first) ? 'door' : 'floor';
  if (first === 'lib') return 'floor';
  return first === 'domain' && !second.endsWith('.ts') ? `domain/${second}` : first;
}

/** The arrows: what each part may import, besides itself and the floor. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  floor: [],
  formats: [],
  crypto: [],
  merkle: ['crypto'],
  store: ['crypto'],
  keys: ['crypto', 'store'],
  seal: ['crypto', 'store'],
  auth: ['crypto'],
  domain: ['crypto', 'merkle', 'formats', 'store', 'keys'],
  core: ['auth', 'crypto', 'merkle', 'formats', 'store', 'keys', 'seal', 'domain'],
  http: ['core', 'crypto', 'domain', 'seal', 'store', 'client'],
  client: ['core'],
  door: ['auth', 'core', 'domain', 'formats', 'seal'],
  cli: ['core', 'crypto', 'domain', 'formats', 'seal', 'store', 'door', 'client', 'http'],
};

/** Modules below, besides formats, of which the command line has more than types. */
const VALUES_FOR_CLI: Readonly<Record<string, string>> = {
  'client/client.ts': 'calls operations on a server',
  'core/events/bell.ts': 'notices when a vault of this machine was changed',
  'core/events/environment-changes.ts': 'follows what a program was given',
  'core/events/renewals.ts': 'follows what a program was given',
  'core/init-vault.ts': 'makes a vault',
  'core/open-vault.ts': 'opens it',
  'core/restore-vault.ts': 'makes a vault from a backup',
  'core/rotate-many.ts': 'rotates many secrets, each for itself',
  'core/scheduler.ts': 'does the work that is due',
  'core/server-holder.ts': 'tells that a vault in use is a server’s',
  'core/session.ts': 'calls its operations as somebody',
  'crypto/aead.ts': 'encrypts the session that is kept',
  'crypto/random.ts': 'encrypts the session that is kept',
  'crypto/token.ts': 'encrypts the session that is kept',
  'crypto/totp.ts': 'tells a code of an app from a recovery code',
  'domain/audit/read-export-lines.ts': 'verifies an export without a vault',
  'domain/audit/verify-export.ts': 'verifies an export without a vault',
  'domain/audit/verify-proof.ts': 'verifies a proof without a vault',
  'domain/backup/verify-file.ts': 'verifies a backup without a vault',
  'domain/secrets/limits.ts': 'refuses a file before anything is asked or made',
  'domain/secrets/path.ts': 'refuses a file before anything is asked or made',
  'domain/secrets/secret-errors.ts': 'refuses a file before anything is asked or made',
  'domain/workspaces/names.ts': 'knows the environments of a vault that is not there yet',
  'http/harden-process.ts': 'keeps the memory of a server to itself',
  'http/line-sink.ts': 'writes the log of a server',
  'http/serve.ts': 'serves a vault',
  'http/server-log.ts': 'writes the log of a server',
  'seal/passphrase.ts': 'refuses a passphrase that is too short before it is asked for again',
  'seal/locations.ts': 'shows where keys are looked for',
  'store/private-files.ts': 'writes files that only the user can read',
  'store/vault-lock.ts': 'notices when a vault of this machine was changed',
};

/** Modules of which the client has more than types. Nothing below them is of Node alone. */
const VALUES_FOR_CLIENT: Readonly<Record<string, string>> = {
  'core/environment.ts': 'an environment as applications use it, over any session',
};

describe('the arrows between folders', () => {
  it('finds the imports that it is about', () => {
    expect(files.length).toBeGreaterThan(90);
    expect(own.length).toBeGreaterThan(300);
  });

  it('point down only', () => {
    const wrong = own.filter(({ from, to }) => {
      const [part, target] = [partOf(from), partOf(to)];
      if (part === target || target === 'floor') return false;
      const allowed = ARROWS[part.split('/')[0] ?? ''] ?? [];
      return (
        part.split('/')[0] !== target.split('/')[0] && !allowed.includes(target.split('/')[0] ?? '')
      );
    });
    expect(wrong.map(({ from, to }) => `${relative(src, from)} → ${relative(src, to)}`)).toEqual(
      [],
    );
  });

  it('let the folders of the domain know each other by their types alone', () => {
    const wrong = own.filter(({ from, to, isType }) => {
      const [part, target] = [partOf(from), partOf(to)];
      return (
        part.startsWith('domain/') && target.startsWith('domain/') && part !== target && !isType
      );
    });
    expect(wrong.map(({ from, to }) => `${relative(src, from)} → ${relative(src, to)}`)).toEqual(
      [],
    );
  });

  it('let the command line have values of formats alone, but for what is listed with its reason', () => {
    const values = own
      .filter(({ from, isType }) => partOf(from) === 'cli' && !isType)
      .filter(({ to }) => !['cli', 'floor', 'formats'].includes(partOf(to)))
      .map(({ to }) => relative(src, to));
    expect([...new Set(values)].toSorted()).toEqual(Object.keys(VALUES_FOR_CLI).toSorted());
  });

  it('let the client have types of operations alone, but for what is listed, and http only types of the client', () => {
    const values = own
      .filter(({ from, to, isType }) => partOf(from) !== partOf(to) && !isType)
      .filter(({ from, to }) =>
        partOf(from) === 'client'
          ? partOf(to) !== 'floor' && !Object.hasOwn(VALUES_FOR_CLIENT, relative(src, to))
          : partOf(from) === 'http' && partOf(to) === 'client',
      );
    expect(values.map(({ from, to }) => `${relative(src, from)} → ${relative(src, to)}`)).toEqual(
      [],
    );
  });

  it('make no circle', () => {
    const graph = new Map<string, string[]>();
    for (const { from, to, isType } of own) {
      if (!isType) graph.set(from, [...(graph.get(from) ?? []), to]);
    }
    const done = new Set<string>();
    const path: string[] = [];
    const visit = (file: string): string[] | undefined => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
      if (done.has(file)) return undefined;
      path.push(file);
      for (const next of graph.get(file) ?? []) {
        const circle = visit(next);
        if (circle !== undefined) return circle;
      }
      path.pop();
      done.add(file);
      return undefined;
    };
    const circles = files.map(visit).find((circle) => circle !== undefined);
    expect(circles?.map((file) => relative(src, file))).toBeUndefined();
  });
});

describe('what comes from outside', () => {
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as {
    dependencies: Record<string, string>;
    peerDependencies: Record<string, string>;
    peerDependenciesMeta: Record<string, { optional?: boolean }>;
  };

  it('is in the list of dependencies, or is Node itself', () => {
    const known = { ...dependencies, ...peerDependencies };
    const outside = imports.filter(({ to }) => !to.startsWith('.') && !to.startsWith('node:'));
    const unknown = outside.filter(({ to }) => !Object.hasOwn(known, to));
    expect(unknown.map(({ from, to }) => `${relative(src, from)}: ${to}`)).toEqual([]);
  });

  it('is loaded when it is used if it is an optional peer, and nobody has to have it', () => {
    const peers = Object.keys(peerDependencies);
    const EARLY = /^(?:import|export)\s+(?!type\b)(?:[^'";]*?from\s+)?'([^']+)'/gm;
    const early = files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(EARLY)]
        .filter(([, to = '']) => peers.includes(to))
        .map(([, to]) => `${relative(src, file)}: ${to}`),
    );
    expect(early).toEqual([]);
    expect(peers.filter((name) => peerDependenciesMeta[name]?.optional !== true)).toEqual([]);
  });

  it('imports nothing of Node that brings its whole fetch along', () => {
    const heavy = imports.filter(({ to, isType }) => /^node:(?:https?|tls)$/.test(to) && !isType);
    expect(heavy.map(({ from, to }) => `${relative(src, from)}: ${to}`)).toEqual([]);
  });

  it('A80 takes cryptography from Node and from one audited library only', () => {
    const users = imports.filter(({ to }) => to === 'shamir-secret-sharing');
    expect(users.map(({ from }) => relative(src, from))).toEqual(['crypto/shamir.ts']);
  });

  it('stays under 40 packages, none with an install script', () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean; hasInstallScript?: boolean; resolved?: string }>;
    };
    const runtime = Object.entries(lock.packages).filter(
      ([name, it]) => name !== '' && it.dev !== true,
    );
    expect(runtime.length).toBeLessThan(40);
    expect(runtime.filter(([, it]) => it.hasInstallScript === true)).toEqual([]);
    expect(Object.values(lock.packages).filter((it) => it.resolved?.startsWith('http'))).toEqual(
      [],
    );
  });
});

describe('the Merkle tree', () => {
  const merkle = files.filter((file) => partOf(file) === 'merkle');

  it('has nothing of Node but types', () => {
    const values = imports.filter(
      ({ from, to, isType }) => merkle.includes(from) && to.startsWith('node:') && !isType,
    );
    expect(merkle.length).toBeGreaterThan(5);
    expect(values.map(({ from, to }) => `${relative(src, from)}: ${to}`)).toEqual([]);
  });

  it('asks no clock, no chance and no process', () => {
    const IMPURE =
      /\bnew Date\b|\b(?:Date|Math\.random|performance|process|crypto|globalThis)\b[.(]|\b(?:setTimeout|setInterval|setImmediate|fetch)\(/;
    const wrong = merkle.filter((file) => IMPURE.test(readFileSync(file, 'utf8')));
    expect(wrong.map((file) => relative(src, file))).toEqual([]);
  });
});

describe('plaintext', () => {
  /** Where values are taken out of their wrapper, and why. */
  const REVEALED_IN: readonly string[] = [
    'cli/commands/export.ts',
    'cli/commands/factor.ts',
    'cli/commands/generate.ts',
    'cli/commands/get.ts',
    'cli/commands/login.ts',
    'cli/device-sign-in.ts',
    'cli/plain-value.ts',
    'cli/prove-again.ts',
    'cli/read-environment.ts',
    'cli/recovery-kit.ts',
    'cli/reference-note.ts',
    'cli/sign-in.ts',
    'client/credentials.ts',
    'core/environment.ts',
    'core/idempotency.ts',
    'core/operations/credential-text.ts',
    'core/operations/import-secrets.ts',
    'domain/secrets/value.ts',
    'http/rest/rest-face.ts',
    'http/session-cookie.ts',
    'http/unseal-rounds.ts',
    'lib/wire.ts',
    'mask.ts',
    'seal/passphrase.ts',
    'seal/slot-kinds.ts',
    'secret-value.ts',
  ];

  it('is revealed in these files only', () => {
    const found = files
      .filter((file) => /\.reveal(?:Bytes)?\(/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(src, file));
    expect(found.toSorted()).toEqual(REVEALED_IN);
  });

  it('of the root key is asked for where slots are made, and nowhere else', () => {
    const users = files.filter((file) => readFileSync(file, 'utf8').includes('.withRoot('));
    expect(users.map((file) => relative(src, file))).toEqual(['core/operations/slots.ts']);
  });

  it('is compared through one function only', () => {
    const users = files.filter((file) => readFileSync(file, 'utf8').includes('timingSafeEqual'));
    // Browsers have none of Node's: theirs is here, and compare.ts is what calls it.
    const known = ['client/web/node-modules.ts', 'lib/compare.ts'];
    expect(users.map((file) => relative(src, file)).toSorted()).toEqual(known);
  });
});

describe('exported names', () => {
  it('are never the default', () => {
    const wrong = files.filter((file) => /^export default /m.test(readFileSync(file, 'utf8')));
    expect(wrong).toEqual([]);
  });

  it('have no Buffer in their types', () => {
    const wrong = files.filter((file) =>
      /^export (?:async )?(?:function|class|interface|const)[^{]*[^y]Buffer\b/m.test(
        readFileSync(file, 'utf8'),
      ),
    );
    expect(wrong.map((file) => relative(src, file))).toEqual([]);
  });
});
