import { hmacSha256 } from '../../crypto/mac.ts';
import { randomBytes } from '../../crypto/random.ts';
import { formatToken, parseToken } from '../../crypto/token.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { tuple, utf8, wipe } from '../../lib/bytes.ts';
import { uuidBytes, uuidv7 } from '../../lib/ids.ts';
import { SecretValue } from '../../secret-value.ts';
import { REVOCATIONS, TOKENS } from '../../store/protected-tables.ts';
import type { Unprotected } from '../../store/row-mac.ts';
import { insertRow, removeRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { TokenRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { TOKEN_TYPES, type TokenKind } from './token-kinds.ts';

const byDigest = statement((db, p: Parameters<{ digest: Uint8Array }>) =>
  db.selectFrom('tokens').selectAll().where('digest', '=', p('digest')),
);

const byId = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('tokens').selectAll().where('id', '=', p('id')),
);

const ofFamily = statement((db, p: Parameters<{ familyId: string }>) =>
  db.selectFrom('tokens').selectAll().where('family_id', '=', p('familyId')),
);

const ofPrincipal = statement((db, p: Parameters<{ principalId: string }>) =>
  db
    .selectFrom('tokens')
    .selectAll()
    .where('principal_id', '=', p('principalId'))
    .orderBy('created_at', 'desc')
    .orderBy('id'),
);

/** What is said of a new credential; all else is nothing, or made here. */
export type NewToken = Pick<TokenRow, 'principal_id' | 'restore_id' | 'principal_generation'> &
  Partial<Omit<Unprotected<TokenRow>, 'id' | 'kind' | 'digest' | 'token_key' | 'created_at'>> & {
    readonly kind: TokenKind;
  };

/** A credential and its text, which is shown once. */
export interface MintedToken {
  readonly row: TokenRow;
  readonly text: SecretValue;
}

/** Makes a bearer credential. The caller has decided that it may be made. */
export async function mintToken(work: Work, given: NewToken): Promise<MintedToken> {
  const { kind } = given;
  const bytes = randomBytes(32);
  try {
    const id = uuidv7();
    const { number, key } = work.keyring.tokenKey();
    const row = await insertRow(work.transaction, work.mac, TOKENS, {
      family_id: id,
      method_id: null,
      lookup: null,
      label: null,
      limits: null,
      state: null,
      client: null,
      carrier: 'bearer',
      bound_to: null,
      method_generation: 0,
      created_by: work.actor,
      expires_at: null,
      idle_ms: null,
      used_at: null,
      uses_left: null,
      authenticated_at: null,
      mfa_at: null,
      ...given,
      id,
      kind,
      token_key: number,
      digest: hmacSha256(key, digestInput(work.keyring, kind, bytes)),
      created_at: work.now,
    });
    return { row, text: SecretValue.fromUtf8(utf8(formatToken(TOKEN_TYPES[kind], bytes))) };
  } finally {
    wipe(bytes);
  }
}

/**
 * The credential that a text is, of one of some kinds, or `undefined`. Whether
 * it is valid is another question.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function findToken(
  work: Pick<Work, 'transaction' | 'mac' | 'keyring'>,
  kinds: readonly TokenKind[],
  text: string,
): Promise<TokenRow | undefined> {
  for (const kind of kinds) {
    const bytes = parseToken(TOKEN_TYPES[kind], text);
    if (bytes === undefined) continue;
    try {
      return await findByBytes(work, kind, bytes);
    } finally {
      wipe(bytes);
    }
  }
  return undefined;
}

/** A credential by its public id, or `undefined`. */
export async function findTokenById(work: Work, id: string): Promise<TokenRow | undefined> {
  return checked(work, await work.transaction.get(byId, { id }));
}

/** The credentials of a principal, the newest first. */
export async function tokensOf(work: Work, principalId: string): Promise<readonly TokenRow[]> {
  const rows = await work.transaction.all(ofPrincipal, { principalId });
  for (const row of rows) work.mac.check(TOKENS, row);
  return rows;
}

/**
 * Revokes a credential, and all that go with it: from now on none of them
 * opens anything, also if its row is put back.
 */
export async function revokeToken(work: Work, token: TokenRow): Promise<void> {
  const { id, family_id: familyId } = token;
  const family = await work.transaction.all(ofFamily, { familyId });
  for (const row of family) work.mac.check(TOKENS, row);
  // A session that went on under another credential ends under all that it ever had.
  const isWhole = familyId === id || family.every(({ kind }) => kind === 'session');
  const rows = isWhole ? family : family.filter((row) => row.id === id);
  const ends = rows.map((row) => row.expires_at);
  await insertRow(work.transaction, work.mac, REVOCATIONS, {
    id: isWhole ? familyId : id,
    revoked_at: work.now,
    revoked_by: work.actor,
    until: ends.includes(null) ? null : Math.max(...ends.map(Number)),
  });
  for (const row of rows) await removeRow(work.transaction, work.mac, TOKENS, row);
}

/** Takes the row of a credential away that was good for one use. */
export function consumeToken(work: Work, token: TokenRow): Promise<void> {
  return removeRow(work.transaction, work.mac, TOKENS, token);
}

async function findByBytes(
  work: Pick<Work, 'transaction' | 'mac' | 'keyring'>,
  kind: TokenKind,
  bytes: Uint8Array,
): Promise<TokenRow | undefined> {
  const input = digestInput(work.keyring, kind, bytes);
  for (const number of work.keyring.tokenKeyNumbers()) {
    const digest = hmacSha256(work.keyring.tokenKey(number).key, input);
    const row = checked(work, await work.transaction.get(byDigest, { digest }));
    if (row !== undefined && row.kind === kind && row.token_key === number) return row;
  }
  return undefined;
}

function checked(work: Pick<Work, 'mac'>, row: TokenRow | undefined): TokenRow | undefined {
  if (row !== undefined) work.mac.check(TOKENS, row);
  return row;
}

function digestInput(keyring: Keyring, kind: TokenKind, bytes: Uint8Array): Uint8Array {
  return tuple(['strongroom/v1/bearer', uuidBytes(keyring.vaultId), kind, bytes]);
}
