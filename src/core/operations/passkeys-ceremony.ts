import { isIP } from 'node:net';

import type { AssertionJson, PasskeyDescriptor } from '../../auth/passkey-json.ts';
import { loadPasskeyLibrary } from '../../auth/passkey-library.ts';
import {
  CEREMONY_MS,
  verifyAssertion,
  type PasskeyUse,
  type RelyingParty,
} from '../../auth/passkeys.ts';
import type { FactorSet } from '../../domain/identities/factor-set.ts';
import {
  beginCeremony,
  findCeremony,
  findPasskey,
  passkeyData,
  type Ceremony,
  type CeremonyUse,
} from '../../domain/identities/passkeys.ts';
import type { Carrier } from '../../domain/identities/sessions.ts';
import { invalidity } from '../../domain/identities/validity.ts';
import { readSetting, type SettingsWork } from '../../domain/settings/settings.ts';
import { StrongroomError } from '../../errors.ts';
import type { FactorRow } from '../../store/tables.ts';
import { notAccepted } from '../denials.ts';
import type { Call, Services } from '../operation.ts';
import { textOf, type CredentialText } from './credential-text.ts';
import { clientOf } from './token-view.ts';

/** What came of holding an assertion against the passkey that it names. It counts if both are still so. */
export interface AssertionProof {
  /** The challenge that it was held against; `undefined`: there was none. */
  readonly challenge: string | undefined;
  readonly origin: string;
  /** The passkey and what it said, if everything about it was right. */
  readonly right: (PasskeyUse & Pick<FactorRow, 'id' | 'principal_id' | 'revision'>) | undefined;
}

/**
 * The site that passkeys are for: by a setting, never by what a request says of where it went.
 *
 * @throws {@link StrongroomError} `not_configured`.
 */
export function relyingParty(work: SettingsWork): RelyingParty {
  const origin = readSetting(work, null, 'public_url');
  const id = origin === null ? '' : new URL(origin).hostname;
  if (origin === null || id.startsWith('[') || isIP(id) !== 0) {
    throw new StrongroomError(
      'not_configured',
      'passkeys need a name at which the server is reached',
      {
        details: { setting: 'public_url' },
        hint: 'such as `strongroom settings set public_url \'"https://vault.example"\'`',
      },
    );
  }
  return { id, origin };
}

/** Makes sure, before anything is begun, that it can be finished: the package is there. */
export async function preparePasskeys(): Promise<undefined> {
  await loadPasskeyLibrary();
  return undefined;
}

/** Begins a ceremony other than that after a password. */
export function begin(
  call: Call,
  given: { readonly use: Exclude<CeremonyUse, 'second'>; readonly carrier?: Carrier | undefined },
): ReturnType<typeof beginCeremony> {
  return beginCeremony(call, {
    ...given,
    holder: given.use === 'alone' ? undefined : holderOf(call),
    restore_id: call.standing.restoreId,
    client: clientOf(call),
    expires_at: call.now + CEREMONY_MS,
  });
}

/**
 * The ceremony that a challenge is of, if it is good now, for one of some uses, and of the same session.
 *
 * @throws {@link StrongroomError} `unauthenticated`, the same for every reason.
 */
export async function requireCeremony(
  call: Call,
  given: CredentialText,
  uses: readonly CeremonyUse[],
): Promise<Ceremony> {
  const ceremony = await findCeremony(call, textOf(given));
  if (ceremony === undefined || !uses.includes(ceremony.use)) throw notAccepted('no challenge');
  const { token, use, holder } = ceremony;
  const reason = invalidity(token, call.standing, { now: call.now, carrier: token.carrier });
  if (reason !== undefined) throw notAccepted(`challenge ${reason}`);
  const isOpen = use === 'alone' || use === 'second';
  if (!isOpen && holder !== holderOf(call)) throw notAccepted('of another session');
  return ceremony;
}

/**
 * What a ceremony was begun with, as far as it is known while its end is prepared.
 *
 * @throws {@link StrongroomError} `not_configured`, `integrity_error`.
 */
export async function lookForCeremony(
  services: Services,
  given: CredentialText,
): Promise<{ readonly party: RelyingParty; readonly ceremony: Ceremony | undefined }> {
  const party = relyingParty({ standing: await services.settings() });
  const { store, mac, keyring } = services;
  const ceremony = await store.read((transaction) =>
    findCeremony({ transaction, mac, keyring }, textOf(given)),
  );
  return { party, ceremony };
}

/**
 * Holds an assertion against the passkey that it names.
 *
 * @throws {@link StrongroomError} `package_missing`, `not_configured`, `integrity_error`.
 */
export async function proveAssertion(
  services: Services,
  given: { readonly challenge: CredentialText; readonly credential: AssertionJson },
): Promise<AssertionProof> {
  const library = await loadPasskeyLibrary();
  const { credential } = given;
  const { party, ceremony } = await lookForCeremony(services, given.challenge);
  const nothing = { challenge: ceremony?.challenge, origin: party.origin, right: undefined };
  if (ceremony === undefined) return nothing;
  const { store, mac } = services;
  const row = await store.read((transaction) => findPasskey({ transaction, mac }, credential.id));
  if (row === undefined) return nothing;
  const { public_key: publicKey, backup_eligible } = passkeyData(row);
  const used = await verifyAssertion(library, credential, {
    challenge: ceremony.challenge,
    party,
    publicKey,
    principalId: row.principal_id,
    isAlone: ceremony.use === 'alone',
  });
  // An authenticator never changes its mind about that (WebAuthn Level 3, §6.1.3).
  if (used === undefined || used.backupEligible !== backup_eligible) return nothing;
  const { id, principal_id, revision } = row;
  return { ...nothing, right: { ...used, id, principal_id, revision } };
}

/**
 * Takes an assertion at its word, if it was right, is of what is stored now, and was made for this
 * ceremony. A passkey that stands alone has to have verified its user, and to be one that does: it
 * counts as one from when it did beside another factor. Whoever finds one that does not could make
 * it do so.
 *
 * @throws {@link StrongroomError} `unauthenticated`, the same for every reason.
 */
export async function spendPasskey(
  call: Call,
  factors: FactorSet,
  given: {
    readonly ceremony: Ceremony;
    readonly proof: AssertionProof;
    /** Whether another factor was given along. */
    readonly hasOther: boolean;
  },
): Promise<void> {
  const { right } = requireSame(call, given);
  const factor = right === undefined ? undefined : factors.get(right.id);
  if (right === undefined || factor?.row.kind !== 'passkey') throw notAccepted('wrong');
  const { row, uses } = factor;
  if (row.revision !== right.revision) throw notAccepted('changed meanwhile');
  const data = passkeyData(row);
  if (!given.hasOther && !(right.userVerified && data.user_verified)) {
    throw notAccepted('user not verified');
  }
  if ((right.counter > 0 || uses.counter > 0) && right.counter <= uses.counter) {
    // Two authenticators have the same key (WebAuthn Level 3, §6.1.1).
    call.about({ detail: 'the counter of a passkey went back' });
    throw notAccepted('counter');
  }
  await factors.use(call, factor, right.counter);
  const user_verified = data.user_verified || right.userVerified;
  if (user_verified === data.user_verified && right.backedUp === data.backed_up) return;
  await factors.change(call, factors.get(row.id) ?? factor, {
    data: { ...data, user_verified, backed_up: right.backedUp },
  });
}

/** What was looked at has to be what there is. */
export function requireSame<P extends Pick<AssertionProof, 'challenge' | 'origin'>>(
  call: Call,
  { ceremony, proof }: { readonly ceremony: Ceremony; readonly proof: P },
): P {
  if (proof.challenge !== ceremony.challenge) throw notAccepted('changed meanwhile');
  if (proof.origin !== relyingParty(call).origin) throw notAccepted('changed meanwhile');
  return proof;
}

/** The passkeys of somebody, as a browser is told of them. */
export function descriptorsOf(factors: FactorSet): readonly PasskeyDescriptor[] {
  return factors.confirmed('passkey').map(({ row }) => ({
    id: row.lookup ?? '',
    type: 'public-key',
    transports: passkeyData(row).transports,
  }));
}

/** In whose session a ceremony is begun and finished; without one, as whom. */
function holderOf({ credential, principal }: Call): string {
  return credential?.family_id ?? principal.id;
}
