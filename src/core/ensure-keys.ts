import type { Work } from '../domain/work.ts';
import type { KeyPurpose } from '../keys/keyring.ts';
import { KEYS } from '../store/protected-tables.ts';
import { insertRow } from '../store/rows.ts';

/** Keys that came with the third schema (`docs/spec/identities.md`). */
const PURPOSES: readonly KeyPurpose[] = ['token', 'recovery-code', 'pepper', 'vault'];

/** Makes the keys that a vault lacks: a new one, or one of an earlier schema. */
export async function ensureKeys(work: Work): Promise<void> {
  const { transaction, mac, keyring, keyUses } = work;
  for (const purpose of PURPOSES) {
    if (keyring.newest(purpose) !== undefined) continue;
    const row = keyring.create({ purpose, workspaceId: null, number: 1 });
    await insertRow(transaction, mac, KEYS, row);
    if (purpose === 'vault') await keyUses.begin(row.id);
    keyring.add(row);
  }
}
