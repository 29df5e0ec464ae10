import { z } from 'zod';

import {
  KNOWN_SETTINGS,
  SETTING_NAMES,
  type SettingName,
  type SettingScope,
} from '../../domain/settings/known-settings.ts';
import { findSetting, writeSetting } from '../../domain/settings/settings.ts';
import { StrongroomError } from '../../errors.ts';
import type { EntrySubject } from '../../domain/audit/entry.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import * as schema from './schema.ts';
import { toIso } from './secret-view.ts';

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

export interface Settings {
  readonly settings: readonly SettingView[];
}

const name: z.ZodType<SettingName> = z.custom<SettingName>().superRefine((text, context) => {
  if (SETTING_NAMES.includes(text)) return;
  const fault = new StrongroomError('invalid_input', 'there is no such setting', {
    hint: `the settings are ${SETTING_NAMES.join(', ')}`,
  });
  context.addIssue({ code: 'custom', params: { fault } });
});

/** Errors: `workspace_not_found`. */
export const readSettings: Operation<ReadSettingsInput, Settings> = {
  name: 'settings.read',
  summary: 'Says which settings are in effect, and who set them.',
  input: z.strictObject({ workspace: schema.workspace, name: name.optional() }),
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
      settings.push(await view(call, isOfVault ? null : workspaceId(call, input), each));
    }
    return { settings };
  },
};

/** Errors: `workspace_not_found`, `invalid_input` if the value is none of this setting. */
export const writeSettings: Operation<WriteSettingInput, SettingView> = {
  name: 'settings.write',
  summary: 'Sets a setting, or takes it back to its default.',
  input: z.strictObject({ workspace: schema.workspace, name, value: z.json() }),
  secretMembers: [],
  mutates: true,
  requires: (input) => [requirement(input)],
  subject: subjectOf,
  apply: async (input, call) => {
    const id = KNOWN_SETTINGS[input.name].scope === 'vault' ? null : workspaceId(call, input);
    await writeSetting(call, id, input);
    return view(call, id, input.name);
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

async function view(call: Call, id: string | null, of: SettingName): Promise<SettingView> {
  const { scope, meaning, default: byDefault } = KNOWN_SETTINGS[of];
  const { value, row } = await findSetting(call, id, of);
  return {
    name: of,
    scope,
    value,
    default: byDefault,
    isSet: row !== undefined,
    meaning,
    updatedAt: row === undefined ? null : toIso(row.updated_at),
    updatedByName: row === undefined ? null : call.policy.nameOf(row.updated_by),
  };
}
