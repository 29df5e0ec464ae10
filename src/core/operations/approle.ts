import { randomUUID } from 'node:crypto';

import { z } from 'zod';

import { mintSecretId, secretIdsOfRole } from '../../domain/identities/approle.ts';
import type { AppRoleConfig, Method } from '../../domain/identities/method-config.ts';
import { configureMethod, createMethod, requireMethod } from '../../domain/identities/methods.ts';
import { findTokenById, revokeToken } from '../../domain/identities/tokens.ts';
import { StrongroomError } from '../../errors.ts';
import { parseDuration } from '../../lib/duration.ts';
import { areWithin } from '../../lib/ip-networks.ts';
import type { SecretValue } from '../../secret-value.ts';
import { requireFreshPerson } from '../require-fresh.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import { CHANGES_ACCESS, SEES_ACCESS } from './access-scope.ts';
import {
  machineName,
  methodName,
  methodMembers,
  requireHeldBy,
  requireMachine,
  sessionRules,
  toMethodSummary,
  toSessionRules,
  type MethodSummary,
  type SessionRulesInput,
} from './method-view.ts';
import * as schema from './schema.ts';
import {
  clientOf,
  duration,
  toLimits,
  tokenMembers,
  tokenSummary,
  toTokenSummary,
  type TokenSummary,
} from './token-view.ts';

/** What secret ids of a role may be at most. */
interface SecretIdRules {
  /** Longest life of a secret id, such as `24h`. Default: no end. */
  readonly secretIdTtl?: string | undefined;
  /** Most uses of a secret id. Default: any number. */
  readonly secretIdUses?: number | undefined;
}

export interface CreateAppRoleInput extends SessionRulesInput, SecretIdRules {
  /** The machine that it signs in. */
  readonly machine: string;
  /** Of the role. Default: that of the machine. */
  readonly name?: string | undefined;
}

export interface UpdateAppRoleInput extends SessionRulesInput, SecretIdRules {
  readonly name: string;
}

/** A role: its id is what a machine names where it signs in, and no secret. */
export interface AppRoleSummary extends MethodSummary {
  readonly roleId: string;
}

export interface NewSecretIdInput {
  /** The role's name. */
  readonly role: string;
  /** Who it is handed to: up to 128 characters. */
  readonly label?: string | undefined;
  /** How long it lives. Default, and at most, what the role says. */
  readonly ttl?: string | undefined;
  /** How often it can be used. Default, and at most, what the role says. */
  readonly uses?: number | undefined;
  /** Networks that it is taken from, within those of the role. */
  readonly cidr?: readonly string[] | undefined;
}

/** A secret id. Its text is given once and kept nowhere. */
export interface SecretIdCreated extends TokenSummary {
  readonly roleId: string;
  readonly secretId: SecretValue;
}

export interface SecretIdsInput {
  /** The role's name. */
  readonly role: string;
}

export interface RevokeSecretIdInput {
  /** The role's name. */
  readonly role: string;
  /** Public id of the secret id. */
  readonly id: string;
}

const ROLES = `${ADMIN}/approle`;
const OF_ROLE = `${ROLES}/{role}/secret-ids`;
const USES_MAX = 1_000_000;
const uses = z.int().min(1).max(USES_MAX);
const rules = { ...sessionRules, secretIdTtl: duration, secretIdUses: uses.optional() };
const summary = schema.answer<AppRoleSummary>({ ...methodMembers, roleId: z.uuid() });

export const createAppRole: Operation<CreateAppRoleInput, AppRoleSummary> = {
  name: 'approle.create',
  summary: 'Lets a machine sign in by a role id and secret ids.',
  errors: ['method_exists', 'subject_not_found', 'escalation_refused'],
  input: z.strictObject({ machine: machineName, name: methodName.optional(), ...rules }),
  output: summary,
  rest: [{ method: 'POST', path: ROLES, status: 201 }],
  secretMembers: [],
  mutates: true,
  requires: () => CHANGES_ACCESS,
  subject: (input) => ({ detail: `machine:${input.machine}` }),
  apply: async (input, call) => {
    await requireFreshPerson(call);
    const machine = requireMachine(call, input.machine);
    const method = await createMethod(call, call.standing.methods, {
      kind: 'approle',
      name: input.name ?? machine.name,
      principalId: machine.id,
      config: configOf(input, randomUUID()),
    });
    call.about({ method: method.row.id });
    return toSummary(call, method);
  },
};

export const updateAppRole: Operation<UpdateAppRoleInput, AppRoleSummary> = {
  name: 'approle.update',
  summary:
    'Sets a role up anew, all of it; its id stays. If it is narrower, what it gave before is void.',
  errors: ['method_not_found', 'escalation_refused'],
  input: z.strictObject({ name: methodName, ...rules }),
  output: summary,
  rest: [{ method: 'PUT', path: ROLES }],
  secretMembers: [],
  mutates: true,
  requires: () => CHANGES_ACCESS,
  subject: (input) => ({ detail: `approle:${input.name}` }),
  apply: async (input, call) => {
    await requireFreshPerson(call);
    const method = requireMethod(call.standing.methods, 'approle', input.name);
    requireHeldBy(call, method.row.principal_id);
    call.about({ method: method.row.id });
    const config = configOf(input, method.config.role_id);
    const isNarrower = !isWithin(method.config, config);
    return toSummary(call, await configureMethod(call, method, { config, isNarrower }));
  },
};

/** Errors: `method_not_found`, `escalation_refused`; `invalid_input` for more than the role allows. */
export const newSecretId: Operation<NewSecretIdInput, SecretIdCreated> = {
  name: 'approle.newSecretId',
  summary: 'Makes a secret id of a role, which is shown once.',
  errors: ['method_not_found', 'escalation_refused'],
  input: z.strictObject({
    role: methodName,
    label: z.string().min(1).max(128).optional(),
    ttl: duration,
    uses: uses.optional(),
    cidr: sessionRules.cidr,
  }),
  output: schema.answer<SecretIdCreated>({
    ...tokenMembers,
    roleId: z.uuid(),
    secretId: schema.secretOutput,
  }),
  rest: [{ method: 'POST', path: OF_ROLE, status: 201 }],
  secretMembers: ['secretId'],
  mutates: true,
  givesOnce: true,
  requires: () => CHANGES_ACCESS,
  subject: (input) => ({ detail: `approle:${input.role}` }),
  apply: async (input, call) => {
    await requireFreshPerson(call);
    const role = requireMethod(call.standing.methods, 'approle', input.role);
    requireHeldBy(call, role.row.principal_id);
    const { ttlMs, uses: usesLeft, cidr } = boundsOf(role.config, input);
    const { row, text } = await mintSecretId(call, call.standing, {
      role,
      rest: {
        label: input.label ?? null,
        limits: toLimits({ cidr }),
        client: clientOf(call),
        expires_at: ttlMs === undefined ? null : call.now + ttlMs,
        uses_left: usesLeft ?? null,
      },
    });
    call.about({ method: role.row.id, target: row.id, usesLeft });
    return { ...toTokenSummary(call, row), roleId: role.config.role_id, secretId: text };
  },
};

export const listSecretIds: Operation<SecretIdsInput, readonly TokenSummary[]> = {
  name: 'approle.listSecretIds',
  summary: 'Lists the secret ids of a role, without what they are used with.',
  errors: ['method_not_found'],
  input: z.strictObject({ role: methodName }),
  output: z.array(tokenSummary),
  rest: [{ method: 'GET', path: OF_ROLE }],
  secretMembers: [],
  mutates: false,
  requires: () => SEES_ACCESS,
  subject: (input) => ({ detail: `approle:${input.role}` }),
  apply: async (input, call) => {
    const role = requireMethod(call.standing.methods, 'approle', input.role);
    return (await secretIdsOfRole(call, role)).map((row) => toTokenSummary(call, row));
  },
};

/** Errors: `method_not_found`; `token_not_found`, also for a secret id of another role. */
export const revokeSecretId: Operation<RevokeSecretIdInput, TokenSummary> = {
  name: 'approle.revokeSecretId',
  summary: 'Ends a secret id, and the sessions that it gave, at once.',
  errors: ['token_not_found', 'method_not_found'],
  input: z.strictObject({ role: methodName, id: z.uuid() }),
  output: tokenSummary,
  rest: [{ method: 'DELETE', path: `${OF_ROLE}/{id}` }],
  secretMembers: [],
  mutates: true,
  requires: () => CHANGES_ACCESS,
  subject: (input) => ({ detail: `approle:${input.role}`, target: input.id }),
  apply: async (input, call) => {
    const { row: method } = requireMethod(call.standing.methods, 'approle', input.role);
    const row = await findTokenById(call, input.id);
    if (row?.kind !== 'secret_id' || row.method_id !== method.id) {
      throw new StrongroomError('token_not_found', 'the role has no secret id with this id');
    }
    call.about({ method: method.id });
    await revokeToken(call, row);
    return { ...toTokenSummary(call, row), state: 'revoked' };
  },
};

function configOf(input: UpdateAppRoleInput | CreateAppRoleInput, roleId: string): AppRoleConfig {
  const { secretIdTtl, secretIdUses } = input;
  return {
    ...toSessionRules(input),
    role_id: roleId,
    secret_id_ttl_ms: secretIdTtl === undefined ? undefined : parseDuration(secretIdTtl),
    secret_id_uses: secretIdUses,
  };
}

/** Whether everything that one configuration gave, another gives too. */
function isWithin(was: AppRoleConfig, is: AppRoleConfig): boolean {
  const isAtMost = (one: number | undefined, other: number | undefined): boolean =>
    other === undefined || (one !== undefined && one <= other);
  return (
    was.session_ttl_ms <= is.session_ttl_ms &&
    isAtMost(was.secret_id_ttl_ms, is.secret_id_ttl_ms) &&
    isAtMost(was.secret_id_uses, is.secret_id_uses) &&
    (is.can === undefined || (was.can?.every((each) => is.can?.includes(each)) ?? false)) &&
    areWithin(was.cidr, is.cidr)
  );
}

/** What a new secret id has: what is asked for, within what the role allows. */
function boundsOf(
  config: AppRoleConfig,
  input: NewSecretIdInput,
): {
  readonly ttlMs: number | undefined;
  readonly uses: number | undefined;
  readonly cidr: readonly string[] | undefined;
} {
  const ttlMs = input.ttl === undefined ? config.secret_id_ttl_ms : parseDuration(input.ttl);
  const asked = input.uses ?? config.secret_id_uses;
  const cidr = input.cidr ?? config.cidr;
  toLimits({ cidr });
  const isTooLong = (ttlMs ?? 0) > (config.secret_id_ttl_ms ?? Number.POSITIVE_INFINITY);
  const isTooOften = (asked ?? 0) > (config.secret_id_uses ?? Number.POSITIVE_INFINITY);
  if (isTooLong || isTooOften || !areWithin(cidr, config.cidr)) {
    throw new StrongroomError('invalid_input', 'a secret id is no wider than its role', {
      hint: 'see `strongroom approle list` for what the role allows',
    });
  }
  return { ttlMs, uses: asked, cidr };
}

function toSummary(call: Call, { row, config }: Method<'approle'>): AppRoleSummary {
  return { ...toMethodSummary(call, row), roleId: config.role_id };
}
