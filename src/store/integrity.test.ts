import type { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createWorkspace } from '../domain/workspaces/create.ts';
import { Directory } from '../domain/workspaces/directory.ts';
import {
  referenceHmac,
  referenceState,
  referenceSum,
  referenceU64,
  referenceUuid,
} from '../testing/reference-row-mac.ts';
import {
  makeTemporaryVault,
  openParts,
  openSession,
  openTemporaryVault,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type StoredRow,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { checkIntegrity, integrityState, readEpoch } from './integrity.ts';
import {
  AUTH_METHODS,
  BACKUPS,
  COUNTED_TABLES,
  GROUPS,
  IMPORTS,
  PERSONAL_VALUES,
  REVOCATIONS,
  SETTINGS,
} from './protected-tables.ts';
import { insertRow } from './rows.ts';
import type { Work } from '../domain/work.ts';
import { uuidv7 } from '../lib/ids.ts';

let place: TemporaryVault;
beforeEach(async () => {
  place = await makeTemporaryVault();
  const parts = await openParts(place);
  await parts.as(OWNER).workspaces.create({ name: 'payments' });
  // Within an operation, so that the log vouches for them.
  await parts.write((work) => fillCounted(work));
  await parts.as(OWNER).environments.create({ name: 'of-a-test' });
  await parts.vault.close();
});
afterEach(() => place.remove());

/** How opening ends: `opened`, or the code of the error. */
async function opening(): Promise<string> {
  try {
    const vault = await openTemporaryVault(place);
    await vault.close();
    return 'opened';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** A row in each counted table that a new vault leaves empty. */
async function fillCounted(work: Work): Promise<void> {
  const { transaction, mac } = work;
  const directory = Directory.from(await checkIntegrity(transaction, mac));
  const workspace = directory.workspace('payments');
  const [one, two] = directory.environments(workspace);
  const of = { workspace_id: workspace.id, created_at: work.now, created_by: work.actor };
  const changed = { workspace_id: null, updated_at: work.now, updated_by: work.actor };
  await insertRow(transaction, mac, GROUPS, { id: uuidv7(), name: 'team', ...of });
  await insertRow(transaction, mac, SETTINGS, { id: uuidv7(), name: 'a', value: '1', ...changed });
  await insertRow(transaction, mac, IMPORTS, {
    id: uuidv7(),
    environment_id: one?.id ?? '',
    folder: '',
    source_environment_id: two?.id ?? '',
    source_folder: 'db/',
    position: 1,
    ...of,
  });
  await insertRow(transaction, mac, PERSONAL_VALUES, {
    id: uuidv7(),
    workspace_id: workspace.id,
    environment_id: one?.id ?? '',
    path: 'A',
    principal_id: work.actor,
    revision: 1,
    envelope: new Uint8Array(200),
    created_at: work.now,
    updated_at: work.now,
  });
  await insertRow(transaction, mac, BACKUPS, {
    id: uuidv7(),
    file: 'a.srbackup',
    created_at: work.now,
    size_bytes: 1,
    sha256: new Uint8Array(32),
    root_key_id: work.keyring.rootKeyId,
    audit_log: uuidv7(),
    audit_size: 1,
    secrets: 1,
    versions: 1,
    proven_at: null,
    receipt: null,
    verified_at: null,
    keep_until: null,
    removed_at: null,
  });
  await fillIdentities(work);
}

async function fillIdentities({ transaction, mac, now, actor }: Work): Promise<void> {
  await insertRow(transaction, mac, REVOCATIONS, {
    id: uuidv7(),
    revoked_at: now,
    revoked_by: actor,
    until: null,
  });
  await insertRow(transaction, mac, AUTH_METHODS, {
    id: uuidv7(),
    kind: 'oidc',
    name: 'a',
    principal_id: null,
    config: '{}',
    secret: new Uint8Array(200),
    revision: 1,
    generation: 0,
    disabled_at: null,
    created_at: now,
    created_by: actor,
  });
}

const rowOf = (db: DatabaseSync, table: string): StoredRow => {
  const row = storedRows(db, table).at(-1);
  if (row === undefined) throw new TypeError(`${table} has a row`);
  return row;
};

const OTHER_ID = uuidv7();

/** Columns of numbers or bytes that may be null. */
const NUMBERS = /_(at|since|until)$|^(until|generation)$/;
const BYTES = /^(factors|secret)$/;

/** Other values that a column could hold. */
function others(column: string, value: StoredRow[string] | undefined): StoredRow[string][] {
  if (typeof value === 'number') return [value + 1];
  if (value instanceof Uint8Array) {
    // Of an envelope its commitment is covered, from byte 114 on.
    const altered = ['envelope', 'secret'].includes(column) ? 120 : 12;
    return [value.map((byte, at) => (at === altered ? byte ^ 1 : byte))];
  }
  if (value === null && BYTES.test(column)) return [new Uint8Array(32)];
  if (value === null) return NUMBERS.test(column) ? [1] : [''];
  return /(^|_)id$/.test(column) ? ['x', OTHER_ID] : [`${String(value)}x`];
}

const bytes = (value: unknown): Uint8Array => value as Uint8Array;

describe('integrity rows', () => {
  it('hold the count and the sum that an independent implementation computes', async () => {
    const parts = await openParts(place);
    const [keyId] = tamper(place, (db) =>
      storedRows(db, 'keys').filter((row) => row['purpose'] === 'row-mac'),
    ).map((row) => String(row['id']));
    const key = parts.keyring.unwrap(keyId ?? '');
    const vaultTables = ['vault', 'slots', 'workspaces', 'principals', 'audit_logs'];
    const { rows, byScope } = tamper(place, (db) => {
      const macs = new Map<string, Uint8Array[]>();
      for (const { table } of COUNTED_TABLES) {
        for (const row of storedRows(db, table)) {
          const named = vaultTables.includes(table) ? '' : (row['workspace_id'] ?? '');
          const scope = String(named);
          macs.set(scope, [...(macs.get(scope) ?? []), bytes(row['mac'])]);
        }
      }
      return { rows: storedRows(db, 'integrity'), byScope: macs };
    });
    expect(rows.length).toBe(3);
    for (const row of rows) {
      const scope = String(row['scope']);
      const macs = byScope.get(scope) ?? [];
      expect(row['row_count']).toBe(macs.length);
      const sum = referenceSum(key, { scope, nonce: bytes(row['nonce']) }, macs);
      expect(Buffer.from(bytes(row['mac_sum']))).toEqual(Buffer.from(sum));
      const mac = referenceHmac(key, [
        'strongroom/v1/integrity',
        referenceUuid(place.made.id),
        scope,
        referenceU64(Number(row['epoch'])),
        referenceU64(Number(row['row_count'])),
        bytes(row['nonce']),
        sum,
      ]);
      expect(Buffer.from(bytes(row['mac']))).toEqual(Buffer.from(mac));
    }
    const state = referenceState(
      key,
      rows.map((row) => ({ scope: String(row['scope']), mac: bytes(row['mac']) })),
    );
    const { store, mac } = parts;
    expect(await store.read((transaction) => integrityState(transaction, mac))).toBe(state);
    await parts.vault.close();
  });

  it('have a new nonce and a higher epoch after each change, and stay as they are without one', async () => {
    const read = (): StoredRow[] => tamper(place, (db) => storedRows(db, 'integrity'));
    // The first opening of a day notes that the slot opened.
    const { vault, session } = await openSession(place);
    const before = read();
    await session.secrets.write({ environment: 'testing', path: 'a', value: 'b' });
    expect(read()).toEqual(before);
    await session.environments.create({ name: 'preview' });
    const after = read();
    const changed = after.filter((row, index) => row['epoch'] !== before[index]?.['epoch']);
    expect(changed.length).toBe(1);
    const old = before.find((row) => row['scope'] === changed[0]?.['scope']);
    expect(Number(changed[0]?.['epoch'])).toBe(Number(old?.['epoch']) + 1);
    expect(Number(changed[0]?.['row_count'])).toBe(Number(old?.['row_count']) + 1);
    expect(changed[0]?.['nonce']).not.toEqual(old?.['nonce']);
    await vault.close();
  });

  it('of every scope grow the one epoch that caches are held against', async () => {
    const parts = await openParts(place);
    const epoch = (): Promise<number> => parts.store.read(readEpoch);
    const before = await epoch();
    await parts.write(async (work) =>
      createWorkspace(
        work,
        Directory.from(await checkIntegrity(work.transaction, work.mac)),
        'another',
      ),
    );
    // A workspace, its key and its four environments.
    expect(await epoch()).toBe(before + 6);
    await parts.vault.close();
  });
});

describe('opening a vault whose rows were changed', () => {
  it('works as long as nothing was', async () => {
    expect(await opening()).toBe('opened');
  });

  it.each(COUNTED_TABLES.map(({ table }) => table))(
    'notices a row of %s that is gone',
    async (table) => {
      tamper(place, (db) =>
        db.exec(`DELETE FROM ${table} WHERE id = (SELECT max(id) FROM ${table})`),
      );
      const code = await opening();
      const gone = table === 'vault' ? 'not_a_vault' : table === 'slots' ? 'wrong_key' : '';
      expect(['integrity_error', gone]).toContain(code);
    },
  );

  it.each(COUNTED_TABLES.map(({ table }) => table))(
    'notices every altered column of %s',
    async (table) => {
      const row = tamper(place, (db) => rowOf(db, table));
      const put = (other: StoredRow): void =>
        tamper(place, (db) => {
          db.exec(`DELETE FROM ${table} WHERE id IN ('${String(row['id'])}', '${OTHER_ID}', 'x')`);
          putRow(db, table, other);
        });
      for (const [column, value] of Object.entries(row)) {
        for (const other of others(column, value)) {
          put({ ...row, [column]: other });
          const code = await opening();
          // The root key has to be found before a MAC can be checked.
          const early = ['vault', 'slots'].includes(table) ? ['key_not_found', 'wrong_key'] : [];
          expect([column, other, early.includes(code) ? 'integrity_error' : code]).toEqual([
            column,
            other,
            'integrity_error',
          ]);
          put(row);
        }
      }
      expect(await opening()).toBe('opened');
    },
  );

  it('notices a row that was copied under another id, and one without a MAC', async () => {
    const grant = tamper(place, (db) => rowOf(db, 'grants'));
    tamper(place, (db) => putRow(db, 'grants', { ...grant, id: uuidv7() }));
    expect(await opening()).toBe('integrity_error');
    tamper(place, (db) => db.exec(`DELETE FROM grants WHERE id > '${String(grant['id'])}'`));
    expect(await opening()).toBe('opened');
    tamper(place, (db) =>
      putRow(db, 'grants', { ...grant, id: uuidv7(), mac: new Uint8Array(32) }),
    );
    expect(await opening()).toBe('integrity_error');
  });

  it('notices an old row that was put back with its own MAC', async () => {
    const parts = await openParts(place);
    const { updateRow } = await import('./rows.ts');
    const { PRINCIPALS } = await import('./protected-tables.ts');
    const { createUser } = await import('../domain/access/principals.ts');
    await parts.write((work) => createUser(work, uuidv7(), 'mallory'));
    const old = tamper(place, (db) => rowOf(db, 'principals'));
    await parts.write((work) =>
      updateRow(work.transaction, work.mac, PRINCIPALS, {
        from: old as never,
        set: { disabled_at: 5 },
      }),
    );
    await parts.vault.close();
    expect(await opening()).toBe('opened');
    tamper(place, (db) => putRow(db, 'principals', old));
    expect(await opening()).toBe('integrity_error');
  });

  it('notices rows that changed places between workspaces', async () => {
    tamper(place, (db) => {
      const [first, ...rest] = storedRows(db, 'environments');
      const other = rest.find((row) => row['workspace_id'] !== first?.['workspace_id']);
      if (first === undefined || other === undefined) throw new TypeError('two workspaces');
      putRow(db, 'environments', {
        ...first,
        workspace_id: other['workspace_id'] ?? null,
        name: 'x',
      });
    });
    expect(await opening()).toBe('integrity_error');
  });

  it('notices an integrity row that is gone, altered, or of another scope', async () => {
    const rows = tamper(place, (db) => storedRows(db, 'integrity'));
    const [vaultScope, ...scopes] = rows;
    const [one, two] = scopes;
    if (vaultScope === undefined || one === undefined || two === undefined) {
      throw new TypeError('three scopes');
    }
    const restore = (): void =>
      tamper(place, (db) => {
        db.exec('DELETE FROM integrity');
        for (const row of rows) putRow(db, 'integrity', row);
      });
    for (const row of rows) {
      tamper(place, (db) =>
        db.prepare('DELETE FROM integrity WHERE scope = ?').run(row['scope'] ?? null),
      );
      expect(await opening()).toBe('integrity_error');
      restore();
      for (const [column, value] of Object.entries(row)) {
        const other =
          typeof value === 'number'
            ? value + 1
            : value instanceof Uint8Array
              ? value.map((byte) => byte ^ 1)
              : `${String(value)}x`;
        tamper(place, (db) => {
          db.prepare('DELETE FROM integrity WHERE scope = ?').run(row['scope'] ?? null);
          putRow(db, 'integrity', { ...row, [column]: other });
        });
        expect([column, await opening()]).toEqual([column, 'integrity_error']);
        restore();
      }
    }
    tamper(place, (db) => {
      putRow(db, 'integrity', { ...one, scope: two['scope'] ?? null });
      putRow(db, 'integrity', { ...two, scope: one['scope'] ?? null });
    });
    expect(await opening()).toBe('integrity_error');
    restore();
    tamper(place, (db) => putRow(db, 'integrity', { ...one, scope: uuidv7() }));
    expect(await opening()).toBe('integrity_error');
  });

  it('notices a scope without an integrity row by the tables alone', async () => {
    const parts = await openParts(place);
    const check = (): Promise<unknown> =>
      parts.store.read((transaction) => checkIntegrity(transaction, parts.mac));
    await check();
    for (const row of tamper(place, (db) => storedRows(db, 'integrity'))) {
      tamper(place, (db) =>
        db.prepare('DELETE FROM integrity WHERE scope = ?').run(row['scope'] ?? null),
      );
      await expect(check()).rejects.toMatchObject({ code: 'integrity_error' });
      tamper(place, (db) => putRow(db, 'integrity', row));
    }
    await check();
    await parts.vault.close();
  });

  it('notices, by what the audit log says, rows put back together with their integrity row', async () => {
    const counted = [...COUNTED_TABLES.map(({ table }) => table), 'integrity'];
    const old = tamper(place, (db) =>
      counted.map((table) => [table, storedRows(db, table)] as const),
    );
    const { vault, session } = await openSession(place);
    await session.environments.create({ name: 'preview' });
    await vault.close();
    tamper(place, (db) => {
      for (const [table, rows] of old) {
        db.exec(`DELETE FROM ${table}`);
        for (const row of rows) putRow(db, table, row);
      }
    });
    // Taken alone, the tables agree with one another.
    const parts = await openParts(place);
    await parts.store.read((transaction) => checkIntegrity(transaction, parts.mac));
    await parts.store.close();
    // A lock of this process is let go with its vault.
    await parts.vault.close().catch(() => undefined);
    expect(await opening()).toBe('integrity_error');
  });

  it('does not take a log without entries for one that vouches for the tables', async () => {
    tamper(place, (db) => {
      for (const table of ['audit_entries', 'audit_tiles', 'audit_checkpoints', 'audit_index']) {
        db.exec(`DELETE FROM ${table}`);
      }
    });
    const { rmSync } = await import('node:fs');
    const { vaultConfigFiles } = await import('../seal/locations.ts');
    rmSync(vaultConfigFiles(place.made.id, place.configDirectory).checkpoint);
    expect(await opening()).toBe('audit_tampered');
    tamper(place, (db) => db.exec('DELETE FROM audit_heads; DELETE FROM audit_indexed'));
    expect(await opening()).toBe('integrity_error');
  });

  it('says which scope it is', async () => {
    tamper(place, (db) => db.exec("DELETE FROM environments WHERE name = 'staging'"));
    await expect(openTemporaryVault(place)).rejects.toMatchObject({
      code: 'integrity_error',
      details: { scope: expect.stringMatching(/^[0-9a-f-]{36}$/) as string },
    });
  });
});
