import type { Command } from 'commander';

import { configDirectory } from '../../seal/locations.ts';
import { environmentOption } from '../option-values.ts';
import { locateVault, type Setting } from '../project.ts';
import { locateServer } from '../server-target.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { principalOf, settledEnvironment, type GlobalOptions } from '../vault-access.ts';
import { settledKey } from '../vault-keys.ts';

/** Names the days of policy `auto`. */
const ROTATION_DAYS = 'SECRET_ROTATION_DAYS';

/** Names the directory of backups. */
const BACKUP_PATH = 'STRONGROOM_BACKUP_PATH';

interface ConfigOptions extends GlobalOptions {
  readonly environment?: string;
}

/** `strongroom config`: the settings that commands would use, and where each came from. Opens no vault. */
export function registerConfig(program: Command, terminal: Terminal): void {
  program
    .command('config')
    .description('show the settings in effect, and where each comes from')
    .addOption(environmentOption())
    .action((_: object, command: Command) => {
      const settings = settingsOf(command);
      const rows = Object.entries(settings).map(([name, { value, source }]) => [
        name,
        value ?? '(none)',
        source,
      ]);
      terminal.result(settings, formatTable(['setting', 'value', 'from'], rows));
    });
}

type Settings = Readonly<
  Record<string, Omit<Setting, 'value'> & { readonly value: string | null }>
>;

function settingsOf(command: Command): Settings {
  const options = command.optsWithGlobals<ConfigOptions>();
  const workspaceSource = command.parent?.getOptionValueSource('workspace');
  return {
    server: locateServer(options) ?? { value: null, source: 'none is named' },
    path: locateVault(options.path) ?? { value: null, source: 'no vault here or above' },
    workspace: {
      value: options.workspace ?? 'default',
      source:
        workspaceSource === 'env'
          ? 'STRONGROOM_WORKSPACE'
          : workspaceSource === undefined
            ? 'default'
            : '--workspace',
    },
    environment: settledEnvironment(options.environment, options),
    principal: principalOf(options),
    key: settledKey(options),
    configDirectory: {
      value: configDirectory(),
      source: ['STRONGROOM_CONFIG_HOME', 'XDG_CONFIG_HOME'].find(isSet) ?? 'default',
    },
    rotationDays: isSet(ROTATION_DAYS)
      ? { value: process.env[ROTATION_DAYS] ?? '', source: ROTATION_DAYS }
      : { value: '90', source: 'default' },
    backupPath: isSet(BACKUP_PATH)
      ? { value: process.env[BACKUP_PATH] ?? '', source: BACKUP_PATH }
      : { value: null, source: 'not set' },
  };
}

function isSet(variable: string): boolean {
  return (process.env[variable] ?? '') !== '';
}
