import { z } from 'zod';

import {
  KNOWN_SETTINGS,
  SETTING_NAMES,
  settingNamed,
  type SettingName,
  type SettingScope,
} from '../../domain/settings/known-settings.ts';
import { settingOf, writeSetting, type SettingFound } from '../../domain/settings/settings.ts';
import { StrongroomError } from '../../errors.ts';
import type { EntrySubject } from '../../domain/audit/entry.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { ADMIN, IN_WORKSPACE } from '../rest-binding.ts';
import * as schema from './schema.ts';
import { settingWarnings } from './setting-warnings.ts';

export interface ReadSettingsInput {
  readonly workspace?: string | undefined;
  /** One setting. Default: all of the workspace, and those of the vault for who may see them. */
  readonly name?: SettingName | undefined;
}

export interface WriteSettingInput {
  /** Without meaning for a setting of the vault. */
  readonly workspace?: string | undefined;
  readonly name: SettingName;
  /** A JSON value of the setting's own shape; `null` takes it back to its default. */
  readonly value: unknown;
}

/** A setting as it is in effect. */
export interface SettingView {
  readonly name: SettingName;
  readonly scope: SettingScope;
  readonly value: unknown;
  readonly default: unknown;
  /** Whether somebody set it. */
  readonly isSet: boolean;
  readonly meaning: string;
  readonly updatedAt: string | null;
  /** The present name of who set it. */
  readonly updatedByName: string | null;
}

/** A setting that was set. */
export interface SettingWritten extends SettingView {
  /** What is odd about it, such as that the caller shuts themself out. */
  readonly warnings: readonly string[];
}

export interface Settings {
  readonly settings: readonly SettingView[];
}

/** Of all settings `complexity` alone holds an object. */
const value = z.json().meta({
  wire: {
    shape: {
      of: {
        minLength: 'any',
        upper: 'any',
        lower: 'any',
        digit: 'any',
        special: 'any',
        types: 'any',
      },
    },
  },
});

const settingMembers: schema.Members<SettingView> = {
  name: z.enum(SETTING_NAMES),
  scope: z.enum(['workspace', 'vault']),
  value,
  default: value,
  isSet: z.boolean(),
  meaning: z.string(),
  updatedAt: schema.instant.nullable(),
  updatedByName: z.string().nullable(),
};
const settingView = schema.answer<SettingView>(settingMembers);

const known = (z.unknown() as z.ZodType<SettingName>).superRefine((text, context) => {
  if (SETTING_NAMES.includes(text)) return;
  const fault = new StrongroomError('invalid_input', 'there is no such setting', {
    hint: `the settings are ${SETTING_NAMES.join(', ')}`,
  });
  context.addIssue({ code: 'custom', params: { fault } });
});

const name: z.ZodType<SettingName> = z.preprocess(
  (text) => (typeof text === 'string' ? settingNamed(text) : text),
  known,
);

export const readSettings: Operation<ReadSettingsInput, Settings> = {
  name: 'settings.read',
  summary: 'Says which settings are in effect, and who set them.',
  errors: [],
  input: z.strictObject({ workspace: schema.workspace, name: name.optional() }),
  output: schema.answer<Settings>({ settings: z.array(settingView) }),
  rest: [
    { method: 'GET', path: `${IN_WORKSPACE}/settings` },
    { method: 'GET', path: `${ADMIN}/settings/{name}`, omit: ['workspace'] },
  ],
  secretMembers: [],
  mutates: false,
  requires: (input) => [requirement(input)],
  subject: subjectOf,
  apply: async (input, call) => {
    const names = input.name === undefined ? SETTING_NAMES : [input.name];
    const settings: SettingView[] = [];
    for (const each of names) {
      const isOfVault = KNOWN_SETTINGS[each].scope === 'vault';
      if (isOfVault && !call.may('admin', ['sys', 'settings'])) continue;
      const id = isOfVault ? null : workspaceId(call, input);
      settings.push(view(call, each, settingOf(each, call.standing.setting(id, each))));
    }
    return { settings };
  },
};

/** Errors: `workspace_not_found`, `invalid_input` if the value is none of this setting. */
export const writeSettings: Operation<WriteSettingInput, SettingWritten> = {
  name: 'settings.write',
  summary: 'Sets a setting, or takes it back to its default.',
  errors: [],
  input: z.strictObject({ workspace: schema.workspace, name, value }),
  output: schema.answer<SettingWritten>({ ...settingMembers, warnings: schema.texts }),
  rest: [
    { method: 'PUT', path: `${IN_WORKSPACE}/settings/{name}` },
    { method: 'PUT', path: `${ADMIN}/settings/{name}`, omit: ['workspace'] },
  ],
  secretMembers: [],
  mutates: true,
  requires: (input) => [requirement(input)],
  subject: subjectOf,
  apply: async (input, call) => {
    const id = KNOWN_SETTINGS[input.name].scope === 'vault' ? null : workspaceId(call, input);
    const written = await writeSetting(call, id, input);
    const warnings = await settingWarnings(call, input, written.row);
    return { ...view(call, input.name, written), warnings };
  },
};

function requirement(input: ReadSettingsInput): Requirement {
  const isOfVault = input.name !== undefined && KNOWN_SETTINGS[input.name].scope === 'vault';
  const resource = isOfVault ? ['sys', 'settings'] : [schema.workspaceOf(input)];
  return { capability: 'admin', resource };
}

function subjectOf(input: ReadSettingsInput): EntrySubject {
  const isOfVault = input.name !== undefined && KNOWN_SETTINGS[input.name].scope === 'vault';
  return {
    workspace: isOfVault ? undefined : schema.workspaceOf(input),
    detail: input.name,
  };
}

function workspaceId(call: Call, input: ReadSettingsInput): string {
  return call.directory.workspace(schema.workspaceOf(input)).id;
}

function view(call: Call, of: SettingName, { value, row }: SettingFound<SettingName>): SettingView {
  const { scope, meaning, default: byDefault } = KNOWN_SETTINGS[of];
  return {
    name: of,
    scope,
    value,
    default: byDefault,
    isSet: row !== undefined,
    meaning,
    updatedAt: row === undefined ? null : isoTime(row.updated_at),
    updatedByName: row === undefined ? null : call.policy.nameOf(row.updated_by),
  };
}
