import type { SettingValues } from '../../domain/settings/known-settings.ts';
import { readSetting, type SettingsWork } from '../../domain/settings/settings.ts';

/** What new values of a workspace are held against; hand it to `writeSecret`. */
export function complexityOf(work: SettingsWork, workspaceId: string): SettingValues['complexity'] {
  return readSetting(work, workspaceId, 'complexity');
}
