import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { limitedUser } from '../../testing/limited-user.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

describe('grants on a secret that comes back from a backup', () => {
  it('A36 do not come to count at its place of then unless an admin of that brings it back', async () => {
    const path = 'db/PASSWORD';
    const [then, now] = [{ environment: 'production' }, { environment: 'development' }];
    await session.secrets.create({ ...then, path, value: 'v' });
    const directory = join(place.root, 'backups');
    const { file } = await session.backups.create({ directory, proof: 'later' });
    await session.secrets.move({ ...then, path, toEnvironment: now.environment });
    await session.users.create({ name: 'given' });
    const access = [{ subject: 'user:given', can: ['list', 'read'] as const }];
    await session.secrets.update({ ...now, path, access });
    await session.secrets.delete({ ...now, path });
    const all = 'list read write delete';
    const both = ['default/production/**', 'default/development/**'] as const;
    const who = await limitedUser(
      parts,
      [all, both[0]],
      [`${all} admin`, both[1]],
      ['read', 'sys/backups'],
    );
    const restore = { ...then, path, file };
    await expect(who.backups.restoreParts(restore)).rejects.toMatchObject({
      code: 'denied',
      details: { capability: 'admin', resource: `default/production/${path}` },
    });
    await session.backups.restoreParts(restore);
    const given = await parts.as('given').secrets.read({ ...then, path });
    expect(given).toMatchObject({ version: 1 });
    await session.audit.verify({});
  });
});
