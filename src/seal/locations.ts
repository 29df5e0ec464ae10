import { homedir } from 'node:os';
import { join, posix, sep, win32 } from 'node:path';
import { isUuid } from '../lib/ids.ts';

/** Where one user keeps what belongs to a vault and must not lie in it. */
export interface VaultConfigFiles {
  /** The key file. */
  readonly masterKey: string;
  /** The verifier keys of the audit log. */
  readonly auditKey: string;
  /** The newest checkpoint of the audit log. */
  readonly checkpoint: string;
  /** The verifier keys of backups. */
  readonly backupKey: string;
}

/** The name of the key file, in either place. */
const MASTER_KEY = 'master.key';

/**
 * The user's directory for configuration: `$STRONGROOM_CONFIG_HOME`, else
 * `$XDG_CONFIG_HOME` or `~/.config` (XDG Base Directory Specification, by which
 * a relative path is ignored), also on macOS; `%APPDATA%` on Windows.
 */
export function configDirectory(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homeDirectory(),
): string {
  const own = env['STRONGROOM_CONFIG_HOME'] ?? '';
  if (own !== '') return (platform === 'win32' ? win32 : posix).resolve(own);
  if (platform === 'win32') {
    const chosen = env['APPDATA'] ?? '';
    return win32.isAbsolute(chosen) ? chosen : win32.join(home, 'AppData', 'Roaming');
  }
  const chosen = env['XDG_CONFIG_HOME'] ?? '';
  return posix.isAbsolute(chosen) ? chosen : posix.join(home, '.config');
}

/** A user without an entry in the system's list has none: then it is `/`, as containers have it. */
function homeDirectory(): string {
  try {
    return homedir();
  } catch {
    return sep;
  }
}

/**
 * The directory of a vault below the configuration directory. It is chosen by
 * the vault's id, so that a vault that was moved still finds its key.
 *
 * @param config - As {@link configDirectory} gives it.
 * @throws RangeError if the vault id is no UUID, as it becomes part of a path.
 */
export function vaultConfigDirectory(vaultId: string, config: string = configDirectory()): string {
  if (!isUuid(vaultId)) throw new RangeError('a uuid was expected');
  return join(config, 'strongroom', 'vaults', vaultId);
}

/** The files in {@link vaultConfigDirectory}. None needs to exist. */
export function vaultConfigFiles(vaultId: string, config?: string): VaultConfigFiles {
  const directory = vaultConfigDirectory(vaultId, config);
  return {
    masterKey: join(directory, MASTER_KEY),
    auditKey: join(directory, 'audit.pub'),
    checkpoint: join(directory, 'checkpoint'),
    backupKey: join(directory, 'backup.pub'),
  };
}

/**
 * Where the key file of a vault is looked for, in this order: the user's
 * configuration directory, then the vault's own directory. A key in the second
 * place is copied along with the vault, so whoever uses it should warn.
 */
export function keyFileCandidates(
  vaultDirectory: string,
  vaultId: string,
  config?: string,
): readonly [configured: string, besideVault: string] {
  return [vaultConfigFiles(vaultId, config).masterKey, join(vaultDirectory, MASTER_KEY)];
}
