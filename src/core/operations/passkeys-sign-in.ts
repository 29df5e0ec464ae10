import { z } from 'zod';

import type { AssertionJson, RequestOptionsJson } from '../../auth/passkey-json.ts';
import { CEREMONY_MS, requestOptions } from '../../auth/passkeys.ts';
import { clientsWaiting, originOf } from '../../domain/identities/clients-waiting.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import { beginSecondCeremony, type Ceremony } from '../../domain/identities/passkeys.ts';
import { carrierOf, type Carrier } from '../../domain/identities/sessions.ts';
import { consumeToken } from '../../domain/identities/tokens.ts';
import { SecretValue } from '../../secret-value.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import { notAccepted } from '../denials.ts';
import type { Call, Operation } from '../operation.ts';
import { AUTH } from '../rest-binding.ts';
import { requireValid } from './begin-attempt.ts';
import { secretText, textOf, type CredentialText } from './credential-text.ts';
import {
  begin,
  descriptorsOf,
  preparePasskeys,
  proveAssertion,
  relyingParty,
  requireCeremony,
  spendPasskey,
  type AssertionProof,
} from './passkeys-ceremony.ts';
import { assertionJson, requestOptionsJson } from './passkeys-schema.ts';
import { removeWaiting } from './remove-waiting.ts';
import * as schema from './schema.ts';
import { signsIn } from './sign-in.ts';
import { afterAll, carrierName, type SignedIn } from './signed-in.ts';

export interface BeginPasskeyInput {
  /** What a sign-in with a password gave, where a passkey is the second factor. Default: it stands alone. */
  readonly challenge?: CredentialText | undefined;
  /** As what the session is taken, where there was no password before. Default `bearer`. */
  readonly carrier?: Carrier | undefined;
}

/** The sign-ins with a passkey alone that are under way: anybody can begin one. */
const passkeysWaiting = clientsWaiting({ ofOne: 100, total: 5000 }, { lastsMs: CEREMONY_MS });

/** What a browser uses a passkey with. */
export interface PasskeyBegun {
  /** What the answer is given with, once: the one that was brought, or a new one for ten minutes. */
  readonly challenge: SecretValue;
  /** For `PublicKeyCredential.parseRequestOptionsFromJSON()`. */
  readonly options: RequestOptionsJson;
}

export interface VerifyPasskeyInput {
  readonly challenge: CredentialText;
  /** What `toJSON()` of the credential gives. */
  readonly credential: AssertionJson;
  /** What an earlier sign-in gave this client. */
  readonly known?: CredentialText | undefined;
}

/** The schema of {@link PasskeyBegun}. */
export const passkeyBegun: z.ZodType<PasskeyBegun> = schema.answer<PasskeyBegun>({
  challenge: schema.secretOutput,
  options: requestOptionsJson,
});

/**
 * Without a challenge it says nothing about anybody: which passkeys there are for the site, and
 * whose, the authenticator knows.
 *
 * Errors: `unauthenticated` for a challenge that is not good, or of whoever has no passkey;
 * `not_configured`; `package_missing`.
 */
export const beginPasskey: Operation<BeginPasskeyInput, PasskeyBegun, undefined> = {
  name: 'auth.beginPasskey',
  summary: 'Begins to sign in with a passkey: alone, or as the second factor.',
  errors: ['not_configured', 'package_missing'],
  input: z.strictObject({
    challenge: secretText.optional(),
    carrier: carrierName.optional(),
  }),
  output: passkeyBegun,
  rest: [{ method: 'POST', path: `${AUTH}/passkey` }],
  secretMembers: ['challenge'],
  mutates: true,
  anyone: true,
  givesOnce: true,
  requires: () => [],
  subject: () => ({}),
  prepare: preparePasskeys,
  apply: async ({ challenge: given, carrier }, call) => {
    const party = relyingParty(call);
    if (given !== undefined) return beginSecond(call, given);
    const waiting = passkeysWaiting(call.keyring);
    const origin = originOf(call.circumstances.ip);
    for (const id of waiting.makeRoom(origin, call.now)) await removeWaiting(call, id);
    const { text, row, challenge } = await begin(call, { use: 'alone', carrier });
    waiting.begin(row.id, origin, call.now);
    call.about({ target: row.id });
    const asked = { challenge, allow: [], userVerification: 'required' } as const;
    return { challenge: text, options: requestOptions(party, asked) };
  },
};

/** Errors: `unauthenticated`, the same for every reason; `not_configured`; `package_missing`. */
export const verifyPasskey: Operation<VerifyPasskeyInput, SignedIn, AssertionProof> = {
  ...signsIn,
  name: 'auth.verifyPasskey',
  summary: 'Signs a user in with what a passkey answered.',
  errors: ['not_configured', 'package_missing'],
  input: z.strictObject({
    challenge: secretText,
    credential: assertionJson,
    known: secretText.optional(),
  }),
  rest: [{ method: 'POST', path: `${AUTH}/verify-passkey` }],
  secretMembers: ['challenge', 'known', 'session'],
  prepare: (input, services) => proveAssertion(services, input),
  apply: async ({ challenge, known }, call, proof) => {
    const ceremony = await requireCeremony(call, challenge, ['alone', 'second']);
    const { token, use } = ceremony;
    const principal = ownerOfPasskey(call, ceremony, proof);
    call.about({ target: principal.id, detail: 'wrong' });
    const factors = await FactorSet.of(call, principal);
    const hasOther = use === 'second';
    await spendPasskey(call, factors, { ceremony, proof, hasOther });
    await consumeToken(call, token);
    passkeysWaiting(call.keyring).end(token.id);
    call.identified(principal.id);
    const stored = await factors.store(call);
    const authenticatedAt = token.authenticated_at ?? call.now;
    // A password may have been given by way of another provider, within whose bounds the session is.
    const within = hasOther ? token : undefined;
    const proven = { mfaAt: call.now, authenticatedAt, within };
    return afterAll(call, stored, { known, carrier: carrierOf(token), ...proven });
  },
};

async function beginSecond(call: Call, given: CredentialText): Promise<PasskeyBegun> {
  const { token, principal } = await requireValid(call, 'challenge', given);
  const allow = descriptorsOf(await FactorSet.of(call, principal));
  if (allow.length === 0) throw notAccepted('no passkey');
  const challenge = await beginSecondCeremony(call, token);
  call.about({ target: token.id });
  const asked = { challenge, allow, userVerification: 'preferred' } as const;
  return {
    challenge: SecretValue.text(textOf(given)),
    options: requestOptions(relyingParty(call), asked),
  };
}

/** Whose passkey was used: after a password, who gave that. */
function ownerOfPasskey(
  { standing }: Call,
  { token, use }: Ceremony,
  { right }: AssertionProof,
): PrincipalRow {
  const id = use === 'second' ? token.principal_id : right?.principal_id;
  const row = standing.principal(id ?? '');
  if (row === undefined || row.disabled_at !== null) throw notAccepted('void');
  if (right !== undefined && right.principal_id !== row.id) throw notAccepted('of another');
  return row;
}
