import { argon2, pbkdf2 } from 'node:crypto';
import { StrongroomError } from '../errors.ts';

/** Parameters of argon2id (RFC 9106 §3.1). */
export interface Argon2idParameters {
  /** Memory in KiB. */
  readonly memoryKib: number;
  /** Passes over the memory. */
  readonly passes: number;
  /** Degree of parallelism. */
  readonly lanes: number;
}

/** Parameters of PBKDF2-HMAC-SHA-256 (RFC 8018 §5.2). */
export interface Pbkdf2Parameters {
  readonly iterations: number;
}

/** What new slots use: 256 MiB, 3 passes, 4 lanes; about 1.2 s. */
export const ARGON2ID_DEFAULTS: Argon2idParameters = {
  memoryKib: 256 * 1024,
  passes: 3,
  lanes: 4,
};

/** What passwords of users are hashed with: about 60 ms. */
export const LOGIN_DEFAULTS: Argon2idParameters = { memoryKib: 19_456, passes: 2, lanes: 1 };

/** What new slots use. */
export const PBKDF2_DEFAULTS: Pbkdf2Parameters = { iterations: 1_300_000 };

/** Floors keep an edited slot from being weak, ceilings from stopping the process. */
const ARGON2ID_BOUNDS: Readonly<Record<keyof Argon2idParameters, Bounds>> = {
  memoryKib: { min: 64 * 1024, max: 2 * 1024 * 1024 },
  passes: { min: 3, max: 16 },
  lanes: { min: 4, max: 16 },
};
/** Of passwords, which are tried once for each sign-in and not once for each opened vault. */
const LOGIN_BOUNDS: Readonly<Record<keyof Argon2idParameters, Bounds>> = {
  memoryKib: { min: 19_456, max: 1024 * 1024 },
  passes: { min: 2, max: 16 },
  lanes: { min: 1, max: 16 },
};
const PBKDF2_BOUNDS: Readonly<Record<keyof Pbkdf2Parameters, Bounds>> = {
  iterations: { min: 600_000, max: 10_000_000 },
};
const DERIVED_BYTES = 32;

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/**
 * Derives a key from a passphrase with argon2id (RFC 9106), off the event loop.
 *
 * @param passphrase - UTF-8, already normalised.
 * @param salt - Random, 32 bytes in slots.
 * @returns 32 bytes; the caller wipes them.
 * @throws {@link StrongroomError} `kdf_out_of_bounds` before anything is derived, if a parameter is below the compiled-in floor or above the ceiling.
 */
export async function deriveArgon2id(
  passphrase: Uint8Array,
  salt: Uint8Array,
  parameters: Argon2idParameters,
): Promise<Uint8Array> {
  checkArgon2id(parameters, ARGON2ID_BOUNDS);
  return testOnlyDeriveArgon2id(passphrase, salt, parameters);
}

/**
 * Hashes a password with argon2id (RFC 9106), off the event loop.
 *
 * @param peppered - An HMAC of the password: 32 bytes, whatever its length.
 * @param salt - Random, 16 bytes.
 * @returns 32 bytes.
 * @throws {@link StrongroomError} `kdf_out_of_bounds` before anything is derived, if a parameter is below the compiled-in floor or above the ceiling.
 */
export async function hashPassword(
  peppered: Uint8Array,
  salt: Uint8Array,
  parameters: Argon2idParameters,
): Promise<Uint8Array> {
  checkArgon2id(parameters, LOGIN_BOUNDS);
  return testOnlyDeriveArgon2id(peppered, salt, parameters);
}

/**
 * Derives a key from a passphrase with PBKDF2-HMAC-SHA-256 (RFC 8018), off the event loop.
 *
 * @param passphrase - UTF-8, already normalised.
 * @param salt - Random, 32 bytes in slots.
 * @returns 32 bytes; the caller wipes them.
 * @throws {@link StrongroomError} `kdf_out_of_bounds` before anything is derived, if the iterations are below the compiled-in floor or above the ceiling.
 */
export async function derivePbkdf2(
  passphrase: Uint8Array,
  salt: Uint8Array,
  parameters: Pbkdf2Parameters,
): Promise<Uint8Array> {
  checkBounds('iterations', parameters.iterations, PBKDF2_BOUNDS.iterations);
  return testOnlyDerivePbkdf2(passphrase, salt, parameters);
}

/** {@link deriveArgon2id} without floors and ceilings, for known answers and quick tests. */
export function testOnlyDeriveArgon2id(
  passphrase: Uint8Array,
  salt: Uint8Array,
  parameters: Argon2idParameters,
): Promise<Uint8Array> {
  const input = {
    message: passphrase,
    nonce: salt,
    memory: parameters.memoryKib,
    passes: parameters.passes,
    parallelism: parameters.lanes,
    tagLength: DERIVED_BYTES,
  };
  return new Promise((resolve, reject) => {
    argon2('argon2id', input, (error, derived) => {
      if (error === null) resolve(ownBytes(derived));
      else reject(error);
    });
  });
}

/** {@link derivePbkdf2} without floor and ceiling, for known answers and quick tests. */
export function testOnlyDerivePbkdf2(
  passphrase: Uint8Array,
  salt: Uint8Array,
  parameters: Pbkdf2Parameters,
): Promise<Uint8Array> {
  const { iterations } = parameters;
  return new Promise((resolve, reject) => {
    pbkdf2(passphrase, salt, iterations, DERIVED_BYTES, 'sha256', (error, derived) => {
      if (error === null) resolve(ownBytes(derived));
      else reject(error);
    });
  });
}

function checkArgon2id(
  { memoryKib, passes, lanes }: Argon2idParameters,
  bounds: Readonly<Record<keyof Argon2idParameters, Bounds>>,
): void {
  checkBounds('memory_kib', memoryKib, bounds.memoryKib);
  checkBounds('passes', passes, bounds.passes);
  checkBounds('lanes', lanes, bounds.lanes);
}

function checkBounds(parameter: string, value: number, bounds: Bounds): void {
  if (Number.isInteger(value) && value >= bounds.min && value <= bounds.max) return;
  throw new StrongroomError(
    'kdf_out_of_bounds',
    `the key derivation parameter ${parameter} is outside ${bounds.min} to ${bounds.max}`,
    { details: { parameter, min: bounds.min, max: bounds.max } },
  );
}

function ownBytes(derived: Uint8Array): Uint8Array {
  return new Uint8Array(derived.buffer, derived.byteOffset, derived.length);
}
