import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { vaultConfigFiles } from '../seal/locations.ts';
import { SecretValue } from '../secret-value.ts';
import { acquireVaultLock } from '../store/vault-lock.ts';
import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { initVault } from './init-vault.ts';
import { openVault } from './open-vault.ts';
import { createSession } from './session.ts';

let root: string;
let path: string;
let configDirectory: string;
beforeEach(() => {
  root = temporaryDirectory();
  path = join(root, 'vault');
  configDirectory = join(root, 'config');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Every file below a directory. */
const filesIn = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
        .toSorted()
    : [];

const init = (more: Partial<Parameters<typeof initVault>[1]> = {}): ReturnType<typeof initVault> =>
  initVault(path, { owner: 'ada', configDirectory, ...more });

describe('making a vault', () => {
  it('gives a vault that opens, and puts each file where it belongs', async () => {
    const made = await init();
    const files = vaultConfigFiles(made.id, configDirectory);
    expect(made).toMatchObject({
      keyFiles: [files.masterKey],
      auditKeyFile: files.auditKey,
      recovery: undefined,
      shares: undefined,
    });
    expect(filesIn(path)).toEqual(['vault/lock.db', 'vault/lock.json', 'vault/vault.db']);
    expect(readFileSync(files.masterKey, 'utf8')).toMatch(/^sr_key_/m);
    expect(readFileSync(files.auditKey, 'utf8')).toContain('strongroom/');
    expect(readFileSync(files.checkpoint, 'utf8')).toContain('strongroom/');
    const vault = await openVault(path, { configDirectory, holder: 'test' });
    const session = createSession(vault, { principal: 'ada' }, 'library');
    expect((await session.environments.list()).map(({ name }) => name)).toEqual([
      'development',
      'staging',
      'production',
      'testing',
    ]);
    const { entries } = await session.audit.query({ action: 'vault.init' });
    expect(entries).toMatchObject([{ seq: 0, actor_name: 'ada', detail: `vault ${made.id}` }]);
    await vault.close();
  });

  it('gives out the recovery key and the shares once, and keeps neither', async () => {
    const made = await init({
      slots: [{ kind: 'recovery' }, { kind: 'shamir', threshold: 2, shares: 3 }],
    });
    expect(made.keyFiles).toEqual([]);
    expect(made.shares?.length).toBe(3);
    const secrets = [made.recovery, ...(made.shares ?? [])].map((value) => value?.reveal() ?? '');
    for (const name of filesIn(root)) {
      const content = readFileSync(join(root, name), 'latin1');
      expect(secrets.filter((secret) => secret === '' || content.includes(secret))).toEqual([]);
    }
  });

  it('begins with one recovery key and one set of shares at most, as it hands over one of each', async () => {
    const shamir = { kind: 'shamir', threshold: 2, shares: 3 } as const;
    for (const slots of [
      [{ kind: 'recovery' } as const, { kind: 'recovery' } as const],
      [shamir, shamir],
    ]) {
      await expect(init({ slots })).rejects.toMatchObject({ code: 'invalid_input' });
    }
    expect(filesIn(root)).toEqual([]);
  });

  it('refuses where a vault is, and leaves that one and its key as they are', async () => {
    await init();
    const before = filesIn(root);
    const content = readFileSync(join(path, 'vault.db'));
    await expect(init()).rejects.toMatchObject({ code: 'vault_exists' });
    expect(filesIn(root)).toEqual(before);
    expect(readFileSync(join(path, 'vault.db')).equals(content)).toBe(true);
  });

  it('lets one of two that begin at once win', async () => {
    const settled = await Promise.allSettled([init(), init()]);
    expect(settled.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    const [lost] = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(['vault_in_use', 'vault_exists']).toContain((lost as { code: string }).code);
    expect(filesIn(configDirectory).length).toBe(3);
  });

  it('takes what a killed attempt left behind away', async () => {
    mkdirSync(join(path, '.init-0190'), { recursive: true });
    writeFileSync(join(path, '.init-0190', 'vault.db'), 'half');
    writeFileSync(join(path, 'theirs'), 'kept');
    await init();
    expect(readdirSync(path).toSorted()).toEqual(['lock.db', 'lock.json', 'theirs', 'vault.db']);
  });

  it('is refused while another process is at it', async () => {
    mkdirSync(path);
    const lock = await acquireVaultLock(path, { holder: 'another init' });
    await expect(init()).rejects.toMatchObject({ code: 'vault_in_use' });
    lock.release();
    await init();
  });
});

describe('making a vault that fails', () => {
  /** Whatever stops it: no vault, no key, nothing half-made; and the next attempt succeeds. */
  const expectNothing = async (): Promise<void> => {
    expect(existsSync(path)).toBe(false);
    expect(filesIn(configDirectory)).toEqual([]);
    const vaults = join(configDirectory, 'strongroom', 'vaults');
    expect(existsSync(vaults) ? readdirSync(vaults) : []).toEqual([]);
    await init();
  };

  it('for a passphrase that is too short leaves no key file of the slot before it', async () => {
    await expect(
      init({
        slots: [{ kind: 'keyfile' }, { kind: 'passphrase', passphrase: SecretValue.text('short') }],
      }),
    ).rejects.toMatchObject({ code: 'passphrase_too_short' });
    await expectNothing();
  });

  it('for a key that is too short, or shares that cannot be', async () => {
    const key = SecretValue.text(Buffer.alloc(31).toString('base64'));
    await expect(
      init({ slots: [{ kind: 'keyfile' }, { kind: 'env', key }] }),
    ).rejects.toMatchObject({
      code: 'key_too_short',
    });
    await expect(
      init({ slots: [{ kind: 'keyfile' }, { kind: 'shamir', threshold: 4, shares: 3 }] }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(init({ slots: [] })).rejects.toMatchObject({ code: 'invalid_input' });
    await expectNothing();
  });

  it('leaves a directory that was there, and what was in it', async () => {
    mkdirSync(path);
    writeFileSync(join(path, 'lock.json'), 'theirs');
    await expect(init({ owner: 'a b' })).rejects.toMatchObject({ code: 'invalid_name' });
    expect(readdirSync(path)).toEqual(['lock.json']);
  });

  it('for the name of the owner', async () => {
    await expect(init({ owner: 'a b' })).rejects.toMatchObject({ code: 'invalid_name' });
    await expectNothing();
  });

  it('for a key file that is there already, which stays as it is', async () => {
    const keyFile = join(root, 'key');
    writeFileSync(keyFile, 'theirs', { mode: 0o600 });
    await expect(
      init({ slots: [{ kind: 'keyfile' }, { kind: 'keyfile', path: keyFile }] }),
    ).rejects.toMatchObject({ code: 'file_exists' });
    expect(readFileSync(keyFile, 'utf8')).toBe('theirs');
    await expectNothing();
  });

  it('for a checkpoint that cannot be written: the vault is not put in place without it', async () => {
    const { id } = await initVault(join(root, 'probe'), { owner: 'ada', configDirectory });
    rmSync(vaultConfigFiles(id, configDirectory).checkpoint);
    rmSync(configDirectory, { recursive: true });
    // A clock that is read while the vault is being made puts a directory in the checkpoint's way.
    const vaults = join(configDirectory, 'strongroom', 'vaults');
    const now = (): number => {
      for (const name of existsSync(vaults) ? readdirSync(vaults) : []) {
        const inTheWay = vaultConfigFiles(name, configDirectory).checkpoint;
        if (!existsSync(inTheWay)) mkdirSync(join(inTheWay, 'x'), { recursive: true });
      }
      return Date.now();
    };
    await expect(init({ now })).rejects.toThrow();
    expect(existsSync(join(path, 'vault.db'))).toBe(false);
    expect(filesIn(configDirectory)).toEqual([]);
  });

  it('for a place that is a file, with a code', async () => {
    writeFileSync(path, 'a file');
    await expect(init()).rejects.toMatchObject({ code: 'read_only' });
    expect(statSync(path).isFile()).toBe(true);
    expect(filesIn(configDirectory)).toEqual([]);
  });

  it('for a configuration directory that is a file, with a code', async () => {
    writeFileSync(configDirectory, 'a file');
    await expect(init()).rejects.toMatchObject({ code: 'read_only' });
    expect(existsSync(path)).toBe(false);
  });
});
