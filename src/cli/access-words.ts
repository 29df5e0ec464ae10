import { Option, type Command } from 'commander';

import type { Session } from '../core/session.ts';
import type { Capability } from '../domain/access/capability.ts';
import type { Conditions, Day, TimeWindow } from '../domain/access/conditions.ts';
import type { SecretAccess } from '../domain/access/secret-grants.ts';
import { StrongroomError } from '../errors.ts';
import { splitNames } from './split-names.ts';
import type { GlobalOptions } from './vault-access.ts';

/** Options with which a rule says when it counts. */
export interface ConditionOptions {
  readonly cidr?: readonly string[];
  readonly userAgent?: readonly string[];
  readonly during?: readonly string[];
  readonly mfa?: boolean;
  readonly notBefore?: string;
  readonly notAfter?: string;
}

/** Options of commands that are about one workspace, or about the whole vault. */
export interface ScopeOptions extends GlobalOptions {
  readonly wholeVault?: boolean;
}

const FIRST_WORKSPACE = 'default';
const WINDOW =
  /^(?:(?<days>[a-z]{3}(?:,[a-z]{3})*)\s+)?(?<from>\d\d:\d\d)-(?<to>\d\d:\d\d)\s+(?<zone>\S+)$/;

/** The option `--whole-vault`. */
export function wholeVaultOption(): Option {
  return new Option('--whole-vault', 'for the whole vault instead of one workspace');
}

/** Adds the options of conditions to a command. */
export function addConditionOptions(command: Command): void {
  command
    .option('--cidr <networks>', 'only from these networks, such as 10.0.0.0/8', splitNames)
    .option('--user-agent <pattern>', 'only by this program; * is any text; repeatable', gather)
    .option('--during <window>', "only then, as in 'mon,fri 08:00-18:00 Europe/Berlin'", gather)
    .option('--mfa', 'only with a second factor')
    .option('--no-mfa', 'only without a second factor')
    .option('--not-before <time>', 'only from this RFC 3339 time on')
    .option('--not-after <time>', 'only before this RFC 3339 time');
}

/** The conditions that options say, if any. */
export function conditionsOf(options: ConditionOptions): Conditions | undefined {
  const { cidr, userAgent: userAgents, during, mfa, notBefore, notAfter } = options;
  const times = during?.map(windowOf);
  const said = { cidr, userAgents, times, mfa, notBefore, notAfter };
  return Object.values(said).some((each) => each !== undefined) ? said : undefined;
}

/** Capabilities as they are typed: one, or several separated by commas. */
export function capabilitiesOf(text: string): readonly Capability[] {
  return splitNames(text) as readonly Capability[];
}

/** Gathers rights on one secret as they are typed: `role:payments=read,list`. */
export function secretAccess(
  text: string,
  before: readonly SecretAccess[] | undefined,
): readonly SecretAccess[] {
  const at = text.lastIndexOf('=');
  const can = at > 0 ? capabilitiesOf(text.slice(at + 1)) : [];
  if (can.length > 0) return [...(before ?? []), { subject: text.slice(0, at), can }];
  throw new StrongroomError('usage', '--access takes a subject and capabilities, joined with =', {
    hint: "as in --access 'role:payments=read,list'",
  });
}

/**
 * What is typed without a workspace is in that of `-w`; what is of the vault
 * begins with `sys`. What begins with the name of that workspace is whole
 * already, as answers print it, unless an environment has the same name.
 */
export async function wholeResource(
  session: Session,
  text: string,
  { workspace = FIRST_WORKSPACE, wholeVault }: ScopeOptions,
): Promise<string> {
  const [first] = text.split('/');
  if (wholeVault === true || first === 'sys') return text;
  const isWhole = first === workspace && !(await hasEnvironment(session, workspace, first));
  return isWhole ? text : `${workspace}/${text}`;
}

async function hasEnvironment(session: Session, workspace: string, name: string): Promise<boolean> {
  // No environment may have the name of the first workspace.
  if (name === FIRST_WORKSPACE) return false;
  try {
    return (await session.environments.list({ workspace })).some((each) => each.name === name);
  } catch (error) {
    // Who may list none of them knows none; the command itself says what is wrong.
    if (error instanceof StrongroomError) return false;
    throw error;
  }
}

/** The scope that options say. */
export function scopeOf({ workspace, wholeVault }: ScopeOptions): {
  readonly workspace?: string | undefined;
  readonly wholeVault?: boolean | undefined;
} {
  return wholeVault === true ? { wholeVault } : { workspace };
}

function gather(text: string, before?: readonly string[]): readonly string[] {
  return [...(before ?? []), text];
}

function windowOf(text: string): TimeWindow {
  const { days, from, to, zone } = WINDOW.exec(text)?.groups ?? {};
  if (from === undefined || to === undefined || zone === undefined) {
    throw new StrongroomError('usage', '--during takes days, a span and a time zone', {
      hint: "as in --during 'mon,tue,wed 08:00-18:00 Europe/Berlin', or --during '22:00-06:00 UTC'",
    });
  }
  return { days: days?.split(',') as Day[] | undefined, from, to, zone };
}
