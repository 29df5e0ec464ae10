import { z } from 'zod';

import type { Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';

/** A vault that is sealed from now on. */
export interface VaultSealed {
  readonly sealed: true;
}

export const sealVault: Operation<Record<string, never>, VaultSealed> = {
  name: 'vault.seal',
  summary: 'Seals the vault: nothing can be asked of it until somebody brings a key.',
  errors: [],
  input: z.strictObject({}),
  output: z.strictObject({ sealed: z.literal(true) }),
  rest: [{ method: 'POST', path: `${ADMIN}/seal` }],
  secretMembers: [],
  mutates: true,
  seals: true,
  requires: () => [{ capability: 'admin', resource: ['sys', 'seal'] }],
  subject: () => ({}),
  apply: async () => ({ sealed: true }),
};
