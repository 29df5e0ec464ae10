import { z } from 'zod';

import { METHOD_KINDS, type MethodKind } from '../../domain/identities/method-config.ts';
import { removeMethod, requireMethod, setMethodDisabled } from '../../domain/identities/methods.ts';
import type { AuthMethodRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import { requireFreshPerson } from '../require-fresh.ts';
import { CHANGES_ACCESS, page, pageOf, SEES_ACCESS, type PageInput } from './access-scope.ts';
import {
  methodName,
  methodSummary,
  requireHeldBy,
  toMethodSummary,
  type MethodSummary,
} from './method-view.ts';
import * as schema from './schema.ts';
import { followMethod } from './sso-rights.ts';

export interface ListMethodsInput extends PageInput {
  /** Only ways of this kind. */
  readonly kind?: MethodKind | undefined;
}

export interface MethodList {
  readonly methods: readonly MethodSummary[];
  /** Set if there are more: pass it as `cursor`. */
  readonly next: string | undefined;
}

export interface MethodInput {
  readonly kind: MethodKind;
  readonly name: string;
}

const METHODS = `${ADMIN}/methods`;
const kind = z.enum(METHOD_KINDS);
const input: z.ZodType<MethodInput> = z.strictObject({ kind, name: methodName });

/** The ways in which machines sign in, and people by way of a provider. */
export const listMethods: Operation<ListMethodsInput, MethodList> = {
  name: 'methods.list',
  summary: 'Lists the ways in which machines, and people by way of a provider, sign in.',
  errors: [],
  input: z.strictObject({ kind: kind.optional(), ...page }),
  output: schema.answer<MethodList>({
    methods: z.array(methodSummary),
    next: z.string().optional(),
  }),
  rest: [{ method: 'GET', path: METHODS }],
  secretMembers: [],
  mutates: false,
  requires: () => SEES_ACCESS,
  subject: (given) => ({ detail: given.kind }),
  apply: async (given, call) => {
    const asked = METHOD_KINDS.filter((each) => given.kind === undefined || each === given.kind);
    const own = call.standing.methods.filter((row) => asked.some((each) => each === row.kind));
    const { rows, next } = pageOf(own, given);
    return { methods: rows.map((row) => toMethodSummary(call, row)), next };
  },
};

export const disableMethod: Operation<MethodInput, MethodSummary> = changing({
  verb: 'disable',
  summary: 'Lets nobody sign in a way any more, and ends what it gave.',
  change: (call, row) => setMethodDisabled(call, row, true),
});

export const enableMethod: Operation<MethodInput, MethodSummary> = changing({
  verb: 'enable',
  summary: 'Lets a way to sign in be used again. What it gave before it was disabled stays void.',
  change: (call, row) => setMethodDisabled(call, row, false),
});

export const removeMethodOperation: Operation<MethodInput, MethodSummary> = changing({
  verb: 'remove',
  summary: 'Takes a way to sign in away for good, and ends what it gave.',
  change: async (call, row) => {
    await removeMethod(call, row);
    return row;
  },
});

function changing({
  verb,
  summary,
  change,
}: {
  readonly verb: 'disable' | 'enable' | 'remove';
  readonly summary: string;
  readonly change: (call: Call, row: AuthMethodRow) => Promise<AuthMethodRow>;
}): Operation<MethodInput, MethodSummary> {
  const path = `${METHODS}/{kind}/{name}`;
  return {
    name: `methods.${verb}`,
    summary,
    errors: ['method_not_found', 'escalation_refused'],
    input,
    output: methodSummary,
    rest: [
      verb === 'remove' ? { method: 'DELETE', path } : { method: 'POST', path: `${path}/${verb}` },
    ],
    secretMembers: [],
    mutates: true,
    requires: () => CHANGES_ACCESS,
    subject: (given) => ({ detail: `${given.kind}:${given.name}` }),
    apply: async (given, call) => {
      const { row } = requireMethod(call.standing.methods, given.kind, given.name);
      // Ending something sets nothing free; opening it again does.
      if (verb === 'enable') {
        requireHeldBy(call, row.principal_id);
        await requireFreshPerson(call);
      }
      await followMethod(call, row, verb);
      call.about({ method: row.id });
      return toMethodSummary(call, await change(call, row));
    },
  };
}
