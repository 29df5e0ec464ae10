import { fromBase64Url, toBase64Url } from '../lib/base64.ts';
import { uuidBytes } from '../lib/ids.ts';
import type {
  AssertionJson,
  CreationOptionsJson,
  PasskeyDescriptor,
  RegistrationJson,
  RequestOptionsJson,
  UserVerification,
} from './passkey-json.ts';
import type { PasskeyLibrary } from './passkey-library.ts';

/** The site that passkeys are for (WebAuthn Level 3, §4: relying party). */
export interface RelyingParty {
  /** Its host. */
  readonly id: string;
  /** Such as `https://vault.example`. */
  readonly origin: string;
}

/** What a ceremony was begun with, and where it has to take place. */
export interface ExpectedCeremony {
  /** Base64url. */
  readonly challenge: string;
  readonly party: RelyingParty;
}

/** A passkey as it is registered. */
export interface RegisteredPasskey {
  /** The credential id, base64url. */
  readonly id: string;
  /** COSE (RFC 9052 §7), base64url. */
  readonly publicKey: string;
  /** The signature counter. */
  readonly counter: number;
  readonly transports: readonly string[];
  readonly backupEligible: boolean;
  readonly backedUp: boolean;
  readonly userVerified: boolean;
}

/** What an authenticator said when it was used. */
export type PasskeyUse = Pick<
  RegisteredPasskey,
  'counter' | 'backupEligible' | 'backedUp' | 'userVerified'
>;

/** For how long a ceremony may take, in milliseconds. */
export const CEREMONY_MS: number = 10 * 60_000;

const NAME = 'Strongroom';
const ID_BYTES_MAX = 1023;

/** COSE algorithms (RFC 9053 §2, RFC 8812 §2), each with its one type of key and its one curve. */
const ES256 = { alg: -7, kty: 2, crv: 1 } as const;
const EDDSA = { alg: -8, kty: 1, crv: 6 } as const;
const RS256 = { alg: -257, kty: 3 } as const;
const ALGORITHMS = [ES256.alg, EDDSA.alg, RS256.alg] as const;
/** Labels in a COSE key. */
const COSE = { kty: 1, alg: 3, crv: -1, n: -1 } as const;
/** 2048 to 8192 bits. */
const RSA_BYTES = { min: 256, max: 1024 } as const;

/** What a browser makes a passkey with. It is asked for no attestation. */
export function creationOptions(
  { id }: RelyingParty,
  given: {
    readonly challenge: string;
    readonly user: { readonly id: string; readonly name: string };
    readonly exclude: readonly PasskeyDescriptor[];
  },
): CreationOptionsJson {
  const { name } = given.user;
  return {
    rp: { id, name: NAME },
    user: { id: userHandle(given.user.id), name, displayName: name },
    challenge: given.challenge,
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
    timeout: CEREMONY_MS,
    excludeCredentials: given.exclude,
    authenticatorSelection: {
      residentKey: 'preferred',
      requireResidentKey: false,
      userVerification: 'preferred',
    },
    attestation: 'none',
  };
}

/** What a browser uses a passkey with. */
export function requestOptions(
  { id }: RelyingParty,
  given: {
    readonly challenge: string;
    readonly allow: readonly PasskeyDescriptor[];
    readonly userVerification: UserVerification;
  },
): RequestOptionsJson {
  return {
    challenge: given.challenge,
    timeout: CEREMONY_MS,
    rpId: id,
    allowCredentials: given.allow,
    userVerification: given.userVerification,
  };
}

/** How an authenticator names whom a passkey belongs to: no name, and nothing that leads to one. */
export function userHandle(principalId: string): string {
  return toBase64Url(uuidBytes(principalId));
}

/**
 * Checks what came of making a passkey (WebAuthn Level 3, §7.1).
 *
 * @returns `undefined` if anything about it is wrong.
 */
export async function verifyRegistration(
  library: PasskeyLibrary,
  { id, rawId, type, response }: RegistrationJson,
  { challenge, party }: ExpectedCeremony,
): Promise<RegisteredPasskey | undefined> {
  const { clientDataJSON, attestationObject, transports = [] } = response;
  try {
    if (isEmbedded(clientDataJSON) || !isUnattested(library, attestationObject)) return undefined;
    const { registrationInfo: found } = await library.verifyRegistrationResponse({
      response: {
        id,
        rawId,
        type,
        response: { clientDataJSON, attestationObject },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      expectedType: 'webauthn.create',
      requireUserVerification: false,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (found?.credential.id !== id) return undefined;
    const { publicKey, counter } = found.credential;
    if ((fromBase64Url(id)?.length ?? 0) > ID_BYTES_MAX) return undefined;
    if (!isKeyOfOurs(library, publicKey)) return undefined;
    return {
      id,
      publicKey: toBase64Url(publicKey),
      counter,
      transports: [...new Set(transports)],
      backupEligible: found.credentialDeviceType === 'multiDevice',
      backedUp: found.credentialBackedUp,
      userVerified: found.userVerified,
    };
  } catch {
    return undefined;
  }
}

/**
 * Checks what came of using a passkey (WebAuthn Level 3, §7.2). The signature
 * counter and whether the user was verified are for whoever knows what they are
 * held against.
 *
 * @returns `undefined` if anything about it is wrong.
 */
export async function verifyAssertion(
  library: PasskeyLibrary,
  { id, rawId, type, response }: AssertionJson,
  expected: ExpectedCeremony & {
    readonly publicKey: string;
    /** Whose it is. */
    readonly principalId: string;
    /** Whether it has to say itself whose it is, as where nobody else said so. */
    readonly isAlone: boolean;
  },
): Promise<PasskeyUse | undefined> {
  const { clientDataJSON, authenticatorData, signature, userHandle: handle } = response;
  const { challenge, party, principalId, isAlone } = expected;
  const publicKey = fromBase64Url(expected.publicKey);
  if (publicKey === undefined || isEmbedded(clientDataJSON)) return undefined;
  if (isAlone && typeof handle !== 'string') return undefined;
  if (typeof handle === 'string' && handle !== userHandle(principalId)) return undefined;
  try {
    const { verified, authenticationInfo: used } = await library.verifyAuthenticationResponse({
      response: {
        id,
        rawId,
        type,
        response: { clientDataJSON, authenticatorData, signature },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      expectedType: 'webauthn.get',
      requireUserVerification: false,
      // A counter that goes back is told apart from what is plainly wrong, and put on record.
      credential: { id, publicKey: new Uint8Array(publicKey), counter: 0 },
    });
    if (!verified) return undefined;
    return {
      counter: used.newCounter,
      backupEligible: used.credentialDeviceType === 'multiDevice',
      backedUp: used.credentialBackedUp,
      userVerified: used.userVerified,
    };
  } catch {
    return undefined;
  }
}

/** Whether it took place in a page within another one, of somebody else (§5.8.1). */
function isEmbedded(clientDataJson: string): boolean {
  const bytes = fromBase64Url(clientDataJson);
  if (bytes === undefined) return true;
  try {
    const data: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof data !== 'object' || data === null) return true;
    const { crossOrigin, topOrigin } = data as Readonly<Record<string, unknown>>;
    return (crossOrigin !== undefined && crossOrigin !== false) || topOrigin !== undefined;
  } catch {
    return true;
  }
}

/**
 * Whether nobody vouches for an authenticator, but at most its new key for itself,
 * which browsers leave as it is (§5.1.3). Certificates are not looked at: whoever
 * checks them asks the addresses that they name for lists of revoked ones.
 */
function isUnattested(library: PasskeyLibrary, attestationObject: string): boolean {
  const bytes = fromBase64Url(attestationObject);
  if (bytes === undefined) return false;
  const decoded = library.decodeAttestationObject(new Uint8Array(bytes));
  const [format, statement] = [decoded.get('fmt'), decoded.get('attStmt')];
  if (format === 'none') return true;
  return format === 'packed' && statement instanceof Map && !statement.has('x5c');
}

/** Whether a key is one of the algorithms that we asked for, and of the curve that goes with it (§5.8.5). */
function isKeyOfOurs(library: PasskeyLibrary, publicKey: Uint8Array): boolean {
  const key = library.decodeCredentialPublicKey(new Uint8Array(publicKey));
  const [alg, kty, crv] = [key.get(COSE.alg), key.get(COSE.kty), key.get(COSE.crv)];
  for (const known of [ES256, EDDSA]) {
    if (alg === known.alg) return kty === known.kty && crv === known.crv;
  }
  const n = key.get(COSE.n);
  if (alg !== RS256.alg || kty !== RS256.kty || !(n instanceof Uint8Array)) return false;
  return n.length >= RSA_BYTES.min && n.length <= RSA_BYTES.max;
}
