import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { SETTINGS } from '../../store/protected-tables.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import type { SettingRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { KNOWN_SETTINGS, type SettingName, type SettingValues } from './known-settings.ts';

/**
 * The rows of settings as they are known in memory. They were read with their
 * count: a row that was taken out of the database is missed, and does not fall back to a default.
 */
export interface SettingRows {
  /** @param workspaceId - `null` for a setting of the vault. */
  setting(workspaceId: string | null, name: SettingName): SettingRow | undefined;
}

/** What is needed to read a setting in a call. */
export interface SettingsWork {
  readonly standing: SettingRows;
}

/** A setting, and who set it; without a row it is the default. */
export interface SettingFound<N extends SettingName> {
  readonly value: SettingValues[N];
  readonly row: SettingRow | undefined;
}

/**
 * What a setting is: as it was set, or its default.
 *
 * @param workspaceId - `null` for a setting of the vault.
 * @throws {@link StrongroomError} `integrity_error`.
 */
export function readSetting<N extends SettingName>(
  { standing }: SettingsWork,
  workspaceId: string | null,
  name: N,
): SettingValues[N] {
  requireScope(name, workspaceId);
  return settingOf(name, standing.setting(workspaceId, name)).value;
}

/**
 * What a row says, or that none does.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export function settingOf<N extends SettingName>(
  name: N,
  row: SettingRow | undefined,
): SettingFound<N> {
  const known = KNOWN_SETTINGS[name];
  if (row === undefined) return { value: known.default, row };
  const value = parseCanonicalJson(row.value);
  if (!known.fits(value)) {
    throw new StrongroomError('integrity_error', `the setting ${name} cannot be read`, {
      hint: DAMAGED_HINT,
    });
  }
  return { value: value as SettingValues[N], row };
}

/**
 * Sets a setting, or with `null` takes it back to its default. Gives what it is then.
 *
 * @param workspaceId - `null` for a setting of the vault.
 * @throws {@link StrongroomError} `invalid_input` if the value is none for this setting.
 */
export async function writeSetting<N extends SettingName>(
  work: Work & SettingsWork,
  workspaceId: string | null,
  setting: { readonly name: N; readonly value: unknown },
): Promise<SettingFound<N>> {
  const { name, value } = setting;
  requireScope(name, workspaceId);
  const from = work.standing.setting(workspaceId, name);
  if (value === null) {
    if (from !== undefined) await removeRow(work.transaction, work.mac, SETTINGS, from);
    return settingOf(name, undefined);
  }
  requireFit(name, value);
  const set = { value: canonicalJson(value), updated_at: work.now, updated_by: work.actor };
  const row = await (from === undefined
    ? insertRow(work.transaction, work.mac, SETTINGS, {
        id: uuidv7(),
        workspace_id: workspaceId,
        name,
        ...set,
      })
    : updateRow(work.transaction, work.mac, SETTINGS, { from, set }));
  return settingOf(name, row);
}

function requireScope(name: SettingName, workspaceId: string | null): void {
  if ((KNOWN_SETTINGS[name].scope === 'vault') === (workspaceId === null)) return;
  throw new TypeError(`the setting ${name} is one of the ${KNOWN_SETTINGS[name].scope}`);
}

/**
 * Requires a value to be one of a setting.
 *
 * @param where - What it was read from, if not from a call.
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function requireFit(name: SettingName, value: unknown, where?: string): void {
  const { fits, expected } = KNOWN_SETTINGS[name];
  if (fits(value)) return;
  const what = where === undefined ? 'this' : where;
  throw new StrongroomError('invalid_input', `${what} is no value for the setting ${name}`, {
    details: { setting: name },
    hint: `it is ${expected}`,
  });
}
