import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { SETTINGS } from '../../store/protected-tables.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SettingRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { KNOWN_SETTINGS, type SettingName, type SettingValues } from './known-settings.ts';

const ofWorkspace = statement((db, p: Parameters<{ workspaceId: string; name: string }>) =>
  db
    .selectFrom('settings')
    .selectAll()
    .where('workspace_id', '=', p('workspaceId'))
    .where('name', '=', p('name')),
);

const ofVault = statement((db, p: Parameters<{ name: string }>) =>
  db
    .selectFrom('settings')
    .selectAll()
    .where('workspace_id', 'is', null)
    .where('name', '=', p('name')),
);

/** What is needed to read a setting; every {@link Work} will do. */
export type SettingsWork = Pick<Work, 'transaction' | 'mac'>;

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
export async function readSetting<N extends SettingName>(
  work: SettingsWork,
  workspaceId: string | null,
  name: N,
): Promise<SettingValues[N]> {
  return (await findSetting(work, workspaceId, name)).value;
}

/** As {@link readSetting}, with the row that says so. */
export async function findSetting<N extends SettingName>(
  work: SettingsWork,
  workspaceId: string | null,
  name: N,
): Promise<SettingFound<N>> {
  const known = KNOWN_SETTINGS[name];
  requireScope(name, workspaceId);
  const row = await (workspaceId === null
    ? work.transaction.get(ofVault, { name })
    : work.transaction.get(ofWorkspace, { workspaceId, name }));
  if (row === undefined) return { value: known.default, row };
  work.mac.check(SETTINGS, row);
  const value = parseCanonicalJson(row.value);
  if (!known.fits(value)) {
    throw new StrongroomError('integrity_error', `the setting ${name} cannot be read`, {
      hint: DAMAGED_HINT,
    });
  }
  return { value: value as SettingValues[N], row };
}

/**
 * Sets a setting, or with `null` takes it back to its default.
 *
 * @param workspaceId - `null` for a setting of the vault.
 * @throws {@link StrongroomError} `invalid_input` if the value is none for this setting.
 */
export async function writeSetting(
  work: Work,
  workspaceId: string | null,
  setting: { readonly name: SettingName; readonly value: unknown },
): Promise<void> {
  const { name, value } = setting;
  const { row } = await findSetting(work, workspaceId, name);
  if (value === null) {
    if (row !== undefined) await removeRow(work.transaction, work.mac, SETTINGS, row);
    return;
  }
  requireFit(name, value);
  const set = { value: canonicalJson(value), updated_at: work.now, updated_by: work.actor };
  await (row === undefined
    ? insertRow(work.transaction, work.mac, SETTINGS, {
        id: uuidv7(),
        workspace_id: workspaceId,
        name,
        ...set,
      })
    : updateRow(work.transaction, work.mac, SETTINGS, { from: row, set }));
}

function requireScope(name: SettingName, workspaceId: string | null): void {
  if ((KNOWN_SETTINGS[name].scope === 'vault') === (workspaceId === null)) return;
  throw new TypeError(`the setting ${name} is one of the ${KNOWN_SETTINGS[name].scope}`);
}

function requireFit(name: SettingName, value: unknown): void {
  const { fits, expected } = KNOWN_SETTINGS[name];
  if (fits(value)) return;
  throw new StrongroomError('invalid_input', `this is no value for the setting ${name}`, {
    details: { setting: name },
    hint: `it is ${expected}`,
  });
}
