import { StrongroomError } from '../../errors.ts';
import { IssuerKeys } from '../../auth/issuer-keys.ts';
import { OidcProviders, type OidcProvider } from '../../auth/oidc-provider.ts';
import {
  codeForm,
  readTokens,
  verifyIdToken,
  type CodeGiven,
  type IdClaims,
} from '../../auth/oidc-token.ts';
import type { Method } from '../../domain/identities/method-config.ts';
import { openClientSecret } from '../../domain/identities/oidc-account.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { utf8Decode, wipe } from '../../lib/bytes.ts';
import { fetchOutside, parseOutside, postOutside } from '../../lib/outbound.ts';
import { notAccepted } from '../denials.ts';
import type { Services } from '../operation.ts';

/** What came back from a provider, and what it is held against. */
export interface Returned extends Pick<CodeGiven, 'code' | 'redirect' | 'verifier'> {
  readonly nonce: string;
  /** Who says to have sent it (RFC 9207), if it was said. */
  readonly iss: string | undefined;
}

interface Kept {
  readonly providers: OidcProviders;
  readonly keys: IssuerKeys;
}

/** What an open vault has got of providers, which its keyring stands for. */
const kept = new WeakMap<Keyring, Kept>();

/**
 * The provider of a way to sign in, whose addresses are all ones that may be asked.
 *
 * @throws {@link StrongroomError} `unreachable`.
 */
export async function providerOf(
  services: Services,
  { config }: Method<'oidc'>,
): Promise<OidcProvider> {
  const allowedHosts = await allowedOf(services);
  const { providers } = keptOf(services);
  const provider = await providers.of(config.issuer, (address) =>
    fetchOutside(address, { allowedHosts }),
  );
  for (const address of [provider.authorizationEndpoint, provider.tokenEndpoint]) {
    try {
      parseOutside(address, allowedHosts);
    } catch (cause) {
      throw new StrongroomError('unreachable', 'the provider names an address that is not asked', {
        details: { issuer: config.issuer },
        cause,
      });
    }
  }
  return provider;
}

/**
 * Exchanges a code for what the provider says of whoever it was given to, and verifies that.
 *
 * @throws {@link StrongroomError} `unauthenticated`, the same for every reason; `unreachable`.
 */
export async function redeem(
  services: Services,
  method: Method<'oidc'>,
  returned: Returned,
): Promise<IdClaims> {
  const { config } = method;
  const provider = await providerOf(services, method);
  // A code of another provider would be shown to this one (RFC 9207 §2.4).
  const isNamed = returned.iss !== undefined || provider.namesItself;
  if (isNamed && returned.iss !== config.issuer) throw notAccepted('issuer');
  const allowedHosts = await allowedOf(services);
  const tokens = readTokens(
    await postOutside(provider.tokenEndpoint, formOf(services, { provider, method, returned }), {
      allowedHosts,
    }),
  );
  if (tokens === undefined) throw notAccepted('code');
  // Loaded here, because hardly a command needs it.
  const { lookAtJwt } = await import('../../auth/verify-jwt.ts');
  const look = lookAtJwt(tokens.idToken);
  if (look === undefined || look.issuer !== config.issuer) throw notAccepted('malformed');
  const source = { issuer: config.issuer, jwksUrl: provider.jwksUrl };
  const keys = await keptOf(services).keys.of(source, look.kid, (address) =>
    fetchOutside(address, { allowedHosts }),
  );
  const claims = await verifyIdToken(tokens, keys, {
    issuer: config.issuer,
    clientId: config.client_id,
    algorithms: config.algorithms,
    nonce: returned.nonce,
    now: services.now(),
  });
  if (claims === undefined) throw notAccepted('signature');
  return claims;
}

function formOf(
  { keyring }: Services,
  given: {
    readonly provider: OidcProvider;
    readonly method: Method<'oidc'>;
    readonly returned: Returned;
  },
): ReturnType<typeof codeForm> {
  const { provider, method, returned } = given;
  const secret = openClientSecret(keyring, method.row);
  try {
    const clientSecret = secret === undefined ? undefined : utf8Decode(secret);
    return codeForm(provider, { ...returned, clientId: method.config.client_id, clientSecret });
  } finally {
    if (secret !== undefined) wipe(secret);
  }
}

async function allowedOf(services: Services): Promise<readonly string[]> {
  return readSetting({ standing: await services.settings() }, null, 'outbound_hosts');
}

function keptOf({ keyring, now }: Services): Kept {
  const found = kept.get(keyring) ?? {
    providers: new OidcProviders(now),
    keys: new IssuerKeys(now),
  };
  kept.set(keyring, found);
  return found;
}
