import { parseDuration } from '../../lib/duration.ts';
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
  /** A duration such as `1d` or `12h`. */
  readonly backup_every: string | null;
  readonly backup_keep_days: number | null;
  readonly verify_every_days: number;
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
};

/** The names of all settings. */
export const SETTING_NAMES: readonly [SettingName, ...SettingName[]] = Object.keys(
  KNOWN_SETTINGS,
) as [SettingName, ...SettingName[]];

/** What a number of days has to be, for people. */
function wholeDays(min: number): string {
  return `a whole number of days, ${min} to ${DAYS_MAX}`;
}

/** Whether a value is a whole number of days. */
function isDays(min: number): (value: unknown) => boolean {
  return (value) => isWhole(value, min, DAYS_MAX);
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
