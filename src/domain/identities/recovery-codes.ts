import { hmacSha256 } from '../../crypto/mac.ts';
import { randomBytes } from '../../crypto/random.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { fromBase32, toBase32 } from '../../lib/base32.ts';
import { fromBase64, toBase64 } from '../../lib/base64.ts';
import { tuple, utf8, wipe } from '../../lib/bytes.ts';
import { parseCanonicalJson } from '../../lib/canonical-json.ts';
import { equalBytes } from '../../lib/compare.ts';
import { uuidBytes } from '../../lib/ids.ts';
import { SecretValue } from '../../secret-value.ts';
import type { FactorRow } from '../../store/tables.ts';

/** What a factor `recovery` has as its data (`docs/spec/identities.md`). */
export interface RecoveryData {
  /** Base64 HMACs of the codes that were not used. */
  readonly codes: readonly string[];
  /** Number of the key. */
  readonly key: number;
  /** The generation of the vault that they were made in. */
  readonly restore_id: string;
}

const CODES = 10;
const CODE_BYTES = 10;
const BETWEEN = /[- ]/g;
const WRITTEN = /^[A-Za-z2-7]{4}(?:[- ]?[A-Za-z2-7]{4}){3}$/;

/** New codes: what is shown once, and what is kept of a factor that has this id. */
export function makeRecoveryCodes(
  keyring: Keyring,
  given: { readonly factorId: string; readonly restoreId: string },
): { readonly shown: readonly SecretValue[]; readonly data: RecoveryData } {
  const { number } = keyring.recoveryCodeKey();
  const shown: SecretValue[] = [];
  const codes: string[] = [];
  for (let index = 0; index < CODES; index += 1) {
    const bytes = randomBytes(CODE_BYTES);
    const text = toBase32(bytes).replaceAll(/.{4}(?=.)/g, '$&-');
    shown.push(SecretValue.fromUtf8(utf8(text)));
    codes.push(toBase64(macOf(keyring, given.factorId, bytes, number)));
    wipe(bytes);
  }
  return { shown, data: { codes, key: number, restore_id: given.restoreId } };
}

/** What a row says whose MAC was checked. */
export function recoveryData(row: FactorRow): RecoveryData {
  return parseCanonicalJson(row.data) as RecoveryData;
}

/**
 * What is left of the codes after one was used, or `undefined` if it is none of
 * them. Codes of an earlier generation of the vault open nothing.
 */
export function useRecoveryCode(
  keyring: Keyring,
  row: FactorRow,
  given: { readonly code: string; readonly restoreId: string },
): RecoveryData | undefined {
  const data = recoveryData(row);
  const isWritten = WRITTEN.test(given.code) && data.restore_id === given.restoreId;
  const text = given.code.replaceAll(BETWEEN, '').toUpperCase();
  const bytes = isWritten ? fromBase32(text) : undefined;
  if (bytes === undefined) return undefined;
  const mac = macOf(keyring, row.id, bytes, data.key);
  wipe(bytes);
  // All of them are looked at, whichever it is.
  const left = data.codes.filter((each) => !equalBytes(fromBase64(each) ?? new Uint8Array(), mac));
  return left.length === data.codes.length ? undefined : { ...data, codes: left };
}

function macOf(keyring: Keyring, factorId: string, code: Uint8Array, number: number): Uint8Array {
  const label = 'strongroom/v1/recovery-code';
  const input = tuple([label, uuidBytes(keyring.vaultId), uuidBytes(factorId), code]);
  return hmacSha256(keyring.recoveryCodeKey(number).key, input);
}
