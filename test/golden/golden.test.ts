import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, describe, expect, it } from 'vitest';

import { open, SecretValue, type SlotKey, type Vault } from '../../src/index.ts';
import { SCHEMA_VERSION } from '../../src/store/migrate.ts';

const places: string[] = [];
afterEach(() => {
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});

interface Copied {
  readonly path: string;
  readonly configDirectory: string;
  readonly keyFile: string;
}

/** A copy of the golden vault of a schema, with its key file as private as it has to be. */
function copied(schema: number): Copied {
  const golden = join(import.meta.dirname, `schema-${schema}`);
  const root = mkdtempSync(join(tmpdir(), 'strongroom-golden-'));
  places.push(root);
  const path = join(root, 'vault');
  mkdirSync(path, { mode: 0o700 });
  copyFileSync(join(golden, 'vault.db'), join(path, 'vault.db'));
  const keyFile = join(root, 'master.key');
  copyFileSync(join(golden, 'master.key'), keyFile);
  for (const file of [keyFile, join(path, 'vault.db')]) chmodSync(file, 0o600);
  return { path, configDirectory: join(root, 'config'), keyFile };
}

function openCopy(copy: Copied, seal: SlotKey): Promise<Vault> {
  const { path, configDirectory } = copy;
  return open({ path, configDirectory, seal });
}

const versionOf = (file: string): unknown => {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db.prepare('SELECT max(version) AS version FROM schema_versions').get()?.['version'];
  } finally {
    db.close();
  }
};

describe.each([1, 2])('F13 A79 a vault of schema %i', (schema) => {
  it('opens with its key file, and holds all that it held', async () => {
    const copy = copied(schema);
    await using vault = await openCopy(copy, { kind: 'keyfile', path: copy.keyFile });
    const { secrets, layouts, workspaces, audit } = vault.as({ principal: 'ada' });
    const at = { environment: 'production' };
    const read = async (path: string, version?: number): Promise<string | undefined> =>
      (await secrets.read({ ...at, path, version })).value?.reveal();
    expect(await read('db/PASSWORD')).toBe('second');
    expect(await read('db/PASSWORD', 1)).toBe('first');
    const { fields } = await secrets.read({ ...at, path: 'db/login' });
    expect(fields?.['password']?.reveal()).toBe('third');
    expect((await secrets.read({ ...at, path: 'bytes' })).value?.revealBytes()).toEqual(
      Uint8Array.of(0, 255, 7),
    );
    expect(await secrets.describe({ ...at, path: 'db/PASSWORD' })).toMatchObject({
      description: 'of the shop',
      tags: ['db'],
      version: 2,
    });
    await secrets.undelete({ ...at, path: 'old' });
    expect(await read('old')).toBe('in the trash');
    expect((await layouts.read({ environment: 'development' })).layout?.reveal()).toContain(
      'API_KEY=imported',
    );
    expect((await workspaces.list()).map(({ name }) => name)).toEqual(['billing', 'default']);
    expect(await audit.verify()).toMatchObject({ secrets: 7 });
  });

  it('has, once it is open, what came later', async () => {
    const copy = copied(schema);
    const seal = { kind: 'keyfile', path: copy.keyFile } as const;
    const first = await openCopy(copy, seal);
    const { token } = await first.as({ principal: 'ada' }).tokens.create();
    expect(token.reveal()).toMatch(/^sr_token_/);
    await first.close();
    // Its keys are made once.
    await using vault = await openCopy(copy, seal);
    const { tokens, machines, audit } = vault.as({ principal: 'ada' });
    await machines.create({ name: 'ci' });
    await tokens.create({ subject: 'machine:ci' });
    await machines.disable({ name: 'ci' });
    expect(await tokens.list()).toMatchObject([{ kind: 'token', subject: 'user:ada' }]);
    expect(await audit.verify()).toMatchObject({ secrets: 7 });
  });

  it('opens with its passphrase', async () => {
    const passphrase = SecretValue.text('a passphrase of a golden vault');
    await using vault = await openCopy(copied(schema), { kind: 'passphrase', passphrase });
    expect((await vault.as({ principal: 'ada' }).health.read()).schema).toBe(SCHEMA_VERSION);
  });

  it('is copied as it was before it is changed, once', async () => {
    const copy = copied(schema);
    const kept = join(copy.path, `vault.db.schema-${schema}`);
    await (await openCopy(copy, { kind: 'keyfile', path: copy.keyFile })).close();
    expect(versionOf(kept)).toBe(schema);
    expect(versionOf(join(copy.path, 'vault.db'))).toBe(SCHEMA_VERSION);
    rmSync(kept);
    await (await openCopy(copy, { kind: 'keyfile', path: copy.keyFile })).close();
    expect(existsSync(kept)).toBe(false);
  });

  it('is refused, and not changed, if a table was added to it', async () => {
    const copy = copied(schema);
    const file = join(copy.path, 'vault.db');
    const db = new DatabaseSync(file);
    db.exec('CREATE TABLE more (a INTEGER) STRICT');
    db.close();
    await expect(openCopy(copy, { kind: 'keyfile', path: copy.keyFile })).rejects.toMatchObject({
      code: 'database_corrupt',
    });
    expect(versionOf(file)).toBe(schema);
  });
});
