import { z } from 'zod';

import { isSlotKind } from '../seal/slot-kinds.ts';
import type { SlotKind } from '../seal/slot.ts';
import { openSqlite } from '../store/sqlite.ts';
import { acquireVaultLock } from '../store/vault-lock.ts';
import { SERVER_HOLDER } from './server-holder.ts';
import { loadRows } from './unseal-rows.ts';

/** One set of shares that opens a vault. */
export interface ShareSet {
  /** Base64 of the 8 bytes that each share of it carries. */
  readonly setId: string;
  readonly needed: number;
  readonly made: number;
}

/** What a vault says about itself while it is sealed. Nothing of it can be checked before it is open. */
export interface Seals {
  readonly vaultId: string;
  readonly kinds: readonly SlotKind[];
  readonly shareSets: readonly ShareSet[];
}

const shareParams = z.object({ set_id: z.string(), threshold: z.int(), shares: z.int() });

/**
 * Reads what would open a vault.
 *
 * @throws {@link StrongroomError} `vault_in_use`, `vault_not_found`, and storage codes.
 */
export async function readSeals(directory: string): Promise<Seals> {
  const lock = await acquireVaultLock(directory, { holder: SERVER_HOLDER });
  try {
    const store = openSqlite(directory);
    try {
      const { vault, slots } = await store.read(loadRows);
      const usable = slots.filter(({ pending_since: since }) => since === null);
      return {
        vaultId: vault.id,
        kinds: [...new Set(usable.map(({ kind }) => kind))].filter(isSlotKind),
        shareSets: usable.filter(({ kind }) => kind === 'shamir').flatMap(shareSetOf),
      };
    } finally {
      await store.close();
    }
  } finally {
    lock.release();
  }
}

/** What was altered so that it cannot be read is no set; opening tells what is wrong with it. */
function shareSetOf({ params }: { readonly params: string }): readonly ShareSet[] {
  const found = shareParams.safeParse(parsed(params));
  if (!found.success) return [];
  const { set_id: setId, threshold: needed, shares: made } = found.data;
  return [{ setId, needed, made }];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
