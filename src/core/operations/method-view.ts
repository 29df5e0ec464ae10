import { z } from 'zod';

import { subjectNotFound } from '../../domain/access/subjects.ts';
import {
  METHOD_KINDS,
  toMethod,
  type MethodKind,
  type SessionRules,
} from '../../domain/identities/method-config.ts';
import { METHOD_NAME } from '../../domain/identities/methods.ts';
import { StrongroomError } from '../../errors.ts';
import { parseDuration } from '../../lib/duration.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { AuthMethodRow, PrincipalRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { allowing } from './access-scope.ts';
import * as schema from './schema.ts';
import { duration, limits, toLimits, type TokenLimitsInput } from './token-view.ts';

/** How long sessions are, and what they may be used for. */
export interface SessionRulesInput extends TokenLimitsInput {
  /** How long a session lives, such as `15m`. Default `1h`, at most `24h`. */
  readonly sessionTtl?: string | undefined;
}

/** The schema of {@link SessionRulesInput}, to be spread into an input's. */
export const sessionRules: {
  readonly [K in keyof SessionRulesInput]-?: z.ZodType<SessionRulesInput[K]>;
} = { ...limits, sessionTtl: duration };

/** The name of a way to sign in. */
export const methodName: z.ZodType<string> = z
  .string()
  .regex(
    METHOD_NAME,
    'takes a name of up to 128 letters, digits and ._@-, a letter or digit first',
  );

/** The name of a machine. */
export const machineName: z.ZodType<string> = z.string().min(1).max(128);

/** A way to sign in, without anything that it could be used with. Times are RFC 3339. */
export interface MethodSummary {
  readonly id: string;
  readonly kind: MethodKind;
  readonly name: string;
  /** Whom it signs in, such as `machine:ci`. */
  readonly subject: string | null;
  /** What it takes, by the names of the format. Keys and certificates in it are public ones. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Since when it opens nothing; `null`: it does. */
  readonly disabledAt: string | null;
  readonly createdAt: string;
  /** Principal id. */
  readonly createdBy: string;
}

/** The members of {@link MethodSummary}, to be spread into what has them too. */
export const methodMembers: schema.Members<MethodSummary> = {
  id: z.uuid(),
  kind: z.enum(METHOD_KINDS),
  name: z.string(),
  subject: z.string().nullable(),
  config: schema.ownJson,
  disabledAt: schema.instant.nullable(),
  createdAt: schema.instant,
  createdBy: z.string(),
};

/** A way to sign in as answers have it. */
export const methodSummary: z.ZodType<MethodSummary> = schema.answer(methodMembers);

const HOUR_MS = 3_600_000;
const SESSION_MS_MAX = 24 * HOUR_MS;

/** The summary of a row. */
export function toMethodSummary(call: Call, row: AuthMethodRow): MethodSummary {
  const kind = METHOD_KINDS.find((each) => each === row.kind) ?? 'approle';
  return {
    id: row.id,
    kind,
    name: row.name,
    subject: row.principal_id === null ? null : call.policy.textOf(row.principal_id),
    config: { ...toMethod(row, kind).config },
    disabledAt: row.disabled_at === null ? null : isoTime(row.disabled_at),
    createdAt: isoTime(row.created_at),
    createdBy: row.created_by,
  };
}

/**
 * What sessions are given, as a configuration has it.
 *
 * @throws {@link StrongroomError} `invalid_input` for networks that are none, or too long a life.
 */
export function toSessionRules({ can, cidr, sessionTtl }: SessionRulesInput): SessionRules {
  const ttl = sessionTtl === undefined ? HOUR_MS : (parseDuration(sessionTtl) ?? 0);
  if (ttl > SESSION_MS_MAX) {
    throw new StrongroomError('invalid_input', 'a session of a machine lives 24 hours at most', {
      hint: 'it signs in again when it ends',
    });
  }
  toLimits({ can, cidr });
  return { session_ttl_ms: ttl, can, cidr };
}

/**
 * A machine that the caller may decide about: one without rights that the
 * caller lacks.
 *
 * @throws {@link StrongroomError} `subject_not_found`, `escalation_refused`.
 */
export function requireMachine(call: Call, name: string): PrincipalRow {
  const row = findMachine(call, name);
  if (row === undefined) throw subjectNotFound(`machine:${name}`);
  requireHeldBy(call, row.id);
  return row;
}

/** A machine by its name, or `undefined`. */
export function findMachine({ policy }: Call, name: string): PrincipalRow | undefined {
  return policy.principals.by('name', name).find(({ kind }) => kind === 'machine');
}

/**
 * Refuses to let the caller open a way to rights that they do not have, or that
 * their own credential has in some circumstances only.
 *
 * @param principalId - Whose way it is; `null`: of somebody who has no rights yet.
 * @throws {@link StrongroomError} `escalation_refused`.
 */
export function requireHeldBy(call: Call, principalId: string | null): void {
  call.requireHeld(principalId === null ? [] : allowing(call.policy.grantsOf(principalId)));
}
