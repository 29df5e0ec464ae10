import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createUser } from '../../domain/access/principals.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { GRANTS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import { limitedUser } from '../../testing/limited-user.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

const at = { environment: 'development', path: 'db/PASSWORD' };
const INSIDE = { ip: '10.1.1.1' };

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER);
  await owner.secrets.create({ ...at, value: 'v' });
  await owner.users.create({ name: 'bob' });
  await owner.access.grant({
    subject: 'user:bob',
    can: ['list', 'read', 'write', 'admin'],
    pattern: 'default/**',
    conditions: { cidr: ['10.0.0.0/8'] },
  });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

const code = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'ok',
    (error: { readonly code?: string }) => error.code,
  );

describe('rights on one secret', () => {
  it('are not given without the conditions under which the giver has them', async () => {
    const inside = parts.as('bob', INSIDE);
    for (const subject of ['user:bob', `user:${OWNER}`]) {
      const access = [{ subject, can: ['read'] as const }];
      expect(await code(inside.secrets.update({ ...at, access }))).toBe('escalation_refused');
      expect(await code(inside.secrets.write({ ...at, value: 'w', access }))).toBe(
        'escalation_refused',
      );
      const made = { ...at, path: 'db/NEW', value: 'w', access };
      expect(await code(inside.secrets.create(made))).toBe('escalation_refused');
    }
    expect(await code(parts.as('bob', { ip: '8.8.8.8' }).secrets.read(at))).toBe('denied');
    expect(await code(inside.secrets.describe({ ...at, path: 'db/NEW' }))).toBe('secret_not_found');
    const given = [{ subject: 'user:bob', can: ['list'] as const }];
    expect(await code(owner.secrets.update({ ...at, access: given }))).toBe('ok');
    expect(await code(inside.secrets.update({ ...at, access: [] }))).toBe('ok');
  });

  it('are given within what the context leaves of them, by owners too', async () => {
    const access = [{ subject: 'user:bob', can: ['read'] as const }];
    const narrow = parts.as(OWNER, { can: ['list', 'write', 'admin'] });
    expect(await code(narrow.secrets.update({ ...at, access }))).toBe('escalation_refused');
  });

  it('take no denial on the secret away from who does not have what it denies', async () => {
    const path = 'db/DENIED';
    const { id: secretId } = await owner.secrets.create({ ...at, path, value: 'v' });
    const workspace = (await owner.workspaces.list()).find(({ name }) => name === 'default');
    const admin = await limitedUser(parts, ['list write admin', 'default/**']);
    await parts.write(async (work) => {
      const { id } = await createUser(work, uuidv7(), 'carol');
      await insertRow(work.transaction, work.mac, GRANTS, {
        id: uuidv7(),
        workspace_id: workspace?.id ?? '',
        subject_kind: 'principal',
        subject_id: id,
        effect: 'deny',
        capabilities: 'read',
        pattern: `default/development/${path}`,
        conditions: null,
        created_at: work.now,
        created_by: work.actor,
        secret_id: secretId,
      });
    });
    expect(await code(admin.secrets.update({ ...at, path, access: [] }))).toBe(
      'escalation_refused',
    );
    expect(await code(owner.secrets.update({ ...at, path, access: [] }))).toBe('ok');
  });
});
