import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Session } from '../../core/session.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Environment } from '../workspaces/directory.ts';
import { findSecretById } from './find.ts';
import {
  reinsertSecret,
  restoreValue,
  type BackedUpSecret,
  type SecretRestored,
} from './restore-secret.ts';
import { listVersions } from './versions.ts';

const at = { environment: 'production', path: 'db/PASSWORD' };

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let environment: Environment;
let backup: BackedUpSecret;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  for (const value of ['one', 'two', 'three']) await session.secrets.write({ ...at, value });
  const { id } = await session.secrets.describe(at);
  backup = await parts.write(async (work) => {
    const row = await findSecretById(work, id);
    if (row === undefined) throw new TypeError('the secret was just made');
    return { row, versions: await listVersions(work, row), source: { keyring: parts.keyring } };
  });
  environment = {
    id: backup.row.environment_id,
    name: at.environment,
    position: 0,
    isProtected: false,
    workspace: { id: backup.row.workspace_id, name: 'default' },
  };
  // As in a vault that was set back to before the secret was made.
  tamper(place, (db) => db.exec('DELETE FROM versions; DELETE FROM secrets'));
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const reinsert = (changed: Partial<BackedUpSecret> = {}): Promise<SecretRestored> =>
  parts.write((work) => reinsertSecret(work, environment, { ...backup, ...changed }));

describe('a secret of a backup that the vault does not know', () => {
  it('comes back under its own id with all its versions', async () => {
    const { row, outcome } = await reinsert();
    expect([row.id, outcome]).toEqual([backup.row.id, 'revived']);
    const values = [1, 2, 3].map(async (version) => {
      const { value } = await session.secrets.read({ ...at, version });
      return value?.reveal();
    });
    expect(await Promise.all(values)).toEqual(['one', 'two', 'three']);
  });

  it('does not come back where another one has its name by now', async () => {
    await session.secrets.create({ ...at, value: 'of another' });
    await expect(reinsert()).rejects.toMatchObject({ code: 'secret_exists', details: at });
    expect((await session.secrets.read(at)).value?.reveal()).toBe('of another');
  });

  it.each([1, 2, 3])('does not come back without its version %i', async (missing) => {
    const versions = backup.versions.filter(({ version }) => version !== missing);
    await expect(reinsert({ versions })).rejects.toMatchObject({
      code: 'integrity_error',
      details: { secret: backup.row.id },
    });
    expect((await session.secrets.list({})).secrets).toEqual([]);
  });

  it('does not come back with one version twice and another one not at all', async () => {
    const [one, , three] = backup.versions.toSorted((a, b) => a.version - b.version);
    if (one === undefined || three === undefined) throw new TypeError('there are three');
    await expect(reinsert({ versions: [one, one, three] })).rejects.toMatchObject({
      code: 'integrity_error',
      details: { secret: backup.row.id },
    });
    expect((await session.secrets.list({})).secrets).toEqual([]);
  });

  it('is not taken for unchanged where the row of its current version was taken out', async () => {
    await reinsert();
    tamper(place, (db) => db.exec('DELETE FROM versions WHERE version = 3'));
    const [version] = backup.versions.filter((each) => each.version === 2);
    if (version === undefined) throw new TypeError('there are three');
    const restored = parts.write(async (work) => {
      const present = await findSecretById(work, backup.row.id);
      if (present === undefined) throw new TypeError('it is there');
      return restoreValue(work, environment, present, { ...backup, version });
    });
    await expect(restored).rejects.toMatchObject({
      code: 'integrity_error',
      details: { secret: backup.row.id, version: 3 },
    });
  });
});
