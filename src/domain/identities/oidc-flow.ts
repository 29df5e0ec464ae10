import { hkdfSha512 } from '../../crypto/hkdf.ts';
import { parseToken } from '../../crypto/token.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { wipe } from '../../lib/bytes.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { uuidBytes } from '../../lib/ids.ts';
import type { TokenRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { clientsWaiting } from './clients-waiting.ts';
import type { Method } from './method-config.ts';
import type { Carrier } from './sessions.ts';
import { TOKEN_TYPES } from './token-kinds.ts';
import { findToken, mintToken, type MintedToken } from './tokens.ts';

/** What is remembered of a sign-in while somebody is at their provider. */
export interface OidcFlow {
  /** As what the session is to be taken. */
  readonly carrier: Carrier;
  /** Where the provider sends them back to. */
  readonly redirect: string;
  /** The provider has to ask them anew. */
  readonly fresh: boolean;
  /** The user that the account is to be of; `undefined`: somebody signs in. */
  readonly link: string | undefined;
}

/**
 * What goes along with a sign-in, each 32 bytes as base64url: derived from the
 * challenge, which only whoever began has, and stored nowhere.
 */
export interface FlowTexts {
  readonly state: string;
  readonly nonce: string;
  /** Of PKCE (RFC 7636 §4.1). */
  readonly verifier: string;
}

/** Where a sign-in is begun, and by which way. */
export interface NewFlow {
  readonly method: Method<'oidc'>;
  readonly restoreId: string;
  /** As a row has it. */
  readonly client: string | null;
  readonly flow: OidcFlow;
}

interface StoredFlow {
  readonly carrier: Carrier;
  readonly redirect: string;
  readonly fresh?: true;
  readonly link?: string;
}

const FLOW_MS = 10 * 60_000;
const LABEL = 'strongroom/v1/sso';
const BYTES = 32;

/** The sign-ins that are under way: anybody can begin one. */
export const flowsWaiting: ReturnType<typeof clientsWaiting> = clientsWaiting(
  { ofOne: 20, total: 2000 },
  { lastsMs: FLOW_MS },
);

/** Begins a sign-in that goes by way of a provider: a challenge that names nobody yet. */
export function beginFlow(
  work: Work,
  { method: { row }, restoreId, client, flow }: NewFlow,
): Promise<MintedToken> {
  const { carrier, redirect, fresh, link } = flow;
  const state: StoredFlow = {
    carrier,
    redirect,
    ...(fresh ? { fresh } : {}),
    ...(link === undefined ? {} : { link }),
  };
  return mintToken(work, {
    kind: 'challenge',
    principal_id: null,
    principal_generation: 0,
    restore_id: restoreId,
    method_id: row.id,
    method_generation: row.generation,
    state: canonicalJson(state),
    client,
    expires_at: work.now + FLOW_MS,
  });
}

/** The sign-in that a challenge is of, or `undefined`. Whether it is valid is another question. */
export async function findFlow(
  work: Pick<Work, 'transaction' | 'mac' | 'keyring'>,
  challenge: string,
): Promise<{ readonly row: TokenRow; readonly flow: OidcFlow } | undefined> {
  const row = await findToken(work, ['challenge'], challenge);
  // One that names a user is between the factors of a sign-in, and of no provider.
  if (row === undefined || row.principal_id !== null || row.method_id === null) return undefined;
  const stored = parseCanonicalJson(row.state ?? '{}') as Partial<StoredFlow>;
  const { carrier, redirect, fresh = false, link } = stored;
  if (carrier === undefined || redirect === undefined) return undefined;
  return { row, flow: { carrier, redirect, fresh, link } };
}

/** What goes along with a sign-in; `undefined` if a text is no challenge. */
export function flowTexts({ vaultId }: Keyring, challenge: string): FlowTexts | undefined {
  const bytes = parseToken(TOKEN_TYPES.challenge, challenge);
  if (bytes === undefined) return undefined;
  const derive = (what: string): string =>
    toBase64Url(hkdfSha512(bytes, uuidBytes(vaultId), `${LABEL}/${what}`, BYTES));
  try {
    return { state: derive('state'), nonce: derive('nonce'), verifier: derive('verifier') };
  } finally {
    wipe(bytes);
  }
}
