import type { AuthMethodRow, TokenRow } from '../../store/tables.ts';
import { TOKENS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Work } from '../work.ts';
import { methodsOf, type Method } from './method-config.ts';
import { findToken, mintToken, type MintedToken, type NewToken } from './tokens.ts';
import { invalidity, type Invalidity, type Standing } from './validity.ts';

const secretIdsOf = statement((db, p: Parameters<{ methodId: string }>) =>
  db
    .selectFrom('tokens')
    .selectAll()
    .where('method_id', '=', p('methodId'))
    .where('kind', '=', 'secret_id')
    .orderBy('created_at', 'desc')
    .orderBy('id'),
);

/** The role that a machine names where it signs in, or `undefined`. */
export function findRole(
  rows: readonly AuthMethodRow[],
  roleId: string,
): Method<'approle'> | undefined {
  return methodsOf(rows, 'approle').find(({ config }) => config.role_id === roleId);
}

/** Makes a secret id of a role. */
export function mintSecretId(
  work: Work,
  standing: Standing,
  given: {
    readonly role: Method<'approle'>;
    readonly rest: Pick<NewToken, 'label' | 'limits' | 'client' | 'expires_at' | 'uses_left'>;
  },
): Promise<MintedToken> {
  const { row } = given.role;
  return mintToken(work, {
    ...given.rest,
    kind: 'secret_id',
    principal_id: row.principal_id,
    method_id: row.id,
    method_generation: row.generation,
    restore_id: standing.restoreId,
    principal_generation: standing.principal(row.principal_id ?? '')?.generation ?? 0,
  });
}

/** The secret ids of a role, the newest first. */
export async function secretIdsOfRole(
  work: Work,
  { row: { id: methodId } }: Method<'approle'>,
): Promise<readonly TokenRow[]> {
  const rows = await work.transaction.all(secretIdsOf, { methodId });
  for (const row of rows) work.mac.check(TOKENS, row);
  return rows;
}

/**
 * The secret id that a text is, if it is one of the role; and why it opens
 * nothing, if it does not.
 */
export async function findSecretId(
  work: Pick<Work, 'transaction' | 'mac' | 'keyring' | 'now'>,
  standing: Standing,
  { role, text }: { readonly role: Method<'approle'>; readonly text: string },
): Promise<{ readonly row: TokenRow; readonly fault: Invalidity | undefined } | undefined> {
  const row = await findToken(work, ['secret_id'], text);
  if (row === undefined || row.method_id !== role.row.id) return undefined;
  return { row, fault: invalidity(row, standing, { now: work.now, carrier: 'bearer' }) };
}

/**
 * Uses a secret id up by one. After its last use its row stays for as long as what it gave may live,
 * so that this can be revoked with it.
 *
 * @param givenMs - How long that is at most, in milliseconds.
 * @returns How many uses are left; `undefined` for any number.
 */
export async function useSecretId(
  work: Work,
  row: TokenRow,
  givenMs: number,
): Promise<number | undefined> {
  if (row.uses_left === null) return undefined;
  const uses_left = row.uses_left - 1;
  const last = { expires_at: Math.max(row.expires_at ?? 0, work.now + givenMs) };
  const set = { uses_left, ...(uses_left === 0 ? last : {}) };
  await updateRow(work.transaction, work.mac, TOKENS, { from: row, set });
  return uses_left;
}
