import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { NONCE_BYTES, decrypt, encrypt } from '../crypto/aead.ts';
import { randomBytes } from '../crypto/random.ts';
import { formatToken, parseToken } from '../crypto/token.ts';
import { StrongroomError } from '../errors.ts';
import { concat, tuple, utf8, utf8Decode, wipe } from '../lib/bytes.ts';
import { readPrivateFile, readRegularFile } from '../lib/regular-file.ts';
import { createPrivateDirectory, writePrivateFile } from '../store/private-files.ts';
import { clientDirectory } from './profiles.ts';
import { findKeyring, type SystemKeyring } from './system-keyring.ts';

const KEY_TYPE = 'client';
const KEY_FILE = 'client.key';

/**
 * Keeps the session of a profile: in the system's keyring, or where there is
 * none in a file that is encrypted under a key of this user on this machine, so
 * that a copy of that one file is of no use.
 */
export function keepSession(
  profile: string,
  token: string,
  keyring: SystemKeyring | undefined = findKeyring(),
): void {
  if (keyring?.keep(profile, token) === true) {
    rmSync(fileOf(profile), { force: true });
    return;
  }
  const key = ownKey();
  try {
    const nonce = randomBytes(NONCE_BYTES);
    const sealed = encrypt(key, nonce, utf8(token), contextOf(profile));
    writePrivateFile(fileOf(profile), concat([nonce, sealed]));
  } finally {
    wipe(key);
  }
}

/**
 * The session of a profile, or `undefined` if there is none.
 *
 * @throws {@link StrongroomError} `decryption_failed` if its file is not the one that was written here.
 */
export function readSession(
  profile: string,
  keyring: SystemKeyring | undefined = findKeyring(),
): string | undefined {
  const kept = keyring?.find(profile);
  if (kept !== undefined) return kept;
  if (!existsSync(fileOf(profile))) return undefined;
  const bytes = readRegularFile(fileOf(profile));
  const key = ownKey();
  try {
    const [nonce, sealed] = [bytes.slice(0, NONCE_BYTES), bytes.slice(NONCE_BYTES)];
    return utf8Decode(decrypt(key, nonce, sealed, contextOf(profile)));
  } catch (cause) {
    throw new StrongroomError('decryption_failed', 'the kept session cannot be read', {
      hint: 'sign in again with `strongroom login`',
      cause,
    });
  } finally {
    wipe(key);
  }
}

/** Forgets the session of a profile. */
export function dropSession(
  profile: string,
  keyring: SystemKeyring | undefined = findKeyring(),
): void {
  keyring?.drop(profile);
  rmSync(fileOf(profile), { force: true });
}

function fileOf(profile: string): string {
  return join(clientDirectory(), `${profile}.session`);
}

function contextOf(profile: string): Uint8Array {
  return tuple(['strongroom/v1/client-session', profile]);
}

/** The key of this user on this machine, which is made if it is not there. */
function ownKey(): Uint8Array {
  const path = join(clientDirectory(), KEY_FILE);
  createPrivateDirectory(clientDirectory());
  if (!existsSync(path)) writePrivateFile(path, `${formatToken(KEY_TYPE, randomBytes(32))}\n`);
  const text = utf8Decode(readPrivateFile(path, 'the key of kept sessions'));
  const key = parseToken(KEY_TYPE, text.trim());
  if (key !== undefined) return key;
  throw new StrongroomError('key_not_found', `${path} holds no key`, {
    hint: 'remove it, and sign in again with `strongroom login`',
  });
}
