import { afterEach, beforeEach, describe, expect, it } from 'vitest';

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
let owner: Session;
const at = { environment: 'production', path: 'db/KEY' };
const refusal = { code: 'escalation_refused', details: { pattern: 'default/**' } };

beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER);
  await owner.users.create({ name: 'friend' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

/** Puts a secret into the trash on which somebody has the right to read. */
async function trashed(subject: string): Promise<void> {
  await owner.secrets.create({ ...at, value: 'v', access: [{ subject, can: ['read'] }] });
  await owner.secrets.delete(at);
}

describe('rights on a secret in the trash', () => {
  it.each<[string, (who: Session) => Promise<unknown>]>([
    ['given', (who) => who.roles.assign({ name: 'dbreaders', member: 'user:friend' })],
    ['renamed', (who) => who.roles.rename({ name: 'dbreaders', to: 'x' })],
  ])('A32 A36 keep a role from being %s by who does not have them', async (_how, change) => {
    await owner.roles.create({ name: 'dbreaders' });
    await trashed('role:dbreaders');
    const eve = await limitedUser(parts, ['admin list delete', 'default/**']);
    await expect(change(eve)).rejects.toMatchObject(refusal);
    await owner.secrets.undelete(at);
    await expect(change(eve)).rejects.toMatchObject({ code: 'escalation_refused' });
  });

  it.each<[string, (who: Session) => Promise<unknown>]>([
    ['joined', (who) => who.groups.add({ name: 'ops', member: 'user:friend' })],
    ['renamed', (who) => who.groups.rename({ name: 'ops', to: 'x' })],
  ])('A32 A36 keep a group from being %s by who does not have them', async (_how, change) => {
    await owner.groups.create({ name: 'ops' });
    await trashed('group:ops');
    const eve = await limitedUser(parts, ['admin list delete', 'default/**']);
    await expect(change(eve)).rejects.toMatchObject(refusal);
  });

  it.each<[string, (who: Session) => Promise<unknown>]>([
    ['given a token', (who) => who.tokens.create({ subject: 'machine:bot' })],
    ['renamed', (who) => who.machines.rename({ name: 'bot', to: 'x' })],
  ])('A32 A36 keep a machine from being %s by who does not have them', async (_how, change) => {
    await owner.machines.create({ name: 'bot' });
    await trashed('machine:bot');
    const rights = ['admin', 'sys/access'] as const;
    const eve = await limitedUser(parts, rights, ['admin list delete', 'default/**']);
    await expect(change(eve)).rejects.toMatchObject(refusal);
  });

  it('A36 are given and taken by who has them in all of its workspace, not in a part of it', async () => {
    await owner.roles.create({ name: 'dbreaders' });
    await trashed('role:dbreaders');
    const given = { name: 'dbreaders', member: 'user:friend' };
    const admin = ['admin', 'default/**'] as const;
    const part = await limitedUser(parts, admin, ['read', 'default/production/**']);
    await expect(part.roles.assign(given)).rejects.toMatchObject(refusal);
    const whole = await limitedUser(parts, admin, ['read', 'default/**']);
    await whole.roles.assign(given);
    await expect(part.roles.unassign(given)).rejects.toMatchObject(refusal);
    await whole.roles.unassign(given);
    await owner.workspaces.create({ name: 'other' });
    const elsewhere = await limitedUser(parts, admin, ['read', 'other/**']);
    await expect(elsewhere.roles.assign(given)).rejects.toMatchObject(refusal);
  });
});
