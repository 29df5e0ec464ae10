import { z } from 'zod';

import type { AssertionJson } from '../../auth/passkey-json.ts';
import { requestOptions } from '../../auth/passkeys.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import { passkeyData } from '../../domain/identities/passkeys.ts';
import { consumeToken } from '../../domain/identities/tokens.ts';
import { StrongroomError } from '../../errors.ts';
import type { Operation } from '../operation.ts';
import { AUTH } from '../rest-binding.ts';
import { secretText, type CredentialText } from './credential-text.ts';
import { ownUser } from './own-user.ts';
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
import { assertionJson } from './passkeys-schema.ts';
import { passkeyBegun, type PasskeyBegun } from './passkeys-sign-in.ts';
import { acceptPassword, provePassword, type PasswordProof } from './prove-password.ts';
import { goOn, renewed, type SessionRenewed } from './signed-in.ts';

export interface ReauthenticatePasskeyInput {
  readonly challenge: CredentialText;
  /** What `toJSON()` of the credential gives. */
  readonly credential: AssertionJson;
  /** Needed with a passkey that does not make sure who is there, as one without PIN or fingerprint. */
  readonly password?: CredentialText | undefined;
}

interface FreshProof {
  readonly passkey: AssertionProof;
  readonly password: PasswordProof | undefined;
}

/** Errors: `factor_not_found` for whoever has no passkey; `not_configured`; `package_missing`. */
export const beginReauthentication: Operation<Record<string, never>, PasskeyBegun, undefined> = {
  name: 'auth.beginReauthentication',
  summary: 'Begins to prove once more who is there, by a passkey.',
  errors: ['factor_not_found', 'not_configured', 'package_missing'],
  input: z.strictObject({}),
  output: passkeyBegun,
  rest: [{ method: 'POST', path: `${AUTH}/reauthenticate/begin` }],
  secretMembers: ['challenge'],
  mutates: true,
  givesOnce: true,
  requires: () => [],
  subject: () => ({}),
  prepare: preparePasskeys,
  apply: async (_input, call) => {
    const factors = await FactorSet.of(call, ownUser(call));
    const allow = descriptorsOf(factors);
    if (allow.length === 0) throw noPasskey();
    const party = relyingParty(call);
    const { text, row, challenge } = await begin(call, { use: 'again' });
    call.about({ target: row.id });
    const verify = factors.confirmed('passkey').every(({ row }) => passkeyData(row).user_verified);
    const asked = {
      challenge,
      allow,
      userVerification: verify ? 'required' : 'preferred',
    } as const;
    return { challenge: text, options: requestOptions(party, asked) };
  },
};

/**
 * Errors: `unauthenticated`, the same for every reason; `not_configured`; `package_missing`;
 * `rate_limited` while too many give passwords.
 */
export const reauthenticatePasskey: Operation<
  ReauthenticatePasskeyInput,
  SessionRenewed,
  FreshProof
> = {
  name: 'auth.reauthenticatePasskey',
  summary: 'Proves once more who is there, with what a passkey answered.',
  errors: ['not_configured', 'package_missing'],
  input: z.strictObject({
    challenge: secretText,
    credential: assertionJson,
    password: secretText.optional(),
  }),
  output: z.strictObject(renewed),
  rest: [{ method: 'POST', path: `${AUTH}/reauthenticate/passkey` }],
  secretMembers: ['challenge', 'password', 'session'],
  mutates: true,
  givesOnce: true,
  requires: () => [],
  subject: () => ({}),
  prepare: async (input, services) => {
    const passkey = await proveAssertion(services, input);
    if (input.password === undefined) return { passkey, password: undefined };
    return { passkey, password: await provePassword(services, {}, input.password) };
  },
  apply: async (input, call, { passkey: proof, password }) => {
    const principal = ownUser(call);
    const ceremony = await requireCeremony(call, input.challenge, ['again']);
    const factors = await FactorSet.of(call, principal);
    if (password !== undefined) await acceptPassword(call, password, factors);
    const hasOther = password !== undefined;
    await spendPasskey(call, factors, { ceremony, proof, hasOther });
    await consumeToken(call, ceremony.token);
    const { now } = call;
    return goOn(call, await factors.store(call), { authenticatedAt: now, mfaAt: now });
  },
};

function noPasskey(): StrongroomError {
  return new StrongroomError('factor_not_found', 'there is no passkey of yours', {
    hint: 'give your password, and a code of your second factor if you have one',
  });
}
