import { z } from 'zod';

import { authorizationAddress, type OidcProvider } from '../../auth/oidc-provider.ts';
import { saysAll, textsOf, type IdClaims } from '../../auth/oidc-token.ts';
import { sha256 } from '../../crypto/hash.ts';
import { hasToWait } from '../../domain/identities/attempts.ts';
import { originOf } from '../../domain/identities/clients-waiting.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import { methodsOf, type Method } from '../../domain/identities/method-config.ts';
import { readMethods, requireMethod } from '../../domain/identities/methods.ts';
import { addAccount, hasAccount } from '../../domain/identities/oidc-account.ts';
import { beginFlow, flowsWaiting, flowTexts } from '../../domain/identities/oidc-flow.ts';
import type { Carrier } from '../../domain/identities/sessions.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import { StrongroomError } from '../../errors.ts';
import { toBase64Url } from '../../lib/base64.ts';
import type { SecretValue } from '../../secret-value.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import { locked, notAccepted } from '../denials.ts';
import type { Call, Operation, Services } from '../operation.ts';
import { AUTH } from '../rest-binding.ts';
import { limitsOf, sourceOf } from './begin-attempt.ts';
import { secretText, textOf, type CredentialText } from './credential-text.ts';
import { requireUnchanged } from './machine-session.ts';
import { methodName } from './method-view.ts';
import { ownUser } from './own-user.ts';
import { removeWaiting } from './remove-waiting.ts';
import * as schema from './schema.ts';
import { signsIn } from './sign-in.ts';
import { afterFirst, carrierName, type SignedIn } from './signed-in.ts';
import { findPerson, identifyPerson, notLetIn } from './sso-person.ts';
import { providerOf } from './sso-provider.ts';
import { proveReturn, returnedInput, type ReturnedInput, type ReturnProof } from './sso-return.ts';
import { clientOf } from './token-view.ts';

/** The ways in which people may sign in besides by name and password. */
export interface SignInWays {
  /** Names of providers. */
  readonly sso: readonly string[];
}

/** Where somebody wants to come back to from their provider. */
export interface SsoPlaceInput {
  /** As {@link SignInWays} has it. */
  readonly name: string;
  /**
   * A port on which the caller's own machine waits, at `http://127.0.0.1:<port>/callback` (RFC 8252 §7.3).
   * Default: the browser comes back to this server, at `/auth/sso/return` of the setting `public_url`.
   */
  readonly port?: number | undefined;
}

export interface BeginSsoInput extends SsoPlaceInput {
  /** As what the session is taken: `bearer`, or `cookie` for a browser. Default `bearer`. */
  readonly carrier?: Carrier | undefined;
  /** Whether the provider has to ask anew who it is, for what a stolen session must not do. */
  readonly fresh?: boolean | undefined;
}

/** A sign-in that is under way at a provider, for ten minutes. */
export interface SsoBegun {
  /** What it is finished with. It stays with whoever began, and is in no address. */
  readonly challenge: SecretValue;
  /** The address at which somebody proves who they are. */
  readonly address: string;
  /** What has to come back beside the code. */
  readonly state: string;
  /** Where that comes back to. */
  readonly redirect: string;
  readonly expiresAt: string;
}

export interface FinishSsoInput extends ReturnedInput {
  /** What an earlier sign-in gave this client. */
  readonly known?: CredentialText | undefined;
  /** Of a user who has no account of this provider yet, in place of choosing a password. */
  readonly invite?: CredentialText | undefined;
}

/** An account that somebody can sign in with from now on. */
export interface SsoLinked {
  /** Id of the factor. */
  readonly factor: string;
  /** Name of the way to sign in. */
  readonly name: string;
}

/** What was asked before a sign-in is begun. */
interface ProviderAsked {
  readonly method: Method<'oidc'>;
  readonly provider: OidcProvider;
}

/** Who came back, and that they are somebody. */
interface PersonProof extends ReturnProof {
  readonly principalId: string;
}

const SSO = `${AUTH}/sso`;
const PORT_MIN = 1024;
const PORT_MAX = 65_535;

const place = {
  name: methodName,
  port: z.int().min(PORT_MIN).max(PORT_MAX).optional(),
};

const begun: z.ZodType<SsoBegun> = schema.answer<SsoBegun>({
  challenge: schema.secretOutput,
  address: z.string(),
  state: z.string(),
  redirect: z.string(),
  expiresAt: schema.instant,
});

export const signInWays: Operation<Record<string, never>, SignInWays> = {
  name: 'auth.ways',
  summary: 'Names the providers by way of which people may sign in, for a page that asks for one.',
  errors: [],
  input: z.strictObject({}),
  output: schema.answer<SignInWays>({ sso: schema.texts }),
  rest: [{ method: 'GET', path: `${AUTH}/ways` }],
  secretMembers: [],
  mutates: false,
  anyone: true,
  requires: () => [],
  subject: () => ({}),
  apply: async (_input, call) => {
    const open = call.standing.methods.filter(
      (row) => row.kind === 'oidc' && row.disabled_at === null,
    );
    return { sso: open.map(({ name }) => name).toSorted() };
  },
};

/** Errors: `method_not_found`; `unreachable`; `not_configured` without a place to come back to. */
export const beginSso: Operation<BeginSsoInput, SsoBegun, ProviderAsked> = {
  name: 'auth.beginSso',
  summary: 'Begins a sign-in by way of a provider: says where somebody proves who they are.',
  errors: ['method_not_found', 'not_configured', 'unreachable'],
  input: z.strictObject({
    ...place,
    carrier: carrierName.optional(),
    fresh: z.boolean().optional(),
  }),
  output: begun,
  rest: [{ method: 'POST', path: SSO, status: 201 }],
  secretMembers: ['challenge'],
  mutates: true,
  anyone: true,
  givesOnce: true,
  requires: () => [],
  subject: ({ name }) => ({ detail: `oidc:${name}` }),
  prepare: (input, services) => askProvider(input, services),
  apply: (input, call, asked) => begin(call, input, asked),
};

/** Errors: `unauthenticated`, whatever is wrong; `unreachable`. */
export const finishSso: Operation<FinishSsoInput, SignedIn, PersonProof> = {
  ...signsIn,
  name: 'auth.finishSso',
  summary: 'Signs in whoever comes back from a provider; a second factor may be due then.',
  errors: ['unreachable'],
  input: z.strictObject({
    ...returnedInput,
    known: secretText.optional(),
    invite: secretText.optional(),
  }),
  rest: [{ method: 'POST', path: `${SSO}/finish` }],
  secretMembers: ['challenge', 'state', 'code', 'known', 'invite', 'session'],
  prepare: async ({ invite, ...returned }, services) => {
    const proof = await proveReturn(services, returned, false);
    const { method, claims } = proof;
    const { principalId } = await services.run(identifyPerson, {
      methodId: method.row.id,
      sub: claims.sub,
      name: nameOf(claims, method.config.name_claim),
      groups: textsOf(claims, method.config.group_claim ?? ''),
      saysGroups: saysAll(claims, method.config.group_claim ?? ''),
      invite,
    });
    return { ...proof, principalId };
  },
  apply: async ({ known }, call, proof) => {
    const { row } = requireUnchanged(call, proof.method);
    call.about({ method: row.id });
    const found = await findPerson(call, { methodId: row.id, sub: proof.claims.sub });
    if (found?.principal.id !== proof.principalId) throw notLetIn('void');
    call.identified(found.principal.id);
    await found.factors.use(call, found.account);
    const principal = await found.factors.store(call);
    const within = { limits: null, method_id: row.id, method_generation: row.generation };
    const { authenticatedAt, mfaAt } = proof;
    const options = { known, carrier: proof.flow.carrier, within, authenticatedAt, mfaAt };
    return afterFirst(call, { principal, factors: found.factors }, options);
  },
};

/** Errors: `reauth_required`; as {@link beginSso}; `unauthenticated` while wrong guesses are waited for. */
export const beginSsoLink: Operation<SsoPlaceInput, SsoBegun, ProviderAsked> = {
  name: 'auth.beginSsoLink',
  summary: 'Begins to link the caller with their account of a provider.',
  errors: ['method_not_found', 'not_configured', 'unreachable'],
  input: z.strictObject(place),
  output: begun,
  rest: [{ method: 'POST', path: `${SSO}/link`, status: 201 }],
  secretMembers: ['challenge'],
  mutates: true,
  givesOnce: true,
  fresh: true,
  requires: () => [],
  subject: ({ name }) => ({ detail: `oidc:${name}` }),
  prepare: (input, services) => askProvider(input, services),
  apply: async (input, call, asked) => {
    const user = await ownUnlocked(call);
    return begin(call, input, { ...asked, link: user.id });
  },
};

/** Errors: `reauth_required`; `unauthenticated`, whatever is wrong; `unreachable`; `invalid_input` for an account that is linked already. */
export const finishSsoLink: Operation<ReturnedInput, SsoLinked, ReturnProof> = {
  name: 'auth.finishSsoLink',
  summary:
    'Links the caller with their account of a provider, with which they sign in from now on.',
  errors: ['unreachable'],
  input: z.strictObject(returnedInput),
  output: schema.answer<SsoLinked>({ factor: z.uuid(), name: z.string() }),
  rest: [{ method: 'POST', path: `${SSO}/link/finish` }],
  secretMembers: ['challenge', 'state', 'code'],
  mutates: true,
  givesOnce: true,
  fresh: true,
  requires: () => [],
  subject: () => ({}),
  prepare: (input, services) => proveReturn(services, input, true),
  apply: async (_input, call, proof) => {
    const user = await ownUnlocked(call);
    const { row } = requireUnchanged(call, proof.method);
    call.about({ method: row.id });
    // Whoever began it is whoever it is linked with, and nobody else.
    if (proof.flow.link !== user.id) throw notAccepted('another');
    const account = { methodId: row.id, sub: proof.claims.sub };
    const factors = await FactorSet.of(call, user);
    if ((await findPerson(call, account)) !== undefined || hasAccount(factors, row.id)) {
      throw new StrongroomError('invalid_input', 'one account is linked with one user', {
        hint: 'take the other link away first: it is one of your factors',
      });
    }
    const factor = await addAccount(call, factors, { account, label: row.name });
    await factors.store(call);
    call.about({ target: factor.id });
    return { factor: factor.id, name: row.name };
  },
};

async function askProvider({ name }: SsoPlaceInput, services: Services): Promise<ProviderAsked> {
  const rows = await services.store.read((transaction) =>
    readMethods({ transaction, mac: services.mac }),
  );
  const open = rows.filter((row) => row.disabled_at === null);
  const method = requireMethod(
    methodsOf(open, 'oidc').map(({ row }) => row),
    'oidc',
    name,
  );
  return { method, provider: await providerOf(services, method) };
}

async function begin(
  call: Call,
  { port, carrier = 'bearer', fresh = false }: BeginSsoInput,
  asked: ProviderAsked & { readonly link?: string },
): Promise<SsoBegun> {
  const method = requireUnchanged(call, asked.method);
  call.about({ method: method.row.id });
  const waiting = flowsWaiting(call.keyring);
  const origin = originOf(call.circumstances.ip);
  for (const id of waiting.makeRoom(origin, call.now)) await removeWaiting(call, id);
  const redirect = redirectOf(call, port);
  const { row, text } = await beginFlow(call, {
    method,
    restoreId: call.standing.restoreId,
    client: clientOf(call),
    flow: { carrier, redirect, fresh, link: asked.link },
  });
  waiting.begin(row.id, origin, call.now);
  call.about({ target: row.id });
  const texts = flowTexts(call.keyring, textOf(text));
  if (texts === undefined) throw new TypeError('a challenge was expected');
  const address = authorizationAddress(asked.provider, {
    clientId: method.config.client_id,
    redirect,
    scopes: method.config.scopes,
    state: texts.state,
    nonce: texts.nonce,
    challenge: toBase64Url(sha256(texts.verifier)),
    fresh,
    acr: method.config.mfa_acr,
  });
  const expiresAt = isoTime(row.expires_at ?? 0);
  return { challenge: text, address, state: texts.state, redirect, expiresAt };
}

/** Where the provider sends people back to: nothing that a request says decides it but a port of their own machine. */
function redirectOf(call: Call, port: number | undefined): string {
  if (port !== undefined) return `http://127.0.0.1:${port}/callback`;
  const origin = readSetting(call, null, 'public_url');
  if (origin !== null) return `${origin.replace(/\/$/, '')}/auth/sso/return`;
  throw new StrongroomError('not_configured', 'the address of this server is not known', {
    details: { setting: 'public_url' },
    hint: 'such as `strongroom settings set public_url \'"https://vault.example"\'`; or name a port',
  });
}

/** Whoever has to wait after wrong guesses adds no way around the wait. */
async function ownUnlocked(call: Call): Promise<PrincipalRow> {
  const user = ownUser(call);
  const from = await sourceOf(call, user, undefined);
  const attempt = { channel: 'password', who: { principalId: user.id }, from } as const;
  if (await hasToWait(call, attempt, limitsOf(call))) throw locked('password');
  return user;
}

/** What a new user is called; a mail address counts if the provider has verified it. */
function nameOf(claims: IdClaims, claim: string): string | undefined {
  const name = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (claim === 'email' && claims['email_verified'] !== true) return undefined;
  return typeof name === 'string' ? name : undefined;
}
