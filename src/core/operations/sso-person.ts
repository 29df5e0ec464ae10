import { z } from 'zod';

import { followGroups } from '../../domain/access/method-memberships.ts';
import { createPrincipal, toPrincipal } from '../../domain/access/principals.ts';
import { FactorSet, type Factor } from '../../domain/identities/factor-set.ts';
import { toMethod, type Method } from '../../domain/identities/method-config.ts';
import {
  addAccount,
  findAccount,
  hasAccount,
  type OidcAccount,
} from '../../domain/identities/oidc-account.ts';
import { consumeToken } from '../../domain/identities/tokens.ts';
import { StrongroomError } from '../../errors.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import type { Call, InnerOperation } from '../operation.ts';
import { secretText, type CredentialText } from './credential-text.ts';
import { requireInvite } from './invites.ts';
import { denialsOf, dropAccounts } from './sso-rights.ts';

/** What a provider said of somebody, as far as it is of use. */
export interface PersonSaid {
  readonly methodId: string;
  readonly sub: string;
  /** What a new user is called. */
  readonly name?: string | undefined;
  /** Values of the claim that lists groups. */
  readonly groups: readonly string[];
  /** Whether that claim is there, and these are all of its values. */
  readonly saysGroups: boolean;
  /** Of a user who has no account of this provider yet. */
  readonly invite?: CredentialText | undefined;
}

/** Somebody, with the account that they are known by. */
export interface PersonFound {
  readonly principal: PrincipalRow;
  readonly factors: FactorSet;
  readonly account: Factor;
}

/**
 * Whoever comes back from a provider becomes somebody of the vault: the user
 * whose account it is, the one who was invited, or a new one; and is in the
 * groups that the provider says. On record by itself, and durable, before the
 * session is given. No face reaches it.
 */
export const identifyPerson: InnerOperation<PersonSaid, { readonly principalId: string }> = {
  name: 'auth.ssoPerson',
  summary: 'Finds out whose account of a provider it is, and in which groups they are.',
  input: z.strictObject({
    methodId: z.string(),
    sub: z.string(),
    name: z.string().optional(),
    groups: z.array(z.string()),
    saysGroups: z.boolean(),
    invite: secretText.optional(),
  }),
  secretMembers: ['invite'],
  mutates: true,
  anyone: true,
  requires: () => [],
  subject: ({ methodId }) => ({ method: methodId }),
  apply: async (said, call) => {
    const method = methodOf(call, said.methodId);
    const principal = await personOf(call, method, said);
    call.identified(principal.id, toPrincipal(principal));
    call.about({ target: principal.id, detail: `user:${principal.name}` });
    const { groups: mapped = {}, group_claim: claim } = method.config;
    // Which scopes are asked for is in an address that goes through the hands of whoever signs in.
    const denies = Object.values(mapped).some((id) => denialsOf(call, id).length > 0);
    if (denies && !said.saysGroups) throw notLetIn('groups not said');
    const values = said.groups.filter((value) => Object.hasOwn(mapped, value));
    const groupIds = new Set(
      claim === undefined ? [] : values.flatMap((value) => mapped[value] ?? []),
    );
    const given = { principalId: principal.id, methodId: method.row.id, groupIds };
    const { joined, left } = await followGroups(call, call.policy, given);
    const subject = { target: principal.id, method: method.row.id };
    for (const { name } of joined) {
      call.record('auth.ssoJoined', { ...subject, detail: `group:${name}` });
    }
    for (const { name } of left) {
      call.record('auth.ssoLeft', { ...subject, detail: `group:${name}` });
    }
    return { principalId: principal.id };
  },
};

/**
 * Whose account it is.
 *
 * @returns `undefined` if it is nobody's.
 * @throws {@link StrongroomError} `unauthenticated` if it counts no more.
 */
export async function findPerson(
  call: Call,
  account: OidcAccount,
): Promise<PersonFound | undefined> {
  const row = await findAccount(call, account);
  if (row === undefined) return undefined;
  const principal = call.standing.principal(row.principal_id);
  if (principal === undefined || principal.disabled_at !== null) throw notLetIn('void');
  const factors = await FactorSet.of(call, principal);
  const found = factors.confirmed('oidc').find((each) => each.row.id === row.id);
  if (found === undefined) throw notLetIn('void');
  return { principal, factors, account: found };
}

/** The provider vouches for somebody, and this vault lets them in no further. It is not said why. */
export function notLetIn(cause: string): StrongroomError {
  return new StrongroomError(
    'unauthenticated',
    'the provider knows you, and this vault does not let you in',
    {
      hint: 'whoever has a user here signs in as that and links the two, with `strongroom sso link`; or ask whoever looks after this vault for an invite',
      cause,
    },
  );
}

function methodOf(call: Call, id: string): Method<'oidc'> {
  const row = call.standing.method(id);
  if (row === undefined || row.kind !== 'oidc' || row.disabled_at !== null) throw notLetIn('void');
  return toMethod(row, 'oidc');
}

async function personOf(
  call: Call,
  method: Method<'oidc'>,
  said: PersonSaid,
): Promise<PrincipalRow> {
  const account = { methodId: method.row.id, sub: said.sub };
  const known = await findPerson(call, account);
  if (known !== undefined) return known.principal;
  if (said.invite !== undefined) return invited(call, { method, account, invite: said.invite });
  if (!method.config.creates_users) throw notLetIn('unknown');
  const principal = await newUser(call, said.name ?? '');
  const factors = await FactorSet.of(call, principal);
  await addAccount(call, factors, { account, label: method.row.name });
  return factors.store(call);
}

/**
 * An invite stands for its user, as where it is used to choose a password; but of whoever has a
 * second factor for no account: they sign in with both, and link the two.
 */
async function invited(
  call: Call,
  given: {
    readonly method: Method<'oidc'>;
    readonly account: OidcAccount;
    readonly invite: CredentialText;
  },
): Promise<PrincipalRow> {
  const { token, principal } = await requireInvite(call, given.invite);
  const factors = await FactorSet.of(call, principal);
  if (hasAccount(factors, given.method.row.id)) throw notLetIn('linked');
  // The provider's word could stand for the second factor too, by an account that its owner never saw.
  if (factors.second.length > 0) throw notLetIn('second factor');
  await consumeToken(call, token);
  await dropAccounts(call, factors);
  await addAccount(call, factors, { account: given.account, label: given.method.row.name });
  factors.makeVoid();
  const stored = await factors.store(call);
  call.record('auth.inviteAccepted', { target: token.id });
  return stored;
}

/** A name that somebody has already is theirs: whoever says to be called so is not them for that. */
async function newUser(call: Call, name: string): Promise<PrincipalRow> {
  try {
    return await createPrincipal(call, call.policy, { kind: 'user', name });
  } catch (error) {
    const isName =
      error instanceof StrongroomError &&
      ['subject_exists', 'reserved_name', 'invalid_name'].includes(error.code);
    if (isName) throw notLetIn(error.code);
    throw error;
  }
}
