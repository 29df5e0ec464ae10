import type { JSONWebKeySet, JWK } from 'jose';

import { StrongroomError } from '../errors.ts';
import type { Clock } from '../lib/ids.ts';
import {
  discover,
  isMembers,
  parseMembers,
  type FetchDocument,
  type Members,
} from './discovery.ts';

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
    const pending = this.#pending.get(name);
    const isTooSoon = held !== undefined && Math.abs(now - held.triedAt) < COOLDOWN_MS;
    if (pending === undefined && isTooSoon) return usable ?? fail(source);
    try {
      return await (pending ?? this.#refresh(name, source, fetch));
    } catch (error) {
      if (usable !== undefined) return usable;
      throw error;
    }
  }

  #refresh(name: string, source: KeySource, fetch: FetchDocument): Promise<JSONWebKeySet> {
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
  const list: unknown = isMembers(document) ? document['keys'] : undefined;
  const keys = (Array.isArray(list) ? list.slice(0, KEYS_MAX) : [])
    .filter((key) => isMembers(key) && isPublic(key))
    .map((key) => pick(key as Members));
  if (keys.length > 0) return { keys };
  throw new StrongroomError('invalid_input', 'there is no public key in the key set');
}

async function keysFrom(source: KeySource, fetch: FetchDocument): Promise<JSONWebKeySet> {
  try {
    return publicKeysOf(parseMembers(await fetch(await addressOf(source, fetch))));
  } catch (cause) {
    return fail(source, cause);
  }
}

async function addressOf(source: KeySource, fetch: FetchDocument): Promise<string> {
  if (source.jwksUrl !== undefined) return source.jwksUrl;
  const address = (await discover(source.issuer, fetch))?.['jwks_uri'];
  return typeof address === 'string' ? address : fail(source);
}

function hasKey({ keys }: JSONWebKeySet, kid: string | undefined): boolean {
  return kid === undefined || keys.some((key) => key.kid === kid);
}

function isPublic(key: Members): boolean {
  const isKind = ['RSA', 'EC', 'OKP'].includes(String(key['kty']));
  return isKind && key['d'] === undefined && key['k'] === undefined && key['use'] !== 'enc';
}

function pick(key: Members): JWK {
  const members = KEY_MEMBERS.filter((name) => key[name] !== undefined);
  return Object.fromEntries(members.map((name) => [name, key[name]]));
}

function fail({ issuer }: KeySource, cause?: unknown): never {
  throw new StrongroomError('unreachable', 'the keys of the issuer of the token cannot be got', {
    details: { issuer },
    cause,
  });
}
