import { z } from 'zod';

import { JWT_ALGORITHMS, type JwtAlgorithm } from '../../auth/jwt.ts';
import { requireSubjectName } from '../../domain/access/subject-names.ts';
import { subjectNotFound } from '../../domain/access/subjects.ts';
import type { OidcConfig } from '../../domain/identities/method-config.ts';
import { configureMethod, createMethod, requireMethod } from '../../domain/identities/methods.ts';
import { sealClientSecret } from '../../domain/identities/oidc-account.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import { StrongroomError } from '../../errors.ts';
import { utf8, wipe } from '../../lib/bytes.ts';
import { parseDuration } from '../../lib/duration.ts';
import { parseOutside } from '../../lib/outbound.ts';
import type { AuthMethodRow } from '../../store/tables.ts';
import { requireFreshPerson } from '../require-fresh.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import { CHANGES_ACCESS } from './access-scope.ts';
import { secretText, textOf, type CredentialText } from './credential-text.ts';
import { methodName, methodSummary, toMethodSummary, type MethodSummary } from './method-view.ts';
import * as schema from './schema.ts';
import { requireMayOpen, takeOutOfGroups } from './sso-rights.ts';
import { duration } from './token-view.ts';

/** A value of a claim, and the group that whoever has it is in. */
export interface GroupMapping {
  /** Exact: in upper or lower case, and all of it. */
  readonly value: string;
  /** The group's name. */
  readonly group: string;
  /** The workspace that the group belongs to. Default: it is one of the whole vault. */
  readonly workspace?: string | undefined;
}

/** What can be said of a provider again and again. */
export interface SsoRulesInput {
  /** What Strongroom proves itself to the provider with. Default: nothing, as a public client. */
  readonly clientSecret?: CredentialText | undefined;
  /** Default `openid`, `profile`, `email`. */
  readonly scopes?: readonly string[] | undefined;
  /** Of signatures. Default `RS256`, `ES256`. */
  readonly algorithms?: readonly JwtAlgorithm[] | undefined;
  /** The claim that a new user is named by. Default `preferred_username`. */
  readonly nameClaim?: string | undefined;
  /** The claim that lists groups. Default `groups`. */
  readonly groupClaim?: string | undefined;
  /** Whoever has one of these values is in its group, for as long as they have it. Default: none. */
  readonly groups?: readonly GroupMapping[] | undefined;
  /** Values of `amr`, each of which says that the provider asked for a second factor. Default: none. */
  readonly mfaAmr?: readonly string[] | undefined;
  /** Values of `acr`, which are asked for, and say the same. Default: none. */
  readonly mfaAcr?: readonly string[] | undefined;
  /** Whether whoever is not known yet becomes a user. Default: they are invited, or link themselves. */
  readonly createsUsers?: boolean | undefined;
  /** How long a session lives at most, such as `8h`. Default: as the settings say. */
  readonly sessionTtl?: string | undefined;
}

export interface CreateSsoInput extends SsoRulesInput {
  /** As people name it where they sign in. */
  readonly name: string;
  /** The provider's address, as its tokens name it. It cannot be changed. */
  readonly issuer: string;
  /** How the provider knows Strongroom. It cannot be changed. */
  readonly clientId: string;
}

export interface UpdateSsoInput extends SsoRulesInput {
  readonly name: string;
}

const SSO = `${ADMIN}/sso`;
const SESSION_MS_MAX = 24 * 3_600_000;
const LIST_MAX = 64;
const CLAIM = /^[A-Za-z0-9_.:/-]{1,128}$/;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;
const text = z.string().min(1).max(256);
const list = z.array(text).max(LIST_MAX);
const claim = z.string().regex(CLAIM, 'takes the name of a claim, such as groups');

const rules: { readonly [K in keyof SsoRulesInput]-?: z.ZodType<SsoRulesInput[K]> } = {
  clientSecret: secretText.optional(),
  scopes: z
    .array(z.string().regex(SCOPE, 'takes a scope, such as profile'))
    .max(LIST_MAX)
    .optional(),
  algorithms: z.array(z.enum(JWT_ALGORITHMS)).min(1).max(JWT_ALGORITHMS.length).optional(),
  nameClaim: claim.optional(),
  groupClaim: claim.optional(),
  groups: z
    .array(z.strictObject({ value: text, group: z.string().max(128), workspace: schema.workspace }))
    .max(1000)
    .optional(),
  mfaAmr: list.optional(),
  mfaAcr: list.optional(),
  createsUsers: z.boolean().optional(),
  sessionTtl: duration,
};

const common = {
  output: methodSummary,
  secretMembers: ['clientSecret'],
  mutates: true,
  requires: () => CHANGES_ACCESS,
} as const;

/**
 * Errors: `method_exists`; `subject_not_found`, `reserved_name`, `invalid_name` for a group;
 * `escalation_refused` for one with rights that the caller lacks; `invalid_input`.
 */
export const createSso: Operation<CreateSsoInput, MethodSummary> = {
  ...common,
  name: 'sso.create',
  summary: 'Lets people sign in by way of a provider of theirs (OpenID Connect).',
  errors: [
    'reserved_name',
    'workspace_not_found',
    'method_exists',
    'subject_not_found',
    'escalation_refused',
  ],
  input: z.strictObject({
    name: methodName,
    issuer: z.string().min(1).max(1024),
    clientId: z.string().regex(/^[\x20-\x7e]{1,256}$/, 'takes 1 to 256 characters of ASCII'),
    ...rules,
  }),
  rest: [{ method: 'POST', path: SSO, status: 201 }],
  subject: ({ name }) => ({ detail: `oidc:${name}` }),
  apply: async (input, call) => {
    await requireFreshPerson(call);
    const url = parseOutside(input.issuer, readSetting(call, null, 'outbound_hosts'));
    if (url.search !== '') {
      throw new StrongroomError('invalid_input', 'the address of an issuer has no query');
    }
    const { issuer, clientId: client_id } = input;
    const config = { ...DEFAULTS, ...given(call, input), issuer, client_id };
    await requireMayOpen(call, config);
    const method = await createMethod(call, call.standing.methods, {
      kind: 'oidc',
      name: input.name,
      principalId: null,
      config,
      secret: sealing(call, input.clientSecret),
    });
    call.about({ method: method.row.id });
    return toMethodSummary(call, method.row);
  },
};

/**
 * What is not named stays as it is. What is narrower than before ends the sessions that it gave.
 *
 * Errors: `method_not_found`; as {@link createSso}, and `escalation_refused` where it signs in somebody
 * with rights that the caller lacks.
 */
export const updateSso: Operation<UpdateSsoInput, MethodSummary> = {
  ...common,
  name: 'sso.update',
  summary: 'Sets a way to sign in by way of a provider up anew.',
  errors: ['method_not_found', 'escalation_refused'],
  input: z.strictObject({ name: methodName, ...rules }),
  rest: [{ method: 'PATCH', path: `${SSO}/{name}` }],
  subject: ({ name }) => ({ detail: `oidc:${name}` }),
  apply: async (input, call) => {
    await requireFreshPerson(call);
    const method = requireMethod(call.standing.methods, 'oidc', input.name);
    const config = { ...method.config, ...given(call, input) };
    await requireMayOpen(call, config, method.row.id);
    await takeOutOfGroups(call, method.row, new Set(Object.values(config.groups ?? {})));
    const changed = await configureMethod(call, method, {
      config,
      isNarrower: isNarrower(method.config, config),
      secret: sealing(call, input.clientSecret),
    });
    call.about({ method: method.row.id });
    return toMethodSummary(call, changed.row);
  },
};

const DEFAULTS: Omit<OidcConfig, 'issuer' | 'client_id'> = {
  scopes: ['profile', 'email'],
  algorithms: ['RS256', 'ES256'],
  name_claim: 'preferred_username',
  group_claim: 'groups',
  creates_users: false,
};

/** What an input says, as a configuration has it; what it does not say is not in it. */
function given(call: Call, input: SsoRulesInput): Partial<OidcConfig> {
  const { groups, sessionTtl } = input;
  const ttl = sessionTtl === undefined ? undefined : (parseDuration(sessionTtl) ?? 0);
  if (ttl !== undefined && ttl > SESSION_MS_MAX) {
    throw new StrongroomError('invalid_input', 'a session lives 24 hours at most');
  }
  const said: { readonly [K in keyof OidcConfig]?: OidcConfig[K] | undefined } = {
    scopes: input.scopes,
    algorithms: input.algorithms,
    name_claim: input.nameClaim,
    group_claim: input.groupClaim,
    groups: groups === undefined ? undefined : groupsOf(call, groups),
    mfa_amr: input.mfaAmr,
    mfa_acr: input.mfaAcr,
    creates_users: input.createsUsers,
    session_ttl_ms: ttl,
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

function groupsOf(call: Call, mappings: readonly GroupMapping[]): Readonly<Record<string, string>> {
  const found = new Map<string, string>();
  for (const { value, group, workspace } of mappings) {
    // No name means more than another, in whatever way it is written.
    requireSubjectName('group', group);
    const id = workspace === undefined ? null : call.directory.workspace(workspace).id;
    const subject = call.policy.subject(`group:${group}`, id);
    if (subject === undefined || subject.workspaceId !== id)
      throw subjectNotFound(`group:${group}`);
    if (found.has(value) || value === '__proto__') {
      throw new StrongroomError('invalid_input', 'a value of a claim stands for one group');
    }
    found.set(value, subject.id);
  }
  return Object.fromEntries(found);
}

/** Whether somebody was let in, or into something, before who is not any more. */
function isNarrower(before: OidcConfig, after: OidcConfig): boolean {
  const isWithin = (one: readonly string[] = [], other: readonly string[] = []): boolean =>
    one.every((each) => other.includes(each));
  const pairs = ({ groups = {} }: OidcConfig): readonly string[] =>
    Object.entries(groups).map((pair) => JSON.stringify(pair));
  const livesShorter =
    after.session_ttl_ms !== undefined &&
    after.session_ttl_ms < (before.session_ttl_ms ?? Number.POSITIVE_INFINITY);
  return (
    livesShorter ||
    before.group_claim !== after.group_claim ||
    !isWithin(before.algorithms, after.algorithms) ||
    !isWithin(before.mfa_amr, after.mfa_amr) ||
    !isWithin(before.mfa_acr, after.mfa_acr) ||
    !isWithin(pairs(before), pairs(after))
  );
}

function sealing(
  call: Call,
  secret: CredentialText | undefined,
): ((at: Pick<AuthMethodRow, 'id' | 'revision'>) => Promise<Uint8Array>) | undefined {
  if (secret === undefined) return undefined;
  return async (at) => {
    const bytes = utf8(textOf(secret));
    try {
      return await sealClientSecret(call, at, bytes);
    } finally {
      wipe(bytes);
    }
  };
}
