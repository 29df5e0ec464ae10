import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

import type {
  AssertionJson,
  CreationOptionsJson,
  RegistrationJson,
  RequestOptionsJson,
} from '../auth/passkey-json.ts';
import { sha256 } from '../crypto/hash.ts';
import { randomBytes } from '../crypto/random.ts';
import { fromBase64Url, toBase64Url } from '../lib/base64.ts';
import { concat, utf8 } from '../lib/bytes.ts';

/** What keys it makes. The last three are what no relying party of ours asks for. */
export type PasskeyAlgorithm = 'ES256' | 'EdDSA' | 'RS256' | 'ES384' | 'RS1024' | 'P384AsES256';

/** What it says otherwise than it should: of a forger, or of one that is broken. */
export interface Faults {
  readonly origin?: string;
  readonly rpId?: string;
  readonly type?: string;
  readonly challenge?: string;
  /** Members of the client data besides. */
  readonly clientData?: object;
  readonly counter?: number;
  readonly present?: boolean;
  readonly verified?: boolean;
  readonly backedUp?: boolean;
  readonly backupEligible?: boolean;
  readonly userHandle?: string | null;
  /** Of the attestation. */
  readonly format?: string;
  readonly statement?: ReadonlyMap<string, CborValue>;
  /** Another credential's id. */
  readonly id?: string;
  /** Changes one bit of the signature. */
  readonly forged?: boolean;
}

/** How one is built. */
export interface AuthenticatorOptions {
  /** Where its browser is. */
  readonly origin: string;
  readonly algorithm?: PasskeyAlgorithm;
  /** Whether it makes sure who is there. Default yes. */
  readonly verifies?: boolean;
  /** Whether it counts its signatures. Default yes. */
  readonly counts?: boolean;
}

/** What is encoded as CBOR. */
export type CborValue =
  number | string | Uint8Array | readonly CborValue[] | ReadonlyMap<number | string, CborValue>;

const FLAGS = { present: 1, verified: 4, backupEligible: 8, backedUp: 16, attested: 64 } as const;

/** An authenticator that holds one passkey in memory, and the browser before it (WebAuthn Level 3). */
export class SoftwareAuthenticator {
  readonly id: string = toBase64Url(randomBytes(16));
  readonly #options: AuthenticatorOptions;
  readonly #keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  #counter: number;
  #userHandle = '';

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#keys = keysOf(options.algorithm ?? 'ES256');
    this.#counter = options.counts === false ? 0 : 1;
  }

  /** `navigator.credentials.create()` and `toJSON()`. */
  create({ rp, user, challenge }: CreationOptionsJson, faults: Faults = {}): RegistrationJson {
    this.#userHandle = user.id;
    const id = fromBase64Url(faults.id ?? this.id) ?? new Uint8Array();
    const attested = concat([
      new Uint8Array(16),
      Uint8Array.of(id.length >> 8, id.length & 255),
      id,
      encodeCbor(coseKey(this.#keys.publicKey, this.#options.algorithm ?? 'ES256')),
    ]);
    const data = this.#authenticatorData(rp.id, FLAGS.attested, faults);
    const authData = concat([data, attested]);
    const clientDataJSON = this.#clientData('webauthn.create', challenge, faults);
    const attestation = new Map<string, CborValue>([
      ['fmt', faults.format ?? 'none'],
      ['attStmt', faults.statement ?? this.#statement(faults.format, authData, clientDataJSON)],
      ['authData', authData],
    ]);
    return {
      id: faults.id ?? this.id,
      rawId: faults.id ?? this.id,
      type: 'public-key',
      response: {
        clientDataJSON,
        attestationObject: toBase64Url(encodeCbor(attestation)),
        transports: ['internal'],
      },
    };
  }

  /** `navigator.credentials.get()` and `toJSON()`. */
  get({ rpId, challenge }: RequestOptionsJson, faults: Faults = {}): AssertionJson {
    if (this.#options.counts !== false) this.#counter += 1;
    const data = this.#authenticatorData(rpId, 0, faults);
    const clientDataJSON = this.#clientData('webauthn.get', challenge, faults);
    const hash = sha256(fromBase64Url(clientDataJSON) ?? new Uint8Array());
    const signature = signWith(this.#keys.privateKey, concat([data, hash]));
    if (faults.forged === true) signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
    const { userHandle = this.#userHandle } = faults;
    return {
      id: faults.id ?? this.id,
      rawId: faults.id ?? this.id,
      type: 'public-key',
      response: {
        clientDataJSON,
        authenticatorData: toBase64Url(data),
        signature: toBase64Url(signature),
        ...(userHandle === null ? {} : { userHandle }),
      },
    };
  }

  /** Of the format `packed` the key vouches for itself (§8.2). */
  #statement(
    format: string | undefined,
    authData: Uint8Array,
    clientDataJson: string,
  ): ReadonlyMap<string, CborValue> {
    if (format !== 'packed') return new Map();
    const hash = sha256(fromBase64Url(clientDataJson) ?? new Uint8Array());
    const sig = signWith(this.#keys.privateKey, concat([authData, hash]));
    return new Map<string, CborValue>([
      ['alg', -7],
      ['sig', sig],
    ]);
  }

  #clientData(type: string, challenge: string, faults: Faults): string {
    const data = {
      type: faults.type ?? type,
      challenge: faults.challenge ?? challenge,
      origin: faults.origin ?? this.#options.origin,
      crossOrigin: false,
      ...faults.clientData,
    };
    return toBase64Url(utf8(JSON.stringify(data)));
  }

  #authenticatorData(rpId: string, flags: number, faults: Faults): Uint8Array {
    const { verifies = true } = this.#options;
    let bits = flags;
    if (faults.present ?? true) bits |= FLAGS.present;
    if (faults.verified ?? verifies) bits |= FLAGS.verified;
    if (faults.backupEligible ?? false) bits |= FLAGS.backupEligible;
    if (faults.backedUp ?? false) bits |= FLAGS.backedUp;
    const counter = new Uint8Array(4);
    new DataView(counter.buffer).setUint32(0, faults.counter ?? this.#counter);
    return concat([sha256(faults.rpId ?? rpId), Uint8Array.of(bits), counter]);
  }
}

function keysOf(algorithm: PasskeyAlgorithm): {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
} {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (algorithm === 'RS1024') return generateKeyPairSync('rsa', { modulusLength: 1024 });
  return generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384' });
}

function signWith(key: KeyObject, bytes: Uint8Array): Uint8Array {
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return new Uint8Array(sign(digest, bytes, key));
}

/** A COSE key (RFC 9052 §7, RFC 9053 §7, RFC 8230 §4). */
function coseKey(key: KeyObject, algorithm: PasskeyAlgorithm): ReadonlyMap<number, CborValue> {
  const jwk = key.export({ format: 'jwk' }) as Readonly<Record<string, string>>;
  const part = (name: string): Uint8Array => fromBase64Url(jwk[name] ?? '') ?? new Uint8Array();
  if (key.asymmetricKeyType === 'ed25519')
    return new Map<number, CborValue>([
      [1, 1],
      [3, -8],
      [-1, 6],
      [-2, part('x')],
    ]);
  if (key.asymmetricKeyType === 'rsa')
    return new Map<number, CborValue>([
      [1, 3],
      [3, -257],
      [-1, part('n')],
      [-2, part('e')],
    ]);
  const alg = algorithm === 'ES384' ? -35 : -7;
  const curve = algorithm === 'ES256' ? 1 : 2;
  return new Map<number, CborValue>([
    [1, 2],
    [3, alg],
    [-1, curve],
    [-2, part('x')],
    [-3, part('y')],
  ]);
}

/** CBOR (RFC 8949 §3) of what keys and attestations consist of. */
function encodeCbor(value: CborValue): Uint8Array {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return concat([head(3, utf8(value).length), utf8(value)]);
  if (value instanceof Uint8Array) return concat([head(2, value.length), value]);
  if (value instanceof Map) {
    const map = value as ReadonlyMap<number | string, CborValue>;
    const members = [...map].flatMap(([key, each]) => [encodeCbor(key), encodeCbor(each)]);
    return concat([head(5, map.size), ...members]);
  }
  const items = value as readonly CborValue[];
  return concat([head(4, items.length), ...items.map(encodeCbor)]);
}

function head(major: number, count: number): Uint8Array {
  if (count < 24) return Uint8Array.of((major << 5) | count);
  if (count < 256) return Uint8Array.of((major << 5) | 24, count);
  return Uint8Array.of((major << 5) | 25, count >> 8, count & 255);
}
