import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { StrongroomError } from '../../errors.ts';
import { ENVIRONMENTS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import { query } from '../../store/statement.ts';
import { giveRole } from '../../testing/give-role.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type StoredRow,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

const environment = 'development';

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
let grace: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER);
  grace = await giveRole(parts, 'grace', [['list read', 'default/**']]);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

async function one(session: Session, path: string, where = environment): Promise<string> {
  const { value, from } = await session.secrets.resolve({ environment: where, path });
  return `${value?.reveal()} ${from.kind}`;
}

async function failure(work: Promise<unknown>): Promise<StrongroomError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof StrongroomError) return error;
    throw error;
  }
  throw new TypeError('it did not fail');
}

describe('a value of one’s own', () => {
  it('is given to its owner alone, in place of what all others have', async () => {
    const at = { environment, path: 'DB_URL' };
    await owner.secrets.write({ ...at, value: 'of-all' });
    await grace.secrets.override({ ...at, value: 'of-grace' });
    expect(await one(grace, 'DB_URL')).toBe('of-grace personal');
    expect(await one(owner, 'DB_URL')).toBe('of-all own');
    expect((await grace.secrets.read(at)).value?.reveal()).toBe('of-all');
    const all = async (session: Session): Promise<string[]> => {
      const { secrets } = await session.environments.resolve({ environment });
      return secrets.map(({ path, value }) => `${path}=${value?.reveal()}`);
    };
    expect(await all(grace)).toContain('DB_URL=of-grace');
    expect(await all(owner)).toContain('DB_URL=of-all');
    expect(await owner.overrides.list()).toEqual([]);
    expect(await grace.overrides.list()).toMatchObject([{ ...at, revision: 1 }]);
    expect((await failure(owner.secrets.removeOverride(at))).code).toBe('override_not_found');
    await grace.secrets.override({ ...at, value: { user: 'g', password: 'p' } });
    const { fields } = await grace.secrets.resolve(at);
    expect(Object.keys(fields ?? {})).toEqual(['password', 'user']);
    await grace.secrets.removeOverride(at);
    expect(await one(grace, 'DB_URL')).toBe('of-all own');
    expect(await grace.overrides.list()).toEqual([]);
  });

  it('is there also where there is no secret, and not for its own references', async () => {
    const at = { environment, path: 'MINE_ALONE' };
    await grace.secrets.override({ ...at, value: 'mine ${DB_URL}' });
    expect(await one(grace, 'MINE_ALONE')).toBe('mine ${DB_URL} personal');
    expect((await failure(one(owner, 'MINE_ALONE'))).code).toBe('secret_not_found');
    const { secrets } = await grace.environments.names({ environment });
    expect(secrets.find(({ path }) => path === 'MINE_ALONE')?.from.kind).toBe('personal');
  });

  it('is what its owner’s references come to, and nobody else’s', async () => {
    await owner.secrets.write({ environment, path: 'TARGET', value: 'of-all' });
    const at = { environment, path: 'REFERRING' };
    await owner.secrets.write({ ...at, value: '<${TARGET}>', references: true });
    await grace.secrets.override({ environment, path: 'TARGET', value: 'of-grace' });
    expect(await one(grace, 'REFERRING')).toBe('<of-grace> own');
    expect(await one(owner, 'REFERRING')).toBe('<of-all> own');
  });

  it('takes the right to read there, as long as it is read', async () => {
    const session = await giveRole(parts, 'narrow', [['read', 'default/development/a/**']]);
    const denied = session.secrets.override({ environment, path: 'b', value: 'v' });
    expect((await failure(denied)).code).toBe('denied');
    await session.secrets.override({ environment, path: 'a/b', value: 'v' });
    expect(await one(session, 'a/b')).toBe('v personal');
    const less = parts.as('narrow', { can: ['list'] });
    expect((await failure(one(less, 'a/b'))).code).toBe('denied');
  });

  it('is on record without its value, when it is set, read and taken away', async () => {
    const at = { environment, path: 'ON_RECORD' };
    await grace.secrets.override({ ...at, value: 'marker-77' });
    await one(grace, 'ON_RECORD');
    await grace.secrets.removeOverride(at);
    const { entries } = await owner.audit.query({ path: 'ON_RECORD', limit: 10 });
    expect(entries.map(({ action, detail }) => [action, detail])).toEqual([
      ['secrets.removeOverride', 'personal value, revision 1'],
      ['secrets.read', 'personal value'],
      ['secrets.resolve', undefined],
      ['secrets.override', 'personal value, revision 1'],
    ]);
    expect(JSON.stringify(entries)).not.toContain('marker-77');
  });

  it('is refused in a protected environment, and not given out when one has become so', async () => {
    const at = { environment: 'testing', path: 'A' };
    await owner.secrets.write({ ...at, value: 'of-all' });
    await grace.secrets.override({ ...at, value: 'of-grace' });
    await parts.write(async ({ transaction, mac }) => {
      const row = await transaction.get(
        query((db) => db.selectFrom('environments').selectAll().where('name', '=', 'testing')),
        {},
      );
      if (row === undefined) throw new TypeError();
      await updateRow(transaction, mac, ENVIRONMENTS, { from: row, set: { protected: 1 } });
    });
    expect(await failure(grace.secrets.override({ ...at, value: 'x' }))).toMatchObject({
      code: 'environment_protected',
    });
    expect(await one(grace, 'A', 'testing')).toBe('of-all own');
    const { secrets } = await grace.environments.resolve({ environment: 'testing' });
    expect(secrets.map(({ value }) => value?.reveal())).toEqual(['of-all']);
    await grace.secrets.removeOverride(at);
  });

  it('does not change what others inherit from there', async () => {
    await owner.environments.create({ name: 'inheriting' });
    await owner.imports.create({ environment: 'inheriting', source: { environment } });
    await owner.secrets.write({ environment, path: 'INHERITED', value: 'of-all' });
    await grace.secrets.override({ environment, path: 'INHERITED', value: 'of-grace' });
    expect(await one(grace, 'INHERITED', 'inheriting')).toBe('of-all inherited');
  });
});

describe('somebody who can write to the database', () => {
  it('A73 cannot swap personal values, give them to another, or move them', async () => {
    const linus = await giveRole(parts, 'linus', [['list read', 'default/**']]);
    const at = { environment, path: 'SWAPPED' };
    await grace.secrets.override({ ...at, value: 'marker-of-grace' });
    await linus.secrets.override({ ...at, value: 'of-linus' });
    await linus.secrets.override({ environment, path: 'OTHER', value: 'other' });
    const rows = tamper(place, (db) => storedRows(db, 'personal_values'));
    const of = (id: unknown, path: string): StoredRow => {
      const found = rows.find((row) => row['principal_id'] === id && row['path'] === path);
      if (found === undefined) throw new TypeError();
      return found;
    };
    const ids = [
      ...new Set(rows.filter(({ path }) => path === 'SWAPPED').map((r) => r['principal_id'])),
    ];
    const [ofGrace, ofLinus] = ids.map((id) => of(id, 'SWAPPED'));
    if (ofGrace === undefined || ofLinus === undefined) throw new TypeError();
    const other = of(ids[1], 'OTHER');
    const attempts: readonly StoredRow[] = [
      { ...ofLinus, ...pick(ofGrace, ['envelope']) },
      { ...ofLinus, ...pick(ofGrace, ['envelope', 'mac', 'row_revision', 'updated_at']) },
      { ...ofLinus, ...pick(other, ['envelope']) },
      { ...ofGrace, ...pick(ofLinus, ['principal_id']) },
      { ...ofGrace, ...pick(ofLinus, ['id', 'principal_id']) },
      { ...ofLinus, revision: 2 },
    ];
    for (const row of attempts) {
      tamper(place, (db) => putRow(db, 'personal_values', row));
      const error = await failure(one(linus, 'SWAPPED'));
      expect(['integrity_error', 'decryption_failed']).toContain(error.code);
      expect(JSON.stringify([error.message, error.details])).not.toContain('marker');
      tamper(place, (db) => putRow(db, 'personal_values', ofLinus));
    }
    expect(await one(linus, 'SWAPPED')).toBe('of-linus personal');
  });
});

function pick(row: StoredRow, names: readonly string[]): StoredRow {
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
}
