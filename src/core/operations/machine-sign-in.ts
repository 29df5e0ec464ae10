import { z } from 'zod';

import {
  certificateFault,
  keyDigest,
  namesOf,
  readCertificate,
  type Certificate,
} from '../../auth/client-certificate.ts';
import { JWT_MAX } from '../../auth/jwt.ts';
import { NOBODY } from '../../domain/access/nobody.ts';
import { countAttempt } from '../../domain/identities/attempts.ts';
import { findRole, findSecretId, useSecretId } from '../../domain/identities/approle.ts';
import { decodeLimits } from '../../domain/identities/limits.ts';
import { methodsOf, type Method } from '../../domain/identities/method-config.ts';
import { readMethods } from '../../domain/identities/methods.ts';
import { findToken } from '../../domain/identities/tokens.ts';
import { LOCKED, notAccepted } from '../denials.ts';
import type { Call, InnerOperation, Operation, Services } from '../operation.ts';
import { AUTH } from '../rest-binding.ts';
import { limitsOf } from './begin-attempt.ts';
import { certificateRulesOf } from './certificate-rules.ts';
import { credentialText, textOf, type CredentialText } from './credential-text.ts';
import {
  giveSession,
  machineSignedIn,
  requireUnchanged,
  type MachineSignedIn,
} from './machine-session.ts';
import { verifiedJwt, type VerifiedJwt } from './verified-jwt.ts';

export interface SignInAppRoleInput {
  /** Names the role. */
  readonly roleId: string;
  /** What the machine was handed. */
  readonly secretId: CredentialText;
}

export interface SignInJwtInput {
  /** Name of the trust. Default: the one that the token fits. */
  readonly method?: string | undefined;
  /** A JSON Web Token, as GitHub, GitLab or Kubernetes give it to a job. */
  readonly token: CredentialText;
}

export interface SignInCertificateInput {
  /** Name of the trust. Default: the one that the certificate fits. */
  readonly method?: string | undefined;
}

const SECRET_ID_MAX = 128;
const DETAIL_MAX = 256;
const name = z.string().min(1).max(128);

const common = {
  output: machineSignedIn,
  mutates: true,
  anyone: true,
  givesOnce: true,
  requires: () => [],
} as const;

/** Errors: `unauthenticated`, whatever is wrong. */
export const signInAppRole: Operation<SignInAppRoleInput, MachineSignedIn, void> = {
  ...common,
  name: 'auth.signInAppRole',
  summary: 'Signs a machine in by role id and secret id.',
  errors: [],
  input: z.strictObject({ roleId: z.string().max(64), secretId: credentialText(SECRET_ID_MAX) }),
  rest: [{ method: 'POST', path: `${AUTH}/sign-in/approle` }],
  secretMembers: ['secretId', 'token'],
  subject: () => ({}),
  prepare: async (input, services) => {
    if (await isSecretId(input, services)) return;
    await services.run(countSecretId, { roleId: input.roleId });
  },
  apply: async (input, call) => {
    const role = findRole(call.standing.methods, input.roleId);
    if (role === undefined) throw notAccepted('unknown');
    call.about({ method: role.row.id });
    const found = await findSecretId(call, call.standing, { role, text: textOf(input.secretId) });
    if (found === undefined) throw notAccepted('unknown');
    const { row, fault } = found;
    if (fault !== undefined) {
      call.about({ target: row.id });
      throw notAccepted(fault);
    }
    const signedIn = await giveSession(call, role, {
      familyId: row.family_id,
      cidr: networksOf(row.limits),
    });
    const usesLeft = await useSecretId(call, row, role.config.session_ttl_ms);
    // Of its own: the entry of the call names the session, and rows are held against both.
    call.record('auth.secretIdUsed', { target: row.id, method: role.row.id, usesLeft });
    return signedIn;
  },
};

/**
 * Counts a secret id that was wrong. The right one is taken all the same: 256
 * random bits are not guessed, and nobody is to lock a machine out. No face reaches it.
 */
const countSecretId: InnerOperation<Pick<SignInAppRoleInput, 'roleId'>, null> = {
  name: 'auth.attemptSecretId',
  summary: 'Counts a secret id that was wrong.',
  input: z.strictObject({ roleId: z.string() }),
  secretMembers: [],
  mutates: true,
  anyone: true,
  requires: () => [],
  subject: () => ({}),
  apply: async ({ roleId }, call) => {
    const role = findRole(call.standing.methods, roleId);
    const who = { principalId: role?.row.principal_id ?? NOBODY.principal.id };
    const from = { address: call.circumstances.ip };
    const counted = await countAttempt(call, { channel: 'secret_id', who, from }, limitsOf(call));
    const detail = counted === undefined ? `secret_id ${LOCKED}` : 'secret_id counted';
    call.about({ method: role?.row.id, detail });
    return null;
  },
};

/** Errors: `unauthenticated`, whatever is wrong with the token; `unreachable` if its issuer's keys cannot be got. */
export const signInJwt: Operation<SignInJwtInput, MachineSignedIn, VerifiedJwt> = {
  ...common,
  name: 'auth.signInJwt',
  summary: 'Signs a machine in by a token of an issuer that is trusted.',
  errors: ['unreachable'],
  input: z.strictObject({ method: name.optional(), token: credentialText(JWT_MAX) }),
  rest: [{ method: 'POST', path: `${AUTH}/sign-in/jwt` }],
  secretMembers: ['token'],
  subject: () => ({}),
  prepare: (input, services) => verifiedJwt(textOf(input.token), input.method, services),
  apply: async (_input, call, { method, sub }) => {
    call.about({ detail: sub?.slice(0, DETAIL_MAX) });
    return giveSession(call, requireUnchanged(call, method));
  },
};

/** Errors: `unauthenticated`, whatever is wrong with the certificate, or if the connection has none. */
export const signInCertificate: Operation<SignInCertificateInput, MachineSignedIn> = {
  ...common,
  name: 'auth.signInCertificate',
  summary: 'Signs a machine in by the client certificate of its connection.',
  errors: [],
  input: z.strictObject({ method: name.optional() }),
  rest: [{ method: 'POST', path: `${AUTH}/sign-in/certificate` }],
  secretMembers: ['token'],
  subject: () => ({}),
  apply: async (input, call) => {
    const leaf = certificateOf(call);
    const method = fittingCertificate(call, leaf, input.method);
    call.about({ detail: namesOf(leaf.parts)[0]?.slice(0, DETAIL_MAX) });
    // Whoever has the session alone has nothing: the key has to come along.
    return giveSession(call, method, { boundTo: keyDigest(leaf) });
  },
};

/** Whether there is such a secret id of the role, be it valid or not. */
function isSecretId(
  { roleId, secretId }: SignInAppRoleInput,
  { store, mac, keyring }: Services,
): Promise<boolean> {
  return store.read(async (transaction) => {
    const role = findRole(await readMethods({ transaction, mac }), roleId);
    const row = await findToken({ transaction, mac, keyring }, ['secret_id'], textOf(secretId));
    return role !== undefined && row?.method_id === role.row.id;
  });
}

function certificateOf({ circumstances: { certificate } }: Call): Certificate {
  if (certificate === undefined) throw notAccepted('no_certificate');
  try {
    return readCertificate(certificate);
  } catch (error) {
    if (error instanceof RangeError) throw notAccepted('malformed');
    throw error;
  }
}

function fittingCertificate(
  call: Call,
  leaf: Certificate,
  named: string | undefined,
): Method<'certificate'> {
  const asked = methodsOf(call.standing.methods, 'certificate').filter(
    ({ row }) => row.disabled_at === null && (named === undefined || row.name === named),
  );
  const faults = asked.map((method) => ({
    method,
    fault: certificateFault(leaf, certificateRulesOf(method.config), call.now),
  }));
  const fitting = faults.filter(({ fault }) => fault === undefined);
  const [found] = fitting;
  if (found === undefined) throw notAccepted(faults[0]?.fault ?? 'unknown');
  if (fitting.length > 1) throw notAccepted('ambiguous');
  return found.method;
}

/** The networks that a secret id is limited to. */
function networksOf(limits: string | null): readonly string[] | undefined {
  const { conditions } = decodeLimits(limits);
  if (conditions === undefined) return undefined;
  return (JSON.parse(conditions) as { readonly cidr?: readonly string[] }).cidr;
}
