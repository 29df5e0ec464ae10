import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { rotateMany, rotateWith } from './rotate-many.ts';
import type { Session } from './session.ts';

const environment = 'production';
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

const text = async (path: string, more: object = {}): Promise<string> =>
  (await session.secrets.read({ environment, path, ...more })).value?.reveal() ?? '';
const code = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'ok',
    (error: { readonly code?: string }) => error.code,
  );

describe('rotating many', () => {
  it('rotates each for itself, and tells which failed and which have no generator', async () => {
    const tags = ['many'];
    for (const [path, generator, value] of [
      ['many/A', 'hex:32', 'a'],
      ['many/B', null, 'b'],
      ['many/C', 'database', 'no URL'],
      ['many/D', 'uuid', 'd'],
    ] as const) {
      await session.secrets.create({ environment, path, value, generator, tags });
    }
    const report = await rotateMany(session, { tag: 'many' });
    expect(new Map(report.rotated.map(({ path, version }) => [path, version]))).toEqual(
      new Map([
        ['many/A', 2],
        ['many/D', 2],
      ]),
    );
    expect(report.skipped).toEqual([{ environment, path: 'many/B' }]);
    expect(report.failed).toEqual([
      expect.objectContaining({ path: 'many/C', code: 'invalid_input' }),
    ]);
    expect(await text('many/C')).toBe('no URL');
    expect((await rotateMany(session, { tag: 'many', due: true })).rotated).toEqual([]);
    const strange = { tag: 'many', environment: 'staging' };
    expect((await rotateMany(session, strange)).rotated).toEqual([]);
  });
});

describe('rotating with a function', () => {
  it('gives it the present value, and takes what it gives', async () => {
    const path = 'with/A';
    await session.secrets.create({ environment, path, value: 'old' });
    await rotateWith(session, { environment, path }, (current) => `${current.value?.reveal()}-new`);
    expect(await text(path)).toBe('old-new');
    expect(await text(path, { stage: 'previous' })).toBe('old');
  });

  it('leaves the old value current if it fails or somebody else was quicker', async () => {
    const path = 'with/B';
    await session.secrets.create({ environment, path, value: 'old' });
    const failing = rotateWith(session, { environment, path }, () => {
      throw new TypeError('the database said no');
    });
    await expect(failing).rejects.toThrow('the database said no');
    expect(await text(path)).toBe('old');
    const slow = rotateWith(session, { environment, path }, async () => {
      await session.secrets.write({ environment, path, value: 'quicker' });
      return 'slower';
    });
    expect(await code(slow)).toBe('cas_mismatch');
    expect(await text(path)).toBe('quicker');
  });
});
