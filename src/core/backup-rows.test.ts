import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { BackupRowValues } from '../domain/backup/frames.ts';
import { query } from '../store/statement.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { BackupEnvelopes, type BackupRows } from './backup-rows.ts';

/** More than the places of one block. */
const SECRETS = 4100;

let place: TemporaryVault;
let parts: OpenParts;
let secrets: readonly BackupRowValues[];
let versions: readonly BackupRowValues[];

beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  const session = parts.as(OWNER);
  for (const [environment, first] of [
    ['production', 0],
    ['staging', SECRETS / 2],
  ] as const) {
    await session.secrets.import({
      environment,
      secrets: Array.from({ length: SECRETS / 2 }, (_, index) => ({
        path: `K${first + index}`,
        value: `value ${first + index}`,
      })),
    });
  }
  const rows = await parts.store.read(async (transaction) => ({
    secrets: await transaction.all(
      query((db) => db.selectFrom('secrets').selectAll().orderBy('id')),
      {},
    ),
    versions: await transaction.all(
      query((db) => db.selectFrom('versions').selectAll().orderBy('secret_id').orderBy('version')),
      {},
    ),
  }));
  ({ secrets, versions } = rows);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

/** What opens envelopes, and has seen the rows of these secrets. */
function envelopesOf(seen: readonly BackupRowValues[]): BackupEnvelopes {
  const { keyring, mac } = parts;
  const envelopes = new BackupEnvelopes({ keys: { keyring, mac } } as unknown as BackupRows);
  for (const row of seen) envelopes.take('secrets', row);
  return envelopes;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as { readonly code?: string }).code ?? 'another error';
  }
  return 'nothing was thrown';
}

describe('the envelopes of a backup', () => {
  it('are opened in the place of their secret, however many there are', () => {
    const envelopes = envelopesOf(secrets);
    for (const row of versions) envelopes.take('versions', row);
    expect(versions).toHaveLength(SECRETS);
    expect(envelopes.end()).toBe(SECRETS);
  });

  it('are refused if their secret is missing, also at the end of many', () => {
    const envelopes = envelopesOf(secrets.slice(0, -1));
    for (const row of versions.slice(0, -1)) envelopes.take('versions', row);
    expect(codeOf(() => envelopes.take('versions', versions.at(-1) ?? {}))).toBe('integrity_error');
  });

  it('are refused if a secret before has none', () => {
    const envelopes = envelopesOf(secrets);
    envelopes.take('versions', versions[0] ?? {});
    expect(codeOf(() => envelopes.take('versions', versions[2] ?? {}))).toBe('integrity_error');
  });

  it('are refused if a secret before has fewer than it counts', () => {
    const [first = {}] = secrets;
    const envelopes = envelopesOf([{ ...first, current_version: 2 }, ...secrets.slice(1)]);
    envelopes.take('versions', versions[0] ?? {});
    expect(codeOf(() => envelopes.take('versions', versions[1] ?? {}))).toBe('integrity_error');
  });

  it('are refused if one before them is missing', () => {
    const second = { ...versions[0], version: 2 };
    expect(codeOf(() => envelopesOf(secrets).take('versions', second))).toBe('integrity_error');
  });

  it.each([
    ['has none', 1, 0],
    ['has fewer than it counts', 2, 1],
  ])('are refused at the end if the last secret %s', (_how, counted, there) => {
    const [first = {}] = secrets;
    const envelopes = envelopesOf([{ ...first, current_version: counted }]);
    for (const row of versions.slice(0, there)) envelopes.take('versions', row);
    expect(codeOf(() => envelopes.end())).toBe('integrity_error');
  });

  it('are refused in another environment than that of their secret', () => {
    const [first = {}] = secrets;
    const { environment_id: elsewhere = null } = secrets.at(-1) ?? {};
    expect(elsewhere).not.toBe(first['environment_id']);
    const envelopes = envelopesOf([{ ...first, environment_id: elsewhere }, ...secrets.slice(1)]);
    expect(codeOf(() => envelopes.take('versions', versions[0] ?? {}))).toBe('decryption_failed');
  });
});
