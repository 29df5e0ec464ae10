import { z } from 'zod';

import { generateFernetKey } from '../../crypto/fernet.ts';
import { SecretValue } from '../../secret-value.ts';
import type { Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import * as schema from './schema.ts';

/** A key that is kept nowhere. */
export interface FernetKeyGenerated {
  /** 32 bytes as padded base64url. */
  readonly key: SecretValue;
}

export const generateFernet: Operation<Record<string, never>, FernetKeyGenerated> = {
  name: 'keys.generateFernet',
  summary: 'Makes a Fernet key for use elsewhere. It is shown once, and nothing changes.',
  errors: [],
  input: z.strictObject({}),
  output: schema.answer<FernetKeyGenerated>({ key: schema.secretOutput }),
  rest: [{ method: 'POST', path: `${ADMIN}/encryption/generate-key` }],
  secretMembers: ['key'],
  mutates: false,
  givesOnce: true,
  requires: () => [{ capability: 'admin', resource: ['sys', 'keys'] }],
  subject: () => ({}),
  apply: async () => ({ key: SecretValue.text(generateFernetKey()) }),
};
