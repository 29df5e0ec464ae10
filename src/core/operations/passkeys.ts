import { z } from 'zod';

import type { CreationOptionsJson, RegistrationJson } from '../../auth/passkey-json.ts';
import { loadPasskeyLibrary } from '../../auth/passkey-library.ts';
import {
  creationOptions,
  verifyRegistration,
  type RegisteredPasskey,
} from '../../auth/passkeys.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import { findPasskey, PASSKEYS_MAX, type PasskeyData } from '../../domain/identities/passkeys.ts';
import { consumeToken } from '../../domain/identities/tokens.ts';
import { StrongroomError } from '../../errors.ts';
import type { SecretValue } from '../../secret-value.ts';
import { notAccepted } from '../denials.ts';
import type { Operation } from '../operation.ts';
import { AUTH } from '../rest-binding.ts';
import { secretText, type CredentialText } from './credential-text.ts';
import { newRecoveryCodes, requireFreshSince, type TotpConfirmed } from './factors.ts';
import { ownUser } from './own-user.ts';
import {
  begin,
  descriptorsOf,
  lookForCeremony,
  preparePasskeys,
  relyingParty,
  requireCeremony,
  requireSame,
} from './passkeys-ceremony.ts';
import { creationOptionsJson, registrationJson } from './passkeys-schema.ts';
import * as schema from './schema.ts';
import { goOn, renewed } from './signed-in.ts';

/** What a browser makes a passkey with. */
export interface PasskeyEnrolled {
  /** What it is confirmed with, once and within ten minutes. */
  readonly challenge: SecretValue;
  /** For `PublicKeyCredential.parseCreationOptionsFromJSON()`. */
  readonly options: CreationOptionsJson;
}

export interface ConfirmPasskeyInput {
  readonly challenge: CredentialText;
  /** What `toJSON()` of the new credential gives. */
  readonly credential: RegistrationJson;
  /** What it is on: up to 64 characters. */
  readonly label?: string | undefined;
}

/** A passkey that counts from now on. */
export interface PasskeyConfirmed extends TotpConfirmed {
  readonly factor: string;
}

/** What came of looking at a new passkey. */
interface RegistrationProof {
  readonly challenge: string | undefined;
  readonly origin: string;
  readonly right: RegisteredPasskey | undefined;
}

/** Errors: `reauth_required`; `not_configured`; `package_missing`; `invalid_input` for an eleventh one. */
export const enrollPasskey: Operation<Record<string, never>, PasskeyEnrolled, undefined> = {
  name: 'auth.enrollPasskey',
  summary: 'Begins to make a passkey in a browser, as a second factor or to sign in with alone.',
  errors: ['not_configured', 'package_missing'],
  input: z.strictObject({}),
  output: schema.answer<PasskeyEnrolled>({
    challenge: schema.secretOutput,
    options: creationOptionsJson,
  }),
  rest: [{ method: 'POST', path: `${AUTH}/factors/passkey`, status: 201 }],
  secretMembers: ['challenge'],
  mutates: true,
  givesOnce: true,
  fresh: true,
  requires: () => [],
  subject: () => ({}),
  prepare: preparePasskeys,
  apply: async (_input, call) => {
    const user = ownUser(call);
    const party = relyingParty(call);
    const factors = await FactorSet.of(call, user);
    requireRoom(factors);
    const { text, row, challenge } = await begin(call, { use: 'enroll' });
    call.about({ target: row.id });
    const exclude = descriptorsOf(factors);
    return { challenge: text, options: creationOptions(party, { challenge, user, exclude }) };
  },
};

/**
 * Errors: `unauthenticated` for whatever is wrong with it, also if it is somebody's already;
 * `not_configured`; `package_missing`; `invalid_input` for an eleventh one; `reauth_required` if a
 * second factor came meanwhile.
 */
export const confirmPasskey: Operation<ConfirmPasskeyInput, PasskeyConfirmed, RegistrationProof> = {
  name: 'auth.confirmPasskey',
  summary: 'Keeps a passkey that a browser made; gives recovery codes once.',
  errors: ['not_configured', 'package_missing'],
  input: z.strictObject({
    challenge: secretText,
    credential: registrationJson,
    label: z.string().min(1).max(64).optional(),
  }),
  output: z.strictObject({
    ...renewed,
    factor: z.string(),
    recoveryCodes: z.array(schema.secretOutput).nullable(),
  }),
  rest: [{ method: 'POST', path: `${AUTH}/factors/passkey/confirm` }],
  secretMembers: ['challenge', 'session', 'recoveryCodes'],
  mutates: true,
  givesOnce: true,
  requires: () => [],
  subject: () => ({}),
  prepare: async ({ challenge: given, credential }, services) => {
    const library = await loadPasskeyLibrary();
    const { party, ceremony } = await lookForCeremony(services, given);
    const { origin } = party;
    if (ceremony === undefined) return { challenge: undefined, origin, right: undefined };
    const { challenge } = ceremony;
    const right = await verifyRegistration(library, credential, { challenge, party });
    return { challenge, origin, right };
  },
  apply: async (input, call, proof) => {
    const user = ownUser(call);
    const ceremony = await requireCeremony(call, input.challenge, ['enroll']);
    const { right } = requireSame(call, { ceremony, proof });
    if (right === undefined) throw notAccepted('wrong');
    const factors = await FactorSet.of(call, user);
    requireRoom(factors);
    if ((await findPasskey(call, right.id)) !== undefined) throw notAccepted('taken');
    await requireFreshSince(call, factors, ceremony.token.created_at);
    await consumeToken(call, ceremony.token);
    const row = await factors.add(call, {
      kind: 'passkey',
      label: input.label,
      lookup: right.id,
      data: toData(right),
      confirmedAt: call.now,
      counter: right.counter,
    });
    const isFirst = factors.confirmed('recovery').length === 0;
    const recoveryCodes = isFirst ? await newRecoveryCodes(call, factors) : null;
    const session = await goOn(call, await factors.store(call), { mfaAt: call.now });
    call.about({ target: row.id });
    return { ...session, factor: row.id, recoveryCodes };
  },
};

function toData(made: RegisteredPasskey): PasskeyData {
  return {
    public_key: made.publicKey,
    transports: made.transports,
    backup_eligible: made.backupEligible,
    backed_up: made.backedUp,
    user_verified: made.userVerified,
  };
}

function requireRoom(factors: FactorSet): void {
  if (factors.confirmed('passkey').length < PASSKEYS_MAX) return;
  throw new StrongroomError('invalid_input', `there are ${PASSKEYS_MAX} passkeys already`, {
    hint: 'take one away that is not used any more',
  });
}
