import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { SEALED_CHUNK_BYTES } from '../crypto/chunks.ts';
import { importSigningKey, sign } from '../crypto/signature.ts';
import { parseHeader } from '../domain/backup/backup-header.ts';
import { dumpTables } from '../domain/backup/snapshot.ts';
import { signedMessage } from '../domain/backup/signing-key.ts';
import { verifyBackupFile } from '../domain/backup/verify-file.ts';
import { StrongroomError } from '../errors.ts';
import { vaultConfigFiles } from '../seal/locations.ts';
import { SecretValue } from '../secret-value.ts';
import { openSqlite } from '../store/sqlite.ts';
import {
  makeTemporaryVault,
  openParts,
  openSession,
  openTemporaryVault,
  OWNER,
  tamper,
  temporaryDirectory,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { createSession } from './session.ts';
import { initVault } from './init-vault.ts';
import { openVault } from './open-vault.ts';
import { restoreVault } from './restore-vault.ts';

const environment = 'production';
/** So large that a backup has several chunks. */
const LARGE = 'not-a-real-secret '.repeat(8_000);

let place: TemporaryVault;
let root: string;
let file: string;
let bytes: Uint8Array;
let verifierKeys: string;
let pkcs8: Uint8Array;

beforeAll(async () => {
  place = await makeTemporaryVault();
  root = temporaryDirectory();
  const parts = await openParts(place);
  const session = parts.as(OWNER);
  await session.secrets.write({ environment, path: 'db/PASSWORD', value: 'first' });
  await session.secrets.write({ environment, path: 'db/PASSWORD', value: 'second' });
  await session.secrets.write({ environment, path: 'LARGE', value: LARGE });
  await session.secrets.write({ environment, path: 'GONE', value: 'in the trash' });
  await session.secrets.delete({ environment, path: 'GONE' });
  await session.workspaces.create({ name: 'billing' });
  await session.secrets.write(
    { workspace: 'billing', environment, path: 'A', value: 'b' },
    { idempotencyKey: 'once' },
  );
  const made = await session.backups.create({ directory: join(root, 'backups') });
  file = made.file;
  bytes = new Uint8Array(readFileSync(file));
  ({ verifierKeys } = await session.backups.key());
  const keyId = parts.keyring.newest('backup-ed25519')?.id ?? '';
  pkcs8 = parts.keyring.unwrap(keyId);
  await parts.vault.close();
});
afterAll(() => {
  place.remove();
  rmSync(root, { recursive: true, force: true });
});

let count = 0;

/** A machine on which nothing is but the key. */
function emptyMachine(): { readonly to: string; readonly configDirectory: string } {
  count += 1;
  return {
    to: join(root, `machine-${count}`, 'vault'),
    configDirectory: join(root, `machine-${count}`),
  };
}

const keys = (): { readonly keys: readonly [{ kind: 'keyfile'; path: string }] } => ({
  keys: [{ kind: 'keyfile', path: place.keyFile }],
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'nothing';
  } catch (error) {
    if (error instanceof StrongroomError) return error.code;
    throw error;
  }
}

describe('restoring a whole vault', () => {
  it('gives everything back on an empty machine, under a new log', async () => {
    const { to, configDirectory } = emptyMachine();
    const restored = await restoreVault(to, { file, ...keys(), by: OWNER, configDirectory });
    expect(restored).toMatchObject({ secrets: 4, versions: 5, restoreGeneration: 1 });
    const vault = await openVault(to, { ...keys(), configDirectory, holder: 'a test' });
    const session = createSession(vault, { principal: OWNER }, 'library');
    const read = await session.secrets.read({ environment, path: 'db/PASSWORD', version: 1 });
    expect(read.value?.reveal()).toBe('first');
    expect((await session.secrets.read({ environment, path: 'LARGE' })).value?.reveal()).toBe(
      LARGE,
    );
    await session.secrets.undelete({ environment, path: 'GONE' });
    const { entries } = await session.audit.query({ action: 'audit.log-started' });
    expect(entries).toMatchObject([{ seq: 0, actor_name: OWNER, actor_kind: 'user' }]);
    expect(entries[0]?.detail).toMatch(/^restored from backup \S+ of \S+; follows log \S+$/);
    expect(entries[0]?.checkpoint).toContain('strongroom/');
    await session.audit.verify();
    expect(
      (await session.backups.create({ directory: join(root, 'again') })).provenAt,
    ).not.toBeNull();
    await vault.close();
  });

  it('has the same rows as the vault had, but for what a restore changes', async () => {
    const { to, configDirectory } = emptyMachine();
    await restoreVault(to, { file, ...keys(), by: OWNER, configDirectory });
    const dumps = [];
    for (const directory of [place.path, to]) {
      const store = openSqlite(directory);
      const tables = await store.read(async (transaction) => {
        let end = '';
        await dumpTables(transaction, (frame) => {
          if (frame[4] === 0x45) end = Buffer.from(frame.subarray(5)).toString();
        });
        return JSON.parse(end) as { tables: { table: string; sha256: string }[] };
      });
      await store.close();
      dumps.push(tables.tables);
    }
    const [before = [], after = []] = dumps;
    const changed = before.filter(({ sha256 }, at) => after[at]?.sha256 !== sha256);
    expect(changed.map(({ table }) => table)).toEqual([
      'vault',
      'keys',
      'integrity',
      'backups',
      'audit_logs',
      'audit_entries',
      'audit_heads',
      'audit_checkpoints',
    ]);
  });

  it('A69 raises the generation, and what could be used again is not there', async () => {
    const { to, configDirectory } = emptyMachine();
    await restoreVault(to, { file, ...keys(), by: OWNER, configDirectory });
    const restored = { ...place, path: to };
    const found = tamper(restored, (db) => ({
      generation: db.prepare('SELECT restore_generation FROM vault').get()?.['restore_generation'],
      answers: db.prepare('SELECT count(*) AS n FROM idempotency').get()?.['n'],
      attempts: db.prepare('SELECT count(*) AS n FROM verify_attempts').get()?.['n'],
    }));
    expect(found).toEqual({ generation: 1, answers: 0, attempts: 0 });
    const before = tamper(place, (db) => db.prepare('SELECT count(*) AS n FROM idempotency').get());
    expect(before?.['n']).toBe(1);
  });

  it('A91 refuses the vault that was there before, and an older copy of the restored one', async () => {
    const { to, configDirectory } = emptyMachine();
    const restore = { file, ...keys(), by: OWNER, configDirectory };
    await restoreVault(to, restore);
    const options = { ...keys(), configDirectory, holder: 'a test' };
    const old = readFileSync(join(to, 'vault.db'));
    const vault = await openVault(to, options);
    await vault.close();
    writeFileSync(join(to, 'vault.db'), old);
    expect(await codeOf(openVault(to, options))).toBe('rollback_detected');
    expect(await codeOf(openVault(place.path, options))).toBe('rollback_detected');
  });

  it('is refused where this machine knows the vault, unless it takes its place', async () => {
    const { to, configDirectory } = emptyMachine();
    const { checkpoint } = vaultConfigFiles(place.made.id, configDirectory);
    const known = readFileSync(vaultConfigFiles(place.made.id, place.configDirectory).checkpoint);
    mkdirSync(join(checkpoint, '..'), { recursive: true });
    writeFileSync(checkpoint, known);
    const options = { file, ...keys(), by: OWNER, configDirectory };
    await expect(restoreVault(to, options)).rejects.toMatchObject({
      code: 'vault_has_checkpoint',
      hint: expect.stringContaining('backup verify') as string,
    });
    expect(existsSync(to)).toBe(false);
    expect(readFileSync(checkpoint)).toEqual(known);
    const live = await openVault(place.path, { ...keys(), configDirectory, holder: 'a test' });
    await live.close();
    await restoreVault(to, { ...options, replace: true });
    const vault = await openVault(to, { ...keys(), configDirectory, holder: 'a test' });
    await vault.close();
  });

  it('opens when it was stopped before the new checkpoint was kept outside', async () => {
    const { to, configDirectory } = emptyMachine();
    const { checkpoint } = vaultConfigFiles(place.made.id, configDirectory);
    const known = readFileSync(vaultConfigFiles(place.made.id, place.configDirectory).checkpoint);
    mkdirSync(join(checkpoint, '..'), { recursive: true });
    writeFileSync(checkpoint, known);
    await restoreVault(to, { file, ...keys(), by: OWNER, configDirectory, replace: true });
    writeFileSync(checkpoint, known);
    const vault = await openVault(to, { ...keys(), configDirectory, holder: 'a test' });
    await vault.close();
    expect(readFileSync(checkpoint)).not.toEqual(known);
  });

  it.each([
    ['a vault', 'vault_exists', (to: string) => writeFileSync(join(to, 'vault.db'), '')],
    ['anything else', 'file_exists', (to: string) => writeFileSync(join(to, 'notes'), '')],
  ] as const)('is refused where %s is', async (_, code, fill) => {
    const { to, configDirectory } = emptyMachine();
    mkdirSync(to, { recursive: true });
    fill(to);
    const before = readdirSync(to);
    expect(await codeOf(restoreVault(to, { file, ...keys(), by: OWNER, configDirectory }))).toBe(
      code,
    );
    expect(readdirSync(to)).toEqual(before);
  });

  it('removes what a killed attempt left', async () => {
    const { to, configDirectory } = emptyMachine();
    for (const name of ['.restore-of-before', '.init-of-before']) {
      mkdirSync(join(to, name), { recursive: true });
      writeFileSync(join(to, name, 'vault.db'), 'half');
    }
    await restoreVault(to, { file, ...keys(), by: OWNER, configDirectory });
    expect(readdirSync(to).filter((name) => !name.startsWith('lock'))).toEqual(['vault.db']);
  });

  it('leaves nothing behind when the rows that decide are not what they were', async () => {
    const other = await makeTemporaryVault();
    const { vault, session } = await openSession(other);
    tamper(other, (db) => db.exec('UPDATE roles SET name = name || 1'));
    const directory = join(root, 'altered');
    const altered = await session.backups.create({ directory, proof: 'later' });
    await vault.close();
    const { to, configDirectory } = emptyMachine();
    const opener = [{ kind: 'keyfile', path: other.keyFile }] as const;
    const options = { file: altered.file, keys: opener, by: OWNER, configDirectory };
    expect(await codeOf(restoreVault(to, options))).toBe('integrity_error');
    expect(existsSync(to)).toBe(false);
    expect(existsSync(vaultConfigFiles(other.made.id, configDirectory).checkpoint)).toBe(false);
    mkdirSync(to, { recursive: true });
    expect(await codeOf(restoreVault(to, options))).toBe('integrity_error');
    expect(readdirSync(to)).toEqual([]);
    other.remove();
  });

  it('needs a key of a slot that the vault had', async () => {
    const { to, configDirectory } = emptyMachine();
    expect(await codeOf(restoreVault(to, { file, by: OWNER, configDirectory }))).toBe(
      'key_not_found',
    );
    const other = await makeTemporaryVault();
    const wrong = [{ kind: 'keyfile', path: other.keyFile }] as const;
    expect(await codeOf(restoreVault(to, { file, keys: wrong, by: OWNER, configDirectory }))).toBe(
      'wrong_key',
    );
    other.remove();
    expect(existsSync(to)).toBe(false);
  });

  it('opens with every kind of slot', async () => {
    const path = join(root, 'many');
    const configDirectory = join(root, 'many-config');
    const passphrase = SecretValue.text('correct horse battery staple');
    const env = SecretValue.text(Buffer.alloc(32, 5).toString('base64'));
    const made = await initVault(path, {
      owner: OWNER,
      configDirectory,
      slots: [
        { kind: 'passphrase', passphrase, kdf: 'pbkdf2' },
        { kind: 'env', key: env },
        { kind: 'recovery' },
        { kind: 'shamir', threshold: 2, shares: 3 },
      ],
    });
    const openers = [
      { kind: 'passphrase', passphrase },
      { kind: 'env', key: env },
      { kind: 'recovery', token: made.recovery ?? env },
      { kind: 'shamir', shares: (made.shares ?? []).slice(1) },
    ] as const;
    const vault = await openVault(path, { configDirectory, keys: [openers[1]], holder: 'a test' });
    const session = createSession(vault, { principal: OWNER }, 'library');
    const backup = await session.backups.create({ directory: join(root, 'many-backups') });
    await vault.close();
    for (const opener of openers) {
      const machine = emptyMachine();
      const { to } = machine;
      const { restoreGeneration } = await restoreVault(to, {
        file: backup.file,
        keys: [opener],
        by: OWNER,
        configDirectory: machine.configDirectory,
      });
      expect(restoreGeneration).toBe(1);
    }
  }, 30_000);
});

describe('A backup that is not as it was written', () => {
  /** Where the body begins, and how it is cut. */
  function layout(): { readonly from: number; readonly end: number } {
    return { from: parseHeader(bytes).length, end: bytes.length - 64 };
  }

  /** Signed again, as somebody could who has the signing key but not the key of the body. */
  function signedAgain(changed: Uint8Array): Uint8Array {
    const body = changed.subarray(0, changed.length - 64);
    const digest = new Uint8Array(createHash('sha256').update(body).digest());
    const key = importSigningKey('ed25519', pkcs8);
    return Uint8Array.from(Buffer.concat([body, sign(key, signedMessage(digest))]));
  }

  /** Variants spread evenly over the file: flipped bits, cuts, chunks in other places. */
  function* variants(flips: number, cuts: number): Generator<Uint8Array, void, undefined> {
    for (let nth = 0; nth < flips; nth += 1) {
      const at = Math.floor((nth * bytes.length) / flips);
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (nth % 8));
      yield changed;
    }
    for (let nth = 0; nth < cuts; nth += 1) {
      yield bytes.slice(0, Math.floor((nth * bytes.length) / cuts));
    }
    const { from, end } = layout();
    const starts = [];
    for (let at = from; at < end; at += SEALED_CHUNK_BYTES) starts.push(at);
    expect(starts.length).toBeGreaterThan(2);
    for (const a of starts) {
      const without = Buffer.concat([bytes.subarray(0, a), bytes.subarray(a + SEALED_CHUNK_BYTES)]);
      yield new Uint8Array(without);
      for (const b of starts) {
        if (b === a || b + SEALED_CHUNK_BYTES > end) continue;
        const changed = bytes.slice();
        changed.copyWithin(a, b, b + SEALED_CHUNK_BYTES);
        yield changed;
      }
    }
  }

  async function outcomes(made: Iterable<Uint8Array>): Promise<Map<string, number>> {
    const { to, configDirectory } = emptyMachine();
    const path = join(root, 'variant.backup');
    const found = new Map<string, number>();
    for (const variant of made) {
      writeFileSync(path, variant);
      const code = await codeOf(
        restoreVault(to, { file: path, ...keys(), by: OWNER, configDirectory }),
      );
      found.set(code, (found.get(code) ?? 0) + 1);
    }
    expect(existsSync(to)).toBe(false);
    return found;
  }

  /** What refuses a changed file; which one depends on what was changed. */
  const REFUSALS = ['backup_damaged', 'schema_too_new', 'wrong_key', 'key_not_found'];
  const refusals = [...REFUSALS, 'integrity_error', 'kdf_out_of_bounds'];

  /** Flips bits all over one file, one at a time; most of the time of a test would go into writing it anew. */
  async function flipsInPlace(flips: number, found: Map<string, number>): Promise<void> {
    const { to, configDirectory } = emptyMachine();
    const path = join(root, 'flipped.backup');
    writeFileSync(path, bytes);
    const handle = openSync(path, 'r+');
    for (let nth = 0; nth < flips; nth += 1) {
      const at = Math.floor((nth * bytes.length) / flips);
      const byte = bytes[at] ?? 0;
      writeSync(handle, Uint8Array.of(byte ^ (1 << (nth % 8))), 0, 1, at);
      const options = { file: path, ...keys(), by: OWNER, configDirectory };
      const code = await codeOf(restoreVault(to, options));
      found.set(code, (found.get(code) ?? 0) + 1);
      writeSync(handle, Uint8Array.of(byte), 0, 1, at);
    }
    closeSync(handle);
    expect(existsSync(to)).toBe(false);
    expect(new Uint8Array(readFileSync(path))).toEqual(bytes);
  }

  it('F14 F8 is refused in 10,000 of 10,000 variants before the target is touched', async () => {
    const found = await outcomes(variants(0, 1000));
    await flipsInPlace(9000, found);
    expect([...found.keys()].filter((code) => !refusals.includes(code))).toEqual([]);
    const total = [...found.values()].reduce((sum, n) => sum + n, 0);
    expect(total).toBeGreaterThanOrEqual(10_000);
  }, 300_000);

  it('F14 is refused by its chunks and rows alone where the signature holds', async () => {
    const { from } = layout();
    const made = [...variants(200, 100)]
      .filter((variant) => variant.length > from + 64)
      .filter((variant) => Buffer.compare(variant.subarray(0, from), bytes.subarray(0, from)) === 0)
      .filter((variant) => Buffer.compare(variant.subarray(0, -64), bytes.subarray(0, -64)) !== 0);
    const found = await outcomes(made.map(signedAgain));
    expect([...found.keys()]).toEqual(['backup_damaged']);
    expect(found.get('backup_damaged')).toBeGreaterThan(200);
  }, 180_000);

  it('F14 is refused with a chunk of another backup of the same vault', async () => {
    const { session, vault } = await openSession(place);
    const other = await session.backups.create({ directory: join(root, 'other'), proof: 'later' });
    await vault.close();
    const foreign = new Uint8Array(readFileSync(other.file));
    const { from } = layout();
    const at = parseHeader(foreign).length;
    const changed = bytes.slice();
    changed.set(foreign.subarray(at, at + SEALED_CHUNK_BYTES), from);
    const spliced = [changed, signedAgain(changed)];
    expect([...(await outcomes(spliced))]).toEqual([['backup_damaged', 2]]);
  });

  it('F8 is found without any secret key, wherever it was changed', async () => {
    const path = join(root, 'keyless.backup');
    for (const variant of variants(400, 40)) {
      writeFileSync(path, variant);
      const code = await codeOf(verifyBackupFile(path, verifierKeys));
      expect(['backup_damaged', 'backup_unverifiable', 'schema_too_new']).toContain(code);
    }
    writeFileSync(path, bytes);
    expect(await verifyBackupFile(path, verifierKeys)).toMatchObject({ secrets: 4, versions: 5 });
  });

  it('is told apart from one that another key signed', async () => {
    const other = await makeTemporaryVault();
    const opened = await openSession(other);
    const key = await opened.session.backups.key();
    const foreign = await opened.session.backups.create({ directory: join(root, 'foreign') });
    expect(await codeOf(verifyBackupFile(file, key.verifierKeys))).toBe('backup_unverifiable');
    expect(await codeOf(verifyBackupFile(foreign.file, verifierKeys))).toBe('backup_unverifiable');
    await opened.vault.close();
    const vault = await openTemporaryVault(place);
    const session = createSession(vault, { principal: OWNER }, 'library');
    expect(await codeOf(session.backups.verify({ file: foreign.file }))).toBe(
      'backup_of_another_vault',
    );
    await vault.close();
    other.remove();
  });

  it('of a later format is refused by name', async () => {
    const path = join(root, 'later.backup');
    const later = Buffer.from(bytes);
    later.write('9', 'strongroom.backup/'.length);
    writeFileSync(path, later);
    expect(await codeOf(verifyBackupFile(path, verifierKeys))).toBe('schema_too_new');
    expect(statSync(path).size).toBe(bytes.length);
  });
});
