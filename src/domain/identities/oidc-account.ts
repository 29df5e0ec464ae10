import { openEnvelope, sealEnvelope, type EnvelopeContext } from '../../crypto/envelope.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { FACTORS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { AuthMethodRow, FactorRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { FactorSet } from './factor-set.ts';

const byLookup = statement((db, p: Parameters<{ lookup: string }>) =>
  db.selectFrom('factors').selectAll().where('kind', '=', 'oidc').where('lookup', '=', p('lookup')),
);

const ofMethod = statement((db, p: Parameters<{ from: string; to: string }>) =>
  db
    .selectFrom('factors')
    .selectAll()
    .where('kind', '=', 'oidc')
    .where('lookup', '>', p('from'))
    .where('lookup', '<', p('to')),
);

/** Somebody as a provider knows them: by nothing that could come to be somebody else's. */
export interface OidcAccount {
  /** Id of the way to sign in, whose issuer never changes. */
  readonly methodId: string;
  readonly sub: string;
}

/** The factor that an account is, or `undefined`. Its principal's {@link FactorSet} says whether it counts. */
export async function findAccount(
  { transaction, mac }: Pick<Work, 'transaction' | 'mac'>,
  account: OidcAccount,
): Promise<FactorRow | undefined> {
  const row = await transaction.get(byLookup, { lookup: lookupOf(account) });
  if (row !== undefined) mac.check(FACTORS, row);
  return row;
}

/** The ids of all whom a way to sign in may sign in. */
export async function linkedTo(
  { transaction, mac }: Pick<Work, 'transaction' | 'mac'>,
  methodId: string,
): Promise<readonly string[]> {
  // '0' follows '/'.
  const rows = await transaction.all(ofMethod, { from: `${methodId}/`, to: `${methodId}0` });
  for (const row of rows) mac.check(FACTORS, row);
  return rows.map((row) => row.principal_id);
}

/** Lets somebody sign in with an account from now on. The caller stores the factors. */
export function addAccount(
  work: Work,
  factors: FactorSet,
  { account, label }: { readonly account: OidcAccount; readonly label: string },
): Promise<FactorRow> {
  return factors.add(work, {
    kind: 'oidc',
    label,
    lookup: lookupOf(account),
    data: {},
    confirmedAt: work.now,
  });
}

/** Whether somebody has an account by a way to sign in already. */
export function hasAccount(factors: FactorSet, methodId: string): boolean {
  return factors.confirmed('oidc').some(({ row }) => isAccountOf(row, methodId));
}

/** Whether a factor is an account by a way to sign in. */
export function isAccountOf({ kind, lookup }: FactorRow, methodId: string): boolean {
  return kind === 'oidc' && lookup?.startsWith(`${methodId}/`) === true;
}

/** Id of the way to sign in that an account is by. */
export function methodOfAccount({ kind, lookup }: FactorRow): string | undefined {
  return kind === 'oidc' ? lookup?.split('/', 1)[0] : undefined;
}

/**
 * Seals the secret that a way to sign in proves itself to its provider with.
 *
 * @param at - Id and revision of the row that it is for.
 */
export async function sealClientSecret(
  work: Work,
  at: Pick<AuthMethodRow, 'id' | 'revision'>,
  secret: Uint8Array,
): Promise<Uint8Array> {
  const wrapping = work.keyring.activeVaultKey();
  await work.keyUses.count(wrapping.id);
  return sealEnvelope(wrapping, contextOf(work.keyring, at), secret);
}

/**
 * That secret; `undefined` of a way that has none. The caller wipes it.
 *
 * @throws {@link StrongroomError} `decryption_failed`.
 */
export function openClientSecret(keyring: Keyring, row: AuthMethodRow): Uint8Array | undefined {
  if (row.secret === null) return undefined;
  return openEnvelope(row.secret, contextOf(keyring, row), (id) => keyring.workspaceKey(id));
}

function lookupOf({ methodId, sub }: OidcAccount): string {
  return `${methodId}/${sub}`;
}

function contextOf(
  { vaultId }: Keyring,
  { id, revision }: Pick<AuthMethodRow, 'id' | 'revision'>,
): EnvelopeContext {
  // What belongs to no workspace is bound to the vault in its place.
  const [workspaceId, environmentId] = [vaultId, vaultId];
  return { domain: 'method', vaultId, workspaceId, environmentId, subjectId: id, number: revision };
}
