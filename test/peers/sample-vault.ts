import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { parseDotenv } from '../../src/formats/dotenv.ts';
import { serializeLayout } from '../../src/formats/dotenv-layout.ts';
import { init, open, SecretValue, type NewVault, type Session } from '../../src/index.ts';
import { realisticDotenv } from '../../src/testing/realistic-dotenv.ts';

const PASSPHRASE = 'korrekte\u00a0Pferde und Batterieklammern, zu\u0308gig';
/** Enough for full tiles of two entries' width, and for an anchor within the log. */
export const READS = 600;
/** Every byte there is. */
export const BYTES: Uint8Array = new Uint8Array(300).map((_, at) => at % 256);

/** A vault that has of everything, and a backup of it. */
export interface SampleVault {
  readonly path: string;
  /** Files with what opens it, by the kind of slot. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** Path of a backup that was made when there was no secret yet. */
  readonly emptyBackup: string;
  /** Path of the backup; its receipt lies beside it. */
  readonly backup: string;
  /** A file with the verifier key of its signature. */
  readonly backupKey: string;
}

/** Makes a vault with a slot of every kind below a directory. */
export async function makeSampleVault(directory: string): Promise<SampleVault> {
  const path = join(directory, 'vault');
  const configDirectory = join(directory, 'config');
  const env = SecretValue.text(randomBytes(48).toString('base64'));
  const made = await init({
    path,
    configDirectory,
    owner: 'ada',
    slots: [
      { kind: 'keyfile' },
      { kind: 'recovery' },
      { kind: 'env', key: env },
      { kind: 'passphrase', passphrase: SecretValue.text(PASSPHRASE) },
      { kind: 'shamir', threshold: 3, shares: 5 },
    ],
  });
  const keys = writeKeys(join(directory, 'keys'), made, env);
  await using vault = await open({ path, configDirectory });
  const session = vault.as({ principal: 'ada', ip: '192.0.2.7', sessionId: 'browser' });
  const emptyBackup = await backUp(session, directory);
  await writeValues(session);
  await changeHistory(session);
  await writeSurroundings(session);
  await rotateKeys(session);
  const backup = await backUp(session, directory);
  const backupKey = join(directory, 'backup.pub');
  writeFileSync(backupKey, (await session.backups.key()).verifierKeys);
  return { path, keys, emptyBackup, backup, backupKey };
}

/** Makes a vault that only a passphrase opens, by PBKDF2. */
export async function makePbkdf2Vault(
  directory: string,
): Promise<{ readonly path: string; readonly files: readonly string[] }> {
  const path = join(directory, 'pbkdf2');
  const file = join(directory, 'passphrase');
  writeFileSync(file, PASSPHRASE);
  const passphrase = SecretValue.text(readFileSync(file, 'utf8'));
  const slots = [{ kind: 'passphrase', passphrase, kdf: 'pbkdf2' }] as const;
  await init({ path, configDirectory: join(directory, 'config'), owner: 'ada', slots });
  return { path, files: [file] };
}

async function writeValues({ secrets }: Session): Promise<void> {
  const stripe = { environment: 'production', path: 'payments/STRIPE_KEY' };
  await secrets.write({ ...stripe, value: 'not-a-real-key-1' });
  await secrets.write({ ...stripe, value: 'not-a-real-key-2' }, { idempotencyKey: 'once' });
  const db = { environment: 'production', path: 'db', value: { user: 'shop', pass: 'p#ss' } };
  await secrets.write({ ...db, description: 'für das Lager', tags: ['shop'] });
  const inStaging = { UNICODE: 'Grüße 👋\n', EMPTY: '', keystore: BYTES, GONE: 'x' };
  for (const [name, value] of Object.entries(inStaging)) {
    await secrets.write({ environment: 'staging', path: name, value });
  }
  await secrets.delete({ environment: 'staging', path: 'GONE' });
  const layout = SecretValue.text(serializeLayout(parseDotenv(realisticDotenv())));
  await secrets.import({ environment: 'development', secrets: [], layout });
  await Promise.all(Array.from({ length: READS }, () => secrets.read(stripe)));
}

/** States that are over, of a secret that was elsewhere; versions and secrets that are destroyed. */
async function changeHistory({ secrets, workspaces }: Session): Promise<void> {
  const old = { environment: 'staging', path: 'old/KEY' };
  await secrets.write({ ...old, value: 'first', description: 'vorher' });
  await secrets.write({ ...old, value: 'second' });
  await secrets.move({ ...old, toEnvironment: 'production', to: 'new/KEY' });
  const moved = { environment: 'production', path: 'new/KEY' };
  await secrets.update({ ...moved, description: 'nachher' });
  const goes = { environment: 'staging', path: 'goes/KEY' };
  await secrets.write({ ...goes, value: 'goes', description: 'dort' });
  await workspaces.create({ name: 'other' });
  const other = { toWorkspace: 'other', toEnvironment: 'production', to: 'elsewhere/KEY' };
  await secrets.move({ ...goes, ...other });
  const environment = 'staging';
  for (const path of ['DESTROYED', 'PARTLY']) {
    for (const value of ['one', 'two']) {
      await secrets.write({ environment, path, value, description: `was ${value}` });
    }
  }
  await secrets.destroy({ environment, path: 'DESTROYED', all: true });
  await secrets.destroy({ environment, path: 'PARTLY', versions: [1] });
}

/** A row of every other table that is protected or counted. */
async function writeSurroundings(session: Session): Promise<void> {
  const { secrets } = session;
  const mine = { environment: 'development', path: 'db/URL' };
  await secrets.override({ ...mine, value: 'postgres://localhost/first' });
  await secrets.override({ ...mine, value: 'postgres://localhost/mine' });
  await secrets.verify({ environment: 'staging', path: 'PARTLY', candidate: 'two' });
  await session.groups.create({ name: 'payments' });
  await session.groups.create({ name: 'operations', wholeVault: true });
  await session.settings.write({ name: 'key_rotation_days', value: 30 });
  await session.settings.write({ name: 'backup_keep_days', value: 3 });
  await session.imports.create({ environment: 'development', source: { environment: 'staging' } });
}

/** One key of the workspace is destroyed, and of two others each has some of the envelopes. */
async function rotateKeys(session: Session): Promise<void> {
  const { keys } = session;
  await keys.rotate();
  while (!(await keys.rewrap()).finished);
  await keys.retire();
  await session.secrets.write({ environment: 'production', path: 'BETWEEN', value: 'two keys' });
  await keys.rotate();
  await keys.rewrap({ limit: 4 });
}

async function backUp({ backups }: Session, directory: string): Promise<string> {
  const there = join(directory, 'backups');
  mkdirSync(there, { recursive: true });
  return (await backups.create({ directory: there })).file;
}

function writeKeys(directory: string, made: NewVault, env: SecretValue): SampleVault['keys'] {
  mkdirSync(directory);
  const write = (name: string, value: SecretValue | undefined): string => {
    const file = join(directory, name);
    writeFileSync(file, `${value?.reveal() ?? ''}\n`, { mode: 0o600 });
    return file;
  };
  const shares = (made.shares ?? []).map((share, at) => write(`share-${at + 1}`, share));
  return {
    keyfile: made.keyFiles,
    recovery: [write('recovery', made.recovery)],
    env: [write('env', env)],
    passphrase: [write('passphrase', SecretValue.text(PASSPHRASE))],
    shamir: [shares[4], shares[0], shares[2]].filter((file) => file !== undefined),
  };
}
