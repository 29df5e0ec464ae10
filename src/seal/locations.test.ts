import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  configDirectory,
  keyFileCandidates,
  vaultConfigDirectory,
  vaultConfigFiles,
} from './locations.ts';

const VAULT = '01900000-0000-7000-8000-000000000001';

describe('the configuration directory', () => {
  test.each(['linux', 'darwin', 'freebsd'] as const)('on %s is ~/.config', (platform) => {
    expect(configDirectory({}, platform, '/home/ada')).toBe('/home/ada/.config');
  });

  test('is XDG_CONFIG_HOME where that is set', () => {
    const env = { XDG_CONFIG_HOME: '/srv/config', APPDATA: '/ignored' };
    expect(configDirectory(env, 'linux', '/home/ada')).toBe('/srv/config');
    expect(configDirectory(env, 'darwin', '/home/ada')).toBe('/srv/config');
  });

  test.each(['', 'config', './config'])('is not a relative XDG_CONFIG_HOME: %j', (relative) => {
    const env = { XDG_CONFIG_HOME: relative };
    expect(configDirectory(env, 'linux', '/home/ada')).toBe('/home/ada/.config');
  });

  test('is STRONGROOM_CONFIG_HOME before all others, from this directory on', () => {
    const env = { STRONGROOM_CONFIG_HOME: '/srv/own', XDG_CONFIG_HOME: '/srv/config' };
    expect(configDirectory(env, 'linux', '/home/ada')).toBe('/srv/own');
    const relative = { STRONGROOM_CONFIG_HOME: 'own' };
    expect(configDirectory(relative, 'linux', '/home/ada')).toBe(join(process.cwd(), 'own'));
    const windows = { STRONGROOM_CONFIG_HOME: 'D:\\own', APPDATA: 'D:\\Roaming' };
    expect(configDirectory(windows, 'win32', 'C:\\Users\\ada')).toBe('D:\\own');
  });

  test('on Windows is APPDATA, or where that usually is', () => {
    const home = 'C:\\Users\\ada';
    const env = { APPDATA: 'D:\\Roaming', XDG_CONFIG_HOME: '/ignored' };
    expect(configDirectory(env, 'win32', home)).toBe('D:\\Roaming');
    expect(configDirectory({}, 'win32', home)).toBe('C:\\Users\\ada\\AppData\\Roaming');
  });

  test('is that of this process unless told otherwise', () => {
    expect(configDirectory()).toBe(configDirectory(process.env, process.platform, homedir()));
    expect(vaultConfigDirectory(VAULT)).toBe(vaultConfigDirectory(VAULT, configDirectory()));
  });
});

describe('the files of a vault', () => {
  test('are below its id', () => {
    const directory = join('/home/ada/.config', 'strongroom', 'vaults', VAULT);
    expect(vaultConfigDirectory(VAULT, '/home/ada/.config')).toBe(directory);
    expect(vaultConfigFiles(VAULT, '/home/ada/.config')).toEqual({
      masterKey: join(directory, 'master.key'),
      auditKey: join(directory, 'audit.pub'),
      checkpoint: join(directory, 'checkpoint'),
      backupKey: join(directory, 'backup.pub'),
    });
  });

  test.each(['', '..', '../../etc', VAULT.toUpperCase().replace('8', 'A'), `${VAULT}/..`])(
    'are not looked for below %j',
    (id) => {
      expect(() => vaultConfigDirectory(id, '/home/ada/.config')).toThrow(RangeError);
      expect(() => keyFileCandidates('/srv/vault', id, '/home/ada/.config')).toThrow(RangeError);
    },
  );
});

test('a key file is looked for outside of the vault first', () => {
  expect(keyFileCandidates('/srv/vault', VAULT, '/home/ada/.config')).toEqual([
    join('/home/ada/.config', 'strongroom', 'vaults', VAULT, 'master.key'),
    join('/srv/vault', 'master.key'),
  ]);
});
