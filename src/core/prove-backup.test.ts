import { realpathSync, rmSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { findSigner } from '../domain/backup/signing-key.ts';
import { writeBackup } from '../domain/backup/write-backup.ts';
import { TILE_WIDTH } from '../merkle/tile.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  temporaryDirectory,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { proveBackup, type ProvenBackup } from './prove-backup.ts';
import type { Session } from './session.ts';

const at = { environment: 'production', path: 'KEY' };

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let directory: string;

beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  directory = realpathSync(temporaryDirectory());
  for (const value of ['first', 'second']) await session.secrets.write({ ...at, value });
  // Makes the key that backups are signed with.
  await session.backups.create({ directory, proof: 'later' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** What proves a backup of what the database holds now. */
async function written(): Promise<() => Promise<ProvenBackup>> {
  const { store, keyring, mac, log } = parts;
  const signer = findSigner(keyring);
  if (signer === undefined) throw new TypeError('the key was made before');
  const options = { store, keyring, mac, signer, now: Date.now };
  const { path } = await writeBackup({ ...options, directory, auditKeys: log.verifierKeys });
  return () => proveBackup(path, { ...options, directory: place.path });
}

describe('the proof of a backup', () => {
  it('is made of a vault that is whole', async () => {
    const prove = await written();
    expect(await prove()).toMatchObject({ decrypted: 1 });
  });

  it('A91 fails if an entry of the record was altered', async () => {
    const renameIn = (seq: number, from: string, to: string): void => {
      tamper(place, (db) => {
        const alter = db.prepare(
          'UPDATE audit_entries SET body = replace(body, ?, ?) WHERE seq = ?',
        );
        expect(alter.run(`"path":"${from}"`, `"path":"${to}"`, seq).changes).toBe(1);
      });
    };
    // Opening a log computes again what fills no tile or is under no checkpoint: this one is neither.
    const secrets = Array.from({ length: TILE_WIDTH }, (_, nth) => ({
      path: `s/${nth}`,
      value: 'v',
    }));
    await session.secrets.import({ environment: at.environment, secrets });
    await session.audit.checkpoint();
    const { entries } = await session.audit.query({ path: at.path });
    const seq = entries.at(-1)?.seq ?? -1;
    expect(seq).toBeLessThan(TILE_WIDTH);
    renameIn(seq, at.path, 'SUB');
    const prove = await written();
    // The vault itself would find it, too.
    renameIn(seq, 'SUB', at.path);
    await expect(prove()).rejects.toMatchObject({ code: 'audit_tampered' });
  });

  it.each([1, 2])('A91 fails if version %d of a secret is missing', async (version) => {
    tamper(place, (db) => db.prepare('DELETE FROM versions WHERE version = ?').run(version));
    const prove = await written();
    await expect(prove()).rejects.toMatchObject({ code: 'integrity_error' });
  });
});
