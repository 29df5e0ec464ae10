import { z } from 'zod';

import {
  createPrincipal,
  removePrincipal,
  renamePrincipal,
  setDisabled,
} from '../../domain/access/principals.ts';
import { subjectNotFound } from '../../domain/access/subjects.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN, type RestBinding } from '../rest-binding.ts';
import {
  allowing,
  CHANGES_ACCESS,
  page,
  pageOf,
  SEES_ACCESS,
  type PageInput,
} from './access-scope.ts';
import * as schema from './schema.ts';

export interface PrincipalInput {
  /** 1 to 128 letters, digits and `._@+-`. */
  readonly name: string;
}

export interface RenamePrincipalInput extends PrincipalInput {
  /** The new name. Rights, and what is on record, stay. */
  readonly to: string;
}

/** A user or a machine. Times are RFC 3339. */
export interface PrincipalSummary {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly createdAt: string;
  /** Since when it may not act; `null`: it may. */
  readonly disabledAt: string | null;
}

export interface PrincipalList {
  readonly principals: readonly PrincipalSummary[];
  /** Set if there are more: pass it as `cursor`. */
  readonly next: string | undefined;
}

/** A user or a machine as answers have it. */
export const principalSummary: z.ZodType<PrincipalSummary> = schema.answer({
  id: z.uuid(),
  kind: z.string(),
  name: z.string(),
  createdAt: schema.instant,
  disabledAt: schema.instant.nullable(),
});

/** What can be done with principals of one kind. */
export interface PrincipalOperations {
  readonly create: Operation<PrincipalInput, PrincipalSummary>;
  readonly list: Operation<PageInput, PrincipalList>;
  readonly rename: Operation<RenamePrincipalInput, PrincipalSummary>;
  readonly disable: Operation<PrincipalInput, PrincipalSummary>;
  readonly enable: Operation<PrincipalInput, PrincipalSummary>;
  readonly remove: Operation<PrincipalInput, PrincipalSummary>;
}

const NAME_MAX = 128;
const name = z.string().max(NAME_MAX);
/** What a new name is, as descriptions say it; the domain holds names against it. */
const newName = name.meta({ pattern: '^[\\p{L}\\p{N}][\\p{L}\\p{N}._@+-]{0,127}$' });

const common = { secretMembers: [], mutates: true, requires: () => CHANGES_ACCESS } as const;

/** People. */
export const users: PrincipalOperations = principalOperations('user');

/** Services and jobs. */
export const machines: PrincipalOperations = principalOperations('machine');

type PrincipalKind = 'user' | 'machine';

/**
 * The operations on principals of one kind. `escalation_refused` is for a change
 * of someone who has rights that the caller does not have.
 */
function principalOperations(kind: PrincipalKind): PrincipalOperations {
  return {
    create: creating(kind),
    list: listing(kind),
    rename: renaming(kind),
    disable: changing(kind, {
      verb: 'disable',
      summary: `Lets a ${kind} act no more.`,
      change: (call, row) => setDisabled(call, row, true),
    }),
    enable: changing(kind, {
      verb: 'enable',
      summary: `Lets a ${kind} act again.`,
      change: (call, row) => setDisabled(call, row, false),
    }),
    remove: changing(kind, {
      verb: 'remove',
      summary: `Takes a ${kind} away for good; another one of the same name inherits nothing.`,
      change: async (call, row) => {
        await removePrincipal(call, call.policy, row);
        return row;
      },
    }),
  };
}

function creating(kind: PrincipalKind): PrincipalOperations['create'] {
  return {
    ...common,
    name: `${kind}s.create`,
    summary: `Makes a ${kind} without rights.`,
    errors: ['reserved_name', 'subject_exists'],
    input: z.strictObject({ name: newName }),
    output: principalSummary,
    rest: [{ method: 'POST', path: `${ADMIN}/${kind}s`, status: 201 }],
    subject: (input) => ({ detail: `${kind}:${input.name}` }),
    apply: async (input, call) =>
      toPrincipalSummary(await createPrincipal(call, call.policy, { kind, name: input.name })),
  };
}

function listing(kind: PrincipalKind): PrincipalOperations['list'] {
  return {
    name: `${kind}s.list`,
    summary: `Lists ${kind}s in the order in which they were made.`,
    errors: [],
    input: z.strictObject(page),
    output: schema.answer<PrincipalList>({
      principals: z.array(principalSummary),
      next: z.string().optional(),
    }),
    rest: [{ method: 'GET', path: `${ADMIN}/${kind}s` }],
    secretMembers: [],
    mutates: false,
    requires: () => SEES_ACCESS,
    subject: () => ({}),
    apply: async (input, call) => {
      const own = call.policy.principals.all().filter((row) => row.kind === kind);
      const { rows, next } = pageOf(own, input);
      return { principals: rows.map(toPrincipalSummary), next };
    },
  };
}

function renaming(kind: PrincipalKind): PrincipalOperations['rename'] {
  return {
    ...common,
    name: `${kind}s.rename`,
    summary: `Gives a ${kind} another name.`,
    errors: ['reserved_name', 'subject_not_found', 'subject_exists', 'escalation_refused'],
    input: z.strictObject({ name, to: name }),
    output: principalSummary,
    rest: [{ method: 'POST', path: `${ADMIN}/${kind}s/{name}/rename` }],
    subject: (input) => ({ detail: `${kind}:${input.name}` }),
    apply: async (input, call) => {
      const from = target(call, kind, input.name);
      return toPrincipalSummary(await renamePrincipal(call, call.policy, { from, name: input.to }));
    },
  };
}

/** An operation on one principal, which needs no more than its name. */
function changing(
  kind: PrincipalKind,
  operation: {
    readonly verb: string;
    readonly summary: string;
    readonly change: (call: Call, row: PrincipalRow) => Promise<PrincipalRow>;
  },
): Operation<PrincipalInput, PrincipalSummary> {
  return {
    ...common,
    name: `${kind}s.${operation.verb}`,
    summary: operation.summary,
    errors: ['subject_not_found', 'last_owner', 'escalation_refused'],
    input: z.strictObject({ name }),
    output: principalSummary,
    rest: [oneOf(kind, operation.verb)],
    subject: (input) => ({ detail: `${kind}:${input.name}` }),
    apply: async (input, call) =>
      toPrincipalSummary(await operation.change(call, target(call, kind, input.name))),
  };
}

/** Where one principal is changed: what takes it away is the method's to say. */
function oneOf(kind: PrincipalKind, verb: string): RestBinding {
  const path = `${ADMIN}/${kind}s/{name}`;
  if (verb === 'remove') return { method: 'DELETE', path };
  return { method: 'POST', path: `${path}/${verb}` };
}

/** A principal that the caller may change: one who has no rights that the caller lacks. */
function target(call: Call, kind: PrincipalKind, given: string): PrincipalRow {
  const row = call.policy.principals.by('name', given).find((each) => each.kind === kind);
  if (row === undefined) throw subjectNotFound(`${kind}:${given}`);
  call.requireHeld(allowing(call.policy.grantsOf(row.id)));
  return row;
}

function toPrincipalSummary(row: PrincipalRow): PrincipalSummary {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    createdAt: isoTime(row.created_at),
    disabledAt: row.disabled_at === null ? null : isoTime(row.disabled_at),
  };
}
