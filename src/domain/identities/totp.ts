import { findTotpStep, totpStep } from '../../crypto/totp.ts';
import { openEnvelope, sealEnvelope, type EnvelopeContext } from '../../crypto/envelope.ts';
import { randomBytes } from '../../crypto/random.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { toBase32 } from '../../lib/base32.ts';
import { utf8, wipe } from '../../lib/bytes.ts';
import { SecretValue } from '../../secret-value.ts';
import type { Work } from '../work.ts';
import type { Factor, FactorSet } from './factor-set.ts';

const SECRET_BYTES = 20;
const ISSUER = 'Strongroom';

/** A generator of codes that was made, which its owner has to confirm with one. */
export interface MadeTotp {
  readonly factorId: string;
  /** Base32, shown once. */
  readonly secret: SecretValue;
  /** As programs that make codes scan it. */
  readonly uri: SecretValue;
}

/** Makes a generator of codes. It counts for nothing until a code of it was given. */
export async function addTotp(
  work: Work,
  factors: FactorSet,
  { account, label }: { readonly account: string; readonly label?: string | undefined },
): Promise<MadeTotp> {
  const bytes = randomBytes(SECRET_BYTES);
  try {
    const wrapping = work.keyring.activeVaultKey();
    await work.keyUses.count(wrapping.id);
    const row = await factors.add(work, {
      kind: 'totp',
      label,
      data: {},
      secret: (id) => sealEnvelope(wrapping, contextOf(work.keyring, { id, revision: 1 }), bytes),
      confirmedAt: null,
    });
    const secret = toBase32(bytes);
    const query = `secret=${secret}&issuer=${ISSUER}&algorithm=SHA1&digits=6&period=30`;
    const uri = `otpauth://totp/${ISSUER}:${encodeURIComponent(account)}?${query}`;
    return {
      factorId: row.id,
      secret: SecretValue.fromUtf8(utf8(secret)),
      uri: SecretValue.fromUtf8(utf8(uri)),
    };
  } finally {
    wipe(bytes);
  }
}

/**
 * The step whose code somebody gave, or `undefined` if the code is wrong, was
 * used, or is of before the vault was restored.
 */
export function findStep(
  { keyring, now }: Pick<Work, 'keyring' | 'now'>,
  { row, uses }: Factor,
  { code, restoredAt }: { readonly code: string; readonly restoredAt: number | null },
): number | undefined {
  if (row.secret === null) {
    throw new StrongroomError('integrity_error', 'a factor has no secret', { hint: DAMAGED_HINT });
  }
  const context = contextOf(keyring, row);
  const secret = openEnvelope(row.secret, context, (id) => keyring.workspaceKey(id));
  try {
    const restored = restoredAt === null ? -1 : totpStep(restoredAt);
    return findTotpStep(secret, code, { now, after: Math.max(uses.counter, restored) });
  } finally {
    wipe(secret);
  }
}

function contextOf(
  { vaultId }: Keyring,
  { id, revision }: { readonly id: string; readonly revision: number },
): EnvelopeContext {
  // What belongs to no workspace is bound to the vault in its place.
  const [workspaceId, environmentId] = [vaultId, vaultId];
  return { domain: 'factor', vaultId, workspaceId, environmentId, subjectId: id, number: revision };
}
