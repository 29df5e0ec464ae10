import type { SettingName } from '../domain/settings/known-settings.ts';
import { requireFit, writeSetting } from '../domain/settings/settings.ts';
import type { Work } from '../domain/work.ts';

/** Settings of the vault that the environment gives a new one. */
const VARIABLES = { SECRET_AUDIT_RETENTION_DAYS: 'audit_retention_days' } as const;

/** A setting and its value. */
export interface FirstSetting {
  readonly name: SettingName;
  readonly value: unknown;
}

/**
 * What a new vault is set to by environment variables.
 *
 * @throws {@link StrongroomError} `invalid_input` for a value that is none of the setting.
 */
export function firstSettings(): readonly FirstSetting[] {
  const found: FirstSetting[] = [];
  for (const [variable, name] of Object.entries(VARIABLES)) {
    const text = process.env[variable];
    if (text === undefined || text === '') continue;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : text;
    requireFit(name, value, variable);
    found.push({ name, value });
  }
  return found;
}

/** Sets a vault that is being made, which has no settings yet. */
export async function writeFirstSettings(
  work: Work,
  settings: readonly FirstSetting[],
): Promise<void> {
  const standing = { setting: () => undefined };
  for (const setting of settings) await writeSetting({ ...work, standing }, null, setting);
}
