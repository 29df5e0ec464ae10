import type { UnsealedVault } from '../core/vault.ts';
import { StrongroomError } from '../errors.ts';

/**
 * The vault, for what cannot be done while it is sealed.
 *
 * @throws {@link StrongroomError} `sealed`.
 */
export function requireUnsealed(vault: UnsealedVault | undefined): UnsealedVault {
  if (vault !== undefined) return vault;
  throw new StrongroomError('sealed', 'the vault is sealed', {
    hint: 'open it with `strongroom unseal`, or wait until somebody has',
  });
}
