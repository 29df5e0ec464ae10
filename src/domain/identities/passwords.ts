import { hashPassword, LOGIN_DEFAULTS, type Argon2idParameters } from '../../crypto/password.ts';
import { hmacSha256 } from '../../crypto/mac.ts';
import { randomBytes } from '../../crypto/random.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { fromBase64, toBase64 } from '../../lib/base64.ts';
import { tuple, utf8, wipe } from '../../lib/bytes.ts';
import { parseCanonicalJson } from '../../lib/canonical-json.ts';
import { equalBytes } from '../../lib/compare.ts';
import { uuidBytes } from '../../lib/ids.ts';
import { countCharacters, opaqueString } from '../../lib/opaque-string.ts';
import type { FactorRow } from '../../store/tables.ts';
import { isCommonPassword } from './common-passwords.ts';

/** What a factor `password` has as its data (`docs/spec/identities.md`). */
export interface PasswordData {
  readonly kdf: 'argon2id';
  readonly memory_kib: number;
  readonly passes: number;
  readonly lanes: number;
  /** Base64. */
  readonly salt: string;
  /** Number of the key. */
  readonly pepper: number;
  /** Base64. */
  readonly hash: string;
}

/** A password that is set, and which row says so. */
export interface StoredPassword {
  readonly factorId: string;
  readonly revision: number;
  readonly data: PasswordData;
}

/** Whose password it is. */
export interface PasswordOwner {
  readonly id: string;
  readonly name: string;
}

const CHARACTERS_MIN = 15;
const CHARACTERS_MAX = 1024;
const SALT_BYTES = 16;
const CONTROL = /\p{Cc}/u;

/** Nobody's: what an unknown name is held against, so that it takes as long as a known one. */
const NOBODYS: StoredPassword['data'] = {
  kdf: 'argon2id',
  memory_kib: LOGIN_DEFAULTS.memoryKib,
  passes: LOGIN_DEFAULTS.passes,
  lanes: LOGIN_DEFAULTS.lanes,
  salt: toBase64(new Uint8Array(SALT_BYTES)),
  pepper: 0,
  hash: toBase64(new Uint8Array(32)),
};
const NOBODYS_ID = '00000000-0000-7000-8000-000000000001';

/** What the row of a factor `password`, whose MAC was checked, says. */
export function storedPassword(row: FactorRow): StoredPassword {
  const data = parseCanonicalJson(row.data) as PasswordData | undefined;
  if (data?.kdf !== 'argon2id') {
    throw new StrongroomError('integrity_error', 'a password cannot be read', {
      hint: DAMAGED_HINT,
    });
  }
  return { factorId: row.id, revision: row.revision, data };
}

/**
 * Checks a password that somebody chose.
 *
 * @throws {@link StrongroomError} `too_weak` below 15 characters, or if it is one that is tried first;
 * `invalid_input` above 1,024 characters, or with control characters.
 */
export function requireGoodPassword(password: string, { name }: Pick<PasswordOwner, 'name'>): void {
  const text = opaqueString(password);
  const characters = countCharacters(text);
  if (characters > CHARACTERS_MAX || CONTROL.test(text)) {
    throw new StrongroomError(
      'invalid_input',
      `a password has at most ${CHARACTERS_MAX} characters, and no control characters`,
      { details: { max: CHARACTERS_MAX } },
    );
  }
  if (characters < CHARACTERS_MIN) {
    throw new StrongroomError(
      'too_weak',
      `a password needs at least ${CHARACTERS_MIN} characters`,
      {
        details: { min: CHARACTERS_MIN },
        hint: 'five or six random words are easy to remember',
      },
    );
  }
  if (isCommonPassword(text, name)) {
    throw new StrongroomError('too_weak', 'this password is one of those that are tried first', {
      hint: 'five or six random words are easy to remember',
    });
  }
}

/** Hashes a new password. Slow: off the event loop, and never in a transaction. */
export async function makePassword(
  keyring: Keyring,
  ownerId: string,
  password: string,
): Promise<PasswordData> {
  const salt = randomBytes(SALT_BYTES);
  const { number } = keyring.pepperKey();
  const hash = await derive(keyring, { ownerId, password, pepper: number }, salt, LOGIN_DEFAULTS);
  const { memoryKib, passes, lanes } = LOGIN_DEFAULTS;
  return {
    kdf: 'argon2id',
    memory_kib: memoryKib,
    passes,
    lanes,
    salt: toBase64(salt),
    pepper: number,
    hash: toBase64(hash),
  };
}

/**
 * Whether a password is that which is stored. It takes as long for somebody who
 * has none, or is not known, and is never right then.
 */
export async function isPassword(
  keyring: Keyring,
  stored: { readonly ownerId: string; readonly data: PasswordData } | undefined,
  password: string,
): Promise<boolean> {
  const { ownerId, data } = stored ?? { ownerId: NOBODYS_ID, data: NOBODYS };
  const salt = fromBase64(data.salt);
  const expected = fromBase64(data.hash);
  if (salt === undefined || expected === undefined) {
    throw new StrongroomError('integrity_error', 'a password cannot be read', {
      hint: DAMAGED_HINT,
    });
  }
  const pepper = stored === undefined ? keyring.pepperKey().number : data.pepper;
  const parameters = { memoryKib: data.memory_kib, passes: data.passes, lanes: data.lanes };
  const found = await derive(keyring, { ownerId, password, pepper }, salt, parameters);
  return equalBytes(found, expected) && stored !== undefined;
}

/** Whether a password is stored as none is today, and is to be stored anew. */
export function isOutdated(keyring: Keyring, data: PasswordData): boolean {
  const { memoryKib, passes, lanes } = LOGIN_DEFAULTS;
  const isWeaker = data.memory_kib < memoryKib || data.passes < passes || data.lanes < lanes;
  return isWeaker || data.pepper !== keyring.pepperKey().number;
}

/** The one way from a password to what is stored of it. */
async function derive(
  keyring: Keyring,
  given: { readonly ownerId: string; readonly password: string; readonly pepper: number },
  salt: Uint8Array,
  parameters: Argon2idParameters,
): Promise<Uint8Array> {
  const bytes = utf8(opaqueString(given.password));
  const label = 'strongroom/v1/password';
  const input = tuple([label, uuidBytes(keyring.vaultId), uuidBytes(given.ownerId), bytes]);
  const peppered = hmacSha256(keyring.pepperKey(given.pepper).key, input);
  wipe(bytes);
  wipe(input);
  try {
    return await hashPassword(peppered, salt, parameters);
  } finally {
    wipe(peppered);
  }
}
