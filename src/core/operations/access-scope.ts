import { z } from 'zod';

import type { HeldGrant } from '../../domain/access/policy.ts';
import { FIRST_WORKSPACE } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import { shellWord } from '../../lib/shell-word.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { uuidBytes, uuidText } from '../../lib/ids.ts';
import { denied } from '../denials.ts';
import type { Call, Requirement } from '../operation.ts';
import { ADMIN, IN_WORKSPACE, type RestBinding, type RestMethod } from '../rest-binding.ts';
import * as schema from './schema.ts';

/** Where something about rights counts: in one workspace, or in the whole vault. */
export interface ScopeInput {
  /** Default: `default`. */
  readonly workspace?: string | undefined;
  /** In all workspaces, also those that are made later, instead of in one. */
  readonly wholeVault?: boolean | undefined;
}

/** A page of a list. */
export interface PageInput {
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

/** The schema of {@link ScopeInput}, to be spread into an input's. */
export const scope: { readonly [K in keyof ScopeInput]-?: z.ZodType<ScopeInput[K]> } = {
  workspace: schema.workspace,
  wholeVault: z.boolean().optional(),
};

/** The two ways to an operation with a scope: in a workspace, and for the whole vault. */
export function inScope(
  method: RestMethod,
  path: string,
  rest: Pick<RestBinding, 'status'> = {},
): readonly RestBinding[] {
  return [
    { ...rest, method, path: `${IN_WORKSPACE}/${path}`, omit: ['wholeVault'] },
    {
      ...rest,
      method,
      path: `${ADMIN}/${path}`,
      fixed: { wholeVault: true },
      omit: ['workspace'],
    },
  ];
}

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
const ID_BYTES = 16;

/** The schema of {@link PageInput}, to be spread into an input's. */
export const page: { readonly [K in keyof PageInput]-?: z.ZodType<PageInput[K]> } = {
  limit: z.int().min(1).max(LIMIT_MAX).optional(),
  cursor: z.string().max(64).optional(),
};

/** What of the vault itself rights are. */
export const ACCESS: readonly string[] = ['sys', 'access'];

/** The right to change who may do what, everywhere. */
export const CHANGES_ACCESS: readonly Requirement[] = [{ capability: 'admin', resource: ACCESS }];

/** The right to see who may do what, everywhere. */
export const SEES_ACCESS: readonly Requirement[] = [{ capability: 'read', resource: ACCESS }];

/** The right to change who may do what within a scope. */
export function changesScope(input: ScopeInput): readonly Requirement[] {
  if (input.wholeVault === true) return CHANGES_ACCESS;
  return [{ capability: 'admin', resource: [input.workspace ?? FIRST_WORKSPACE] }];
}

/** What an entry says of a scope. */
export function scopeSubject(input: ScopeInput, detail: string): { detail: string } {
  const workspace = input.wholeVault === true ? undefined : (input.workspace ?? FIRST_WORKSPACE);
  return workspace === undefined ? { detail } : Object.assign({ workspace }, { detail });
}

/** Id of the workspace of a scope; `null`: the whole vault. */
export function scopeId(call: Call, input: ScopeInput): string | null {
  if (input.wholeVault === true) {
    if (input.workspace === undefined) return null;
    throw new StrongroomError('invalid_input', 'workspace and wholeVault exclude each other');
  }
  return call.directory.workspace(input.workspace ?? FIRST_WORKSPACE).id;
}

/** The name of a workspace by its id; `null` for the whole vault. */
export function workspaceName(call: Call, id: string | null): string | null {
  return call.directory.workspaces().find((each) => each.id === id)?.name ?? null;
}

/**
 * Makes sure that the caller may see who may do what: everywhere, or as the
 * admin of the one workspace that it is about.
 *
 * @throws {@link StrongroomError} `denied`.
 */
export function requireSight(call: Call, workspace: string | undefined): void {
  if (call.may('read', ACCESS) || isUnderOwner(call)) return;
  if (workspace !== undefined && call.may('admin', [workspace])) return;
  throw denied({ capability: 'read', resource: ACCESS }, call.request);
}

/**
 * Makes sure that the caller may change a rule that counts where this one does.
 *
 * @throws {@link StrongroomError} `denied`, which names a workspace only to those who may list something there.
 */
export function requireChangesAt(call: Call, workspaceId: string | null): void {
  const name = workspaceId === null ? null : workspaceName(call, workspaceId);
  const resource = name === null ? ACCESS : [name];
  if (call.may('admin', resource) || isUnderOwner(call)) return;
  const isKnown = name !== null && call.may('list', resource, 'under');
  throw denied({ capability: 'admin', resource: isKnown ? resource : ACCESS }, call.request);
}

/** Whether an owner calls, with the right to change rights: a denial elsewhere takes no rule out of reach. */
function isUnderOwner(call: Call): boolean {
  return call.policy.isOwner(call.principal.id) && call.may('admin', ACCESS);
}

/**
 * Makes sure that the workspace and the environment of a resource are there:
 * an answer about what is not there would reassure for nothing. Who may list
 * nothing in it is not told.
 *
 * @throws {@link StrongroomError} `workspace_not_found`, `environment_not_found`.
 */
export function requirePlace(call: Call, resource: readonly string[]): void {
  const [first = '', second, third] = resource;
  const seesRules = call.may('read', ACCESS) || isUnderOwner(call);
  if (first === 'sys') {
    if (second === 'audit' && third !== undefined && seesRules) call.directory.workspace(third);
    return;
  }
  if (!seesRules && !call.may('list', [first], 'under')) return;
  const workspace = call.directory.workspace(first);
  if (second === undefined) return;
  if (!seesRules && !call.may('list', [first, second], 'under')) return;
  const isThere = call.directory.environments(workspace).some(({ name }) => name === second);
  if (!isThere && isKnownWorkspace(call, second)) {
    const rest = resource.slice(2).map(shellWord).join('/');
    throw misplaced(resource, `what is in that workspace is named with -w ${second}: ${rest}`);
  }
  call.directory.environment(first, second);
}

/**
 * What is odd about the place of a rule: warnings, none if nothing is.
 *
 * @throws {@link StrongroomError} `environment_not_found` for a pattern that names a workspace where
 * an environment belongs, and would cover nothing.
 */
export function patternWarnings(
  call: Call,
  rule: {
    readonly effect: 'allow' | 'deny';
    readonly subject: string;
    readonly can: readonly string[];
    readonly pattern: string;
  },
): readonly string[] {
  const [first = '', second = '**', ...rest] = rule.pattern.split('/');
  if (['sys', '*', '**'].includes(first) || ['*', '**'].includes(second)) return [];
  const { directory } = call;
  const workspace = directory.workspace(first);
  if (directory.environments(workspace).some(({ name }) => name === second)) return [];
  if (!isKnownWorkspace(call, second)) {
    return [`there is no environment ${second} in ${first}: the rule counts once there is one`];
  }
  const words = [rule.subject, rule.can.join(','), rest.join('/') || '**'].map(shellWord);
  const verb = rule.effect === 'allow' ? 'grant' : 'deny';
  const hint = `strongroom access ${verb} ${words.join(' ')} -w ${second}`;
  throw misplaced(rule.pattern.split('/'), hint);
}

/** Whether there is a workspace of a name that the caller may know of. */
function isKnownWorkspace(call: Call, name: string): boolean {
  if (call.directory.findWorkspace(name) === undefined) return false;
  return call.may('list', [name], 'under') || call.may('read', ACCESS) || isUnderOwner(call);
}

/** A workspace's name stands where an environment's belongs. */
function misplaced(segments: readonly string[], hint: string): StrongroomError {
  const [first = '', second = ''] = segments;
  const message = `${second} is a workspace, and no environment of ${first}`;
  const details = { resource: segments.join('/') };
  return new StrongroomError('environment_not_found', message, { details, hint });
}

/** Of rules, those that allow: what somebody has who has them, or will once a secret is back. */
export function allowing(grants: readonly HeldGrant[]): readonly HeldGrant[] {
  return grants.filter(({ effect }) => effect === 'allow');
}

/**
 * One page of rows in the order in which they were made.
 *
 * @throws {@link StrongroomError} `invalid_input` for a cursor that is not one of ours.
 */
export function pageOf<R extends { readonly id: string }>(
  rows: readonly R[],
  { limit = LIMIT_DEFAULT, cursor }: PageInput,
): { readonly rows: readonly R[]; readonly next: string | undefined } {
  const after = cursor === undefined ? '' : decodeCursor(cursor);
  const rest = rows.filter(({ id }) => id > after).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const shown = rest.slice(0, limit);
  const last = rest.length > limit ? shown.at(-1) : undefined;
  return { rows: shown, next: last === undefined ? undefined : toBase64Url(uuidBytes(last.id)) };
}

function decodeCursor(cursor: string): string {
  const bytes = fromBase64Url(cursor);
  if (bytes?.length === ID_BYTES) return uuidText(bytes);
  throw new StrongroomError('invalid_input', 'the cursor is not one of ours');
}
