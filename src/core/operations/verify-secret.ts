import { z } from 'zod';

import type { VersionRecord } from '../../crypto/version-record.ts';
import { requireActive, requireSecret } from '../../domain/secrets/find.ts';
import { readCurrent } from '../../domain/secrets/read-current.ts';
import {
  hasSameBytes,
  namedField,
  toRecord,
  wipeRecord,
  type ValueInput,
} from '../../domain/secrets/value.ts';
import { countAttempt } from '../../domain/secrets/verify-attempts.ts';
import type { Operation } from '../operation.ts';
import { onSecret } from '../rest-binding.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';

export interface VerifySecretInput extends SecretAddress {
  /** What the value may be: text, bytes, a `SecretValue`, or all fields. */
  readonly candidate: ValueInput;
  /** Compares with one field of a secret that has fields. */
  readonly field?: string | undefined;
}

/** Yes or no, and nothing else. */
export interface SecretVerified {
  readonly matches: boolean;
}

/**
 * Errors: `rate_limited` after 5 attempts in a minute, `secret_not_found`, `secret_deleted`,
 * `secret_inactive`, `field_not_found`, `value_too_large`, `invalid_input`.
 */
export const verifySecret: Operation<VerifySecretInput, SecretVerified> = {
  name: 'secrets.verify',
  summary: 'Says whether a candidate is the current value of a secret, and only that.',
  errors: [
    'value_too_large',
    'environment_not_found',
    'secret_not_found',
    'secret_deleted',
    'secret_inactive',
    'field_not_found',
  ],
  input: z.strictObject({
    ...schema.address,
    candidate: schema.value,
    field: z.string().max(128).optional(),
  }),
  output: schema.answer<SecretVerified>({ matches: z.boolean() }),
  rest: onSecret('POST', 'verify'),
  secretMembers: ['candidate'],
  // It counts attempts.
  mutates: true,
  // Whoever can try values can find out a short one, which is a way of reading.
  requires: requiresOnSecret('read'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const secret = await requireSecret(call, environment, input.path);
    requireActive(secret, environment);
    call.about({ secretId: secret.id, version: secret.current_version });
    await countAttempt(call, secret.id);
    const candidate = toRecord(input.candidate);
    try {
      const { record } = await readCurrent(call, environment, input.path);
      try {
        const matches = hasSameBytes(partOf(record, input), candidate);
        call.about({ detail: matches ? 'matches' : 'differs' });
        return { matches };
      } finally {
        wipeRecord(record);
      }
    } finally {
      wipeRecord(candidate);
    }
  },
};

/** All of a value, or the one field that was asked for. */
function partOf(record: VersionRecord, { field, path }: VerifySecretInput): VersionRecord {
  if (field === undefined) return record;
  const found = namedField(record, path, field);
  return { kind: found.kind, fields: [{ ...found, name: '' }] };
}
