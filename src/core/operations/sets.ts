import { z } from 'zod';

import type { SubjectKind } from '../../domain/access/subjects.ts';
import { subjectNotFound } from '../../domain/access/subjects.ts';
import {
  builtInRole,
  createGroup as makeGroup,
  createRole as makeRole,
  join,
  leave,
  removeGroup as dropGroup,
  removeRole as dropRole,
  renameGroup,
  renameRole,
  type Joining,
  type Renaming,
} from '../../domain/access/sets.ts';
import type { GroupRow, RoleRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import {
  allowing,
  changesScope,
  inScope,
  page,
  pageOf,
  requireSight,
  scope,
  scopeId,
  scopeSubject,
  workspaceName,
  type PageInput,
  type ScopeInput,
} from './access-scope.ts';
import * as schema from './schema.ts';
import { subjectText } from './secret-access.ts';
import {
  describeSet,
  setDescription,
  setSummary,
  toSetSummary,
  type SetDescription,
  type SetSummary,
} from './set-view.ts';

export interface SetInput extends ScopeInput {
  /** 1 to 63 letters, digits and `._-`. */
  readonly name: string;
}

export interface RenameSetInput extends SetInput {
  /** The new name. What it allows or denies, and who has it, stay. */
  readonly to: string;
}

export interface ListSetsInput extends ScopeInput, PageInput {}

export interface MembershipInput extends ScopeInput {
  /** The group or role. */
  readonly name: string;
  /** `user:NAME`, `machine:NAME` or `group:NAME`. */
  readonly member: string;
}

export interface SetList<Name extends 'groups' | 'roles'> {
  readonly kind: Name;
  readonly sets: readonly SetSummary[];
  /** Set if there are more: pass it as `cursor`. */
  readonly next: string | undefined;
}

/** What became of a membership. */
export interface MembershipChanged {
  readonly member: string;
  readonly parent: string;
  readonly workspace: string | null;
}

const NAME_MAX = 128;
const name = z.string().max(NAME_MAX);

const membershipChanged = schema.answer<MembershipChanged>({
  member: z.string(),
  parent: z.string(),
  workspace: z.string().nullable(),
});

/** What can be done with groups or roles. */
export interface SetOperations<Name extends 'groups' | 'roles'> {
  readonly create: Operation<SetInput, SetSummary>;
  readonly list: Operation<ListSetsInput, SetList<Name>>;
  readonly describe: Operation<SetInput, SetDescription>;
  readonly rename: Operation<RenameSetInput, SetSummary>;
  readonly remove: Operation<SetInput, SetSummary>;
  readonly join: Operation<MembershipInput, MembershipChanged>;
  readonly leave: Operation<MembershipInput, MembershipChanged>;
}

interface SetKind<Row extends GroupRow | RoleRow> {
  readonly kind: 'group' | 'role';
  readonly rows: (call: Call) => {
    all(): readonly Row[];
    by(index: string, key: string): readonly Row[];
  };
  readonly create: (call: Call, made: { name: string; workspaceId: string | null }) => Promise<Row>;
  readonly rename: (call: Call, renaming: Renaming<Row>) => Promise<Row>;
  readonly remove: (call: Call, row: Row) => Promise<void>;
  /** Names of the operations that add and take away a member. */
  readonly verbs: readonly [join: string, leave: string];
}

const GROUPS: SetKind<GroupRow> = {
  kind: 'group',
  rows: ({ policy }) => policy.groups,
  create: (call, made) => makeGroup(call, call.policy, made),
  rename: (call, renaming) => renameGroup(call, call.policy, renaming),
  remove: (call, row) => dropGroup(call, call.policy, row),
  verbs: ['add', 'drop'],
};

const ROLES: SetKind<RoleRow> = {
  kind: 'role',
  rows: ({ policy }) => policy.roles,
  create: (call, made) => makeRole(call, call.policy, made),
  rename: (call, renaming) => renameRole(call, call.policy, renaming),
  remove: (call, row) => dropRole(call, call.policy, row),
  verbs: ['assign', 'unassign'],
};

const common = { secretMembers: [], mutates: true, requires: changesScope } as const;
const looking = { secretMembers: [], mutates: false, requires: () => [] } as const;

/** Groups of principals, which may be nested. */
export const groups: SetOperations<'groups'> = setOperations('groups', GROUPS);

/** Roles: named sets of rules. */
export const roles: SetOperations<'roles'> = setOperations('roles', ROLES);

/**
 * The operations on groups, or on roles. `escalation_refused` is for what would
 * give, or set free, what the caller does not have.
 */
function setOperations<Name extends 'groups' | 'roles', Row extends GroupRow | RoleRow>(
  group: Name,
  set: SetKind<Row>,
): SetOperations<Name> {
  return {
    create: creating(set),
    list: listing(group, set),
    describe: describing(set),
    rename: renaming(set),
    remove: removing(set),
    join: joining(set),
    leave: leaving(set),
  };
}

function creating<Row extends GroupRow | RoleRow>({
  kind,
  create,
}: SetKind<Row>): Operation<SetInput, SetSummary> {
  return {
    ...common,
    name: `${kind}s.create`,
    summary: `Makes a ${kind}.`,
    errors: ['reserved_name', 'subject_exists'],
    input: z.strictObject({ name, ...scope }),
    output: setSummary,
    rest: inScope('POST', `${kind}s`, { status: 201 }),
    subject: (input) => scopeSubject(input, `${kind}:${input.name}`),
    apply: async (input, call) => {
      const made = { name: input.name, workspaceId: scopeId(call, input) };
      return toSetSummary(call, await create(call, made));
    },
  };
}

function listing<Name extends 'groups' | 'roles', Row extends GroupRow | RoleRow>(
  group: Name,
  { kind, rows: rowsOf }: SetKind<Row>,
): Operation<ListSetsInput, SetList<Name>> {
  return {
    ...looking,
    name: `${group}.list`,
    summary: `Lists the ${kind}s of a workspace and of the vault.`,
    errors: [],
    input: z.strictObject({ ...scope, ...page }),
    output: schema.answer<SetList<Name>>({
      kind: z.literal(group),
      sets: z.array(setSummary),
      next: z.string().optional(),
    }),
    rest: inScope('GET', group),
    subject: (input) => scopeSubject(input, group),
    apply: async (input, call) => {
      const id = scopeId(call, input);
      requireSight(call, workspaceName(call, id) ?? undefined);
      const own = rowsOf(call)
        .all()
        .filter((row) => row.workspace_id === id || row.workspace_id === null);
      const { rows, next } = pageOf(own, input);
      return { kind: group, sets: rows.map((row) => toSetSummary(call, row)), next };
    },
  };
}

function describing<Row extends GroupRow | RoleRow>({
  kind,
  rows,
}: SetKind<Row>): Operation<SetInput, SetDescription> {
  return {
    ...looking,
    name: `${kind}s.describe`,
    summary: `Tells who is in a ${kind} and what comes with it.`,
    errors: ['subject_not_found'],
    input: z.strictObject({ name, ...scope }),
    output: setDescription,
    rest: inScope('GET', `${kind}s/{name}`),
    subject: (input) => scopeSubject(input, `${kind}:${input.name}`),
    apply: async (input, call) => {
      const id = scopeId(call, input);
      requireSight(call, workspaceName(call, id) ?? undefined);
      const found = call.policy.subject(`${kind}:${input.name}`, id);
      const row = rows(call)
        .by('name', input.name)
        .find((each) => each.id === found?.id);
      if (row === undefined) throw subjectNotFound(`${kind}:${input.name}`);
      return describeSet(call, row);
    },
  };
}

function renaming<Row extends GroupRow | RoleRow>(
  set: SetKind<Row>,
): Operation<RenameSetInput, SetSummary> {
  const { kind, rename } = set;
  return {
    ...common,
    name: `${kind}s.rename`,
    summary: `Gives a ${kind} another name; what it gives, and to whom, stays.`,
    errors: [
      'reserved_name',
      'subject_not_found',
      'subject_exists',
      'built_in_role',
      'escalation_refused',
    ],
    input: z.strictObject({ name, to: name, ...scope }),
    output: setSummary,
    rest: inScope('POST', `${kind}s/{name}/rename`),
    subject: (input) => scopeSubject(input, `${kind}:${input.name} to ${kind}:${input.to}`),
    apply: async (input, call) => {
      const from = ownSet(call, set, input);
      // Others give it by its name: nobody decides that about rights that they do not have.
      call.requireHeld(allowing(call.policy.grantsOf(from.id, from.workspace_id)));
      return toSetSummary(call, await rename(call, { from, name: input.to }));
    },
  };
}

function removing<Row extends GroupRow | RoleRow>(
  set: SetKind<Row>,
): Operation<SetInput, SetSummary> {
  const { kind, remove } = set;
  return {
    ...common,
    name: `${kind}s.remove`,
    summary: `Takes a ${kind} away, and what it gave to others.`,
    errors: ['subject_not_found', 'built_in_role', 'last_owner', 'escalation_refused'],
    input: z.strictObject({ name, ...scope }),
    output: setSummary,
    rest: inScope('DELETE', `${kind}s/{name}`),
    subject: (input) => scopeSubject(input, `${kind}:${input.name}`),
    apply: async (input, call) => {
      const row = ownSet(call, set, input);
      // What it denies is set free, and who has it may have more than the caller.
      call.requireHeld(call.policy.grantsOf(row.id, row.workspace_id));
      const summary = toSetSummary(call, row);
      await remove(call, row);
      return summary;
    },
  };
}

function joining<Row extends GroupRow | RoleRow>({
  kind,
  verbs,
}: SetKind<Row>): Operation<MembershipInput, MembershipChanged> {
  return {
    ...common,
    name: `${kind}s.${verbs[0]}`,
    summary: kind === 'group' ? 'Puts somebody into a group.' : 'Gives somebody a role.',
    errors: ['subject_not_found', 'group_cycle', 'escalation_refused'],
    input: z.strictObject({ name, member: subjectText, ...scope }),
    output: membershipChanged,
    rest: inScope('POST', `${kind}s/{name}/members`, { status: 201 }),
    subject: (input) => scopeSubject(input, `${kind}:${input.name}`),
    apply: async (input, call) => {
      const found = joiningOf(call, kind, input);
      call.requireHeld(allowing(call.policy.grantsOf(found.parent.id, found.workspaceId)));
      await join(call, call.policy, found);
      return toChanged(call, found);
    },
  };
}

function leaving<Row extends GroupRow | RoleRow>({
  kind,
  verbs,
}: SetKind<Row>): Operation<MembershipInput, MembershipChanged> {
  return {
    ...common,
    name: `${kind}s.${verbs[1]}`,
    summary: kind === 'group' ? 'Takes somebody out of a group.' : 'Takes a role from somebody.',
    errors: ['subject_not_found', 'not_a_member', 'last_owner', 'escalation_refused'],
    input: z.strictObject({ name, member: subjectText, ...scope }),
    output: membershipChanged,
    rest: inScope('DELETE', `${kind}s/{name}/members/{member}`),
    subject: (input) => scopeSubject(input, `${kind}:${input.name}`),
    apply: async (input, call) => {
      const found = joiningOf(call, kind, input);
      call.requireHeld(call.policy.grantsOf(found.parent.id, found.workspaceId));
      await leave(call, call.policy, found);
      return toChanged(call, found);
    },
  };
}

/** The one of that very scope: an admin of a workspace changes nothing of the vault's. */
function ownSet<Row extends GroupRow | RoleRow>(
  call: Call,
  { kind, rows }: SetKind<Row>,
  input: SetInput,
): Row {
  const id = scopeId(call, input);
  const row = rows(call)
    .by('name', input.name)
    .find((each) => each.workspace_id === id);
  if (row !== undefined) return row;
  requireNotBuiltIn(call, kind, input.name);
  throw subjectNotFound(`${kind}:${input.name}`);
}

/** One that every vault has is there in every scope, and stays. */
function requireNotBuiltIn({ policy }: Call, kind: 'group' | 'role', name: string): void {
  const isBuiltIn = policy.roles.by('name', name).some((row) => row.built_in === 1);
  if (kind === 'role' && isBuiltIn) throw builtInRole(name);
}

/** A group takes members in its own scope; a role of the vault may be given in one workspace. */
function joiningOf(call: Call, kind: SubjectKind, input: MembershipInput): Joining {
  const workspaceId = scopeId(call, input);
  const text = `${kind}:${input.name}`;
  const parent = call.policy.subject(text, workspaceId);
  if (parent === undefined || (kind === 'group' && parent.workspaceId !== workspaceId)) {
    throw subjectNotFound(text);
  }
  const member = call.policy.subject(input.member, workspaceId);
  if (member === undefined || member.kind === 'role') throw subjectNotFound(input.member);
  call.about({ detail: `${member.text} in ${text}` });
  return { member, parent, workspaceId };
}

function toChanged(call: Call, { member, parent, workspaceId }: Joining): MembershipChanged {
  return {
    member: member.text,
    parent: parent.text,
    workspace: workspaceName(call, workspaceId),
  };
}
