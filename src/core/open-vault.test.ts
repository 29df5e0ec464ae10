import {
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { vaultConfigFiles } from '../seal/locations.ts';
import type { SlotKey } from '../seal/slot.ts';
import { SecretValue } from '../secret-value.ts';
import {
  makeTemporaryVault,
  openParts,
  openSession,
  openTemporaryVault,
  OWNER,
  putRow,
  storedRows,
  tamper,
  temporaryDirectory,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { initVault } from './init-vault.ts';
import { openVault } from './open-vault.ts';
import { createSession } from './session.ts';

let place: TemporaryVault;
beforeEach(async () => {
  place = await makeTemporaryVault();
});
afterEach(() => place.remove());

const at = { environment: 'production', path: 'db/password' };

async function opening(
  options: Parameters<typeof openTemporaryVault>[1] = {},
  of: TemporaryVault = place,
): Promise<string> {
  try {
    const vault = await openTemporaryVault(of, options);
    await vault.close();
    return 'opened';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('opening a vault', () => {
  it('says vault_not_found where there is none, and makes nothing there', async () => {
    const empty = join(place.root, 'empty');
    await expect(openVault(empty, { holder: 'test' })).rejects.toMatchObject({
      code: 'vault_not_found',
    });
    expect(statSync(empty, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('finds the key file in the configuration directory, or beside the vault', async () => {
    expect(await opening()).toBe('opened');
    cpSync(place.keyFile, join(place.path, 'master.key'));
    rmSync(place.keyFile);
    expect(await opening()).toBe('opened');
    rmSync(join(place.path, 'master.key'));
    expect(await opening()).toBe('key_not_found');
  });

  it('says so if the key file that opened it lies beside it', async () => {
    const beside = join(place.path, 'master.key');
    const besideOf = async (keys?: readonly SlotKey[]): Promise<string | undefined> => {
      const { path, configDirectory } = place;
      const vault = await openVault(path, { configDirectory, keys, holder: 'test' });
      await vault.close();
      return vault.keyBesideVault;
    };
    expect(await besideOf()).toBeUndefined();
    cpSync(place.keyFile, beside);
    expect(await besideOf()).toBeUndefined();
    expect(await besideOf([{ kind: 'keyfile', path: beside }])).toBe(beside);
    rmSync(place.keyFile);
    expect(await besideOf()).toBe(beside);
  });

  it('is refused to a second one, which is told who has it', async () => {
    const vault = await openTemporaryVault(place);
    await expect(openTemporaryVault(place)).rejects.toMatchObject({
      code: 'vault_in_use',
      details: { pid: String(process.pid), holder: 'a test' },
    });
    await vault.close();
    expect(await opening()).toBe('opened');
  });

  it('is not spoilt by an attempt that failed', async () => {
    const other = await makeTemporaryVault();
    const keys = [{ kind: 'keyfile' as const, path: other.keyFile }];
    for (let n = 0; n < 3; n += 1) {
      await expect(
        openVault(place.path, { keys, holder: 'test', configDirectory: place.configDirectory }),
      ).rejects.toMatchObject({ code: 'wrong_key' });
    }
    expect(await opening()).toBe('opened');
    other.remove();
  });

  it('goes with any of its slots, and with no other passphrase', async () => {
    const root = temporaryDirectory();
    const key = SecretValue.text(Buffer.alloc(32, 7).toString('base64'));
    const options = { configDirectory: join(root, 'config') };
    const path = join(root, 'vault');
    const made = await initVault(path, {
      ...options,
      owner: OWNER,
      slots: [
        { kind: 'env', key },
        { kind: 'recovery' },
        { kind: 'shamir', threshold: 2, shares: 3 },
      ],
    });
    const [one, , three] = made.shares ?? [];
    if (made.recovery === undefined || one === undefined || three === undefined) {
      throw new TypeError('they were asked for');
    }
    for (const keys of [
      [{ kind: 'env' as const, key }],
      [{ kind: 'recovery' as const, token: made.recovery }],
      [{ kind: 'shamir' as const, shares: [three, one] }],
    ]) {
      const vault = await openVault(path, { ...options, keys, holder: 'test' });
      await vault.close();
    }
    const wrong = SecretValue.text(Buffer.alloc(32, 8).toString('base64'));
    await expect(
      openVault(path, { ...options, keys: [{ kind: 'env', key: wrong }], holder: 'test' }),
    ).rejects.toMatchObject({ code: 'wrong_key' });
    rmSync(root, { recursive: true, force: true });
  });

  it('puts on record which slot opened it', async () => {
    expect(await opening()).toBe('opened');
    const parts = await openParts(place);
    const { entries } = await parts.as(OWNER).audit.query({ action: 'vault.unseal' });
    expect(entries[0]?.detail).toMatch(/^keyfile slot [0-9a-f-]{36}$/);
    await parts.vault.close();
  });
});

describe('a vault that is not what it was', () => {
  it.each([0, 1, 100, 4096, 20_000])('cut to %i bytes is refused', async (length) => {
    truncateSync(join(place.path, 'vault.db'), length);
    expect([
      'not_a_vault',
      'database_corrupt',
      'integrity_error',
      'audit_tampered',
      'storage_failed',
    ]).toContain(await opening());
  });

  it('of which any one page was overwritten is refused, or opens with nothing lost', async () => {
    const { vault, session } = await openSession(place);
    await session.secrets.write({ ...at, value: 'v' });
    await vault.close();
    const file = join(place.path, 'vault.db');
    const whole = readFileSync(file);
    const codes = new Set<string>();
    for (let page = 0; page * 4096 < whole.length; page += 1) {
      const damaged = Buffer.from(whole);
      damaged.fill(0x5a, page * 4096 + 100, page * 4096 + 4096);
      writeFileSync(file, damaged);
      const code = await opening();
      codes.add(code);
      expect(code).toMatch(/^[a-z_]+$/);
      if (code === 'opened') {
        const again = await openSession(place);
        const outcome = await again.session.secrets.read(at).then(
          (read) => (read.kind === 'text' ? read.value.reveal() : 'other'),
          (error: unknown) => (error as { code: string }).code,
        );
        expect(['v', 'audit_blocked', 'database_corrupt', 'integrity_error']).toContain(outcome);
        await again.vault.close().catch(() => undefined);
      }
      writeFileSync(file, whole);
      rmSync(`${file}-wal`, { force: true });
      rmSync(`${file}-shm`, { force: true });
    }
    expect(codes.size).toBeGreaterThan(1);
  });

  it('with an id that is none is refused by a code', async () => {
    tamper(place, (db) => db.exec("UPDATE vault SET id = 'x'"));
    expect(await opening()).toBe('integrity_error');
  });

  it('with a number that no program could have written is refused by a code', async () => {
    tamper(place, (db) => db.exec('UPDATE grants SET created_at = 9223372036854775807'));
    expect(await opening()).toBe('database_corrupt');
  });

  it('with the root key of another vault, slot and all, is refused', async () => {
    const other = await makeTemporaryVault();
    const [slot] = tamper(other, (db) => storedRows(db, 'slots'));
    tamper(place, (db) => {
      db.exec('DELETE FROM slots');
      putRow(db, 'slots', slot ?? {});
    });
    cpSync(other.keyFile, place.keyFile);
    expect(await opening()).toBe('wrong_key');
    other.remove();
  });

  it('with an old slot put back is refused, though its key opens it', async () => {
    const [slot] = tamper(place, (db) => storedRows(db, 'slots'));
    const parts = await openParts(place);
    const { updateRow } = await import('../store/rows.ts');
    const { SLOTS } = await import('../store/protected-tables.ts');
    await parts.write((work) =>
      updateRow(work.transaction, work.mac, SLOTS, {
        from: slot as never,
        set: { created_at: 1 },
      }),
    );
    await parts.vault.close();
    expect(await opening()).toBe('opened');
    tamper(place, (db) => putRow(db, 'slots', slot ?? {}));
    expect(await opening()).toBe('integrity_error');
  });

  it('of a newer schema is refused, and left alone', async () => {
    tamper(place, (db) => db.exec('INSERT INTO schema_versions VALUES (99, 1)'));
    expect(await opening()).toBe('schema_too_new');
    expect(await opening()).toBe('schema_too_new');
  });

  it('is an older copy of itself is refused, unless the loss is accepted and put on record', async () => {
    const copy = join(place.root, 'copy');
    cpSync(place.path, copy, { recursive: true });
    const { vault, session } = await openSession(place);
    await session.secrets.write({ ...at, value: 'v' });
    await vault.close();
    rmSync(place.path, { recursive: true });
    cpSync(copy, place.path, { recursive: true });
    expect(await opening()).toBe('rollback_detected');
    expect(await opening()).toBe('rollback_detected');
    const accepted = await openTemporaryVault(place, { acceptRollback: true });
    const owner = createSession(accepted, { principal: OWNER }, 'library');
    const { entries } = await owner.audit.query({ action: 'audit.log-started' });
    expect(entries.length).toBe(1);
    expect(entries[0]?.checkpoint).toContain('strongroom/');
    await accepted.close();
    expect(await opening()).toBe('opened');
  });

  it('stays accepted after a kill, for what was accepted is known outside at once', async () => {
    const copy = join(place.root, 'copy');
    cpSync(place.path, copy, { recursive: true });
    expect(await opening()).toBe('opened');
    rmSync(place.path, { recursive: true });
    cpSync(copy, place.path, { recursive: true });
    const accepted = await openTemporaryVault(place, { acceptRollback: true });
    // What a kill leaves: the files as they are now, and no process that has them open.
    const killed = join(place.root, 'killed');
    cpSync(place.path, killed, { recursive: true });
    expect(await opening({}, { ...place, path: killed })).toBe('opened');
    await accepted.close();
  });

  it('opens on another machine, where no checkpoint is known', async () => {
    rmSync(vaultConfigFiles(place.made.id, place.configDirectory).checkpoint);
    expect(await opening()).toBe('opened');
  });

  it('has a checkpoint outside that cannot be read: it is refused rather than passed over', async () => {
    const path = vaultConfigFiles(place.made.id, place.configDirectory).checkpoint;
    writeFileSync(path, 'nonsense');
    expect(await opening()).toBe('rollback_detected');
    rmSync(path);
    mkdirSync(path);
    expect(await opening()).toBe('audit_unverifiable');
    expect(await opening({ acceptRollback: true })).toBe('audit_unverifiable');
    rmSync(path, { recursive: true });
    expect(await opening()).toBe('opened');
  });
});
