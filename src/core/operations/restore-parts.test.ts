import { realpathSync, rmSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { findSigner } from '../../domain/backup/signing-key.ts';
import { writeBackup } from '../../domain/backup/write-backup.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  putRow,
  storedRows,
  tamper,
  temporaryDirectory,
  type OpenParts,
  type StoredRow,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { readParts } from '../backup-parts.ts';
import type { Session } from '../session.ts';

const environment = 'production';
const ALL = ['list', 'read', 'write', 'delete', 'admin'] as const;

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let eve: Session;
let directory: string;

beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  directory = realpathSync(temporaryDirectory());
  await session.secrets.write({ environment, path: 'x1', value: 'first' });
  await session.users.create({ name: 'eve' });
  eve = parts.as('eve');
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
  rmSync(directory, { recursive: true, force: true });
});

async function grant(pattern: string, can: readonly (typeof ALL)[number][]): Promise<void> {
  await session.access.grant({ subject: 'user:eve', can: [...can], pattern });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing',
    (error: unknown) => String((error as { code?: unknown }).code),
  );
}

describe('the rights to bring secrets back', () => {
  it('A36 gives nobody a secret that they may not read', async () => {
    const { file, id } = await session.backups.create({ directory, proof: 'later' });
    await grant('default/production/eve/**', ALL);
    const as = { environment, path: 'x1', as: 'eve/got' };
    expect(await codeOf(eve.backups.restoreParts({ id, ...as }))).toBe('denied');
    await grant('default/production/x1', ['write', 'list']);
    expect(await codeOf(eve.backups.restoreParts({ id, ...as }))).toBe('denied');
    await grant('default/production/x1', ['read']);
    expect(await codeOf(eve.backups.restoreParts({ file, ...as }))).toBe('denied');
    const { secrets } = await eve.backups.restoreParts({ id, ...as });
    expect(secrets).toMatchObject([{ path: 'eve/got', outcome: 'created' }]);
  });

  it('A36 needs to read a secret both where it is and where the backup has it', async () => {
    await session.secrets.write({ environment, path: 'eve/OPEN', value: 'mine' });
    const open = await session.backups.create({ directory, proof: 'later' });
    await grant('default/production/eve/**', ALL);
    await session.secrets.rename({ environment, path: 'eve/OPEN', to: 'CLOSED' });
    const then = { id: open.id, environment, path: 'eve/OPEN', as: 'eve/got' };
    expect(await codeOf(eve.backups.restoreParts(then))).toBe('denied');
    await session.secrets.rename({ environment, path: 'x1', to: 'eve/x1' });
    const now = { id: open.id, environment, path: 'eve/x1', as: 'eve/got' };
    expect(await codeOf(eve.backups.restoreParts(now))).toBe('denied');
  });

  it('A36 lets only those name files who may see what backups there are', async () => {
    await grant('default/production/**', ALL);
    const at = { environment, path: 'x1' };
    expect(await codeOf(eve.backups.restoreParts({ file: '/etc/passwd', ...at }))).toBe('denied');
    const { id } = await session.backups.create({ directory, proof: 'later' });
    const keys = [{ kind: 'keyfile', path: '/etc/passwd' }] as const;
    expect(await codeOf(eve.backups.restoreParts({ id, keys, ...at }))).toBe('denied');
    await grant('sys/backups', ['read']);
    expect(await codeOf(eve.backups.restoreParts({ id, keys, ...at }))).toBe('key_file_exposed');
    expect(await codeOf(eve.backups.restoreParts({ file: '/etc/passwd', ...at }))).toBe(
      'backup_damaged',
    );
    const both = { file: '/a', id: '01a20330-85cd-7001-9160-adf9742e163d', ...at };
    expect(await codeOf(session.backups.restoreParts(both))).toBe('invalid_input');
    expect(await codeOf(session.backups.restoreParts(at))).toBe('invalid_input');
  });

  it('puts on record what was read out of the backup, with path and version', async () => {
    const { file, id } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.write({ environment, path: 'x1', value: 'second' });
    await session.backups.restoreParts({ file, environment, path: 'x1', as: 'copy' });
    const { entries } = await session.audit.query({ action: 'secrets.read' });
    expect(entries).toMatchObject([{ path: 'x1', version: 1, detail: `backup ${id}` }]);
    await session.audit.verify();
  });
});

describe('what a backup does not have', () => {
  it('is said to be missing', async () => {
    const { id } = await session.backups.create({ directory, proof: 'later' });
    await session.environments.create({ name: 'later' });
    await session.secrets.write({ environment: 'later', path: 'x1', value: 'new' });
    for (const [input, code] of [
      [{ environment, path: 'NONE' }, 'secret_not_found'],
      [{ environment: 'later' }, 'environment_not_found'],
    ] as const) {
      expect(await codeOf(session.backups.restoreParts({ id, ...input }))).toBe(code);
    }
  });
});

describe('a workspace with many secrets', () => {
  it('is brought back out of one reading of the file', async () => {
    const secrets = Array.from({ length: 1100 }, (_, nth) => ({ path: `s/${nth}`, value: 'v' }));
    for (const at of ['production', 'staging']) {
      await session.secrets.import({ environment: at, secrets: secrets.slice(0, 550) });
    }
    const { id } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.write({ environment, path: 's/7', value: 'changed' });
    const restored = await session.backups.restoreParts({ id });
    expect(restored.next).toBeUndefined();
    expect(restored.secrets).toHaveLength(1101);
    expect(restored.secrets.filter(({ outcome }) => outcome === 'changed')).toHaveLength(1);
  });
});

describe('a workspace with large secrets', () => {
  it('is brought back in pages, none of which leaves one out', async () => {
    const value = 'v'.repeat(1024 * 1024);
    const paths = Array.from({ length: 67 }, (_, nth) => `large/${nth}`);
    for (const path of paths) await session.secrets.write({ environment, path, value });
    const { id } = await session.backups.create({ directory, proof: 'later' });
    const first = await session.backups.restoreParts({ id });
    expect(first.next).toBeDefined();
    const second = await session.backups.restoreParts({ id, after: first.next });
    expect(second.next).toBeUndefined();
    const restored = [...first.secrets, ...second.secrets].map(({ path }) => path);
    expect(restored.toSorted()).toEqual([...paths, 'x1'].toSorted());
  });
});

describe('A34 a workspace that has the name of one that was deleted', () => {
  const at = { workspace: 'team', environment, path: 'KEY' };
  const restore = { ...at };

  beforeEach(async () => {
    await session.workspaces.create({ name: 'team' });
    await session.secrets.write({ ...at, value: 'of the old team' });
  });

  async function another(): Promise<string> {
    const { id } = await session.backups.create({ directory, proof: 'later' });
    await session.workspaces.delete({ name: 'team' });
    await session.workspaces.create({ name: 'team' });
    await session.roles.assign({ name: 'owner', member: 'user:eve', workspace: 'team' });
    return id;
  }

  it('A34 gets nothing of it back from a backup', async () => {
    const id = await another();
    await grant('sys/backups', ['read']);
    for (const input of [restore, { ...restore, path: 'NONE' }, { workspace: 'team' }]) {
      expect(await codeOf(eve.backups.restoreParts({ id, ...input }))).toBe('workspace_not_found');
    }
    expect((await session.secrets.list({ workspace: 'team' })).secrets).toEqual([]);
  });

  it('A34 gets it back from an owner of the whole vault', async () => {
    const id = await another();
    const { secrets } = await session.backups.restoreParts({ id, ...restore });
    expect(secrets).toMatchObject([{ path: 'KEY', outcome: 'revived' }]);
    expect((await session.secrets.read(at)).value?.reveal()).toBe('of the old team');
    await session.audit.verify();
  });

  it('does not keep a workspace from what is its own', async () => {
    const { id } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.write({ ...at, value: 'changed' });
    const { secrets } = await session.backups.restoreParts({ id, ...restore });
    expect(secrets).toMatchObject([{ outcome: 'changed' }]);
  });
});

describe('A backup of a database that was altered', () => {
  it('A91 does not bring altered rows back as good ones', async () => {
    await session.secrets.write({ environment, path: 'x2', value: 'another' });
    tamper(place, (db) => {
      const rows = storedRows(db, 'secrets');
      const [one, two] = [
        rows.find((row) => row['path'] === 'x1'),
        rows.find((row) => row['path'] === 'x2'),
      ];
      db.exec("UPDATE secrets SET path = 'swap' WHERE path = 'x1'");
      putRow(db, 'secrets', { ...two, path: 'x1' });
      putRow(db, 'secrets', { ...one, path: 'x2' });
    });
    const { file } = await session.backups.create({ directory, proof: 'later' });
    for (const input of [{ environment, path: 'x1' }, { environment, path: 'x1', as: 'y' }, {}]) {
      expect(await codeOf(session.backups.restoreParts({ file, ...input }))).toBe(
        'integrity_error',
      );
    }
    expect(await codeOf(session.backups.verify({ file }))).toBe('integrity_error');
    expect(await codeOf(session.backups.verify({ file, prove: true }))).toBe('integrity_error');
  });

  it.each([
    ['versions', "UPDATE versions SET created_by = '01a20330-85cd-7001-9160-adf9742e163d'"],
    ['environments', "UPDATE environments SET name = 'other' WHERE name = 'staging'"],
    ['workspaces', 'UPDATE workspaces SET created_at = created_at + 1'],
    ['keys', 'UPDATE keys SET created_at = created_at + 1'],
  ])('A91 finds altered rows of %s', async (_table, sql) => {
    const made = await session.backups.create({ directory, proof: 'later' });
    rmSync(made.file);
    await parts.vault.close();
    tamper(place, (db) => db.exec(sql));
    parts = await openParts(place);
    const { store, keyring, mac, log } = parts;
    const signer = findSigner(keyring);
    if (signer === undefined) throw new TypeError('the key was made before');
    const options = { store, keyring, mac, signer, directory, auditKeys: log.verifierKeys };
    const { path: file } = await writeBackup({ ...options, now: Date.now });
    const services = { ...parts, directory: place.path, now: Date.now } as never;
    const wanted = { file, workspace: 'default', environment, path: 'x1' } as never;
    expect(await codeOf(readParts(wanted, services))).toBe('integrity_error');
  });

  /** Gives what puts it back. */
  const removeVersion = (path: string, version: number): (() => void) => {
    const removed = tamper(place, (db) => {
      const id = storedRows(db, 'secrets').find((row) => row['path'] === path)?.['id'] ?? null;
      const isIt = (row: StoredRow): boolean =>
        row['secret_id'] === id && row['version'] === version;
      const row = storedRows(db, 'versions').find(isIt);
      db.prepare('DELETE FROM versions WHERE secret_id = ? AND version = ?').run(id, version);
      return row ?? {};
    });
    return () => tamper(place, (db) => putRow(db, 'versions', removed));
  };

  it.each(['x1', 'x2', 'x3'])(
    'A91 does not pass over %s whose version is missing',
    async (path) => {
      for (const each of ['x2', 'x3']) {
        await session.secrets.write({ environment, path: each, value: each });
      }
      const putBack = removeVersion(path, 1);
      const { file } = await session.backups.create({ directory, proof: 'later' });
      putBack();
      for (const input of [{}, { environment, path }]) {
        expect(await codeOf(session.backups.restoreParts({ file, ...input }))).toBe(
          'integrity_error',
        );
      }
      expect(await codeOf(session.backups.verify({ file }))).toBe('integrity_error');
    },
  );

  it('A91 is not verified if an earlier version is missing', async () => {
    await session.secrets.write({ environment, path: 'x1', value: 'second' });
    const putBack = removeVersion('x1', 1);
    const { file } = await session.backups.create({ directory, proof: 'later' });
    putBack();
    expect(await codeOf(session.backups.verify({ file }))).toBe('integrity_error');
    const first = { file, environment, path: 'x1', version: 1 };
    expect(await codeOf(session.backups.restoreParts(first))).toBe('integrity_error');
  });

  it('A91 does not take a version that is missing in the vault for one without a value', async () => {
    const { file } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.write({ environment, path: 'x1', value: 'second' });
    removeVersion('x1', 1);
    for (const input of [{}, { environment, path: 'x1' }]) {
      expect(await codeOf(session.backups.restoreParts({ file, ...input }))).toBe(
        'integrity_error',
      );
    }
  });

  it('is found by reading it whole where only a proof by samples would not', async () => {
    for (let nth = 0; nth < 40; nth += 1) {
      await session.secrets.write({ environment, path: `s/${nth}`, value: `${nth}` });
    }
    const good = await session.backups.create({ directory, proof: 'later' });
    expect(await session.backups.verify({ id: good.id })).toMatchObject({ values: 41 });
    tamper(place, (db) => {
      const at = "(SELECT id FROM secrets WHERE path = 's/20')";
      db.exec(`UPDATE versions SET checksum = zeroblob(32) WHERE secret_id = ${at}`);
    });
    const { file } = await session.backups.create({ directory, proof: 'later' });
    expect(await codeOf(session.backups.verify({ file }))).toBe('integrity_error');
    expect(await codeOf(session.backups.create({ directory }))).toBe('integrity_error');
  });
});
