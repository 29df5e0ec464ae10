import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

import { init, open } from '../../src/index.ts';
import { checkVault } from './check.ts';
import { valueOf } from './ledger.ts';
import { codeOf, errorOf, makeVault, read, Scratch, write, type Place } from './places.ts';

const writer = fileURLToPath(new URL('writer.ts', import.meta.url));

function placeIn(scratch: Scratch): Place {
  return { path: scratch.at('vault'), configDirectory: scratch.at('config') };
}

/** The files that a user keeps apart from the vault. */
function outside({ configDirectory }: Place): {
  key: string;
  checkpoint: string;
  auditKey: string;
} {
  const vaults = join(configDirectory, 'strongroom', 'vaults');
  const directory = join(vaults, readdirSync(vaults)[0] ?? '');
  const at = (name: string): string => join(directory, name);
  return { key: at('master.key'), checkpoint: at('checkpoint'), auditKey: at('audit.pub') };
}

/** A copy of a vault as a kill leaves it, -wal file included, while the vault is open. */
async function killed(place: Place, copy: Place): Promise<void> {
  const vault = await open(place);
  await write(vault, 'known/b');
  const { checkpoint } = outside(place);
  const before = readFileSync(checkpoint, 'utf8');
  await read(vault, 'known/b');
  while (readFileSync(checkpoint, 'utf8') === before) await new Promise((go) => setTimeout(go, 20));
  cpSync(place.path, copy.path, { recursive: true });
  cpSync(place.configDirectory, copy.configDirectory, { recursive: true });
  await vault.close();
}

function mode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

describe('F9 files that are missing, old, or not ours', () => {
  test('F9 a missing -shm file does no harm', async () => {
    using scratch = new Scratch();
    const place = placeIn(scratch);
    const copy = { path: scratch.at('copy'), configDirectory: scratch.at('copy-config') };
    const acks = await makeVault(place, ['known/a']);
    await killed(place, copy);
    expect(existsSync(join(copy.path, 'vault.db-wal'))).toBe(true);
    rmSync(join(copy.path, 'vault.db-shm'));
    const report = await checkVault(copy.path, copy.configDirectory, acks);
    expect(report.problems).toEqual([]);
    expect(report.versions).toBe(2);
  });

  test('F9 a missing -wal file takes changes away, which is noticed as a rollback', async () => {
    using scratch = new Scratch();
    const place = placeIn(scratch);
    const copy = { path: scratch.at('copy'), configDirectory: scratch.at('copy-config') };
    await makeVault(place, ['known/a']);
    await killed(place, copy);
    rmSync(join(copy.path, 'vault.db-wal'));
    expect(await codeOf(open(copy))).toBe('rollback_detected');
  });

  test('F9 an older copy is refused as rollback_detected, and accepted only on record, with both checkpoints', async () => {
    using scratch = new Scratch();
    const place = placeIn(scratch);
    const acks = await makeVault(place, ['known/a']);
    const old = readFileSync(join(place.path, 'vault.db'));
    const oldCheckpoint = readFileSync(outside(place).checkpoint, 'utf8').trim();
    const vault = await open(place);
    await write(vault, 'known/b');
    await vault.close();
    const newCheckpoint = readFileSync(outside(place).checkpoint, 'utf8').trim();

    writeFileSync(join(place.path, 'vault.db'), old);
    const error = await errorOf(open(place));
    expect(error?.code).toBe('rollback_detected');
    expect(error?.hint).toContain('--accept-rollback');
    expect(readFileSync(outside(place).checkpoint, 'utf8').trim()).toBe(newCheckpoint);

    const accepted = await open({ ...place, acceptRollback: true });
    const session = accepted.as({ principal: 'ada' });
    const { entries } = await session.audit.query({ limit: 1000 });
    const first = entries.at(-1);
    expect(first).toMatchObject({ seq: 0, action: 'audit.log-started', outcome: 'ok' });
    expect(first?.checkpoint).toContain(oldCheckpoint);
    expect(first?.checkpoint).toContain(newCheckpoint);
    expect(await read(accepted, 'known/a')).toBe(valueOf('known/a', 1));
    await accepted.close();
    expect(await codeOf(open(place).then((again) => again.close()))).toBeUndefined();
    expect(acks).toHaveLength(1);
  });

  test('F9 a vault that is replaced while it is open acknowledges nothing more and gives nothing out', async () => {
    using scratch = new Scratch();
    const place = placeIn(scratch);
    await makeVault(place, ['known/a']);
    const database = join(place.path, 'vault.db');
    const old = readFileSync(database);
    const vault = await open(place);
    await write(vault, 'known/b');
    rmSync(database);
    writeFileSync(database, old, { mode: 0o600 });
    expect(await codeOf(write(vault, 'known/c'))).toBe('outcome_unknown');
    expect(await codeOf(write(vault, 'known/d'))).toBe('storage_failed');
    expect(await codeOf(read(vault, 'known/a'))).toBe('audit_blocked');
    await vault.close();
    expect(digest(database)).toBe(createHash('sha256').update(old).digest('hex'));
  });

  test('F9 a second process is told which process has the vault, at once or after it waited', async () => {
    using scratch = new Scratch();
    const place = placeIn(scratch);
    const acks = await makeVault(place, ['known/a']);
    const child = spawn(
      process.execPath,
      [writer, '--path', place.path, '--config', place.configDirectory],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    try {
      await once(child.stdout, 'data');
      const began = performance.now();
      const error = await errorOf(open({ ...place, waitMs: 0 }));
      expect(performance.now() - began).toBeLessThan(1000);
      expect(error?.code).toBe('vault_in_use');
      expect(error?.message).toContain(`process ${child.pid} (writer)`);
      expect(error?.details['pid']).toBe(String(child.pid));

      const waited = performance.now();
      expect(await codeOf(open(place))).toBe('vault_in_use');
      const ms = performance.now() - waited;
      expect(ms).toBeGreaterThanOrEqual(4900);
      expect(ms).toBeLessThan(15_000);
    } finally {
      child.stdout.resume();
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    expect((await checkVault(place.path, place.configDirectory, acks)).problems).toEqual([]);
  });

  test('F9 one process cannot open a vault twice, and the second try does not cost the first its lock', async () => {
    using scratch = new Scratch();
    const place = placeIn(scratch);
    await makeVault(place, ['known/a']);
    await using vault = await open(place);
    expect(await codeOf(open({ ...place, waitMs: 0 }))).toBe('vault_in_use');
    expect(await codeOf(open({ ...place, waitMs: 0 }))).toBe('vault_in_use');
    expect(await read(vault, 'known/a')).toBe(valueOf('known/a', 1));
  });

  test('F9 files that are no vault are refused as not_a_vault and stay as they are', async () => {
    using scratch = new Scratch();
    const foreign: Readonly<Record<string, (path: string) => void>> = {
      empty: (path) => writeFileSync(path, ''),
      text: (path) => writeFileSync(path, 'STRIPE_KEY=abc\n'.repeat(500)),
      zeros: (path) => writeFileSync(path, Buffer.alloc(8192)),
      'another program’s database': (path) => {
        const db = new DatabaseSync(path);
        db.exec("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
        db.close();
      },
      'another program’s database with a mark': (path) => {
        const db = new DatabaseSync(path);
        db.exec('PRAGMA application_id = 12345; CREATE TABLE vault (id)');
        db.close();
      },
    };
    for (const [name, make] of Object.entries(foreign)) {
      const path = scratch.at(name);
      mkdirSync(path);
      const database = join(path, 'vault.db');
      make(database);
      const before = digest(database);
      expect(await codeOf(open({ path, configDirectory: scratch.at('config') }))).toBe(
        'not_a_vault',
      );
      expect(digest(database)).toBe(before);
      expect(readdirSync(path).filter((file) => file.startsWith('vault.db-'))).toEqual([]);
    }
  });

  test('F9 a file that was cut short is refused, or read rightly as far as the cut is in unused bytes', async () => {
    using scratch = new Scratch();
    const place = placeIn(scratch);
    const acks = await makeVault(place, ['known/a', 'known/b']);
    const database = join(place.path, 'vault.db');
    const checkpoint = readFileSync(outside(place).checkpoint);
    const whole = readFileSync(database);
    const refusals = ['not_a_vault', 'database_corrupt'];
    for (const length of [0, 1, 99, 100, 4095, 4096, 40_960, whole.length - 4096]) {
      writeFileSync(database, whole);
      truncateSync(database, length);
      const code = await codeOf(open(place).then((vault) => vault.close()));
      expect([length, refusals.includes(code ?? '')]).toEqual([length, true]);
    }
    for (const cut of [1, 100, 2000, 4095]) {
      writeFileSync(database, whole);
      writeFileSync(outside(place).checkpoint, checkpoint);
      truncateSync(database, whole.length - cut);
      const { problems } = await checkVault(place.path, place.configDirectory, acks);
      expect(problems.filter((problem) => problem.startsWith('I3'))).toEqual([]);
    }
  });

  test('F9 a newer schema is schema_too_new, and the vault stays as it is', async () => {
    using scratch = new Scratch();
    const place = placeIn(scratch);
    await makeVault(place, ['known/a']);
    const database = join(place.path, 'vault.db');
    const db = new DatabaseSync(database);
    db.exec('INSERT INTO schema_versions VALUES (99, 0)');
    db.close();
    const error = await errorOf(open(place));
    expect(error?.code).toBe('schema_too_new');
    expect(error?.message).toContain('99');
    const again = new DatabaseSync(database);
    expect(again.prepare('SELECT max(version) AS v FROM schema_versions').get()).toEqual({ v: 99 });
    again.close();
  });

  test('F9 the key of another vault, a damaged key and a missing key are told apart and open nothing', async () => {
    using scratch = new Scratch();
    const place = placeIn(scratch);
    const other = { path: scratch.at('other'), configDirectory: scratch.at('other-config') };
    await makeVault(place, ['known/a']);
    await init({ ...other, owner: 'ada' });
    const { key } = outside(place);
    const own = readFileSync(key);
    writeFileSync(key, readFileSync(outside(other).key));
    expect(await codeOf(open(place))).toBe('wrong_key');
    writeFileSync(key, 'no key at all\n');
    expect(await codeOf(open(place))).toBe('wrong_key');
    rmSync(key);
    expect(await codeOf(open(place))).toBe('key_not_found');
    writeFileSync(key, own, { mode: 0o600 });
    expect(await codeOf(open(place).then((vault) => vault.close()))).toBeUndefined();
  });
});

describe('A67 permissions', () => {
  test('A67 with umask 000 every file of a vault is 0600 and every directory 0700, while it is open and after', async () => {
    using scratch = new Scratch();
    const place = { path: scratch.at('a', 'vault'), configDirectory: scratch.at('b', 'config') };
    const before = process.umask(0);
    try {
      await makeVault(place, ['known/a']);
      const vault = await open(place);
      await write(vault, 'known/b');
      const files = ['vault.db', 'vault.db-wal', 'vault.db-shm', 'lock.db', 'lock.json'];
      for (const file of files) expect([file, mode(join(place.path, file))]).toEqual([file, '600']);
      await vault.close();
    } finally {
      process.umask(before);
    }
    for (const file of readdirSync(place.path)) {
      expect([file, mode(join(place.path, file))]).toEqual([file, '600']);
    }
    const { key, checkpoint, auditKey } = outside(place);
    for (const file of [key, checkpoint, auditKey])
      expect([file, mode(file)]).toEqual([file, '600']);
    const directories = [
      place.path,
      scratch.at('a'),
      place.configDirectory,
      join(key, '..'),
      join(key, '..', '..'),
    ];
    for (const directory of directories) expect(mode(directory)).toBe('700');
  });

  test.each(['604', '640', '660', '602', '601'])(
    'A67 a key file of mode %s, which others can use, is refused as key_file_exposed',
    async (octal) => {
      using scratch = new Scratch();
      const place = placeIn(scratch);
      await makeVault(place, ['known/a']);
      chmodSync(outside(place).key, Number.parseInt(octal, 8));
      const error = await errorOf(open(place));
      expect(error?.code).toBe('key_file_exposed');
      expect(error?.hint).toContain('chmod 600');
      chmodSync(outside(place).key, 0o600);
      expect(await codeOf(open(place).then((vault) => vault.close()))).toBeUndefined();
    },
  );
});
