import { hmacSha256 } from '../../crypto/mac.ts';
import { randomBytes } from '../../crypto/random.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { tuple } from '../../lib/bytes.ts';
import { uuidBytes } from '../../lib/ids.ts';
import { SecretValue } from '../../secret-value.ts';
import { TOKENS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { PrincipalRow, TokenRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { mintToken, type MintedToken } from './tokens.ts';

/** How long a device waits for its code to be confirmed, in milliseconds. */
export const DEVICE_MS: number = 10 * 60_000;

/** Consonants alone, so that no code is a word (RFC 8628 §6.1). */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 8;
const BYTE_VALUES = 256;
const DENIED = canonicalJson({ decision: 'denied' });
const CONFIRMED = canonicalJson({ decision: 'confirmed' });

const byLookup = statement((db, p: Parameters<{ lookup: Uint8Array }>) =>
  db.selectFrom('tokens').selectAll().where('lookup', '=', p('lookup')),
);

type TokenKey = ReturnType<Keyring['tokenKey']>['key'];

/** What came of a device so far. */
export type DeviceDecision = 'pending' | 'confirmed' | 'denied';

/** A device that waits, and what it is found by. */
export interface BegunDevice extends MintedToken {
  /** Such as `BCDF-GHJK`; 34 bits, for somebody to read and type. */
  readonly userCode: SecretValue;
}

/** Begins to wait for somebody who confirms a code. */
export async function beginDevice(
  work: Work,
  given: { readonly restoreId: string; readonly client: string | null },
): Promise<BegunDevice> {
  const letters = newLetters();
  const minted = await mintToken(work, {
    kind: 'device',
    principal_id: null,
    principal_generation: 0,
    restore_id: given.restoreId,
    client: given.client,
    lookup: lookupOf(work.keyring, work.keyring.tokenKey().key, letters),
    expires_at: work.now + DEVICE_MS,
  });
  return { ...minted, userCode: SecretValue.text(`${letters.slice(0, 4)}-${letters.slice(4)}`) };
}

/**
 * The device that waits with a code, or `undefined`. Case, hyphens and spaces
 * don't matter. Whether it is valid is another question.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function findDevice(work: Work, typed: string): Promise<TokenRow | undefined> {
  const letters = typed.replaceAll(/[-\s]/g, '').toUpperCase();
  if (letters.length !== LENGTH) return undefined;
  const { keyring, transaction, mac } = work;
  for (const number of keyring.tokenKeyNumbers()) {
    const lookup = lookupOf(keyring, keyring.tokenKey(number).key, letters);
    const row = await transaction.get(byLookup, { lookup });
    if (row === undefined) continue;
    mac.check(TOKENS, row);
    if (row.kind === 'device' && row.token_key === number) return row;
  }
  return undefined;
}

/** Lets a device act as somebody, within what the session allows that they confirm it with. */
export async function confirmDevice(
  work: Work,
  row: TokenRow,
  by: { readonly principal: PrincipalRow; readonly session: TokenRow },
): Promise<void> {
  const { principal, session } = by;
  await updateRow(work.transaction, work.mac, TOKENS, {
    from: row,
    set: {
      lookup: null,
      state: CONFIRMED,
      principal_id: principal.id,
      principal_generation: principal.generation ?? 0,
      method_id: session.method_id,
      method_generation: session.method_generation,
      limits: session.limits,
      mfa_at: session.mfa_at,
    },
  });
}

/** Tells a device that nobody lets it in. */
export async function denyDevice(work: Work, row: TokenRow): Promise<void> {
  const set = { lookup: null, state: DENIED };
  await updateRow(work.transaction, work.mac, TOKENS, { from: row, set });
}

/** What was decided about a device so far. */
export function decisionOf({ state, principal_id: principal }: TokenRow): DeviceDecision {
  if (state === DENIED) return 'denied';
  return state === CONFIRMED && principal !== null ? 'confirmed' : 'pending';
}

/** Each text of the length equally likely: bytes beyond the last multiple of 20 are thrown away. */
function newLetters(): string {
  const limit = BYTE_VALUES - (BYTE_VALUES % LETTERS.length);
  let letters = '';
  while (letters.length < LENGTH) {
    const [byte = limit] = randomBytes(1);
    if (byte < limit) letters += LETTERS.charAt(byte % LETTERS.length);
  }
  return letters;
}

function lookupOf(keyring: Keyring, key: TokenKey, letters: string): Uint8Array {
  const vaultId = uuidBytes(keyring.vaultId);
  return hmacSha256(key, tuple(['strongroom/v1/user-code', vaultId, letters]));
}
