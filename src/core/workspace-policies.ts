import { compileConditions } from '../domain/access/conditions.ts';
import type { Policy, PrincipalView } from '../domain/access/policy.ts';
import { settingOf } from '../domain/settings/settings.ts';
import { StrongroomError, type ErrorCode } from '../errors.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import type { SettingRow } from '../store/tables.ts';
import type { Identified } from './callers.ts';
import { askOwner } from './denials.ts';
import type { Caller } from './item.ts';
import type { Calling } from './rights.ts';

/** The settings of a workspace that every call has to meet. */
export type PolicyName =
  'allowed_ip_ranges' | 'allowed_user_agents' | 'require_mfa' | 'session_timeout_minutes';

/** A policy that a call does not meet. */
export interface UnmetPolicy {
  readonly name: PolicyName;
  /** Id of the setting's row. */
  readonly rule: string;
  readonly workspaceId: string;
}

type Kind = PrincipalView['principal']['kind'];

/** Whether a call meets a policy. What it would have to know and does not, it does not meet. */
type Check = (calling: Calling, kind: Kind) => boolean;

interface Asked extends UnmetPolicy {
  readonly isMet: Check;
}

const MINUTE_MS = 60_000;

/** Each policy, in the order in which they are asked: what cannot be mended by a proof comes first. */
const COMPILERS: { readonly [N in PolicyName]: (row: SettingRow) => Check } = {
  allowed_ip_ranges: (row) => byCondition({ cidr: settingOf('allowed_ip_ranges', row).value }),
  allowed_user_agents: (row) =>
    byCondition({ userAgents: settingOf('allowed_user_agents', row).value }),
  require_mfa: (row) => {
    const isRequired = settingOf('require_mfa', row).value;
    return ({ mfa }, kind) => !isRequired || kind !== 'user' || mfa === true;
  },
  session_timeout_minutes: (row) => {
    const minutes = settingOf('session_timeout_minutes', row).value;
    return ({ signedInAt, now }) =>
      minutes === null || signedInAt === undefined || now < signedInAt + minutes * MINUTE_MS;
  },
};

const NAMES = Object.keys(COMPILERS) as readonly PolicyName[];

/** Operations with which owners take back what keeps everybody out. */
const REPAIRS: ReadonlySet<string> = new Set(['settings.read', 'settings.write']);

/** Faces of whoever has the vault and what opens it before them. */
const LOCAL: ReadonlySet<string> = new Set(['library', 'cli']);

/** The policies of all workspaces, ready to be held against calls. */
export class WorkspacePolicies {
  readonly #byWorkspace: ReadonlyMap<string, readonly Asked[]>;

  /** @param rows - The settings of all workspaces, whose MACs and count were checked. */
  constructor(rows: Iterable<SettingRow>) {
    const found = new Map<string, Asked[]>();
    const all = [...rows];
    for (const name of NAMES) {
      for (const row of all) {
        if (row.name !== name || row.workspace_id === null) continue;
        const policies = found.get(row.workspace_id) ?? [];
        const workspaceId = row.workspace_id;
        policies.push({ name, rule: row.id, workspaceId, isMet: checkOf(name, row) });
        found.set(row.workspace_id, policies);
      }
    }
    this.#byWorkspace = found;
  }

  /** The first policy of a workspace that a call does not meet, or `undefined`. */
  unmet(
    workspaceId: string | null | undefined,
    { principal }: PrincipalView,
    calling: Calling,
  ): UnmetPolicy | undefined {
    if (workspaceId === null || workspaceId === undefined) return undefined;
    const policies = this.#byWorkspace.get(workspaceId);
    if (policies === undefined || calling.isRepair === true) return undefined;
    // Work that is due is done whatever people are asked for.
    if (principal.kind === 'system') return undefined;
    return policies.find(({ isMet }) => !isMet(calling, principal.kind));
  }
}

/**
 * Whether a call is one that mends a workspace which locked everybody out: by
 * an owner of the vault, of settings alone, and where the vault itself is,
 * which a stolen credential does not reach.
 */
export function isRepair(
  operation: string,
  { face, credential, context }: Caller,
  { view }: Pick<Identified, 'view'>,
  policy: Policy,
): boolean {
  if (!REPAIRS.has(operation) || !LOCAL.has(face)) return false;
  if (credential !== undefined || context.can !== undefined) return false;
  return policy.isOwner(view.principal.id);
}

/** Whether a call meets a policy as it was just set. */
export function meetsPolicy(
  name: PolicyName,
  row: SettingRow,
  calling: Calling,
  kind: Kind,
): boolean {
  return checkOf(name, row)(calling, kind);
}

/**
 * What somebody is told who would be allowed to, but for a policy of the workspace.
 *
 * @param isOwner - Whether they are one who can take it back.
 */
export function policyUnmet(
  { name }: UnmetPolicy,
  {
    workspace,
    request,
    isOwner,
  }: { readonly workspace: string; readonly request: string; readonly isOwner: boolean },
): StrongroomError {
  const { code, why, hint } = ANSWERS[name];
  return new StrongroomError(code, `the workspace ${workspace} ${why}`, {
    details: { workspace, policy: name, request },
    hint: hint ?? (isOwner ? policyWayOut(name) : askOwner(request)),
  });
}

/** How an owner takes back what no proof mends. */
export function policyWayOut(name: PolicyName): string {
  return `\`strongroom settings reset ${name}\` takes that back where the vault itself is, on a server once that was stopped`;
}

const ANSWERS: {
  readonly [N in PolicyName]: {
    readonly code: ErrorCode;
    readonly why: string;
    readonly hint?: string;
  };
} = {
  allowed_ip_ranges: { code: 'denied', why: 'is not open to calls from this address' },
  allowed_user_agents: { code: 'denied', why: 'is not open to calls by this program' },
  require_mfa: {
    code: 'mfa_required',
    why: 'asks people for a second factor',
    hint: 'sign in with a second factor; `strongroom factor add` sets the first one up',
  },
  session_timeout_minutes: {
    code: 'reauth_required',
    why: 'asks for a more recent sign-in',
    hint: 'sign in again',
  },
};

/** One that cannot be read, as a later version may have written it, is met by nobody. */
function checkOf(name: PolicyName, row: SettingRow): Check {
  try {
    return COMPILERS[name](row);
  } catch (error) {
    if (error instanceof StrongroomError) return () => false;
    throw error;
  }
}

function byCondition(conditions: object): Check {
  const isAnything = Object.values(conditions).every((value) => value === null);
  if (isAnything) return () => true;
  const condition = compileConditions(canonicalJson(conditions));
  return (calling) => condition(calling) === 'met';
}
