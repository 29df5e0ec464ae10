import { z } from 'zod';

import { CAPABILITIES, type Capability } from '../../domain/access/capability.ts';
import { encodeConditions, type Conditions } from '../../domain/access/conditions.ts';
import { decodeLimits, encodeLimits } from '../../domain/identities/limits.ts';
import { TOKEN_TYPES, type TokenKind } from '../../domain/identities/token-kinds.ts';
import { invalidity } from '../../domain/identities/validity.ts';
import { parseDuration } from '../../lib/duration.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { TokenRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import * as schema from './schema.ts';

/** What a credential may be used for, whatever its principal may do. */
export interface TokenLimitsInput {
  /** Capabilities that are left of the principal's. Default: all. */
  readonly can?: readonly Capability[] | undefined;
  /** Networks that it is taken from, such as `10.0.0.0/8`. Default: any. */
  readonly cidr?: readonly string[] | undefined;
}

/** The schema of {@link TokenLimitsInput}, to be spread into an input's. */
export const limits: { readonly [K in keyof TokenLimitsInput]-?: z.ZodType<TokenLimitsInput[K]> } =
  {
    can: z
      .array(z.enum(CAPABILITIES as readonly [Capability, ...Capability[]]))
      .min(1)
      .max(CAPABILITIES.length)
      .optional(),
    cidr: z.array(z.string().max(64)).min(1).max(64).optional(),
  };

/** What a member takes that is a duration, as a check says it. */
const DURATION_FORM = 'takes a duration such as 30m, 12h or 90d';

/** A duration such as `90d`, or `undefined`. */
export const duration: z.ZodType<string | undefined> = z
  .string()
  .max(16, DURATION_FORM)
  .meta({ pattern: schema.DURATION })
  .refine((text) => parseDuration(text) !== undefined, DURATION_FORM)
  .optional();

/** Limits as a row has them. */
export function toLimits({ can, cidr }: TokenLimitsInput): string | null {
  const conditions: Conditions | undefined = cidr === undefined ? undefined : { cidr };
  return encodeLimits({ can, conditions: encodeConditions(conditions) ?? undefined });
}

/** A credential without anything that it could be used with. Times are RFC 3339. */
export interface TokenSummary {
  /** Names it on record and for revoking; opens nothing. */
  readonly id: string;
  readonly kind: TokenKind;
  /** Such as `machine:ci`. */
  readonly subject: string | null;
  readonly label: string | null;
  readonly can: readonly string[] | null;
  readonly createdAt: string;
  /** Principal id. */
  readonly createdBy: string;
  readonly expiresAt: string | null;
  readonly usesLeft: number | null;
  /** Address that it was made from. */
  readonly ip: string | null;
  readonly userAgent: string | null;
  /** Whether a second factor was given. */
  readonly mfa: boolean;
  /** Whether the call was made with this one. */
  readonly isCurrent: boolean;
  /** `active`, or why it opens nothing any more; `void`: what it was given for is no more. */
  readonly state: TokenState;
}

/** Whether a credential is good for anything, and if not, why. */
export type TokenState = (typeof TOKEN_STATES)[number];

const TOKEN_STATES = ['active', 'expired', 'idle', 'revoked', 'used_up', 'void'] as const;

const TOKEN_KINDS = Object.keys(TOKEN_TYPES) as [TokenKind, ...TokenKind[]];

/** The members of {@link TokenSummary}, to be spread into what has them too. */
export const tokenMembers: schema.Members<TokenSummary> = {
  id: z.uuid(),
  kind: z.enum(TOKEN_KINDS),
  subject: z.string().nullable(),
  label: z.string().nullable(),
  can: schema.texts.nullable(),
  createdAt: schema.instant,
  createdBy: z.string(),
  expiresAt: schema.instant.nullable(),
  usesLeft: z.int().nullable(),
  ip: z.string().nullable(),
  userAgent: z.string().nullable(),
  mfa: z.boolean(),
  isCurrent: z.boolean(),
  state: z.enum(TOKEN_STATES),
};

/** A credential as answers have it. */
export const tokenSummary: z.ZodType<TokenSummary> = schema.answer(tokenMembers);

/** The summary of a row. */
export function toTokenSummary(call: Call, row: TokenRow): TokenSummary {
  const principal =
    row.principal_id === null ? undefined : call.standing.principal(row.principal_id);
  return {
    id: row.id,
    kind: row.kind as TokenKind,
    subject: principal === undefined ? null : `${principal.kind}:${principal.name}`,
    label: row.label,
    can: decodeLimits(row.limits).can ?? null,
    createdAt: isoTime(row.created_at),
    createdBy: row.created_by,
    expiresAt: row.expires_at === null ? null : isoTime(row.expires_at),
    usesLeft: row.uses_left,
    ...clientOfRow(row),
    mfa: row.mfa_at !== null,
    isCurrent: call.credential?.id === row.id,
    state: stateOf(call, row),
  };
}

/** Why a credential that was found opens nothing where it belongs: what a single call has to do with it is left out. */
function stateOf({ standing, now }: Call, row: TokenRow): TokenState {
  const why = invalidity(row, standing, { now, carrier: row.carrier });
  return TOKEN_STATES.find((state) => state === why) ?? 'active';
}

/** Where the credential of a row was made from. */
export function clientOfRow({
  client,
}: Pick<TokenRow, 'client'>): Pick<TokenSummary, 'ip' | 'userAgent'> {
  const { ip = null, user_agent: userAgent = null } = JSON.parse(client ?? '{}') as {
    readonly ip?: string;
    readonly user_agent?: string;
  };
  return { ip, userAgent };
}

/** Where a credential is made from, as a row has it. */
export function clientOf({ circumstances: { ip, userAgent } }: Call): string | null {
  if (ip === undefined && userAgent === undefined) return null;
  return JSON.stringify({ ip, user_agent: userAgent?.slice(0, 256) });
}
