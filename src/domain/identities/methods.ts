import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { AUTH_METHODS, TOKENS } from '../../store/protected-tables.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { AuthMethodRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import {
  encodeConfig,
  toMethod,
  type Method,
  type MethodConfigs,
  type MethodKind,
} from './method-config.ts';

/** A way to sign in that is to be made. */
export interface NewMethod<K extends MethodKind> {
  readonly kind: K;
  readonly name: string;
  /** The machine that it signs in; `null` for people. */
  readonly principalId: string | null;
  readonly config: MethodConfigs[K];
  /** Makes the envelope of its secret, for the row that it got. */
  readonly secret?:
    ((at: Pick<AuthMethodRow, 'id' | 'revision'>) => Promise<Uint8Array>) | undefined;
}

const credentialsOf = statement((db, p: Parameters<{ methodId: string }>) =>
  db.selectFrom('tokens').selectAll().where('method_id', '=', p('methodId')),
);

/** The commands that list ways to sign in. */
const LISTED: Readonly<Record<MethodKind, string>> = {
  approle: 'approle',
  jwt: 'trust',
  certificate: 'trust',
  oidc: 'sso',
};

const all = statement((db) => db.selectFrom('auth_methods').selectAll());

/** Names of ways to sign in. */
export const METHOD_NAME: RegExp = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;

/**
 * All ways to sign in, as they are stored: for what is looked at beside the
 * cohorts. Whether one was taken away, only what is known in memory tells.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function readMethods({
  transaction,
  mac,
}: Pick<Work, 'transaction' | 'mac'>): Promise<readonly AuthMethodRow[]> {
  const rows = await transaction.all(all, {});
  for (const row of rows) mac.check(AUTH_METHODS, row);
  return rows;
}

/**
 * Makes a way to sign in. The caller has decided that it may be made.
 *
 * @param rows - All that there are.
 * @throws {@link StrongroomError} `method_exists`.
 */
export async function createMethod<K extends MethodKind>(
  work: Work,
  rows: readonly AuthMethodRow[],
  { kind, name, principalId, config, secret }: NewMethod<K>,
): Promise<Method<K>> {
  if (findRow(rows, kind, name) !== undefined) {
    throw new StrongroomError('method_exists', `there is a way to sign in of the name ${name}`, {
      details: { kind, name },
      hint: `take another name, or remove that one first: \`strongroom ${LISTED[kind]} list\` shows it`,
    });
  }
  const at = { id: uuidv7(), revision: 0 };
  const row = await insertRow(work.transaction, work.mac, AUTH_METHODS, {
    ...at,
    kind,
    name,
    principal_id: principalId,
    config: encodeConfig(config),
    secret: (await secret?.(at)) ?? null,
    generation: 1,
    disabled_at: null,
    created_at: work.now,
    created_by: work.actor,
  });
  return toMethod(row, kind);
}

/**
 * A way to sign in by its name.
 *
 * @throws {@link StrongroomError} `method_not_found`.
 */
export function requireMethod<K extends MethodKind>(
  rows: readonly AuthMethodRow[],
  kind: K,
  name: string,
): Method<K> {
  const row = findRow(rows, kind, name);
  if (row !== undefined) return toMethod(row, kind);
  throw new StrongroomError('method_not_found', 'there is no way to sign in of that name', {
    details: { kind },
    hint: `see \`strongroom ${LISTED[kind]} list\``,
  });
}

/** Lets a way be used no more, or again. What it gave before is void in either case. */
export async function setMethodDisabled(
  work: Work,
  from: AuthMethodRow,
  isDisabled: boolean,
): Promise<AuthMethodRow> {
  if ((from.disabled_at !== null) === isDisabled) return from;
  const set = isDisabled
    ? { disabled_at: work.now, generation: from.generation + 1 }
    : { disabled_at: null };
  return updateRow(work.transaction, work.mac, AUTH_METHODS, { from, set });
}

/**
 * Sets a way up anew. What it gave before is void if it is narrower than before.
 *
 * @param isNarrower - Whether something was taken with the present configuration that is not any more.
 * @param secret - Makes the envelope of another secret. Default: the one that it has stays.
 */
export async function configureMethod<K extends MethodKind>(
  work: Work,
  { row: from, kind }: Method<K>,
  {
    config,
    isNarrower,
    secret,
  }: Pick<NewMethod<K>, 'config' | 'secret'> & { readonly isNarrower: boolean },
): Promise<Method<K>> {
  const generation = isNarrower ? from.generation + 1 : from.generation;
  const at = { id: from.id, revision: from.revision + 1 };
  const sealed = secret === undefined ? {} : { revision: at.revision, secret: await secret(at) };
  const set = { config: encodeConfig(config), generation, ...sealed };
  return toMethod(await updateRow(work.transaction, work.mac, AUTH_METHODS, { from, set }), kind);
}

/** Takes a way to sign in away, and everything that it gave. */
export async function removeMethod(work: Work, row: AuthMethodRow): Promise<void> {
  const { transaction, mac } = work;
  for (const token of await transaction.all(credentialsOf, { methodId: row.id })) {
    mac.check(TOKENS, token);
    await removeRow(transaction, mac, TOKENS, token);
  }
  await removeRow(transaction, mac, AUTH_METHODS, row);
}

function findRow(
  rows: readonly AuthMethodRow[],
  kind: MethodKind,
  name: string,
): AuthMethodRow | undefined {
  return rows.find((row) => row.kind === kind && row.name === name);
}
