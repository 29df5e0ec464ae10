import { z } from 'zod';

import { compileConditions, encodeConditions } from '../../domain/access/conditions.ts';
import type {
  MachineMethodKind,
  Method,
  MethodKind,
} from '../../domain/identities/method-config.ts';
import { mintToken } from '../../domain/identities/tokens.ts';
import type { SecretValue } from '../../secret-value.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { TokenRow } from '../../store/tables.ts';
import { notAccepted } from '../denials.ts';
import type { Call } from '../operation.ts';
import * as schema from './schema.ts';
import { clientOf, toLimits, type TokenLimitsInput } from './token-view.ts';

/** What a machine has that signed in. */
export interface MachineSignedIn {
  /** The session, to be brought with each call. It is given once and kept nowhere. */
  readonly token: SecretValue;
  /** Names the session on record and for revoking; opens nothing. */
  readonly id: string;
  /** Such as `machine:ci`. */
  readonly subject: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** The schema of {@link MachineSignedIn}. */
export const machineSignedIn: z.ZodType<MachineSignedIn> = schema.answer<MachineSignedIn>({
  token: schema.secretOutput,
  id: z.uuid(),
  subject: z.string(),
  expiresAt: schema.instant,
});

/** How a session comes about besides its way to sign in. */
export interface Proof {
  /** The credential that it goes with: with that one it ends. */
  readonly familyId?: string;
  /** Digest of the key that has to come along. */
  readonly boundTo?: Uint8Array;
  /** Networks, if they are fewer than the way's own. */
  readonly cidr?: readonly string[] | undefined;
}

/**
 * Gives the machine of a way to sign in a session, once it has proven itself.
 *
 * @throws {@link StrongroomError} `unauthenticated`.
 */
export async function giveSession(
  call: Call,
  { row: method, config }: Method<MachineMethodKind>,
  { familyId, boundTo, cidr = config.cidr }: Proof = {},
): Promise<MachineSignedIn> {
  call.about({ method: method.id });
  const principal = call.standing.principal(method.principal_id ?? '');
  if (method.disabled_at !== null || principal?.kind !== 'machine') throw notAccepted('void');
  requireNetwork(call, cidr);
  call.identified(principal.id);
  const { row, text } = await mintToken(call, {
    kind: 'session',
    principal_id: principal.id,
    method_id: method.id,
    method_generation: method.generation,
    restore_id: call.standing.restoreId,
    principal_generation: principal.generation ?? 0,
    limits: toLimits({ can: config.can, cidr } as TokenLimitsInput),
    client: clientOf(call),
    created_by: principal.id,
    expires_at: call.now + config.session_ttl_ms,
    authenticated_at: call.now,
    ...(familyId === undefined ? {} : { family_id: familyId }),
    ...(boundTo === undefined ? {} : { bound_to: boundTo }),
  });
  call.about({ target: row.id });
  return toSignedIn(row, { text, name: principal.name });
}

/** The one way to sign in of a kind that is still what it was when a proof was looked at. */
export function requireUnchanged<K extends MethodKind>(call: Call, looked: Method<K>): Method<K> {
  const row = call.standing.method(looked.row.id);
  const isSame = row?.kind === looked.kind && row.config === looked.row.config;
  if (!isSame || row.disabled_at !== null) throw notAccepted('void');
  return { ...looked, row };
}

function requireNetwork(call: Call, cidr: readonly string[] | undefined): void {
  const stored = encodeConditions(cidr === undefined ? undefined : { cidr });
  if (stored === null) return;
  if (compileConditions(stored)(call.circumstances) !== 'met') throw notAccepted('limits');
}

function toSignedIn(
  { id, expires_at: end }: TokenRow,
  { text, name }: { readonly text: SecretValue; readonly name: string },
): MachineSignedIn {
  return { token: text, id, subject: `machine:${name}`, expiresAt: isoTime(end ?? 0) };
}
