import { toBase64Url } from '../../lib/base64.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { randomBytes } from '../../crypto/random.ts';
import { FACTORS, TOKENS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { FactorRow, TokenRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Carrier } from './sessions.ts';
import { findToken, mintToken, type MintedToken, type NewToken } from './tokens.ts';

/** What `data` of a factor of the kind `passkey` holds (`docs/spec/identities.md`). */
export interface PasskeyData {
  /** COSE, base64url. */
  readonly public_key: string;
  readonly transports: readonly string[];
  readonly backup_eligible: boolean;
  readonly backed_up: boolean;
  /** Whether the user was verified, at its making or later beside another factor. */
  readonly user_verified: boolean;
}

/**
 * What a ceremony is for: a new passkey; a sign-in without anything before it; a sign-in after a
 * password; a proof once more in a session.
 */
export type CeremonyUse = 'enroll' | 'alone' | 'second' | 'again';

/** A ceremony that was begun. */
export interface Ceremony {
  readonly token: TokenRow;
  readonly use: CeremonyUse;
  /** What the authenticator signs, base64url. */
  readonly challenge: string;
  /** In whose session, or as which principal, it was begun; `undefined` where nobody was known. */
  readonly holder: string | undefined;
}

/** `state` of a challenge. */
interface CeremonyState {
  readonly carrier?: Carrier;
  readonly passkey?: string;
  readonly use?: CeremonyUse;
  readonly holder?: string;
}

/** Most passkeys of one user. */
export const PASSKEYS_MAX = 10;

const CHALLENGE_BYTES = 32;

const byLookup = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('factors').selectAll().where('kind', '=', 'passkey').where('lookup', '=', p('id')),
);

/** The passkey of a credential id in base64url, whosever it is, or `undefined`. */
export async function findPasskey(
  { transaction, mac }: Pick<Work, 'transaction' | 'mac'>,
  id: string,
): Promise<FactorRow | undefined> {
  const row = await transaction.get(byLookup, { id });
  if (row !== undefined) mac.check(FACTORS, row);
  return row;
}

/** What a passkey consists of. */
export function passkeyData({ data }: Pick<FactorRow, 'data'>): PasskeyData {
  return parseCanonicalJson(data) as PasskeyData;
}

/**
 * Begins a ceremony of its own, with a challenge that leads to nothing else: it
 * names no principal, so nothing takes it for the step after a password.
 */
export async function beginCeremony(
  work: Work,
  given: Pick<NewToken, 'restore_id' | 'expires_at' | 'client'> & {
    readonly use: Exclude<CeremonyUse, 'second'>;
    readonly holder?: string | undefined;
    readonly carrier?: Carrier | undefined;
  },
): Promise<MintedToken & Pick<Ceremony, 'challenge'>> {
  const { use, holder, carrier, ...rest } = given;
  const challenge = newChallenge();
  const state = {
    use,
    passkey: challenge,
    ...(holder === undefined ? {} : { holder }),
    ...(carrier === undefined ? {} : { carrier }),
  };
  const minted = await mintToken(work, {
    ...rest,
    kind: 'challenge',
    principal_id: null,
    principal_generation: 0,
    state: canonicalJson(state),
  });
  return { ...minted, challenge };
}

/** Begins a ceremony with what stands between password and second factor; one before is over then. */
export async function beginSecondCeremony(work: Work, token: TokenRow): Promise<string> {
  const challenge = newChallenge();
  const state = canonicalJson({ ...stateOf(token), passkey: challenge });
  await updateRow(work.transaction, work.mac, TOKENS, { from: token, set: { state } });
  return challenge;
}

/** The ceremony that a challenge is of, or `undefined`. Whether it is valid is another question. */
export async function findCeremony(
  work: Pick<Work, 'transaction' | 'mac' | 'keyring'>,
  text: string,
): Promise<Ceremony | undefined> {
  const token = await findToken(work, ['challenge'], text);
  if (token === undefined) return undefined;
  const { passkey: challenge, use, holder } = stateOf(token);
  if (challenge === undefined) return undefined;
  // Of one that names whom it is for, a password came before.
  if ((use === undefined) !== (token.principal_id !== null)) return undefined;
  return { token, use: use ?? 'second', challenge, holder };
}

function stateOf({ state }: TokenRow): CeremonyState {
  return parseCanonicalJson(state ?? '{}') ?? {};
}

function newChallenge(): string {
  return toBase64Url(randomBytes(CHALLENGE_BYTES));
}
