import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  openTemporaryVault,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';

let place: TemporaryVault;
let parts: OpenParts;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

describe('settings', () => {
  it('are their defaults until somebody sets them, and again after they are reset', async () => {
    const { settings } = parts.as(OWNER);
    const name = 'trash_retention_days';
    const valueOf = async (): Promise<unknown> =>
      (await settings.read({ name })).settings[0]?.value;
    expect(await valueOf()).toBe(30);
    expect(await settings.write({ name, value: 7 })).toMatchObject({
      value: 7,
      isSet: true,
      updatedByName: OWNER,
    });
    expect(await valueOf()).toBe(7);
    expect(await settings.write({ name, value: 8 })).toMatchObject({ value: 8 });
    expect(await settings.write({ name, value: null })).toMatchObject({ value: 30, isSet: false });
    expect(await valueOf()).toBe(30);
  });

  it('belong to one workspace each', async () => {
    const session = parts.as(OWNER);
    await session.workspaces.create({ name: 'billing' });
    const name = 'trash_retention_days';
    await session.settings.write({ workspace: 'billing', name, value: 3 });
    const [first] = (await session.settings.read({ name })).settings;
    const [second] = (await session.settings.read({ workspace: 'billing', name })).settings;
    expect([first?.value, second?.value]).toEqual([30, 3]);
  });

  it.each([
    ['trash_retention_days', -1],
    ['trash_retention_days', 1.5],
    ['trash_retention_days', '7'],
    ['trash_retention_days', 1e9],
    ['key_rotation_days', 0],
    ['complexity', 'weak'],
    ['complexity', {}],
    ['complexity', { minLength: 0 }],
    ['complexity', { minLength: 12, colour: true }],
    ['complexity', { types: ['nothing'] }],
    ['complexity', []],
    ['allowed_ip_ranges', []],
    ['allowed_ip_ranges', ['10.0.0.0/33']],
    ['allowed_ip_ranges', ['::ffff:10.0.0.0/104']],
    ['allowed_ip_ranges', '10.0.0.0/8'],
    ['allowed_ip_ranges', Array.from({ length: 65 }, () => '10.0.0.0/8')],
    ['allowed_user_agents', ['']],
    ['allowed_user_agents', ['*********']],
    ['require_mfa', 'yes'],
    ['session_timeout_minutes', 0],
    ['session_timeout_minutes', 1441],
    ['max_failed_attempts', 0],
    ['lockout_duration_minutes', 1.5],
    ['audit_retention_days', -1],
    ['key_rotation_days', 3651],
  ] as const)('A30 refuse %s of %j with a hint that says what it is', async (name, value) => {
    const refused = parts.as(OWNER).settings.write({ name, value });
    await expect(refused).rejects.toMatchObject({
      code: 'invalid_input',
      hint: expect.stringMatching(/^it is /) as string,
    });
  });

  it('that nobody knows are refused, naming those that are known', async () => {
    const refused = parts.as(OWNER).settings.read({ name: 'colour' as never });
    await expect(refused).rejects.toMatchObject({
      code: 'invalid_input',
      hint: expect.stringContaining('trash_retention_days') as string,
    });
  });

  it.each(["UPDATE settings SET value = '1', row_revision = 9", 'DELETE FROM settings'])(
    'hold on to what was set when somebody writes to the database: %s',
    async (change) => {
      const { settings, secrets } = parts.as(OWNER);
      await settings.write({ name: 'trash_retention_days', value: 7 });
      await settings.write({ name: 'complexity', value: 'strong' });
      tamper(place, (db) => db.exec(change));
      const { settings: found } = await settings.read({ name: 'trash_retention_days' });
      expect(found).toMatchObject([{ value: 7, isSet: true }]);
      const weak = {
        environment: 'development',
        path: 'A',
        type: 'password',
        value: 'weak',
      } as const;
      await expect(secrets.write(weak)).rejects.toMatchObject({ code: 'too_weak' });
      for (const value of [8, null]) {
        const written = settings.write({ name: 'trash_retention_days', value });
        await expect(written).rejects.toMatchObject({ code: 'integrity_error' });
      }
    },
  );

  it('are not believed when their row was altered', async () => {
    await parts.as(OWNER).settings.write({ name: 'trash_retention_days', value: 7 });
    await parts.vault.close();
    tamper(place, (db) => db.exec("UPDATE settings SET value = '1'"));
    await expect(openTemporaryVault(place)).rejects.toMatchObject({ code: 'integrity_error' });
    // What follows closes it again.
    parts = { ...parts, vault: { close: () => Promise.resolve() } as never };
  });

  it('of a workspace that is gone are gone with it', async () => {
    const session = parts.as(OWNER);
    await session.workspaces.create({ name: 'billing' });
    const name = 'require_mfa';
    await session.settings.write({ workspace: 'billing', name, value: true });
    await parts.as(OWNER, { mfa: true }).workspaces.delete({ name: 'billing' });
    await session.workspaces.create({ name: 'billing' });
    const { settings } = await session.settings.read({ workspace: 'billing', name });
    expect(settings).toMatchObject([{ value: false, isSet: false }]);
  });

  it('say where backups that are wanted have no place', async () => {
    const { settings } = parts.as(OWNER);
    const name = 'backup_every';
    try {
      vi.stubEnv('STRONGROOM_BACKUP_PATH', '');
      const { warnings } = await settings.write({ name, value: '1d' });
      expect(warnings).toEqual([expect.stringContaining('STRONGROOM_BACKUP_PATH')]);
      expect(await settings.write({ name, value: null })).toMatchObject({ warnings: [] });
      vi.stubEnv('STRONGROOM_BACKUP_PATH', '/srv/backups');
      expect(await settings.write({ name, value: '1d' })).toMatchObject({ warnings: [] });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('are known by another name too, and are the same setting', async () => {
    const { settings } = parts.as(OWNER);
    const name = 'encryption_key_rotation_days' as 'key_rotation_days';
    expect(await settings.write({ name, value: 30 })).toMatchObject({ name: 'key_rotation_days' });
    const found = await settings.read({ name: 'key_rotation_days' });
    expect(found.settings).toMatchObject([{ value: 30 }]);
  });

  it('are missed when the vault is opened and one is gone', async () => {
    await parts.as(OWNER).settings.write({ name: 'trash_retention_days', value: 7 });
    await parts.vault.close();
    tamper(place, (db) => db.exec('DELETE FROM settings'));
    await expect(openTemporaryVault(place)).rejects.toMatchObject({ code: 'integrity_error' });
    // What follows closes it again.
    parts = { ...parts, vault: { close: () => Promise.resolve() } as never };
  });
});
