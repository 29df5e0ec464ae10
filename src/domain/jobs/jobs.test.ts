import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { advanceJob, beginJob, findJob, finishJob, jobInput } from './jobs.ts';

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

const job = { kind: 'test', workspaceId: null, input: { of: 'a' }, total: 3 };

describe('a job', () => {
  it('goes on where it stopped, until it is finished', async () => {
    const begun = await parts.write((work) => beginJob(work, job));
    const next = { position: 'b', done: 2 };
    await parts.write((work) => advanceJob(work, begun, next));
    await parts.write(async (work) => {
      const found = await findJob(work, 'test', null);
      expect(found).toMatchObject({ position: 'b', done: 2, total: 3, state: 'running' });
      expect(found && jobInput(found)).toEqual({ of: 'a' });
      if (found !== undefined) await finishJob(work, found, { done: 3, failed: 1 });
      expect(await findJob(work, 'test', null)).toBeUndefined();
    });
    expect(await parts.as(OWNER).jobs.list()).toMatchObject([
      { id: begun.id, kind: 'test', workspace: null, state: 'finished', done: 3, failed: 1 },
    ]);
    expect(await parts.as(OWNER).jobs.list({ running: true })).toEqual([]);
  });

  it('of one kind is there once in a workspace, and beside it one for the whole vault', async () => {
    const [workspace] = await parts.as(OWNER).workspaces.list();
    const workspaceId = workspace?.id ?? null;
    await parts.write((work) => beginJob(work, job));
    await expect(parts.write((work) => beginJob(work, job))).rejects.toMatchObject({
      code: 'job_running',
    });
    await parts.write((work) => beginJob(work, { ...job, workspaceId }));
    await parts.write((work) => beginJob(work, { ...job, kind: 'other' }));
    expect(await parts.as(OWNER).jobs.list({ running: true })).toHaveLength(3);
  });

  it('that is under way is found behind any number that are over, and so is the last root key', async () => {
    await parts.as(OWNER).keys.beginRoot({ keep: [{ kind: 'keyfile', path: place.keyFile }] });
    const { root } = await parts.as(OWNER).keys.rotateRoot();
    const [rotated] = await parts.as(OWNER).jobs.list();
    const begun = await parts.write((work) => beginJob(work, { ...job, kind: 'old' }));
    await parts.write(async (work) => {
      const later = { ...work, now: work.now + 60_000 };
      for (let count = 0; count <= 1000; count += 1) {
        await finishJob(later, await beginJob(later, job));
      }
    });
    expect(await parts.as(OWNER).jobs.list({ running: true })).toMatchObject([{ id: begun.id }]);
    expect((await parts.as(OWNER).keys.status()).root).toEqual({
      id: root,
      createdAt: rotated?.startedAt,
    });
  });

  it('that was altered in the database is refused', async () => {
    await parts.write((work) => beginJob(work, job));
    tamper(place, (db) => db.exec('UPDATE jobs SET done = 2'));
    await expect(parts.write((work) => findJob(work, 'test', null))).rejects.toMatchObject({
      code: 'integrity_error',
    });
    await expect(parts.as(OWNER).jobs.list()).rejects.toMatchObject({ code: 'integrity_error' });
  });
});
