import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

const DAY = 86_400_000;
const environment = 'production';
const path = 'db/PASSWORD';
const said = {
  type: 'password',
  tags: ['payments'],
  description: 'of the ledger',
  usage: 'in billing',
  metadata: { team: 'blue', tier: 1 },
  expiresAt: '2030-01-01T00:00:00.000Z',
} as const;

let clock = Date.UTC(2026, 0, 1);
let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let file = '';
beforeAll(async () => {
  place = await makeTemporaryVault({ now: () => clock });
  parts = await openParts(place, { now: () => clock });
  session = parts.as(OWNER);
  await session.secrets.create({
    ...said,
    environment,
    path,
    value: 'old',
    owner: OWNER,
    rotation: 'auto_30_days',
    generator: 'password:24',
  });
  file = (await session.backups.create({ directory: join(place.root, 'backups') })).file;
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

describe('a secret from a backup', () => {
  it('has what was said about it again, also how it is rotated, when it is revived', async () => {
    await session.secrets.update({
      environment,
      path,
      rotation: 'auto_90_days',
      generator: 'hex:32',
      owner: null,
      description: 'another',
      expiresAt: null,
    });
    for (const all of [false, true]) {
      clock += DAY;
      if (all) await session.secrets.destroy({ environment, path, all });
      else await session.secrets.delete({ environment, path });
      clock += DAY;
      await session.backups.restoreParts({ file, environment, path });
      expect(await session.secrets.describe({ environment, path })).toMatchObject({
        ...said,
        ownerName: OWNER,
        rotation: 'auto_30_days',
        rotationDueAt: new Date(clock + 30 * DAY).toISOString(),
        generator: 'password:24',
      });
    }
    await expect(session.audit.verify()).resolves.toBeDefined();
  });

  it('has what was said about it under another name too, and is rotated by nobody', async () => {
    const as = 'db/COPY';
    await session.backups.restoreParts({ file, environment, path, as });
    expect(await session.secrets.describe({ environment, path: as })).toMatchObject({
      ...said,
      ownerName: OWNER,
      rotation: 'manual',
      rotationDueAt: null,
      generator: 'password:24',
    });
  });
});
