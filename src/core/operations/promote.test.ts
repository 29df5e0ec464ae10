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
let secrets: Session['secrets'];
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  ({ secrets } = session);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

const staging = { environment: 'staging' };
const production = { environment: 'production' };

async function clear(
  who: Session,
  input: Parameters<Session['secrets']['read']>[0],
): Promise<unknown> {
  const read = await who.secrets.read(input);
  return read.kind === 'fields' ? undefined : read.value.reveal();
}

describe('a promotion', () => {
  it('tells first, then copies what is new or has another value, and nothing else', async () => {
    for (const [path, value] of [
      ['p/new', 'n'],
      ['p/other', 'o'],
      ['p/same', 's'],
    ] as const) {
      await secrets.create({ ...staging, path, value });
    }
    await secrets.create({ ...production, path: 'p/other', value: 'old', tags: ['kept'] });
    await secrets.create({ ...production, path: 'p/same', value: 's' });
    await secrets.create({ ...production, path: 'p/alone', value: 'a' });
    const input = { from: 'staging', to: 'production', prefix: 'p/' };
    const plan = {
      added: ['p/new'],
      changed: ['p/other'],
      unchanged: ['p/same'],
      inactive: [] as string[],
      withoutValue: [] as string[],
      deleted: [] as string[],
    };
    const { promote } = session.environments;
    expect(await promote({ ...input, dryRun: true })).toEqual(plan);
    expect(await clear(session, { ...production, path: 'p/other' })).toBe('old');
    expect(await promote(input)).toEqual(plan);
    expect(await clear(session, { ...production, path: 'p/other' })).toBe('o');
    expect(await clear(session, { ...production, path: 'p/new' })).toBe('n');
    expect(await secrets.describe({ ...production, path: 'p/other' })).toMatchObject({
      version: 2,
      tags: ['kept'],
    });
    expect(await promote({ ...input, delete: true })).toMatchObject({ deleted: ['p/alone'] });
    await expect(secrets.read({ ...production, path: 'p/alone' })).rejects.toMatchObject({
      code: 'secret_deleted',
    });
    await session.audit.verify({});
  });

  it('puts on record what it compared, also when it is only tried', async () => {
    for (const at of [staging, production]) {
      await secrets.create({ ...at, path: 'o/same', value: 'v' });
    }
    await secrets.create({ ...staging, path: 'o/new', value: 'v' });
    const input = { from: 'staging', to: 'production', prefix: 'o/', dryRun: true };
    expect(await session.environments.promote(input)).toMatchObject({ unchanged: ['o/same'] });
    const { entries } = await session.audit.query({ action: 'secrets.diff', limit: 10 });
    expect(
      entries
        .filter(({ path }) => path?.startsWith('o/'))
        .map(({ environment, path, version }) => [environment, path, version]),
    ).toEqual([
      ['production', 'o/same', 1],
      ['staging', 'o/same', 1],
    ]);
  });

  it('shows and takes only what the caller may list', async () => {
    await secrets.create({ ...staging, path: 'q/open', value: 'v' });
    await secrets.create({ ...staging, path: 'q/hidden', value: 'v' });
    const who = await limitedUser(
      parts,
      ['list read', 'default/staging/q/open'],
      ['list read write', 'default/production/q/**'],
    );
    expect(
      await who.environments.promote({ from: 'staging', to: 'production', prefix: 'q/' }),
    ).toEqual({
      added: ['q/open'],
      changed: [],
      unchanged: [],
      inactive: [],
      withoutValue: [],
      deleted: [],
    });
  });

  it('A36 leaves out what is inactive, and lists it', async () => {
    for (const name of ['there', 'new']) {
      await secrets.create({ ...staging, path: `i/${name}`, value: 'inactive' });
      await secrets.update({ ...staging, path: `i/${name}`, active: false });
    }
    await secrets.create({ ...production, path: 'i/there', value: 'live' });
    const input = { from: 'staging', to: 'production', prefix: 'i/', delete: true };
    const left = {
      added: [],
      changed: [],
      unchanged: [],
      inactive: ['i/new', 'i/there'],
      withoutValue: [],
      deleted: [],
    };
    const { promote } = session.environments;
    expect(await promote({ ...input, dryRun: true })).toEqual(left);
    expect(await promote(input)).toEqual(left);
    expect(await clear(session, { ...production, path: 'i/there' })).toBe('live');
    await expect(secrets.read({ ...production, path: 'i/new' })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
  });

  it('leaves out what has no current value, and lists it', async () => {
    await secrets.create({ ...staging, path: 'w/gone', value: 'one' });
    await secrets.delete({ ...staging, path: 'w/gone', version: 1 });
    await secrets.create({ ...staging, path: 'w/there', value: 'v' });
    await secrets.create({ ...production, path: 'w/gone', value: 'live' });
    const input = { from: 'staging', to: 'production', prefix: 'w/', delete: true };
    const promoted = { added: ['w/there'], withoutValue: ['w/gone'], deleted: [] };
    const { promote } = session.environments;
    expect(await promote({ ...input, dryRun: true })).toMatchObject(promoted);
    expect(await promote(input)).toMatchObject(promoted);
    expect(await clear(session, { ...production, path: 'w/gone' })).toBe('live');
  });

  it('takes that references count along, though the text is the same', async () => {
    await secrets.create({ ...staging, path: 'x/to', value: 'of the target' });
    await secrets.create({ ...staging, path: 'x/from', value: '${x/to}', references: true });
    await secrets.create({ ...production, path: 'x/from', value: '${x/to}' });
    const input = { from: 'staging', to: 'production', prefix: 'x/' };
    expect(await session.environments.promote(input)).toMatchObject({
      added: ['x/to'],
      changed: ['x/from'],
    });
    const resolved = await secrets.resolve({ ...production, path: 'x/from' });
    expect(resolved.value?.reveal()).toBe('of the target');
  });

  it('needs the rights for each secret that it takes, and changes nothing without them', async () => {
    for (const name of ['a', 'b']) {
      await secrets.create({ ...staging, path: `r/${name}`, value: 'v' });
    }
    await secrets.create({ ...production, path: 'r/b', value: 'old' });
    const input = { from: 'staging', to: 'production', prefix: 'r/' };
    for (const [lacking, path, environment, rights] of [
      ['read', 'r/b', 'staging', 'list'],
      ['write', 'r/b', 'production', 'list read'],
      ['read', 'r/b', 'production', 'list write'],
    ] as const) {
      const [there, here] = ['staging', 'production'].map((each) =>
        each === environment
          ? ([rights, `default/${each}/${path}`] as const)
          : (['list read write', `default/${each}/**`] as const),
      ) as [readonly [string, string], readonly [string, string]];
      const other = ['list read write', `default/${environment}/r/a`] as const;
      const who = await limitedUser(parts, there, here, other);
      await expect(who.environments.promote(input)).rejects.toMatchObject({
        code: 'denied',
        details: { capability: lacking, resource: `default/${environment}/${path}` },
      });
    }
    await expect(secrets.read({ ...production, path: 'r/a' })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
  });
});
