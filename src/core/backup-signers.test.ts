import { copyFileSync, cpSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { generateSigningKey, importSigningKey, publicKeyOf, sign } from '../crypto/signature.ts';
import { formatHeader, signerName, type BackupHeader } from '../domain/backup/backup-header.ts';
import { withBackupFile } from '../domain/backup/read-backup.ts';
import { signedMessage } from '../domain/backup/signing-key.ts';
import { concat } from '../lib/bytes.ts';
import { formatVerifierKeys, verifierKey } from '../merkle/verifier-key.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { openBackup, openOwnBackup, readWholeBackup } from './open-backup.ts';
import { openVault } from './open-vault.ts';
import { restoreVault } from './restore-vault.ts';
import { createSession, type Session } from './session.ts';

const environment = 'production';
const path = 'x1';
const at = { environment, path };
const later = { proof: 'later' } as const;

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let directory: string;

beforeEach(async () => {
  place = await makeTemporaryVault();
  directory = join(realpathSync(place.root), 'backups');
  await open();
  await session.secrets.write({ ...at, value: 'first' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

async function open(): Promise<void> {
  parts = await openParts(place);
  session = parts.as(OWNER);
}

const value = async (of: Session): Promise<string | undefined> =>
  (await of.secrets.read(at)).value?.reveal();

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing',
    (error: unknown) => String((error as { code?: unknown }).code),
  );
}

/** Every way in which an open vault takes something from a backup, or vouches for it. */
async function codesOf(file: string, keys: Keys | undefined): Promise<readonly string[]> {
  return [
    await codeOf(session.backups.restoreParts({ file, ...at, keys })),
    await codeOf(session.backups.restoreParts({ file, ...at, as: 'copy', keys })),
    await codeOf(session.backups.restoreParts({ file, keys })),
    await codeOf(session.backups.verify({ file, keys })),
    await codeOf(session.backups.verify({ file, prove: true, keys })),
  ];
}

type Keys = readonly { readonly kind: 'keyfile'; readonly path: string }[];

interface Forged {
  readonly file: string;
  /** What opens it, which the vault never had. */
  readonly keys: Keys;
  readonly pkcs8: Uint8Array;
}

/**
 * A backup that names this vault and has whatever its maker wanted in it: from a copy of the
 * database of before the first backup, with a root key and a signing key of the maker's own.
 */
async function forge(): Promise<Forged> {
  await parts.vault.close();
  const copy = {
    ...place,
    path: join(place.root, 'forgery'),
    configDirectory: join(place.root, 'f'),
  };
  cpSync(place.path, copy.path, { recursive: true });
  const made = await openParts(copy);
  const keyFile = join(place.root, 'forger.key');
  const by = { kind: 'keyfile', path: keyFile } as const;
  const forger = made.as(OWNER);
  await forger.keys.beginRoot({ renew: [{ slot: 'keyfile', by }] });
  await forger.keys.rotateRoot({});
  await forger.secrets.write({ ...at, value: 'planted' });
  const { file } = await forger.backups.create({ directory: join(place.root, 'forged'), ...later });
  const pkcs8 = made.keyring.unwrap(made.keyring.newest('backup-ed25519')?.id ?? '');
  await made.vault.close();
  await open();
  return { file, keys: [by], pkcs8 };
}

/** A file with another header, and signed by a key. */
async function withHeader(
  file: string,
  to: string,
  {
    pkcs8,
    header,
    keys,
  }: {
    readonly pkcs8: Uint8Array;
    readonly header: Partial<BackupHeader>;
    readonly keys: Keys;
  },
): Promise<string> {
  const unsigned = await withBackupFile(file, async (from) => {
    const opened = await openBackup(from, { keys, directory: place.path });
    const body = new Uint8Array(readFileSync(file)).subarray(from.length, -64);
    return concat([formatHeader({ ...from.header, ...header }, opened.keys), body]);
  });
  writeFileSync(to, concat([unsigned, signatureOf(unsigned, pkcs8)]));
  return to;
}

function signatureOf(bytes: Uint8Array, pkcs8: Uint8Array): Uint8Array {
  const digest = new Uint8Array(createHash('sha256').update(bytes).digest());
  return sign(importSigningKey('ed25519', pkcs8), signedMessage(digest));
}

describe('A91 a backup that somebody else signed in the name of a vault', () => {
  it('A91 is taken for nothing, whatever opens it', async () => {
    const { file, keys } = await forge();
    const refused = Array.from({ length: 5 }, () => 'backup_unverifiable');
    // There is no signing key before the first backup, so that nothing can be the vault's own.
    expect(await codesOf(file, keys)).toEqual(refused);
    await session.backups.create({ directory, ...later });
    expect(await codesOf(file, keys)).toEqual(refused);
    expect(await value(session)).toBe('first');
    expect((await session.backups.list()).backups).toHaveLength(1);
    expect((await session.secrets.list({ environment })).secrets).toHaveLength(1);
  });

  it("A91 is not made the vault's own by naming the vault's key", async () => {
    const { file, keys, pkcs8 } = await forge();
    const { verifierKeys: signedBy } = await session.backups.key();
    const named = join(place.root, 'named.backup');
    await withHeader(file, named, { pkcs8, keys, header: { signedBy } });
    expect(new Set(await codesOf(named, keys))).toEqual(new Set(['backup_damaged']));
  });

  it('A91 does not come back as a whole under a header that names another key', async () => {
    const made = await session.backups.create({ directory, ...later });
    const bytes = new Uint8Array(readFileSync(made.file));
    const { pkcs8, privateKey } = generateSigningKey('ed25519');
    const key = verifierKey(signerName(place.made.id), 'ed25519', publicKeyOf(privateKey));
    const text = Buffer.from(bytes.subarray(0, -64)).toString('latin1');
    const { verifierKeys } = await session.backups.key();
    const [was, is] = [verifierKeys, formatVerifierKeys([key])].map((each) =>
      JSON.stringify(each).slice(1, -1),
    );
    const unsigned = new Uint8Array(Buffer.from(text.replace(was ?? '', is ?? ''), 'latin1'));
    expect(Buffer.from(unsigned).toString('latin1')).toContain(is);
    const file = join(place.root, 'resigned.backup');
    writeFileSync(file, concat([unsigned, signatureOf(unsigned, pkcs8)]));
    const keys = [{ kind: 'keyfile', path: place.keyFile }] as const;
    const options = { file, keys, by: OWNER, configDirectory: join(place.root, 'elsewhere') };
    await expect(restoreVault(join(place.root, 'restored'), options)).rejects.toMatchObject({
      code: 'backup_damaged',
      message: expect.stringContaining('header was altered') as string,
    });
  });
});

describe('A91 a backup of who has an earlier root key', () => {
  it('A91 is taken for nothing, though the key of the vault signed it', async () => {
    const own = await session.backups.create({ directory, ...later });
    await parts.vault.close();
    const copy = {
      ...place,
      path: join(place.root, 'old'),
      configDirectory: join(place.root, 'o'),
    };
    cpSync(place.path, copy.path, { recursive: true });
    const old = await openParts(copy);
    const holder = old.as(OWNER);
    await holder.secrets.write({ ...at, value: 'planted' });
    const to = join(place.root, 'planted');
    const { file } = await holder.backups.create({ directory: to, ...later });
    const { verifierKeys } = await holder.backups.key();
    await old.vault.close();
    await open();
    expect(verifierKeys).toBe((await session.backups.key()).verifierKeys);
    const by = { kind: 'keyfile', path: join(place.root, 'new.key') } as const;
    await session.keys.beginRoot({ renew: [{ slot: 'keyfile', by }] });
    await session.keys.rotateRoot({});
    const before = [{ kind: 'keyfile', path: place.keyFile }] as const;
    const refused = Array.from({ length: 5 }, () => 'backup_unverifiable');
    expect(await codesOf(file, before)).toEqual(refused);
    expect(await value(session)).toBe('first');
    const { backups } = await session.backups.list();
    expect(backups.map(({ id }) => id)).toEqual([own.id]);
    const whole = { file, keys: before, by: OWNER, configDirectory: join(place.root, 'w') };
    await restoreVault(join(place.root, 'restored'), whole);
  });
});

describe("a backup that is the vault's own", () => {
  it('leaves nothing of what was decrypted to who stops reading it in the middle', async () => {
    const { file } = await session.backups.create({ directory, ...later });
    const seen: Uint8Array[] = [];
    const read = withBackupFile(file, async (from) => {
      const { keys } = await openOwnBackup(from, {}, { ...parts, directory: place.path });
      await readWholeBackup(from, keys, (_table, row) => {
        for (const each of Object.values(row)) if (each instanceof Uint8Array) seen.push(each);
        if (seen.length === 0) return;
        expect(seen.some((bytes) => bytes.some((byte) => byte !== 0))).toBe(true);
        throw new RangeError('enough');
      });
    });
    await expect(read).rejects.toThrow('enough');
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((bytes) => bytes.some((byte) => byte !== 0))).toEqual([]);
  });

  it('restores after the root key was changed, with the key file of before', async () => {
    const { file } = await session.backups.create({ directory, ...later });
    await session.secrets.write({ ...at, value: 'second' });
    const before = [{ kind: 'keyfile', path: place.keyFile }] as const;
    const by = { kind: 'keyfile', path: join(place.root, 'new.key') } as const;
    await session.keys.beginRoot({ renew: [{ slot: 'keyfile', by }] });
    await session.keys.rotateRoot({});
    expect(await codeOf(session.backups.verify({ file, keys: [by] }))).toBe('wrong_key');
    const restored = await session.backups.restoreParts({ file, ...at, keys: before });
    expect(restored.secrets).toMatchObject([{ outcome: 'changed', version: 3 }]);
    expect(await value(session)).toBe('first');
    const proven = await session.backups.verify({ file, keys: before, prove: true });
    expect(proven.receipt).toContain(`strongroom-backup/${place.made.id}`);
    await session.audit.verify();
  });

  it('is taken by a vault that was restored from a later one', async () => {
    const older = await session.backups.create({ directory, ...later });
    await session.secrets.write({ ...at, value: 'second' });
    const newer = await session.backups.create({ directory, ...later });
    const keys = [{ kind: 'keyfile', path: place.keyFile }] as const;
    const to = join(place.root, 'restored');
    const configDirectory = join(place.root, 'another-machine');
    await restoreVault(to, { file: newer.file, keys, by: OWNER, configDirectory });
    const vault = await openVault(to, { keys, configDirectory, holder: 'a test' });
    const there = createSession(vault, { principal: OWNER }, 'library');
    const { verifierKeys } = await there.backups.key();
    expect(verifierKeys).toBe((await session.backups.key()).verifierKeys);
    await there.backups.restoreParts({ file: older.file, ...at });
    expect(await value(there)).toBe('first');
    await there.backups.verify({ file: newer.file, prove: true });
    await vault.close();
  });

  it('is the one that was listed, if it is named by its id', async () => {
    const older = await session.backups.create({ directory, ...later });
    await session.secrets.write({ ...at, value: 'second' });
    const newer = await session.backups.create({ directory, ...later });
    const kept = join(place.root, 'kept.backup');
    copyFileSync(newer.file, kept);
    copyFileSync(older.file, newer.file);
    const { id } = newer;
    expect(await codeOf(session.backups.restoreParts({ id, ...at }))).toBe('backup_damaged');
    expect(await codeOf(session.backups.verify({ id }))).toBe('backup_damaged');
    expect(await codeOf(session.backups.verify({ id, prove: true }))).toBe('backup_damaged');
    expect(await value(session)).toBe('second');
    copyFileSync(kept, newer.file);
    await session.backups.restoreParts({ id: older.id, ...at });
    expect(await value(session)).toBe('first');
    await session.backups.restoreParts({ id, ...at });
    expect(await value(session)).toBe('second');
  });

  it('A91 is the file that was listed, also for who has the signing key', async () => {
    const { file } = await session.backups.create({ directory, ...later });
    const pkcs8 = parts.keyring.unwrap(parts.keyring.newest('backup-ed25519')?.id ?? '');
    const keys = [{ kind: 'keyfile', path: place.keyFile }] as const;
    const other = join(place.root, 'other.backup');
    await withHeader(file, other, { pkcs8, keys, header: { createdAt: 1 } });
    expect(new Set(await codesOf(other, undefined))).toEqual(new Set(['backup_damaged']));
    rmSync(other);
  });
});
