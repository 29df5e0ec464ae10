import type { EnvelopeContext } from '../../crypto/envelope.ts';
import { hmacSha256 } from '../../crypto/mac.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { tuple } from '../../lib/bytes.ts';
import { uuidText } from '../../lib/ids.ts';
import type { IdempotencyRow } from '../../store/tables.ts';

/** What names a kept answer. */
export type AnswerKey = Pick<
  IdempotencyRow,
  'principal_id' | 'workspace_id' | 'operation' | 'key_mac' | 'input_mac' | 'fingerprint_key'
>;

/** Where the envelope of a kept answer belongs: everything that names it is bound. */
export function answerContext(keyring: Keyring, row: AnswerKey): EnvelopeContext {
  const { key } = keyring.fingerprintKey(row.fingerprint_key);
  const subject = hmacSha256(
    key,
    tuple([
      'strongroom/v1/idempotency/answer',
      row.principal_id,
      row.workspace_id,
      row.operation,
      row.key_mac,
      row.input_mac,
    ]),
  );
  return {
    domain: 'idempotency',
    vaultId: keyring.vaultId,
    workspaceId: row.workspace_id,
    environmentId: row.workspace_id,
    subjectId: uuidText(subject.subarray(0, 16)),
    number: 0,
  };
}
