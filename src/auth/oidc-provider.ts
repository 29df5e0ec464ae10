import { StrongroomError } from '../errors.ts';
import type { Clock } from '../lib/ids.ts';
import { discover, type FetchDocument, type Members } from './discovery.ts';

/** What the discovery document of a provider says that is of use (OpenID Connect Discovery 1.0 §3). */
export interface OidcProvider {
  readonly issuer: string;
  /** Where people are sent. */
  readonly authorizationEndpoint: string;
  /** Where a code is exchanged. */
  readonly tokenEndpoint: string;
  readonly jwksUrl: string;
  /** Whether it says with each code whose it is (RFC 9207 §3). */
  readonly namesItself: boolean;
  /** Whether a client gives its secret in the form alone, and not as `Authorization`. */
  readonly wantsSecretInForm: boolean;
}

/** What is put into the address that somebody is sent to. */
export interface SentAlong {
  readonly clientId: string;
  readonly redirect: string;
  readonly scopes: readonly string[];
  readonly state: string;
  readonly nonce: string;
  /** Base64url of the SHA-256 of the verifier (RFC 7636 §4.2). */
  readonly challenge: string;
  /** Whether they are to be asked anew who they are. */
  readonly fresh: boolean;
  /** Classes of sign-ins, one of which is wished for. */
  readonly acr?: readonly string[] | undefined;
}

interface Held {
  readonly provider: OidcProvider | undefined;
  readonly at: number;
}

const FRESH_MS = 10 * 60_000;
/** How soon one that could not be got is asked for again: anybody can begin a sign-in. */
const COOLDOWN_MS = 5000;

/** What providers say of themselves, kept for a while. */
export class OidcProviders {
  readonly #held: Map<string, Held> = new Map();
  readonly #pending: Map<string, Promise<OidcProvider>> = new Map();
  readonly #now: Clock;

  constructor(now: Clock) {
    this.#now = now;
  }

  /**
   * The provider that an issuer is.
   *
   * @param issuer - As tokens name it.
   * @throws {@link StrongroomError} `unreachable`, also if its document is another's.
   */
  async of(issuer: string, fetch: FetchDocument): Promise<OidcProvider> {
    const held = this.#held.get(issuer);
    const age = held === undefined ? FRESH_MS : Math.abs(this.#now() - held.at);
    if (held?.provider !== undefined && age < FRESH_MS) return held.provider;
    if (held !== undefined && held.provider === undefined && age < COOLDOWN_MS) throw gone(issuer);
    const pending = this.#pending.get(issuer) ?? this.#ask(issuer, fetch);
    this.#pending.set(issuer, pending);
    try {
      return await pending;
    } finally {
      this.#pending.delete(issuer);
    }
  }

  async #ask(issuer: string, fetch: FetchDocument): Promise<OidcProvider> {
    let provider: OidcProvider | undefined;
    try {
      provider = readProvider(issuer, await discover(issuer, fetch));
    } catch (cause) {
      this.#held.set(issuer, { provider, at: this.#now() });
      throw gone(issuer, cause);
    }
    this.#held.set(issuer, { provider, at: this.#now() });
    if (provider === undefined) throw gone(issuer);
    return provider;
  }
}

/** The address at which somebody proves who they are (OpenID Connect Core 1.0 §3.1.2.1). */
export function authorizationAddress(provider: OidcProvider, sent: SentAlong): string {
  const address = new URL(provider.authorizationEndpoint);
  const parameters: Readonly<Record<string, string | undefined>> = {
    response_type: 'code',
    client_id: sent.clientId,
    redirect_uri: sent.redirect,
    scope: ['openid', ...sent.scopes.filter((scope) => scope !== 'openid')].join(' '),
    state: sent.state,
    nonce: sent.nonce,
    code_challenge: sent.challenge,
    code_challenge_method: 'S256',
    ...(sent.fresh ? { prompt: 'login', max_age: '0' } : {}),
    acr_values: sent.acr?.join(' '),
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) address.searchParams.set(name, value);
  }
  return address.href;
}

function readProvider(issuer: string, said: Members | undefined): OidcProvider | undefined {
  if (said === undefined) return undefined;
  const authorizationEndpoint = said['authorization_endpoint'];
  const tokenEndpoint = said['token_endpoint'];
  const jwksUrl = said['jwks_uri'];
  const isWhole =
    typeof authorizationEndpoint === 'string' &&
    typeof tokenEndpoint === 'string' &&
    typeof jwksUrl === 'string' &&
    isListed(said['response_types_supported'], 'code') &&
    isListed(said['code_challenge_methods_supported'], 'S256');
  if (!isWhole) return undefined;
  const ways = said['token_endpoint_auth_methods_supported'];
  return {
    issuer,
    authorizationEndpoint,
    tokenEndpoint,
    jwksUrl,
    namesItself: said['authorization_response_iss_parameter_supported'] === true,
    // Without a list it takes `client_secret_basic`.
    wantsSecretInForm:
      !isListed(ways, 'client_secret_basic') && isListed(ways, 'client_secret_post'),
  };
}

/** Whether a list has something; one that is not there says nothing against it. */
function isListed(list: unknown, name: string): boolean {
  return list === undefined || (Array.isArray(list) && list.includes(name));
}

function gone(issuer: string, cause?: unknown): StrongroomError {
  return new StrongroomError('unreachable', 'the provider does not say how people sign in there', {
    details: { issuer },
    hint: 'its discovery document has to be that of this very issuer; `strongroom settings set outbound_hosts` lists hosts in networks of our own',
    cause,
  });
}
