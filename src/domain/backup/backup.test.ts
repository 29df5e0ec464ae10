import { createHash, type Hash, type KeyObject } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CHUNK_BYTES, ChunkOpener, ChunkSealer, SEALED_CHUNK_BYTES } from '../../crypto/chunks.ts';
import { concat } from '../../lib/bytes.ts';
import { openSqlite } from '../../store/sqlite.ts';
import { migrate, SCHEMA_VERSION } from '../../store/migrate.ts';
import * as protectedTables from '../../store/protected-tables.ts';
import type { Store } from '../../store/store.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  temporaryDirectory,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { unlockHeader } from './backup-header.ts';
import { backupName } from './backup-file.ts';
import { backupTables } from './backup-tables.ts';
import { fillStore } from './fill-store.ts';
import { FRAME, frameLength, LENGTH_BYTES } from './frames.ts';
import { readTables, verifySignature, withBackupFile, type BackupFile } from './read-backup.ts';
import { findSigner, type BackupSigner } from './signing-key.ts';
import { dumpTables, type TableDigest } from './snapshot.ts';
import { writeBackup } from './write-backup.ts';

let place: TemporaryVault;
let parts: OpenParts;
let directory: string;

beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  directory = temporaryDirectory();
  await parts.as(OWNER).backups.key();
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** What the end of a dump says of each table: the hash of the full logical dump. */
function digestOf(store: Store): Promise<readonly TableDigest[]> {
  return store.read(async (transaction) => {
    let end = '';
    await dumpTables(transaction, (frame) => {
      if (frame[LENGTH_BYTES] !== FRAME.end) return;
      end = Buffer.from(frame.subarray(LENGTH_BYTES + 1)).toString();
    });
    return (JSON.parse(end) as { readonly tables: readonly TableDigest[] }).tables;
  });
}

/** Writes a backup; gives where it is, and the key that signed it. */
async function written(): Promise<{ readonly path: string; readonly signer: BackupSigner }> {
  const { store, keyring, mac, log } = parts;
  const signer = findSigner(keyring);
  if (signer === undefined) throw new TypeError('the key was made before');
  const auditKeys = log.verifierKeys;
  const options = { store, keyring, mac, signer, directory, auditKeys, now: Date.now };
  const { path } = await writeBackup(options);
  return { path, signer };
}

/** Writes a backup, and fills a new database with it. */
async function thereAndBack(name: string): Promise<readonly TableDigest[]> {
  const { keyring } = parts;
  const { path } = await written();
  const copy = openSqlite(join(directory, name), { create: true });
  try {
    await migrate(copy);
    await withBackupFile(path, (file) =>
      fillStore(copy, file, unlockHeader(file, keyring.backupKey())),
    );
    return await digestOf(copy);
  } finally {
    await copy.close();
    rmSync(path);
  }
}

/** What who has the key of a file can put in its place: another name of an environment. */
function withOtherBody({ path, length }: BackupFile, key: KeyObject): Uint8Array {
  const bytes = new Uint8Array(readFileSync(path));
  const opener = new ChunkOpener(key);
  const plaintext = Buffer.concat(
    chunksOf(bytes.subarray(length, -64), SEALED_CHUNK_BYTES).map((chunk, index, { length: all }) =>
      opener.open(chunk, index + 1 === all),
    ),
  );
  const digests = new Map<string, Hash>();
  let [table, before] = ['', ''];
  for (let at = 0; at < plaintext.length;) {
    const end = at + LENGTH_BYTES + frameLength(plaintext.subarray(at, at + LENGTH_BYTES));
    const frame = plaintext.subarray(at, end);
    const kind = frame[LENGTH_BYTES];
    const content = frame.toString('latin1', LENGTH_BYTES + 1);
    if (kind === FRAME.table) table = (JSON.parse(content) as { readonly table: string }).table;
    const digest = digests.get(table) ?? createHash('sha256');
    digests.set(table, digest);
    const name = table === 'environments' ? frame.indexOf('production') : -1;
    if (name >= 0) frame.write('productiom', name);
    if (kind === FRAME.end) {
      const { tables } = JSON.parse(content) as { readonly tables: readonly TableDigest[] };
      before = tables.find((each) => each.table === 'environments')?.sha256 ?? '';
      const after = digests.get('environments')?.digest('hex') ?? '';
      expect(after).not.toBe(before);
      frame.write(after, frame.indexOf(before));
    } else digest.update(frame);
    at = end;
  }
  const sealer = new ChunkSealer(key);
  const sealed = chunksOf(plaintext, CHUNK_BYTES).map((chunk, index, { length: all }) =>
    sealer.seal(chunk, index + 1 === all),
  );
  return concat([bytes.subarray(0, length), ...sealed, bytes.subarray(-64)]);
}

function chunksOf(bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

describe('a backup', () => {
  it('has every table with a row MAC, but those whose rows must not come back', () => {
    const names = Object.values(protectedTables).flatMap((each): string[] =>
      'table' in each ? [each.table] : [],
    );
    const there = backupTables(SCHEMA_VERSION).map(({ table }): string => table);
    const left = ['tokens', 'factor_uses', 'attempts', 'verify_attempts'];
    expect(names.filter((name) => !there.includes(name)).toSorted()).toEqual(left.toSorted());
    const earlier = backupTables(2).map(({ table }): string => table);
    const added = ['factors', 'auth_methods', 'revocations'];
    expect(there.filter((name) => !earlier.includes(name))).toEqual(added);
  });

  it('F14 gives back the same full logical dump, whatever is in the vault', async () => {
    const session = parts.as(OWNER);
    const path = fc.stringMatching(/^[A-Z]{1,2}(\/[a-z]{1,3}){0,2}$/);
    const value = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 50 }),
      fc.nat(200_000).map((length) => new Uint8Array(length).fill(length)),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string(), {
        minKeys: 1,
        noNullPrototype: true,
      }),
    );
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(path, value), { minLength: 1, maxLength: 8 }),
        async (writes) => {
          for (const [at, content] of writes) {
            await session.secrets
              .write({ environment: 'production', path: at, value: content, tags: ['a'] })
              .catch(() => undefined);
          }
          await session.secrets
            .delete({ environment: 'production', path: writes[0]?.[0] ?? '' })
            .catch(() => undefined);
          runs += 1;
          mkdirSync(join(directory, `run-${runs}`));
          const before = await digestOf(parts.store);
          const copied = await thereAndBack(`run-${runs}`);
          // A checkpoint may be signed meanwhile.
          expect([before, await digestOf(parts.store)]).toContainEqual(copied);
        },
      ),
      { numRuns: 8 },
    );
    expect(
      (await digestOf(parts.store)).find(({ table }) => table === 'secrets')?.rows,
    ).toBeGreaterThan(5);
  }, 180_000);

  it('gives back rows that are larger than what is read at once', async () => {
    const session = parts.as(OWNER);
    const at = { environment: 'production', path: 'LARGE' };
    for (const [size, letter] of [
      [1, 'a'],
      [1024 * 1024, 'b'],
      [200_000, 'c'],
      [1, 'd'],
    ] as const) {
      await session.secrets.write({ ...at, value: letter.repeat(size) });
    }
    mkdirSync(join(directory, 'large'));
    const before = await digestOf(parts.store);
    expect([before, await digestOf(parts.store)]).toContainEqual(await thereAndBack('large'));
  });

  it('leaves nothing of what was decrypted once the next rows are asked for', async () => {
    const { path } = await written();
    const seen: Uint8Array[] = [];
    await withBackupFile(path, async (file) => {
      const keys = unlockHeader(file, parts.keyring.backupKey());
      for await (const { rows } of readTables(file, keys)) {
        expect(rows.some((row) => row.some((byte) => byte !== 0))).toBe(true);
        seen.push(...rows);
      }
    });
    expect(seen.length).toBeGreaterThan(10);
    expect(seen.filter((row) => row.some((byte) => byte !== 0))).toEqual([]);
    rmSync(path);
  });

  it('leaves nothing of what was decrypted to who stops filling a database in the middle', async () => {
    const { path } = await written();
    const seen: Uint8Array[] = [];
    mkdirSync(join(directory, 'stopped'));
    const copy = openSqlite(join(directory, 'stopped'), { create: true });
    try {
      await migrate(copy);
      const filled = withBackupFile(path, (file) =>
        fillStore(copy, file, unlockHeader(file, parts.keyring.backupKey()), (_table, row) => {
          for (const value of Object.values(row)) if (value instanceof Uint8Array) seen.push(value);
          if (seen.length === 0) return;
          expect(seen.some((bytes) => bytes.some((byte) => byte !== 0))).toBe(true);
          throw new RangeError('enough');
        }),
      );
      await expect(filled).rejects.toThrow('enough');
    } finally {
      await copy.close();
      rmSync(path);
    }
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((bytes) => bytes.some((byte) => byte !== 0))).toEqual([]);
  });

  it('A91 is the file whose signature was verified up to its last row', async () => {
    const { path, signer } = await written();
    const keysOf = (file: BackupFile) => unlockHeader(file, parts.keyring.backupKey());
    const readAll = async (file: BackupFile): Promise<number> => {
      let rows = 0;
      for await (const part of readTables(file, keysOf(file))) rows += part.rows.length;
      return rows;
    };
    await withBackupFile(path, async (file) => {
      await verifySignature(file, [signer.key]);
      expect(await readAll(file)).toBeGreaterThan(10);
      writeFileSync(path, withOtherBody(file, keysOf(file).body));
      await expect(readAll(file)).rejects.toMatchObject({ code: 'backup_damaged' });
    });
    // Nothing else is wrong with the file that took its place.
    expect(await withBackupFile(path, readAll)).toBeGreaterThan(10);
    rmSync(path);
  });

  it('A91 has the header that its signature was verified with', async () => {
    const { path, signer } = await written();
    const bytes = readFileSync(path);
    await withBackupFile(path, async (file) => {
      const other = bytes.subarray(0, -64);
      other.write(place.made.id, other.indexOf(file.header.id));
      const signature = signer.sign(new Uint8Array(createHash('sha256').update(other).digest()));
      writeFileSync(path, concat([other, signature]));
      await expect(verifySignature(file, [signer.key])).rejects.toMatchObject({
        code: 'backup_damaged',
      });
    });
    // Read together, that header and that signature go with each other.
    await withBackupFile(path, (file) => verifySignature(file, [signer.key]));
    rmSync(path);
  });

  it('A95 has a name that cannot lead out of its directory', () => {
    expect(backupName(place.made.id, 0)).toBe(
      `strongroom-${place.made.id}-19700101T000000.000Z.backup`,
    );
    for (const id of ['../x', '/etc/passwd', 'a\0b']) {
      expect(() => backupName(id, 0)).toThrow(RangeError);
    }
  });
});
