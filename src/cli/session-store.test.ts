import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { clientDirectory, readProfiles, writeProfiles } from './profiles.ts';
import { locateServer } from './server-target.ts';
import { dropSession, keepSession, readSession } from './session-store.ts';

const TOKEN = 'sr_session_of-a-test';
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'strongroom-client-'));
  vi.stubEnv('STRONGROOM_CONFIG_HOME', home);
  for (const name of ['STRONGROOM_ADDR', 'STRONGROOM_PATH', 'DBUS_SESSION_BUS_ADDRESS']) {
    vi.stubEnv(name, '');
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

describe('a kept session', () => {
  it('lies encrypted in a file of this user alone, and is found again', () => {
    keepSession('work', TOKEN, undefined);
    expect(readSession('work', undefined)).toBe(TOKEN);
    for (const name of readdirSync(clientDirectory())) {
      const file = join(clientDirectory(), name);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readFileSync(file, 'latin1')).not.toContain(TOKEN);
    }
    expect(statSync(clientDirectory()).mode & 0o777).toBe(0o700);
  });

  it('is of no use under another profile, and none when it was altered', () => {
    keepSession('work', TOKEN, undefined);
    const file = join(clientDirectory(), 'work.session');
    const bytes = readFileSync(file);
    writeFileSync(join(clientDirectory(), 'other.session'), bytes);
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    for (const profile of ['work', 'other']) {
      expect(() => readSession(profile, undefined)).toThrow(
        expect.objectContaining({ code: 'decryption_failed' }),
      );
    }
  });

  it('is not read with a key that is open to others', () => {
    keepSession('work', TOKEN, undefined);
    const key = join(clientDirectory(), 'client.key');
    chmodSync(key, 0o644);
    const exposed = expect.objectContaining({
      code: 'key_file_exposed',
      hint: `chmod 600 ${key}`,
    }) as Error;
    expect(() => readSession('work', undefined)).toThrow(exposed);
    expect(() => keepSession('work', TOKEN, undefined)).toThrow(exposed);
    chmodSync(key, 0o600);
    expect(readSession('work', undefined)).toBe(TOKEN);
  });

  it('is gone once it was dropped', () => {
    keepSession('work', TOKEN, undefined);
    dropSession('work', undefined);
    expect(readSession('work', undefined)).toBeUndefined();
  });

  it('lies in the keyring of the system where there is one, and in no file then', () => {
    const kept = new Map<string, string>();
    const keyring = {
      keep: (name: string, text: string) => kept.set(name, text).has(name),
      find: (name: string) => kept.get(name),
      drop: (name: string) => void kept.delete(name),
    };
    keepSession('work', TOKEN, undefined);
    keepSession('work', TOKEN, keyring);
    expect(kept.get('work')).toBe(TOKEN);
    expect(readSession('work', undefined)).toBeUndefined();
    expect(readSession('work', keyring)).toBe(TOKEN);
    dropSession('work', keyring);
    expect(kept.size).toBe(0);
  });
});

describe('the server that commands go to', () => {
  const profiles = {
    work: { address: 'https://work.example', user: 'ada' },
    home: { address: 'https://home.example' },
  };

  it('is the one that was named, then that of the variables, then that of the last login', () => {
    writeProfiles({ current: 'work', profiles });
    expect(locateServer({ address: 'https://home.example' })).toEqual({
      value: 'https://home.example',
      source: '--address',
      profile: 'home',
    });
    expect(locateServer({ profile: 'home' })).toMatchObject({ value: 'https://home.example' });
    expect(locateServer({ path: '/somewhere' })).toBeUndefined();
    vi.stubEnv('STRONGROOM_ADDR', 'https://other.example');
    expect(locateServer({})).toEqual({
      value: 'https://other.example',
      source: 'STRONGROOM_ADDR',
      profile: undefined,
    });
    vi.stubEnv('STRONGROOM_PATH', '/somewhere');
    expect(locateServer({})).toBeUndefined();
    vi.unstubAllEnvs();
  });

  it('is known however its address is written, and no other one', () => {
    writeProfiles({ profiles });
    for (const same of [
      'https://HOME.example',
      'https://home.example/',
      'https://home.example:443',
    ]) {
      expect([same, locateServer({ address: same })?.profile]).toEqual([same, 'home']);
    }
    for (const other of [
      'http://home.example',
      'https://home.example:8200',
      'https://home.example/strongroom',
      'https://home.example@evil.example',
      'https://home.example.evil.example',
      'home.example',
    ]) {
      expect([other, locateServer({ address: other })?.profile]).toEqual([other, undefined]);
    }
  });

  it('is none that there is no profile of', () => {
    writeProfiles({ profiles });
    expect(() => locateServer({ profile: 'constructor' })).toThrow(
      expect.objectContaining({ code: 'usage' }),
    );
  });

  it('is not looked for in a file that is none of profiles', () => {
    writeProfiles({ profiles });
    for (const text of ['{', '[]', '{"profiles":{"../x":{"address":"https://a"}}}']) {
      writeFileSync(join(clientDirectory(), 'profiles.json'), text);
      expect(() => readProfiles()).toThrow(expect.objectContaining({ code: 'invalid_input' }));
    }
  });
});
