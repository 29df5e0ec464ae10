import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { verifyBackupFile } from '../../domain/backup/verify-file.ts';
import { removeBackupFile } from '../../domain/backup/backup-file.ts';
import { parseNote, verifyNote } from '../../merkle/note.ts';
import { parseVerifierKeys } from '../../merkle/verifier-key.ts';
import { vaultConfigFiles } from '../../seal/locations.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  temporaryDirectory,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { openVault } from '../open-vault.ts';
import { restoreVault } from '../restore-vault.ts';
import { createSession, type Session } from '../session.ts';

const environment = 'production';
const path = 'db/PASSWORD';
const DAY = 86_400_000;

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let directory: string;
let now: number;

beforeEach(async () => {
  place = await makeTemporaryVault();
  now = Date.now();
  parts = await openParts(place, { now: () => now });
  session = parts.as(OWNER);
  directory = realpathSync(temporaryDirectory());
  await session.secrets.write({ environment, path, value: 'first' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
  rmSync(directory, { recursive: true, force: true });
});

const names = (): string[] => readdirSync(directory).toSorted();

describe('making a backup', () => {
  it('writes a file that only its owner can read, proves it, and keeps the receipt', async () => {
    const made = await session.backups.create({ directory });
    const { verifierKeys } = await session.backups.key();
    expect(statSync(made.file).mode & 0o777).toBe(0o600);
    expect(names()).toEqual(
      [made.file, `${made.file}.receipt`].map((name) => name.slice(directory.length + 1)),
    );
    const receipt = readFileSync(`${made.file}.receipt`, 'utf8');
    expect(receipt).toBe(made.receipt);
    const note = parseNote(receipt);
    expect(verifyNote(note, parseVerifierKeys(verifierKeys))).toHaveLength(1);
    expect(note.text).toContain(`sha256 ${made.sha256}\n`);
    expect(note.text).toContain('decrypted 1\n');
    expect(await verifyBackupFile(made.file, verifierKeys)).toMatchObject({ sha256: made.sha256 });
    const { backupKey } = vaultConfigFiles(place.made.id, place.configDirectory);
    expect(readFileSync(backupKey, 'utf8')).toBe(verifierKeys);
    await session.audit.verify();
  });

  it('can put the proof off, and make up for it', async () => {
    const made = await session.backups.create({ directory, proof: 'later' });
    expect(made).toMatchObject({ provenAt: null, receipt: null });
    const verified = await session.backups.verify({ id: made.id, prove: true });
    expect(verified).toMatchObject({ decrypted: 1, rows: { secrets: 1, versions: 1 } });
    const { backups } = await session.backups.list();
    expect(backups[0]).toMatchObject({ receipt: verified.receipt });
    expect(backups[0]?.provenAt).not.toBeNull();
  });

  it('lets others read and write while it reads', async () => {
    const making = session.backups.create({ directory });
    const work = Array.from({ length: 50 }, (_, nth) =>
      session.secrets.write({ environment, path: `during/${nth}`, value: 'v' }),
    );
    await Promise.all(work);
    const made = await making;
    expect(made.provenAt).not.toBeNull();
    await session.audit.verify();
  });

  it('A95 stays in its directory, follows no link and replaces nothing', async () => {
    const victim = join(place.root, 'victim');
    writeFileSync(victim, 'as it was');
    const taken = `strongroom-${place.made.id}-${new Date(now).toISOString().replaceAll(/[-:]/g, '')}.backup`;
    symlinkSync(victim, join(directory, taken));
    await expect(session.backups.create({ directory })).rejects.toMatchObject({
      code: 'file_exists',
    });
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
    symlinkSync(victim, join(directory, `${taken}.receipt`));
    rmSync(join(directory, taken));
    await session.backups.create({ directory });
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
  });

  it('A86 needs a directory outside the vault', async () => {
    const inside = { directory: join(place.path, 'backups') };
    await expect(session.backups.create(inside)).rejects.toMatchObject({ code: 'invalid_input' });
    expect(existsSync(inside.directory)).toBe(false);
    await expect(session.backups.create({})).rejects.toMatchObject({ code: 'invalid_input' });
    const refused = async (at: string): Promise<void> => {
      const making = session.backups.create({ directory: at });
      await expect(making).rejects.toMatchObject({ code: 'invalid_input' });
    };
    await refused(join(place.path, '..x'));
    await refused(place.path);
    symlinkSync(place.path, join(directory, 'link'));
    await refused(join(directory, 'link'));
    await refused(join(directory, 'link', 'new', 'directory'));
    mkdirSync(join(directory, 'real'));
    symlinkSync(join(directory, 'real'), join(directory, 'other'));
    await refused(join(directory, 'other'));
    expect(readdirSync(place.path).filter((name) => /^(\.\.x|new|strongroom-)/.test(name))).toEqual(
      [],
    );
    const beside = { directory: `${place.path}..x`, proof: 'later' } as const;
    expect((await session.backups.create(beside)).file).toContain('..x');
  });

  it('removes what a killed attempt left, of this vault alone', async () => {
    const own = `strongroom-${place.made.id}-x.backup.partial-y`;
    const others = 'strongroom-01a20330-85cd-7001-9160-adf9742e163d-x.backup.partial-y';
    const proof = `.strongroom-proof-${place.made.id}-z`;
    writeFileSync(join(directory, own), 'half');
    writeFileSync(join(directory, others), 'half');
    mkdirSync(join(directory, proof));
    await session.backups.create({ directory });
    expect(names().filter((name) => !name.includes('.backup') || name.includes('partial'))).toEqual(
      [others],
    );
  });

  it('leaves nothing when what it wrote cannot be restored', async () => {
    tamper(place, (db) => db.exec("UPDATE secrets SET type = 'password'"));
    await expect(session.backups.create({ directory })).rejects.toMatchObject({
      code: 'integrity_error',
    });
    expect(names()).toEqual([]);
    expect((await session.backups.list()).backups).toEqual([]);
  });
});

describe('keeping backups', () => {
  it('removes those whose time is over, but never the newest that was proven', async () => {
    const first = await session.backups.create({ directory, keepDays: 1 });
    now += 2 * DAY;
    const second = await session.backups.create({ directory, keepDays: 1 });
    now += 2 * DAY;
    const third = await session.backups.create({ directory, keepDays: 1, proof: 'later' });
    now += 2 * DAY;
    const pruned = await session.backups.prune();
    expect(pruned).toEqual({
      removed: [third.file, first.file],
      failed: [],
      missing: [],
      kept: 1,
    });
    expect(names()).toHaveLength(2);
    expect(existsSync(second.file)).toBe(true);
    const { backups } = await session.backups.list();
    expect(backups.filter(({ removedAt }) => removedAt === null)).toMatchObject([
      { id: second.id },
    ]);
  });

  it('removes nothing that is not a backup any more', async () => {
    const first = await session.backups.create({ directory });
    now += DAY;
    await session.backups.create({ directory });
    rmSync(first.file);
    symlinkSync(place.keyFile, first.file);
    const pruned = await session.backups.prune({ keepLast: 1 });
    expect(pruned).toMatchObject({ removed: [], failed: [first.file] });
    expect(existsSync(place.keyFile)).toBe(true);
    expect(removeBackupFile(place.keyFile)).toBe(false);
  });

  it('makes one when it is due by the setting, and not before', async () => {
    expect(await session.backups.runScheduled({ directory })).toEqual({
      created: undefined,
      removed: [],
    });
    await session.settings.write({ name: 'backup_every', value: '1d' });
    await session.settings.write({ name: 'backup_keep_days', value: 3 });
    const made: boolean[] = [];
    for (const hours of [0, 23, 1, 24]) {
      now += hours * 3_600_000;
      const { created } = await session.backups.runScheduled({ directory });
      made.push(created !== undefined);
    }
    expect(made).toEqual([true, false, true, true]);
    now += 4 * DAY;
    const last = await session.backups.runScheduled({ directory });
    expect(last.removed).toHaveLength(3);
    await expect(
      session.settings.write({ name: 'backup_every', value: 'daily' }),
    ).rejects.toThrow();
  });
});

describe('bringing parts back', () => {
  const read = async (at: string, version?: number): Promise<string | undefined> =>
    (await session.secrets.read({ environment, path: at, version })).value?.reveal();

  it('writes the old value as a new version, once', async () => {
    const { file } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.write({ environment, path, value: 'second' });
    const restored = await session.backups.restoreParts({ file, environment, path });
    expect(restored.secrets).toEqual([{ environment, path, version: 3, outcome: 'changed' }]);
    expect(await read(path)).toBe('first');
    expect(await read(path, 2)).toBe('second');
    const again = await session.backups.restoreParts({ file, environment, path });
    expect(again.secrets).toMatchObject([{ version: 3, outcome: 'unchanged' }]);
    await session.audit.verify();
  });

  it('brings back a certain version, and under another name', async () => {
    await session.secrets.write({ environment, path, value: 'second' });
    const { file } = await session.backups.create({ directory, proof: 'later' });
    await session.backups.restoreParts({ file, environment, path, version: 1, as: 'db/OLD' });
    expect(await read('db/OLD')).toBe('first');
    expect(await read(path)).toBe('second');
    await expect(
      session.backups.restoreParts({ file, environment, path, version: 9 }),
    ).rejects.toMatchObject({ code: 'version_not_found' });
    await session.audit.verify();
  });

  it('finds a secret by the name that it has now and by the one that it had', async () => {
    const { file } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.write({ environment, path, value: 'second' });
    await session.secrets.rename({ environment, path, to: 'db/RENAMED' });
    const today = await session.backups.restoreParts({ file, environment, path: 'db/RENAMED' });
    expect(today.secrets).toMatchObject([{ path: 'db/RENAMED', outcome: 'changed' }]);
    const then = await session.backups.restoreParts({ file, environment, path });
    expect(then.secrets).toMatchObject([{ path: 'db/RENAMED', outcome: 'unchanged' }]);
    expect(await read('db/RENAMED')).toBe('first');
    await session.audit.verify();
  });

  it('revives a secret that was deleted under its own id, if its name is free', async () => {
    const { id } = await session.secrets.describe({ environment, path });
    const { file } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.delete({ environment, path });
    const restored = await session.backups.restoreParts({ file, environment, path });
    expect(restored.secrets).toMatchObject([{ outcome: 'revived', version: 1 }]);
    expect((await session.secrets.describe({ environment, path })).id).toBe(id);
    await session.secrets.delete({ environment, path });
    await session.secrets.write({ environment, path, value: 'another secret' });
    await expect(session.backups.restoreParts({ file, environment, path })).rejects.toMatchObject({
      code: 'secret_exists',
    });
    await session.audit.verify();
  });

  it('revives what was destroyed since', async () => {
    const { file } = await session.backups.create({ directory, proof: 'later' });
    const { id } = await session.secrets.describe({ environment, path });
    await session.secrets.destroy({ environment, path, all: true });
    const restored = await session.backups.restoreParts({ file, environment, path });
    expect(restored.secrets).toMatchObject([{ outcome: 'revived', version: 2 }]);
    expect(await read(path)).toBe('first');
    expect((await session.secrets.describe({ environment, path })).id).toBe(id);
    await session.audit.verify();
  });

  it('puts a secret that there never was in this copy back with all its versions', async () => {
    const earlier = await session.backups.create({ directory, proof: 'later' });
    now += DAY;
    await session.secrets.write({ environment, path: 'LATER', value: 'one', description: 'why' });
    await session.secrets.write({ environment, path: 'LATER', value: 'two' });
    const { file } = await session.backups.create({ directory, proof: 'later' });
    const { id } = await session.secrets.describe({ environment, path: 'LATER' });
    const to = join(place.root, 'restored');
    const keys = [{ kind: 'keyfile', path: place.keyFile }] as const;
    const configDirectory = join(place.root, 'other-machine');
    await restoreVault(to, { file: earlier.file, keys, by: OWNER, configDirectory });
    const vault = await openVault(to, { keys, configDirectory, holder: 'a test' });
    const there = createSession(vault, { principal: OWNER }, 'library');
    const at = { environment, path: 'LATER' };
    const restored = await there.backups.restoreParts({ file, ...at, keys });
    expect(restored.secrets).toMatchObject([{ outcome: 'revived', version: 2 }]);
    expect(await there.secrets.describe(at)).toMatchObject({ id, description: 'why' });
    const values = [];
    for (const version of [1, 2]) values.push(await there.secrets.read({ ...at, version }));
    expect(values.map(({ value }) => value?.reveal())).toEqual(['one', 'two']);
    await there.audit.verify();
    await vault.close();
  });

  it('opens a backup of before the root key changed with what opened the vault then', async () => {
    const { file } = await session.backups.create({ directory, proof: 'later' });
    now += DAY;
    await session.secrets.write({ environment, path, value: 'second' });
    const keys = [{ kind: 'keyfile', path: place.keyFile }] as const;
    await session.keys.beginRoot({ keep: keys });
    await session.keys.rotateRoot({});
    const at = { file, environment, path };
    await expect(session.backups.restoreParts(at)).rejects.toMatchObject({ code: 'key_not_found' });
    await expect(session.backups.verify({ file })).rejects.toMatchObject({ code: 'key_not_found' });
    const proven = await session.backups.verify({ file, prove: true, keys });
    expect(proven).toMatchObject({ decrypted: 1, values: 1 });
    const restored = await session.backups.restoreParts({ ...at, keys });
    expect(restored.secrets).toMatchObject([{ outcome: 'changed', version: 3 }]);
    expect(await read(path)).toBe('first');
    expect((await session.backups.create({ directory })).provenAt).not.toBeNull();
    await session.audit.verify();
  });

  it('brings a whole workspace back, and says what has its name by now', async () => {
    await session.secrets.write({ environment: 'staging', path: 'A', value: 'a' });
    await session.secrets.write({ environment, path: 'B', value: 'b' });
    const { file } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.write({ environment, path: 'B', value: 'changed' });
    await session.secrets.delete({ environment, path });
    await session.secrets.write({ environment, path, value: 'another secret' });
    const restored = await session.backups.restoreParts({ file });
    expect(restored.secrets.map(({ path: at, outcome }) => `${at} ${outcome}`).toSorted()).toEqual([
      'A unchanged',
      'B changed',
    ]);
    expect(restored.taken).toEqual([`${environment}/${path}`]);
    expect(await read('B')).toBe('b');
    expect(await read(path)).toBe('another secret');
    await session.audit.verify();
  });

  it('needs the rights to read and to write what it writes, and reads no backup for others', async () => {
    const { file } = await session.backups.create({ directory, proof: 'later' });
    const reader = parts.as(OWNER, { can: ['read', 'list'] });
    await expect(reader.backups.restoreParts({ file, environment, path })).rejects.toMatchObject({
      code: 'denied',
    });
    for (const can of [['write'], ['write', 'list']] as const) {
      const writer = parts.as(OWNER, { can });
      const restoring = writer.backups.restoreParts({ file, environment, path });
      await expect(restoring).rejects.toMatchObject({ code: 'denied' });
    }
    const both = parts.as(OWNER, { can: ['read', 'write'] });
    await expect(both.backups.restoreParts({ file })).rejects.toMatchObject({ code: 'denied' });
    await expect(both.backups.restoreParts({ file, environment, path })).resolves.toBeDefined();
  });

  it('writes nothing out of a backup that was changed', async () => {
    const { file } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.write({ environment, path, value: 'second' });
    appendFileSync(file, 'x');
    await expect(session.backups.restoreParts({ file, environment, path })).rejects.toMatchObject({
      code: 'backup_damaged',
    });
    expect(await read(path)).toBe('second');
  });
});

describe('a backup whose file is gone', () => {
  it('is named by the list, and health goes by the newest that is there', async () => {
    const older = await session.backups.create({ directory, proof: 'later' });
    now += DAY;
    const newer = await session.backups.create({ directory, proof: 'later' });
    expect(await session.backups.list()).toMatchObject({ missing: [] });
    expect((await session.health.read({})).backupAt).toBe(newer.createdAt);
    rmSync(newer.file);
    expect(await session.backups.list()).toMatchObject({ missing: [newer.file] });
    expect((await session.health.read({})).backupAt).toBe(older.createdAt);
  });

  it('is made good by the next that is due, of which health says when', async () => {
    const due = async (): Promise<string | undefined> =>
      (await session.health.read({})).backupDueAt;
    expect(await due()).toBeUndefined();
    const { updatedAt } = await session.settings.write({ name: 'backup_every', value: '2d' });
    expect(await due()).toBe(updatedAt);
    const { file, createdAt } = await session.backups.create({ directory, proof: 'later' });
    expect(Date.parse((await due()) ?? '')).toBe(Date.parse(createdAt) + 2 * DAY);
    rmSync(file);
    expect(await due()).toBe(updatedAt);
    await session.settings.write({ name: 'backup_every', value: null });
    expect(await due()).toBeUndefined();
  });
});

describe('bringing back what has no place any more', () => {
  it('names all that is to be made first, with what makes it', async () => {
    await session.workspaces.create({ name: 'billing' });
    const workspace = 'billing';
    for (const name of ['eu', 'us']) {
      await session.environments.create({ workspace, name });
      await session.secrets.write({ workspace, environment: name, path: 'A', value: name });
    }
    const { file } = await session.backups.create({ directory, proof: 'later' });
    await session.workspaces.delete({ name: workspace });
    const refused = await session.backups
      .restoreParts({ file, workspace })
      .catch((e: unknown) => e);
    expect(refused).toMatchObject({ code: 'workspace_not_found' });
    const { hint = '' } = refused as { hint?: string };
    const commands = [...hint.matchAll(/`strongroom ([^`]+)`/g)].map(([, command]) => command);
    expect(commands).toEqual([
      'workspace create billing',
      'environment create eu -w billing',
      'environment create us -w billing',
    ]);
    await session.workspaces.create({ name: workspace });
    await expect(session.backups.restoreParts({ file, workspace })).rejects.toMatchObject({
      code: 'environment_not_found',
      message: 'there is no environment eu, us in billing',
      details: { workspace, environments: ['eu', 'us'] },
      hint: `make what is missing first, and restore again: \`strongroom ${commands[1]}\`, \`strongroom ${commands[2]}\``,
    });
    for (const name of ['eu', 'us']) await session.environments.create({ workspace, name });
    const { secrets } = await session.backups.restoreParts({ file, workspace });
    expect(secrets.map(({ environment: at }) => at).toSorted()).toEqual(['eu', 'us']);
  });
});
