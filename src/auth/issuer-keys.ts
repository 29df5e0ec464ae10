import type { JSONWebKeySet, JWK } from 'jose';

import { StrongroomError } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';
import type { Clock } from '../lib/ids.ts';

/** Gets a document from outside. */
export type FetchDocument = (address: string) => Promise<Uint8Array>;

/** Where the keys of an issuer are. */
export interface KeySource {
  readonly issuer: string;
  /** Default: what the issuer's discovery document says. */
  readonly jwksUrl?: string | undefined;
}

interface Held {
  readonly keys: JSONWebKeySet | undefined;
  /** When they were got. */
  readonly gotAt: number;
  /** When that was last tried. */
  readonly triedAt: number;
}

const FRESH_MS = 10 * 60_000;
/** For how long keys are used while nothing newer can be got: no longer, since one may have been taken back. */
const STALE_MS = 60 * 60_000;
/** How soon the keys may be asked for again: anybody can send a token with a key id of their own. */
const COOLDOWN_MS = 30_000;
const KEYS_MAX = 100;
const SOURCES_MAX = 1000;
const DISCOVERY = '/.well-known/openid-configuration';
/** Members of a public key (RFC 7518 §6, RFC 8037). There is none for a private or a shared key. */
const KEY_MEMBERS = ['kty', 'kid', 'use', 'alg', 'key_ops', 'n', 'e', 'crv', 'x', 'y'] as const;

/** The public keys of issuers, kept for a while. */
export class IssuerKeys {
  readonly #held: Map<string, Held> = new Map();
  readonly #pending: Map<string, Promise<JSONWebKeySet>> = new Map();
  readonly #now: Clock;

  constructor(now: Clock) {
    this.#now = now;
  }

  /**
   * The keys of an issuer, got anew if they are old or lack one.
   *
   * @param kid - The key that is looked for.
   * @throws {@link StrongroomError} `unreachable`.
   */
  async of(
    source: KeySource,
    kid: string | undefined,
    fetch: FetchDocument,
  ): Promise<JSONWebKeySet> {
    const name = JSON.stringify([source.issuer, source.jwksUrl ?? null]);
    const held = this.#held.get(name);
    const now = this.#now();
    const age = held === undefined ? Number.POSITIVE_INFINITY : now - held.gotAt;
    const usable = age >= 0 && age < STALE_MS ? held?.keys : undefined;
    const isEnough = usable !== undefined && age < FRESH_MS && hasKey(usable, kid);
    if (isEnough) return usable;
    if (held !== undefined && Math.abs(now - held.triedAt) < COOLDOWN_MS) {
      return usable ?? fail(source);
    }
    try {
      return await this.#refresh(name, source, fetch);
    } catch (error) {
      if (usable !== undefined) return usable;
      throw error;
    }
  }

  #refresh(name: string, source: KeySource, fetch: FetchDocument): Promise<JSONWebKeySet> {
    const pending = this.#pending.get(name);
    if (pending !== undefined) return pending;
    const held = this.#held.get(name);
    if (this.#held.size >= SOURCES_MAX) this.#held.clear();
    this.#held.set(name, { keys: held?.keys, gotAt: held?.gotAt ?? 0, triedAt: this.#now() });
    const asked = keysFrom(source, fetch)
      .then((keys) => {
        const now = this.#now();
        this.#held.set(name, { keys, gotAt: now, triedAt: now });
        return keys;
      })
      .finally(() => {
        this.#pending.delete(name);
      });
    this.#pending.set(name, asked);
    return asked;
  }
}

/**
 * The public keys in a JSON Web Key Set (RFC 7517 §5). Others are left out, and
 * so is everything about them but the key.
 *
 * @throws {@link StrongroomError} `invalid_input` if it is none, or has no such key.
 */
export function publicKeysOf(document: unknown): JSONWebKeySet {
  const list: unknown = isObject(document) ? document['keys'] : undefined;
  const keys = (Array.isArray(list) ? list.slice(0, KEYS_MAX) : [])
    .filter((key) => isObject(key) && isPublic(key))
    .map((key) => pick(key as Readonly<Record<string, unknown>>));
  if (keys.length > 0) return { keys };
  throw new StrongroomError('invalid_input', 'there is no public key in the key set');
}

async function keysFrom(source: KeySource, fetch: FetchDocument): Promise<JSONWebKeySet> {
  try {
    const document = await fetch(source.jwksUrl ?? (await discover(source, fetch)));
    return publicKeysOf(parse(document));
  } catch (cause) {
    return fail(source, cause);
  }
}

/** OpenID Connect Discovery 1.0 §4: the document has to be that of the very issuer. */
async function discover(source: KeySource, fetch: FetchDocument): Promise<string> {
  const { issuer } = source;
  const document = parse(await fetch(`${issuer.replace(/\/$/, '')}${DISCOVERY}`));
  const found = isObject(document) ? document : {};
  const address = found['jwks_uri'];
  if (found['issuer'] !== issuer || typeof address !== 'string') return fail(source);
  return address;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Decode(bytes));
  } catch {
    return undefined;
  }
}

function hasKey({ keys }: JSONWebKeySet, kid: string | undefined): boolean {
  return kid === undefined || keys.some((key) => key.kid === kid);
}

function isPublic(key: Readonly<Record<string, unknown>>): boolean {
  const isKind = ['RSA', 'EC', 'OKP'].includes(String(key['kty']));
  return isKind && key['d'] === undefined && key['k'] === undefined && key['use'] !== 'enc';
}

function pick(key: Readonly<Record<string, unknown>>): JWK {
  const members = KEY_MEMBERS.filter((name) => key[name] !== undefined);
  return Object.fromEntries(members.map((name) => [name, key[name]]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fail({ issuer }: KeySource, cause?: unknown): never {
  throw new StrongroomError('unreachable', 'the keys of the issuer of the token cannot be got', {
    details: { issuer },
    cause,
  });
}
