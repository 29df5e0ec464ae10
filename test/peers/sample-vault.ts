import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { openVault } from '../../src/core/open-vault.ts';
import { createSession } from '../../src/core/session.ts';
import type { UnsealedVault } from '../../src/core/vault.ts';
import { totpCode, totpStep } from '../../src/crypto/totp.ts';
import { parseDotenv } from '../../src/formats/dotenv.ts';
import { serializeLayout } from '../../src/formats/dotenv-layout.ts';
import { init, SecretValue, type NewVault, type Session } from '../../src/index.ts';
import { fromBase32 } from '../../src/lib/base32.ts';
import { realisticDotenv } from '../../src/testing/realistic-dotenv.ts';
import { remoteSession } from '../../src/testing/remote-session.ts';

const PASSPHRASE = 'korrekte\u00a0Pferde und Batterieklammern, zu\u0308gig';
/** Enough for full tiles of two entries' width, and for an anchor within the log. */
export const READS = 600;
/** Every byte there is. */
export const BYTES: Uint8Array = new Uint8Array(300).map((_, at) => at % 256);

type TokenName = 'used' | 'revoked' | 'void' | 'secretId';

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
  /** Files with a bearer credential each, by what is so of it. */
  readonly tokens: Readonly<Record<TokenName, string>>;
  /** A file with what somebody signs in with. */
  readonly person: string;
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
  const vault = await openVault(path, { configDirectory, holder: 'peers' });
  const context = { principal: 'ada', ip: '192.0.2.7', sessionId: 'browser' };
  const session = createSession(vault, context, 'library');
  const emptyBackup = await backUp(session, directory);
  await writeValues(session);
  await changeHistory(session);
  await writeSurroundings(session);
  await rotateKeys(session);
  const tokens = await writeTokens(vault, session, join(directory, 'keys'));
  const person = await writePerson(vault, session, join(directory, 'keys'));
  const backup = await backUp(session, directory);
  const backupKey = join(directory, 'backup.pub');
  writeFileSync(backupKey, (await session.backups.key()).verifierKeys);
  const credential = readFileSync(tokens.used, 'utf8');
  await remoteSession({ vault }, { credential }).environments.list();
  await vault.close();
  return { path, keys, emptyBackup, backup, backupKey, tokens, person };
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

/** Credentials that are used, one that was revoked, and one whose machine was disabled. */
async function writeTokens(
  vault: UnsealedVault,
  { access, approle, machines, tokens }: Session,
  directory: string,
): Promise<SampleVault['tokens']> {
  for (const name of ['ci', 'old']) await machines.create({ name });
  await access.grant({ subject: 'machine:ci', can: ['list'], pattern: 'default/**' });
  const used = await tokens.create({ subject: 'machine:ci', uses: 3, can: ['list', 'read'] });
  const revoked = await tokens.create({ subject: 'machine:ci' });
  await tokens.revoke({ token: revoked.id });
  const old = await tokens.create({ subject: 'machine:old', ttl: 'never' });
  await machines.disable({ name: 'old' });
  await machines.enable({ name: 'old' });
  await approle.create({ machine: 'ci' });
  const { roleId, secretId } = await approle.newSecretId({ role: 'ci', uses: 2 });
  await remoteSession({ vault }).auth.signInAppRole({ roleId, secretId: secretId.reveal() });
  const write = (name: TokenName, token: SecretValue): string => {
    const file = join(directory, `token-${name}`);
    writeFileSync(file, token.reveal(), { mode: 0o600 });
    return file;
  };
  return {
    used: write('used', used.token),
    revoked: write('revoked', revoked.token),
    void: write('void', old.token),
    secretId: write('secretId', secretId),
  };
}

/** Somebody who signs in with a password and time-based codes, and guessed wrong once. */
async function writePerson(
  vault: UnsealedVault,
  { users }: Session,
  directory: string,
): Promise<string> {
  const name = 'zoë';
  const password = `${PASSPHRASE} und so`;
  await users.create({ name });
  const { invite } = await users.invite({ name });
  const remote = remoteSession({ vault });
  const { session: credential } = await remote.auth.acceptInvite({ invite, password });
  const { auth } = remoteSession({ vault }, { credential });
  const { factor, secret } = await auth.enrollTotp();
  const totp = secret.reveal();
  const code = totpCode(fromBase32(totp) ?? new Uint8Array(), totpStep(Date.now()));
  const { recoveryCodes } = await auth.confirmTotp({ factor, code });
  await remote.auth.signIn({ name, password: 'not what was chosen' }).catch(() => undefined);
  const codes = (recoveryCodes ?? []).map((each) => each.reveal());
  const file = join(directory, 'person.json');
  const address = '192.0.2.1';
  writeFileSync(file, JSON.stringify({ name, password, totp, recovery_codes: codes, address }));
  return file;
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
