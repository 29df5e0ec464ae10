import type { JSONWebKeySet, JWTPayload } from 'jose';

import { IssuerKeys } from '../../auth/issuer-keys.ts';
import { haveClaims, isForAudience } from '../../auth/jwt.ts';
import type { JwtFault, JwtLook } from '../../auth/verify-jwt.ts';
import { methodsOf, type JwtConfig, type Method } from '../../domain/identities/method-config.ts';
import { readMethods } from '../../domain/identities/methods.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { fetchOutside } from '../../lib/outbound.ts';
import { notAccepted, whyUnauthenticated } from '../denials.ts';
import type { Services } from '../operation.ts';

/** A token that was verified, as of the way to sign in that it fits. */
export interface VerifiedJwt {
  readonly method: Method<'jwt'>;
  /** Whom it is about. */
  readonly sub: string | undefined;
}

/** What a token says by the keys of a trust, or what is wrong with it. */
type Verify = (trust: Method<'jwt'>) => Promise<JWTPayload | JwtFault>;

/**
 * Verifies a token, and finds the trust that it fits. Until its signature is known to be right, its
 * issuer alone says what is done: anybody can write claims, and whether they are trusted must not be
 * told by an answer, nor by how long it takes.
 *
 * @param named - Name of the trust. Default: the one that the token fits.
 * @throws {@link StrongroomError} `unauthenticated`; `unreachable` if the issuer is one that is
 * trusted, and its keys cannot be got.
 */
export async function verifiedJwt(
  token: string,
  named: string | undefined,
  services: Services,
): Promise<VerifiedJwt> {
  // Loaded here, because hardly a command needs it.
  const { lookAtJwt } = await import('../../auth/verify-jwt.ts');
  const look = lookAtJwt(token);
  if (look === undefined) throw notAccepted('malformed');
  const trusts = await trustsIn(look.issuer, services);
  if (trusts.length === 0) throw notAccepted('unknown');
  const verify = await verifierOf(token, look, services);
  const claims = await firstClaims(trusts, verify);
  const asked = trusts.filter(({ row }) => named === undefined || row.name === named);
  const method = fitting(asked, claims);
  // Another trust in that issuer may go by other keys.
  if (typeof (await verify(method)) === 'string') throw notAccepted('signature');
  return { method, sub: claims.sub };
}

/** The one trust that claims fit. */
function fitting(asked: readonly Method<'jwt'>[], claims: JWTPayload): Method<'jwt'> {
  const [known] = asked;
  if (known === undefined) throw notAccepted('unknown');
  const forAudience = asked.filter(({ config }) => isForAudience(claims, config.audiences));
  const found = forAudience.filter(({ config }) => haveClaims(claims, config.claims));
  const [method] = found;
  // Who somebody is must not depend on which of two is asked first.
  if (method !== undefined && found.length === 1) return method;
  const why = forAudience.length === 0 ? 'audience' : found.length === 0 ? 'claims' : 'ambiguous';
  throw notAccepted(why, { method: asked.length === 1 ? known.row.id : undefined });
}

async function trustsIn(
  issuer: string,
  { store, mac }: Services,
): Promise<readonly Method<'jwt'>[]> {
  const rows = await store.read((transaction) => readMethods({ transaction, mac }));
  return methodsOf(rows, 'jwt').filter(
    ({ row, config }) => row.disabled_at === null && config.issuer === issuer,
  );
}

/** Verifies by the keys of trusts, once by the same ones. */
async function verifierOf(token: string, look: JwtLook, services: Services): Promise<Verify> {
  const { verifyJwt } = await import('../../auth/verify-jwt.ts');
  const known = new Map<string, ReturnType<Verify>>();
  return ({ config }) => {
    const { jwks, jwks_url: url, algorithms } = config;
    const name = JSON.stringify([jwks ?? null, url ?? null, algorithms]);
    const verifying = async (): ReturnType<Verify> => {
      const keys = (jwks as JSONWebKeySet | undefined) ?? (await keysOf(config, look, services));
      return verifyJwt(token, keys, { rules: config, now: services.now() });
    };
    const verified = known.get(name) ?? verifying();
    known.set(name, verified);
    return verified;
  };
}

/** What the token says by the first keys that it is signed by. Nobody is asked for keys that a trust holds itself. */
async function firstClaims(trusts: readonly Method<'jwt'>[], verify: Verify): Promise<JWTPayload> {
  const verified = async (trust: Method<'jwt'>): Promise<JWTPayload> => {
    const claims = await verify(trust);
    if (typeof claims !== 'string') return claims;
    const method = claims === 'signature' || trusts.length > 1 ? undefined : trust.row.id;
    throw notAccepted(claims, { method });
  };
  const faults: unknown[] = [];
  for (const isHeld of [true, false]) {
    const asked = trusts.filter(({ config }) => (config.jwks !== undefined) === isHeld);
    try {
      return await Promise.any(asked.map(verified));
    } catch (error) {
      faults.push(...(error as AggregateError).errors);
    }
  }
  const isOther = (each: unknown): boolean => whyUnauthenticated(each) === undefined;
  const isSigned = (each: unknown): boolean => whyUnauthenticated(each)?.why !== 'signature';
  throw faults.find(isOther) ?? faults.find(isSigned) ?? notAccepted('signature');
}

/** The keys of issuers that an open vault has got, which its keyring stands for. */
const issuerKeys = new WeakMap<Keyring, IssuerKeys>();

async function keysOf(
  config: JwtConfig,
  { kid }: JwtLook,
  services: Services,
): Promise<JSONWebKeySet> {
  const known = issuerKeys.get(services.keyring) ?? new IssuerKeys(services.now);
  issuerKeys.set(services.keyring, known);
  const allowedHosts = readSetting({ standing: await services.settings() }, null, 'outbound_hosts');
  const source = { issuer: config.issuer, jwksUrl: config.jwks_url };
  return known.of(source, kid, (address) => fetchOutside(address, { allowedHosts }));
}
