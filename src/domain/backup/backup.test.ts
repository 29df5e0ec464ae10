import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

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
import { FRAME, LENGTH_BYTES } from './frames.ts';
import { readTables, withBackupFile } from './read-backup.ts';
import { findSigner } from './signing-key.ts';
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

/** Writes a backup, and fills a new database with it. */
async function thereAndBack(name: string): Promise<readonly TableDigest[]> {
  const { store, keyring, mac, log } = parts;
  const signer = findSigner(keyring);
  if (signer === undefined) throw new TypeError('the key was made before');
  const auditKeys = log.verifierKeys;
  const options = { store, keyring, mac, signer, directory, auditKeys, now: Date.now };
  const { path } = await writeBackup(options);
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
    const { store, keyring, mac, log } = parts;
    const signer = findSigner(keyring);
    if (signer === undefined) throw new TypeError('the key was made before');
    const auditKeys = log.verifierKeys;
    const options = { store, keyring, mac, signer, directory, auditKeys, now: Date.now };
    const { path } = await writeBackup(options);
    const seen: Uint8Array[] = [];
    await withBackupFile(path, async (file) => {
      const keys = unlockHeader(file, keyring.backupKey());
      for await (const { rows } of readTables(file, keys)) {
        expect(rows.some((row) => row.some((byte) => byte !== 0))).toBe(true);
        seen.push(...rows);
      }
    });
    expect(seen.length).toBeGreaterThan(10);
    expect(seen.filter((row) => row.some((byte) => byte !== 0))).toEqual([]);
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
