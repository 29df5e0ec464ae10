import { z } from 'zod';

import { textsOf, type IdClaims } from '../../auth/oidc-token.ts';
import { toMethod, type Method, type OidcConfig } from '../../domain/identities/method-config.ts';
import {
  findFlow,
  flowsWaiting,
  flowTexts,
  type OidcFlow,
} from '../../domain/identities/oidc-flow.ts';
import { consumeToken } from '../../domain/identities/tokens.ts';
import { invalidity } from '../../domain/identities/validity.ts';
import { utf8 } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { notAccepted } from '../denials.ts';
import type { InnerOperation, Services } from '../operation.ts';
import { secretText, textOf, type CredentialText } from './credential-text.ts';
import { notLetIn } from './sso-person.ts';
import { redeem } from './sso-provider.ts';

/** What somebody comes back from a provider with. */
export interface ReturnedInput {
  /** What the beginning gave to whoever began. */
  readonly challenge: CredentialText;
  /** As the provider sent it back. */
  readonly state: CredentialText;
  /** What the provider gave. */
  readonly code: CredentialText;
  /** Who says to have sent it back (RFC 9207), if it was said. */
  readonly iss?: string | undefined;
}

/** The members of {@link ReturnedInput}, to be spread into an input's. */
export const returnedInput: { readonly [K in keyof ReturnedInput]-?: z.ZodType<ReturnedInput[K]> } =
  {
    challenge: secretText,
    state: secretText,
    code: secretText,
    iss: z.string().max(1024).optional(),
  };

/** What was proven of whoever came back. */
export interface ReturnProof {
  readonly method: Method<'oidc'>;
  readonly flow: OidcFlow;
  readonly claims: IdClaims;
  /** When they proved to the provider who they are; {@link UNSAID} if it does not say. */
  readonly authenticatedAt: number;
  /** When they gave the provider a second factor, likewise; `null` if the way does not say that they did. */
  readonly mfaAt: number | null;
}

/** A sign-in that was under way. */
interface FlowTaken {
  readonly method: Method<'oidc'>;
  readonly flow: OidcFlow;
  readonly begunAt: number;
}

interface TakeFlowInput extends Omit<ReturnedInput, 'code'> {
  /** Whether an account is to be linked, instead of signing in. */
  readonly links: boolean;
}

const LEEWAY_MS = 30_000;
/** At some time, which was not said: long over, so nothing that takes a proof of just now takes it for one. */
const UNSAID = 0;

/**
 * Takes a sign-in that was under way: once, whatever comes of it, so that its
 * code is shown to the provider once too. No face reaches it.
 */
const takeFlow: InnerOperation<TakeFlowInput, FlowTaken> = {
  name: 'auth.ssoReturned',
  summary: 'Takes the sign-in that somebody comes back from a provider with.',
  input: z.strictObject({
    challenge: secretText,
    state: secretText,
    iss: z.string().optional(),
    links: z.boolean(),
  }),
  secretMembers: ['challenge', 'state'],
  mutates: true,
  anyone: true,
  requires: () => [],
  subject: () => ({}),
  apply: async (input, call) => {
    const challenge = textOf(input.challenge);
    const found = await findFlow(call, challenge);
    const texts = flowTexts(call.keyring, challenge);
    if (found === undefined || texts === undefined) throw notAccepted('unknown');
    const { row, flow } = found;
    call.about({ target: row.id, method: row.method_id ?? undefined });
    const fault = invalidity(row, call.standing, { now: call.now, carrier: row.carrier });
    const method = call.standing.method(row.method_id ?? '');
    if (fault !== undefined || method?.kind !== 'oidc') throw notAccepted(fault ?? 'void');
    if (!equalBytes(utf8(textOf(input.state)), utf8(texts.state))) throw notAccepted('state');
    if ((flow.link !== undefined) !== input.links) throw notAccepted('purpose');
    await consumeToken(call, row);
    flowsWaiting(call.keyring).end(row.id);
    return { method: toMethod(method, 'oidc'), flow, begunAt: row.created_at };
  },
};

/**
 * Proves who came back from a provider: no transaction is open while that is asked.
 *
 * @param links - Whether an account is to be linked, instead of signing in.
 * @throws {@link StrongroomError} `unauthenticated`, the same for every reason; `unreachable`.
 */
export async function proveReturn(
  services: Services,
  { challenge, state, code, iss }: ReturnedInput,
  links: boolean,
): Promise<ReturnProof> {
  const taken = await services.run(takeFlow, { challenge, state, iss, links });
  const { method, flow, begunAt } = taken;
  const texts = flowTexts(services.keyring, textOf(challenge));
  if (texts === undefined) throw notAccepted('unknown');
  const { nonce, verifier } = texts;
  const { redirect } = flow;
  const returned = { code: textOf(code), redirect, verifier, nonce, iss };
  const claims = await redeem(services, method, returned);
  const now = services.now();
  const said = authTime(claims, now);
  if (flow.fresh && (said === undefined || said < begunAt - LEEWAY_MS)) throw notLetIn('stale');
  const authenticatedAt = said ?? UNSAID;
  const mfaAt = saysSecondFactor(claims, method.config) ? authenticatedAt : null;
  return { method, flow, claims, authenticatedAt, mfaAt };
}

/**
 * The claim `auth_time` (OpenID Connect Core 1.0 §2), in milliseconds; `undefined` if it is none, or is
 * of a time that is still to come.
 */
function authTime(claims: IdClaims, now: number): number | undefined {
  const said = claims['auth_time'];
  if (typeof said !== 'number' || said < 0) return undefined;
  const at = Math.floor(said) * 1000;
  return Number.isSafeInteger(at) && at <= now + LEEWAY_MS ? Math.min(at, now) : undefined;
}

/** Whether the provider asked for a second factor, by what the way to sign in takes for that. */
function saysSecondFactor(claims: IdClaims, { mfa_amr = [], mfa_acr = [] }: OidcConfig): boolean {
  const acr = typeof claims['acr'] === 'string' ? [claims['acr']] : [];
  return (
    textsOf(claims, 'amr').some((each) => mfa_amr.includes(each)) ||
    acr.some((each) => mfa_acr.includes(each))
  );
}
