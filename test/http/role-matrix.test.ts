// Every built-in role, in every state of its holder, asks for every operation at each
// of its addresses over a socket. What comes back is what a second, short evaluation of
// the roles says of what the operation declares. What would change anything is kept
// from its work, which is known by what it says then.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { everyOperation } from '../../src/core/every-operation.ts';
import type { Operation, Requirement } from '../../src/core/operation.ts';
import { BUILT_IN_ROLES } from '../../src/domain/access/built-in-roles.ts';
import { CAPABILITIES } from '../../src/domain/access/capability.ts';
import { StrongroomError } from '../../src/errors.ts';
import { IN_WORKSPACE } from '../../src/core/rest-binding.ts';
import type { RestRoute } from '../../src/http/rest/rest-route.ts';
import { at } from '../../src/testing/foreign-ids.ts';
import { freshSession } from '../../src/testing/fresh-session.ts';
import { inputAt, restRequest } from '../../src/testing/rest-request.ts';
import {
  knownRoutes,
  makeTwoWorkspaces,
  type TwoWorkspaces,
} from '../../src/testing/two-workspaces.ts';
import {
  eachOf,
  serveVault,
  type VaultAnswer,
  type VaultServer,
} from '../../src/testing/vault-server.ts';

/** Where somebody holds a role. */
type Scope = 'vault' | 'ours' | 'theirs';

/** What has become of them since. */
type State = 'active' | 'disabled' | 'removed' | 'no longer a member' | 'unknown';

interface Subject {
  readonly name: string;
  readonly state: State;
  readonly role?: string;
  readonly scope?: Scope;
  /** What the credential is narrowed to. */
  readonly can?: readonly string[];
  /** Whether it is a token and no session that was just begun. */
  readonly isToken?: boolean;
  readonly token: string | undefined;
}

/** What an answer comes to. */
type Verdict =
  'unauthenticated' | 'denied' | 'not found' | 'no workspace' | 'reauth_required' | 'reached';

const OF_OURS: readonly Requirement[] = [{ capability: 'admin', resource: ['ours'] }];
const OF_VAULT: readonly Requirement[] = [{ capability: 'read', resource: ['sys', 'access'] }];
const seesRules = ({ binding }: RestRoute): readonly Requirement[] =>
  binding.path.startsWith(IN_WORKSPACE) ? OF_OURS : OF_VAULT;

/** What some that only look ask for while they do, as they know only then what it is about. */
const ASKED_LATER: Readonly<Record<string, (route: RestRoute) => readonly Requirement[]>> = {
  'groups.list': seesRules,
  'groups.describe': seesRules,
  'roles.list': seesRules,
  'roles.describe': seesRules,
  'access.list': seesRules,
  'access.explain': () => OF_OURS,
  'access.test': () => OF_OURS,
  'access.whoCan': () => OF_OURS,
  'environments.resolve': () => [{ capability: 'read', resource: ['ours', 'production', 'own'] }],
};

/** Codes that say that somebody may not; all others are what an operation that was reached says. */
const REFUSALS: readonly string[] = [
  'denied',
  'unauthenticated',
  'reauth_required',
  'mfa_required',
  'escalation_refused',
  'rate_limited',
];

const VALUE = 'not-a-secret-of-the-matrix';
const UNASKED = 'unasked/BESIDE';

let two: TwoWorkspaces;
let server: VaultServer;
let subjects: readonly Subject[];

beforeAll(async () => {
  two = await makeTwoWorkspaces({ rateLimits: { address: null, principal: null } });
  await two.owner.secrets.write({ ...at, path: UNASKED, value: VALUE });
  for (const { name } of everyOperation()) {
    const path = `own/${name}`;
    if (two.secrets.has(path)) await two.owner.secrets.write({ ...at, path, value: VALUE });
  }
  subjects = await makeSubjects();
  for (const operation of everyOperation()) keepFromWork(operation);
  server = await serveVault(two.parts.vault);
});
afterAll(async () => {
  await server.close();
  await two.close();
});

/** Operations that change or prepare something say that they were reached, and no more. */
function keepFromWork(operation: Operation<unknown, unknown>): void {
  const { mutates, prepare, seals } = operation;
  if (!mutates && prepare === undefined && seals !== true) return;
  const reached = async (): Promise<never> => {
    throw new StrongroomError('secret_wiped', 'it was reached');
  };
  Object.defineProperty(operation, 'apply', { value: reached });
  if (prepare === undefined) return;
  Object.defineProperty(operation, 'prepare', { value: async () => undefined });
}

async function makeSubjects(): Promise<readonly Subject[]> {
  const roles = BUILT_IN_ROLES.map(({ name }) => name);
  const found: Subject[] = [
    { name: 'nobody', state: 'unknown', token: undefined },
    {
      name: 'stranger',
      state: 'unknown',
      token: (await freshSession(two.parts, 'ada')).replace(/.{9}$/, (end) =>
        [...end].toReversed().join(''),
      ),
    },
  ];
  await two.owner.users.create({ name: 'bare' });
  found.push({ name: 'bare', state: 'active', token: await freshSession(two.parts, 'bare') });
  const states: readonly (readonly [Scope, State])[] = [
    ['vault', 'active'],
    ['ours', 'active'],
    ['theirs', 'active'],
    ['vault', 'disabled'],
    ['vault', 'removed'],
    ['ours', 'no longer a member'],
  ];
  for (const role of roles) {
    for (const [scope, state] of states) found.push(await makeSubject(role, scope, state));
  }
  await two.owner.machines.create({ name: 'machinist' });
  await two.owner.roles.assign({ name: 'owner', member: 'machine:machinist', wholeVault: true });
  const subject = 'machine:machinist';
  const narrow = { role: 'owner', scope: 'vault', state: 'active', isToken: true } as const;
  const whole = (await two.owner.tokens.create({ subject })).token.reveal();
  found.push({ ...narrow, name: 'owner by token', token: whole });
  const can = ['list', 'rotate'] as const;
  const less = (await two.owner.tokens.create({ subject, can })).token.reveal();
  found.push({ ...narrow, name: 'owner by narrowed token', can, token: less });
  return found;
}

async function makeSubject(role: string, scope: Scope, state: State): Promise<Subject> {
  const name = `${role}-${scope}-${state.replaceAll(' ', '-')}`;
  const { owner } = two;
  await owner.users.create({ name });
  const place = scope === 'vault' ? { wholeVault: true } : { workspace: scope };
  const membership = { name: role, member: `user:${name}`, ...place };
  await owner.roles.assign(membership);
  const token = await freshSession(two.parts, name);
  if (state === 'disabled') await owner.users.disable({ name });
  if (state === 'removed') await owner.users.remove({ name });
  if (state === 'no longer a member') await owner.roles.unassign(membership);
  return { name, state, role, scope, token };
}

/**
 * Whether a role gives a right: what its grants say in words, without any pattern being matched.
 * `sys/audit/ours` is of the workspace `ours`; who holds a role there has nothing of the vault itself.
 */
function gives(subject: Subject, { capability, resource, reach }: Requirement): boolean {
  const { role, scope, state, can } = subject;
  if (role === undefined || state !== 'active') return false;
  if (can?.includes(capability) === false) return false;
  const [first, second] = resource;
  const workspace = first === 'sys' ? resource[2] : first;
  const isUnder = reach === 'under' && workspace === undefined;
  if (scope !== 'vault' && scope !== workspace && !isUnder) return false;
  const grants = BUILT_IN_ROLES.find(({ name }) => name === role)?.grants ?? [];
  return grants
    .filter(({ capabilities }) => capabilities.includes(capability))
    .some(({ pattern }) => {
      if (first !== 'sys') return pattern === '**';
      if (pattern === 'sys/**') return true;
      if (reach === 'under' && second === undefined) return pattern.startsWith('sys/');
      const place = pattern.replace(/\/\*\*$/, '');
      const named = resource.join('/');
      return named === place || (place !== pattern && named.startsWith(`${place}/`));
    });
}

/** Whether somebody may know that there is a workspace: who has any right in it, or sees all rights. */
function knowsOurs(subject: Subject): boolean {
  return (
    gives(subject, { capability: 'read', resource: ['sys', 'audit', 'ours'] }) ||
    CAPABILITIES.some((capability) =>
      [['ours'], ['sys', 'access']].some((resource) => gives(subject, { capability, resource })),
    )
  );
}

/** What is to come back, by what the operation declares. */
function expected(subject: Subject, route: RestRoute): Verdict {
  const { operation, binding } = route;
  const isKnown = ['active', 'no longer a member'].includes(subject.state);
  if (operation.anyone === true) return 'reached';
  if (!isKnown) return 'unauthenticated';
  const requires = operation.requires(inputAt(route, two.inputOf(operation.name)));
  const asked = ASKED_LATER[operation.name]?.(route) ?? [];
  const missing = [...requires, ...asked].find((each) => !gives(subject, each));
  if (missing === undefined) {
    return operation.fresh === true && subject.isToken === true ? 'reauth_required' : 'reached';
  }
  const isNamed = requires.includes(missing) && missing.resource[0] === 'ours';
  const isOfOurs = isNamed || binding.path.startsWith(IN_WORKSPACE);
  if (isOfOurs && !knowsOurs(subject)) return 'no workspace';
  const isById = binding.path.includes('{secret_id}');
  const mayList = gives(subject, { capability: 'list', resource: ['ours', 'production', 'own'] });
  return isById && !mayList ? 'not found' : 'denied';
}

function verdictOf({ status, body }: VaultAnswer): string {
  if (status < 300) return 'reached';
  const { code } = JSON.parse(body) as { readonly code: string };
  if (REFUSALS.includes(code)) return code;
  // Whoever may not know of a workspace or a secret is answered as if there were none.
  if (code === 'workspace_not_found') return 'no workspace';
  return code === 'secret_not_found' ? 'not found' : 'reached';
}

describe('A36 roles, operations and what they are about', () => {
  it('A36 every role, in every state of its holder, gets of every operation what is declared', async () => {
    const cells = knownRoutes().flatMap((route) => subjects.map((subject) => ({ route, subject })));
    expect(cells.length).toBeGreaterThan(2000);
    const wrong = await eachOf(cells, async ({ route, subject }) => {
      const { operation, binding } = route;
      const secretId = two.secrets.get(`own/${operation.name}`);
      const line = restRequest(route, two.inputOf(operation.name), { secretId });
      const answer = await server.ask(line, subject.token);
      const cell = `${operation.name} ${binding.method} ${binding.path} by ${subject.name}`;
      const [is, should] = [verdictOf(answer), expected(subject, route)];
      const given = [
        ...(is === should ? [] : [`${cell}: ${is}, not ${should}`]),
        ...strangers(subject, answer.body).map((what) => `${cell}: ${what} was given away`),
      ];
      return given;
    });
    expect(wrong.flat()).toEqual([]);
  }, 120_000);
});

/** What an answer has in it that its reader may not have. */
function strangers(subject: Subject, body: string): readonly string[] {
  const has = (capability: 'list' | 'read'): boolean =>
    gives(subject, { capability, resource: ['ours', 'production', 'a'] });
  return [
    ...(body.includes(VALUE) && !has('read') ? ['a value'] : []),
    ...(body.includes(UNASKED) && !has('list') ? ['a name'] : []),
  ];
}
