import { parseDuration } from '../../lib/duration.ts';
import { networkFault } from '../../lib/ip-networks.ts';
import { programPatternFault } from '../../lib/text-globs.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';

/** Whom a setting is for: one workspace, or the vault as a whole. */
export type SettingScope = 'workspace' | 'vault';

/** What a new value has to have, as it is set; members that are absent ask for nothing. */
export interface ComplexityRules {
  /** Least number of characters, 1 to 1,024. */
  readonly minLength?: number;
  readonly upper?: boolean;
  readonly lower?: boolean;
  readonly digit?: boolean;
  /** Anything but letters, digits and white space. */
  readonly special?: boolean;
  /** Types of secrets that the rules are for. Default: `password` alone. */
  readonly types?: readonly SecretType[];
}

/** What each setting holds. */
export interface SettingValues {
  /** `strong`: at least 12 characters with upper, lower, digit and special. `null`: no rules. */
  readonly complexity: ComplexityRules | 'strong' | null;
  readonly trash_retention_days: number;
  readonly key_rotation_days: number;
  /** Networks, IPv4 or IPv6. `null`: calls from anywhere. */
  readonly allowed_ip_ranges: readonly string[] | null;
  /** Programs; `*` stands for any text. `null`: any program. */
  readonly allowed_user_agents: readonly string[] | null;
  readonly require_mfa: boolean;
  /** `null`: no limit but that of the session. */
  readonly session_timeout_minutes: number | null;
  readonly max_failed_attempts: number;
  readonly lockout_duration_minutes: number;
  /** Names of roles. */
  readonly mfa_roles: readonly string[];
  readonly session_max_minutes: number;
  readonly session_idle_minutes: number;
  /** 0: entries are kept whole for good. */
  readonly audit_retention_days: number;
  /** A duration such as `1d` or `12h`. */
  readonly backup_every: string | null;
  readonly backup_keep_days: number | null;
  readonly verify_every_days: number;
  /** Hosts that may be asked for keys of issuers wherever they are, also in a network of our own. */
  readonly outbound_hosts: readonly string[];
  /** Scheme, host and port at which people reach the server, such as `https://vault.example`. */
  readonly public_url: string | null;
}

/** The name of a setting. */
export type SettingName = keyof SettingValues;

/** One setting that Strongroom knows. */
export interface KnownSetting<V> {
  readonly scope: SettingScope;
  /** What holds where nobody set it. */
  readonly default: V;
  /** One line for people. */
  readonly meaning: string;
  /** What a value has to be, for people. */
  readonly expected: string;
  /** Whether a JSON value is one of this setting. */
  readonly fits: (value: unknown) => boolean;
}

const DAYS_MAX = 3650;
const DAY_MINUTES = 24 * 60;
const LIST_MAX = 64;
const ATTEMPTS_MAX = 100;
const LENGTH_MAX = 1024;

/** Every setting, with its default. What is not here cannot be set. */
export const KNOWN_SETTINGS: { readonly [N in SettingName]: KnownSetting<SettingValues[N]> } = {
  complexity: {
    scope: 'workspace',
    default: null,
    meaning: 'what new values of passwords must have',
    expected:
      '"strong", or an object of minLength (1 to 1024), upper, lower, digit, special, and types',
    fits: isComplexity,
  },
  trash_retention_days: {
    scope: 'workspace',
    default: 30,
    meaning: 'days after which `trash purge` destroys what was deleted',
    expected: wholeDays(0),
    fits: isDays(0),
  },
  key_rotation_days: {
    scope: 'workspace',
    default: 90,
    meaning: 'days after which the workspace key is due for rotation',
    expected: wholeDays(1),
    fits: isDays(1),
  },
  allowed_ip_ranges: {
    scope: 'workspace',
    default: null,
    meaning: 'networks from which the workspace may be used; without it any',
    expected: `a list of 1 to ${LIST_MAX} networks, such as ["10.0.0.0/8"]`,
    fits: isListOf(networkFault),
  },
  allowed_user_agents: {
    scope: 'workspace',
    default: null,
    meaning: 'programs with which the workspace may be used; without it any',
    expected: `a list of 1 to ${LIST_MAX} user agents of at most 200 characters, in which * stands for any text, such as ["billing/*"]`,
    fits: isListOf(programPatternFault),
  },
  require_mfa: {
    scope: 'workspace',
    default: false,
    meaning: 'whether people need a second factor to use the workspace',
    expected: 'true or false',
    fits: (value) => typeof value === 'boolean',
  },
  session_timeout_minutes: {
    scope: 'workspace',
    default: null,
    meaning: 'minutes after a sign-in until it has to be proven again to use the workspace',
    expected: wholeMinutes(),
    fits: isMinutes,
  },
  max_failed_attempts: {
    scope: 'vault',
    default: 5,
    meaning: 'wrong guesses at a sign-in from one source before it has to wait',
    expected: `a whole number, 1 to ${ATTEMPTS_MAX}`,
    fits: (value) => isWhole(value, 1, ATTEMPTS_MAX),
  },
  lockout_duration_minutes: {
    scope: 'vault',
    default: 15,
    meaning: 'minutes for which a source waits at most after wrong guesses',
    expected: wholeMinutes(),
    fits: isMinutes,
  },
  mfa_roles: {
    scope: 'vault',
    default: [],
    meaning: 'roles whose holders have to set up a second factor before they can do anything',
    expected: 'a list of names of roles, such as ["owner", "admin"]',
    fits: (value) => Array.isArray(value) && value.length <= 64 && value.every(isRoleName),
  },
  session_max_minutes: {
    scope: 'vault',
    default: 720,
    meaning: 'minutes for which a session lives at most',
    expected: wholeMinutes(),
    fits: isMinutes,
  },
  session_idle_minutes: {
    scope: 'vault',
    default: 60,
    meaning: 'minutes after which a session ends that is not used',
    expected: wholeMinutes(),
    fits: isMinutes,
  },
  audit_retention_days: {
    scope: 'vault',
    default: 365,
    meaning: 'days for which the text of audit entries is kept; 0: for good',
    expected: wholeDays(0),
    fits: isDays(0),
  },
  backup_every: {
    scope: 'vault',
    default: null,
    meaning: 'how often a scheduled backup is made; without it there is none',
    expected: 'a duration, such as "1d" or "12h"',
    fits: (value) => typeof value === 'string' && parseDuration(value) !== undefined,
  },
  backup_keep_days: {
    scope: 'vault',
    default: null,
    meaning: 'days for which a backup is kept; without it until somebody removes it',
    expected: wholeDays(1),
    fits: isDays(1),
  },
  verify_every_days: {
    scope: 'vault',
    default: 7,
    meaning: 'days after which every version is checked again; 0: never',
    expected: wholeDays(0),
    fits: isDays(0),
  },
  outbound_hosts: {
    scope: 'vault',
    default: [],
    meaning: 'hosts in networks of our own that may be asked for keys of issuers',
    expected: `a list of 1 to ${LIST_MAX} hosts, such as ["idp.corp.example", "127.0.0.1:8443"]`,
    fits: isListOf(hostFault),
  },
  public_url: {
    scope: 'vault',
    default: null,
    meaning: 'where people reach the server with a browser; passkeys and providers need it',
    expected:
      'scheme, host and port as a browser shows them, such as "https://vault.example"; http for this machine alone',
    fits: isPublicUrl,
  },
};

/** The names of all settings. */
export const SETTING_NAMES: readonly [SettingName, ...SettingName[]] = Object.keys(
  KNOWN_SETTINGS,
) as [SettingName, ...SettingName[]];

/** Other names that settings are known by. */
const OTHER_NAMES: Readonly<Record<string, SettingName>> = {
  encryption_key_rotation_days: 'key_rotation_days',
};

/** The setting that a name is of; a name of none is given back as it is. */
export function settingNamed(name: string): string {
  return Object.hasOwn(OTHER_NAMES, name) ? (OTHER_NAMES[name] ?? name) : name;
}

/** What a number of minutes has to be, for people. */
function wholeMinutes(): string {
  return `a whole number of minutes, 1 to ${DAY_MINUTES}`;
}

function isMinutes(value: unknown): boolean {
  return isWhole(value, 1, DAY_MINUTES);
}

/** Whether a value is a short list of texts that are in order. */
function isListOf(faultOf: (text: unknown) => string | undefined): (value: unknown) => boolean {
  return (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= LIST_MAX &&
    value.every((each) => faultOf(each) === undefined);
}

/** What a number of days has to be, for people. */
function wholeDays(min: number): string {
  return `a whole number of days, ${min} to ${DAYS_MAX}`;
}

/** Whether a value is a whole number of days. */
function isDays(min: number): (value: unknown) => boolean {
  return (value) => isWhole(value, min, DAYS_MAX);
}

function isRoleName(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(value);
}

function isComplexity(value: unknown): boolean {
  if (value === 'strong') return true;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return entries.length > 0 && entries.every(([name, member]) => isRule(name, member));
}

function isRule(name: string, member: unknown): boolean {
  if (name === 'minLength') return isWhole(member, 1, LENGTH_MAX);
  if (name === 'types') {
    const types: readonly unknown[] = SECRET_TYPES;
    return Array.isArray(member) && member.length > 0 && member.every((it) => types.includes(it));
  }
  return ['upper', 'lower', 'digit', 'special'].includes(name) && typeof member === 'boolean';
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[1-9]\d{0,4})?$/;

/** Why something is no host as the address of a document has it; `undefined` if it is one. */
function hostFault(host: unknown): string | undefined {
  return typeof host === 'string' && HOST.test(host) ? undefined : 'a host';
}

/** Whether something is the origin of a page that a browser takes for secure (RFC 6454 §6.1, W3C Secure Contexts §3.1). */
function isPublicUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, hostname, origin } = new URL(value);
  if (origin !== value) return false;
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
