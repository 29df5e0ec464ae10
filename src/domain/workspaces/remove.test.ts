import { cpSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openVault } from '../../core/open-vault.ts';
import { createSession } from '../../core/session.ts';
import type { Session } from '../../core/session.ts';
import { failingStore } from '../../testing/failing-store.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';

const environment = 'production';
const workspace = 'tenant';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let id: string;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  ({ id } = await session.workspaces.create({ name: workspace }));
  for (const path of ['a', 'b']) {
    await session.secrets.write({ workspace, environment, path, value: 'v1', description: 'd' });
    await session.secrets.write({ workspace, environment, path, value: 'v2', description: 'e' });
  }
  await session.secrets.delete({ workspace, environment, path: 'b' });
  await session.secrets.write(
    { workspace, environment, path: 'c', value: 'v' },
    { idempotencyKey: 'key' },
  );
  await session.keys.rotate({ workspace });
  await session.settings.write({ workspace, name: 'key_rotation_days', value: 7 });
  await session.secrets.write({ environment, path: 'other', value: 'stays' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const KEPT_IN = /^audit_|^sqlite_|^schema_versions$/;

/** How many rows of each table say anything of the tenant, by an id of its own. */
function rowsOfTenant(ids: ReadonlySet<string>): Record<string, number> {
  return tamper(place, (db) => {
    const tables = db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .all()
      .map(({ name }) => String(name))
      .filter((name) => !KEPT_IN.test(name));
    const found = tables.map((table): [string, number] => [
      table,
      storedRows(db, table).filter((row) => Object.values(row).some((it) => ids.has(String(it))))
        .length,
    ]);
    return Object.fromEntries(found.filter(([, count]) => count > 0));
  });
}

/** Every id that is the tenant's own. */
function idsOfTenant(): ReadonlySet<string> {
  return tamper(place, (db) => {
    const own = ['secrets', 'environments', 'keys'].flatMap((table) =>
      storedRows(db, table).filter((row) => row['workspace_id'] === id),
    );
    return new Set([id, ...own.map((row) => String(row['id']))]);
  });
}

describe('a workspace that is deleted', () => {
  it('A40 is gone from every table with its keys, and nothing else is', async () => {
    const ids = idsOfTenant();
    expect(Object.keys(rowsOfTenant(ids)).length).toBeGreaterThan(8);
    expect(await session.workspaces.delete({ name: workspace })).toEqual({
      id,
      name: workspace,
      secrets: 3,
    });
    expect(rowsOfTenant(ids)).toEqual({});
    expect((await session.workspaces.list()).map(({ name }) => name)).toEqual(['default']);
    await expect(session.secrets.read({ workspace, environment, path: 'a' })).rejects.toMatchObject(
      { code: 'workspace_not_found' },
    );
    expect((await session.secrets.read({ environment, path: 'other' })).value?.reveal()).toBe(
      'stays',
    );
    await session.audit.verify();
    await parts.vault.close();
    parts = await openParts(place);
    session = parts.as(OWNER);
    await session.audit.verify();
    const again = await session.workspaces.create({ name: workspace });
    expect(again.id).not.toBe(id);
    expect((await session.secrets.list({ workspace, environment })).secrets).toEqual([]);
  });

  it('A40 is still missed if only the rows of its secrets are gone', async () => {
    tamper(place, (db) => {
      db.exec("DELETE FROM versions WHERE secret_id IN (SELECT id FROM secrets WHERE path = 'a')");
      db.exec("DELETE FROM secrets WHERE path = 'a'");
    });
    await expect(session.audit.verify()).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('is never the first one', async () => {
    await expect(session.workspaces.delete({ name: 'default' })).rejects.toMatchObject({
      code: 'reserved_name',
    });
    await expect(session.workspaces.delete({ name: 'none' })).rejects.toMatchObject({
      code: 'workspace_not_found',
    });
  });

  it('A40 is wholly there or wholly gone when it is cut off at any write', async () => {
    const ids = idsOfTenant();
    const whole = rowsOfTenant(ids);
    await parts.vault.close();
    let isDone = false;
    for (let at = 1; at < 200 && !isDone; at += 1) {
      let isArmed = false;
      let writes = 0;
      parts = await openParts(place, {
        through: (store) => failingStore(store, () => isArmed && (writes += 1) === at),
      });
      session = parts.as(OWNER);
      isArmed = true;
      isDone = await session.workspaces.delete({ name: workspace }).then(
        () => writes < at,
        () => false,
      );
      isArmed = false;
      if (isDone) break;
      expect(rowsOfTenant(ids)).toEqual(whole);
      const read = await session.secrets.read({ workspace, environment, path: 'a' });
      expect(read.value?.reveal()).toBe('v2');
      await parts.vault.close();
    }
    expect(isDone).toBe(true);
    expect(rowsOfTenant(ids)).toEqual({});
    const base = mkdtempSync(join(place.root, 'copy-'));
    cpSync(place.path, join(base, 'vault'), {
      recursive: true,
      filter: (path) => !path.includes('lock'),
    });
    const vault = await openVault(join(base, 'vault'), {
      keys: [{ kind: 'keyfile', path: place.keyFile }],
      configDirectory: join(base, 'config'),
      holder: 'a test',
      waitMs: 0,
    });
    const copied = createSession(vault, { principal: OWNER }, 'library');
    expect((await copied.workspaces.list()).length).toBe(1);
    await copied.audit.verify();
    await vault.close();
  });
});
