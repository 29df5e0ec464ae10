import { z } from 'zod';

import { CAPABILITIES, type Capability } from '../../domain/access/capability.ts';
import { insertGrant, type GrantDraft } from '../../domain/access/grants.ts';
import { createPrincipal } from '../../domain/access/principals.ts';
import { subjectExists } from '../../domain/access/subject-names.ts';
import type {
  CertificateConfig,
  JwtConfig,
  Method,
  SessionRules,
} from '../../domain/identities/method-config.ts';
import { configureMethod, createMethod, requireMethod } from '../../domain/identities/methods.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { shellWord } from '../../lib/shell-word.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import { requireFreshPerson } from '../require-fresh.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import { rightsOf } from './access-rules.ts';
import { CHANGES_ACCESS } from './access-scope.ts';
import { certificateRulesOf } from './certificate-rules.ts';
import {
  findMachine,
  machineName,
  methodMembers,
  methodName,
  methodSummary,
  requireHeldBy,
  requireMachine,
  sessionRules,
  toMethodSummary,
  toSessionRules,
  type MethodSummary,
  type SessionRulesInput,
} from './method-view.ts';
import * as schema from './schema.ts';
import { environmentOf } from './secret-address.ts';
import {
  parseKeys,
  toJwtConfig,
  tokenTrusts,
  trustName,
  type TokenTrust,
} from './trust-presets.ts';

/** Client certificates that are trusted. */
export interface CertificateTrust {
  readonly kind: 'certificate';
  /** PEM of authorities, one of which has signed the certificate itself. */
  readonly authorities?: string | undefined;
  /** Instead: base64 of the SHA-256 of subject public key infos. */
  readonly keys?: readonly string[] | undefined;
  /** Such as `dns:app.example` or `uri:spiffe://prod/app`; needed with authorities. */
  readonly names?: readonly string[] | undefined;
  /** PEM of revocation lists. With one, nobody signs in when there is no valid one. */
  readonly crls?: string | undefined;
}

/** Who is trusted to say who a machine is. */
export type Trust = TokenTrust | CertificateTrust;

export interface CreateTrustInput extends SessionRulesInput {
  readonly trust: Trust;
  /** Of the trust. Default: made of what it trusts. */
  readonly name?: string | undefined;
  /** Whom it signs in; made if it is not there. Default: a new one of the trust's name. */
  readonly machine?: string | undefined;
  readonly workspace?: string | undefined;
  /** Gives the machine what `can` says in it, by default `list` and `read`. Without it, no right is given. */
  readonly environment?: string | undefined;
}

/** A trust that was made. */
export interface TrustCreated extends MethodSummary {
  /** Id of the rule that was made for it, if one was. */
  readonly grant: string | null;
}

export interface RenewTrustInput {
  readonly name: string;
  /** A JSON Web Key Set in place of the one that the trust holds. */
  readonly jwks?: string | undefined;
  /** PEM of revocation lists in place of those that the trust holds. */
  readonly crls?: string | undefined;
}

const TRUSTS = `${ADMIN}/trusts`;
const PEM_MAX = 1024 * 1024;
const pem = z.string().min(1).max(PEM_MAX);
const NAME_FORM = 'takes dns:, uri: or email: and a name, such as dns:app.example';
const KEY_FORM = 'takes base64 of the SHA-256 of a public key, of 44 characters';
const certificate: z.ZodType<CertificateTrust> = z.strictObject({
  kind: z.literal('certificate'),
  authorities: pem.optional(),
  keys: z.array(z.base64(KEY_FORM).length(44, KEY_FORM)).min(1).max(64).optional(),
  names: z
    .array(z.string().regex(/^(?:dns|uri|email):[\x21-\x7e]{1,250}$/, NAME_FORM))
    .min(1)
    .max(64)
    .optional(),
  crls: pem.optional(),
});
const GIVEN: readonly Capability[] = ['list', 'read'];

/**
 * Errors: `subject_exists` for a machine that has the name of the trust already, `method_exists`,
 * `workspace_not_found`, `environment_not_found`, `escalation_refused`, `invalid_input`.
 */
export const createTrust: Operation<CreateTrustInput, TrustCreated> = {
  name: 'trusts.create',
  summary: 'Lets a machine sign in by what somebody else says of it: its machine and rights too.',
  errors: [
    'workspace_not_found',
    'environment_not_found',
    'method_exists',
    'subject_exists',
    'escalation_refused',
  ],
  input: z.strictObject({
    trust: z.union([...tokenTrusts, certificate]),
    name: methodName.optional(),
    machine: machineName.optional(),
    workspace: schema.workspace,
    environment: schema.environment.optional(),
    ...sessionRules,
  }),
  output: schema.answer<TrustCreated>({ ...methodMembers, grant: z.uuid().nullable() }),
  rest: [{ method: 'POST', path: TRUSTS, status: 201 }],
  secretMembers: [],
  mutates: true,
  requires: () => CHANGES_ACCESS,
  subject: (input) => ({
    detail: input.trust.kind,
    ...(input.environment === undefined
      ? {}
      : { workspace: schema.workspaceOf(input), environment: input.environment }),
  }),
  apply: async (input, call) => {
    await requireFreshPerson(call);
    const made = draft(call, input);
    const machine = await machineOf(call, input.machine, made.name);
    const method = await createMethod(call, call.standing.methods, {
      ...made,
      principalId: machine.id,
    });
    const grant = await give(call, machine, input);
    call.about({ method: method.row.id });
    const subject = `machine:${machine.name}`;
    return { ...toMethodSummary(call, method.row), subject, grant };
  },
};

export const renewTrust: Operation<RenewTrustInput, MethodSummary> = {
  name: 'trusts.renew',
  summary: 'Gives a trust newer keys, or newer lists of certificates that were revoked.',
  errors: ['method_not_found', 'escalation_refused'],
  input: z.strictObject({
    name: methodName,
    jwks: z.string().max(PEM_MAX).optional(),
    crls: pem.optional(),
  }),
  output: methodSummary,
  rest: [{ method: 'PATCH', path: `${TRUSTS}/{name}` }],
  secretMembers: [],
  mutates: true,
  requires: () => CHANGES_ACCESS,
  subject: (input) => ({ detail: `trust:${input.name}` }),
  apply: async (input, call) => {
    await requireFreshPerson(call);
    const { name, jwks, crls } = input;
    if ((jwks === undefined) === (crls === undefined)) {
      throw new StrongroomError(
        'invalid_input',
        'a trust is given either newer keys or newer lists',
      );
    }
    const kind = jwks === undefined ? 'certificate' : 'jwt';
    const method = requireMethod(call.standing.methods, kind, name);
    requireHeldBy(call, method.row.principal_id);
    call.about({ method: method.row.id });
    const renewed =
      jwks === undefined
        ? await renewLists(call, method as Method<'certificate'>, crls ?? '')
        : await renewKeys(call, method as Method<'jwt'>, jwks);
    return toMethodSummary(call, renewed.row);
  },
};

/** What is to be made, all of it checked. */
type Draft =
  | { readonly kind: 'jwt'; readonly name: string; readonly config: JwtConfig }
  | { readonly kind: 'certificate'; readonly name: string; readonly config: CertificateConfig };

function draft(call: Call, input: CreateTrustInput): Draft {
  const { trust } = input;
  const rules = toSessionRules(input);
  if (trust.kind === 'certificate') {
    const name = input.name ?? input.machine;
    if (name === undefined) {
      throw new StrongroomError(
        'invalid_input',
        'a trust in certificates has a name, or a machine',
      );
    }
    return { kind: 'certificate', name, config: toCertificateConfig(trust, rules) };
  }
  const config = toJwtConfig(trust, {
    rules,
    audience: `urn:strongroom:${call.keyring.vaultId}`,
    allowedHosts: readSetting(call, null, 'outbound_hosts'),
  });
  return { kind: 'jwt', name: input.name ?? trustName(trust), config };
}

function toCertificateConfig(trust: CertificateTrust, rules: SessionRules): CertificateConfig {
  const { authorities, keys, names, crls } = trust;
  const fault =
    (authorities === undefined) === (keys === undefined)
      ? 'a trust in certificates names either authorities or keys'
      : authorities !== undefined && names === undefined
        ? 'a trust in authorities says which names are meant'
        : keys !== undefined && crls !== undefined
          ? 'revocation lists are of authorities, and keys are trusted without'
          : undefined;
  if (fault !== undefined) throw new StrongroomError('invalid_input', fault);
  const config = { ...rules, authorities, keys, names, crls };
  certificateRulesOf(config);
  return config;
}

/** The machine that is named, or a new one: one of a made-up name that is there already is somebody else's. */
async function machineOf(
  call: Call,
  named: string | undefined,
  byDefault: string,
): Promise<PrincipalRow> {
  const name = named ?? byDefault;
  if (findMachine(call, name) === undefined) {
    requireHeldBy(call, null);
    return createPrincipal(call, call.policy, { kind: 'machine', name });
  }
  if (named === undefined) throw machineTaken(name);
  return requireMachine(call, name);
}

/** As after a trust was removed, whose machine stays with its rights. */
function machineTaken(name: string): StrongroomError {
  const { code, message, details } = subjectExists('machine', name);
  return new StrongroomError(code, message, {
    details,
    hint: `if that one is meant, say so: --machine ${shellWord(name)}; else give the trust another name: --name NAME`,
  });
}

async function give(
  call: Call,
  machine: PrincipalRow,
  input: CreateTrustInput,
): Promise<string | null> {
  if (input.environment === undefined) return null;
  const environment = environmentOf(call, { ...input, environment: input.environment });
  const can = input.can ?? GIVEN;
  const grant: GrantDraft = {
    id: uuidv7(),
    workspace_id: environment.workspace.id,
    subject_kind: 'principal',
    subject_id: machine.id,
    effect: 'allow',
    capabilities: CAPABILITIES.filter((each) => can.includes(each)).join(' '),
    pattern: `${environment.workspace.name}/${environment.name}/**`,
    conditions: null,
    created_at: call.now,
    created_by: call.actor,
    secret_id: null,
  };
  call.requireHeld([rightsOf(grant)]);
  return (await insertGrant(call, grant)).id;
}

/** Who was let in by keys that are gone signs in again. */
function renewKeys(call: Call, method: Method<'jwt'>, jwks: string): Promise<Method<'jwt'>> {
  const { config } = method;
  if (config.jwks === undefined) {
    throw new StrongroomError('invalid_input', 'the trust asks its issuer for the keys');
  }
  const renewed = { ...config, jwks: parseKeys(jwks) };
  return configureMethod(call, method, { config: renewed, isNarrower: true });
}

function renewLists(
  call: Call,
  method: Method<'certificate'>,
  crls: string,
): Promise<Method<'certificate'>> {
  const config = { ...method.config, crls };
  if (config.authorities === undefined) {
    throw new StrongroomError('invalid_input', 'the trust has keys, which no list revokes');
  }
  const before = serialsOf(method.config);
  const isNarrower = [...serialsOf(config)].some((serial) => !before.has(serial));
  return configureMethod(call, method, { config, isNarrower });
}

function serialsOf(config: CertificateConfig): ReadonlySet<string> {
  return new Set(certificateRulesOf(config).revocationLists.flatMap(({ serials }) => [...serials]));
}
