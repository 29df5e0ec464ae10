import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { StrongroomError } from '../../errors.ts';
import { giveRole } from '../../testing/give-role.ts';
import {
  makeTemporaryVault,
  openParts,
  openSession,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
let count = 0;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});
/** Environments of each test's own. */
let name: (of: string) => string;
beforeEach(() => {
  count += 1;
  const suffix = count;
  name = (of) => `${of}-${suffix}`;
});

async function environments(...names: readonly string[]): Promise<void> {
  for (const each of names) await owner.environments.create({ name: name(each) });
}

async function write(
  environment: string,
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, value] of Object.entries(secrets)) {
    await owner.secrets.write({ environment: name(environment), path, value });
  }
}

function inherit(to: string, from: string, folder = '', fromFolder = ''): Promise<unknown> {
  return owner.imports.create({
    environment: name(to),
    folder,
    source: { environment: name(from), folder: fromFolder },
  });
}

async function all(environment: string, session: Session = owner): Promise<string[]> {
  const { secrets } = await session.environments.resolve({ environment: name(environment) });
  return secrets.map(({ path, value, from }) => {
    const source = from.environment.replace(/-\d+$/, '');
    return `${path}=${value?.reveal()}${from.kind === 'own' ? '' : ` ${source}/${from.path}`}`;
  });
}

async function one(environment: string, path: string, session: Session = owner): Promise<string> {
  const read = await session.secrets.resolve({ environment: name(environment), path });
  return read.value?.reveal() ?? '';
}

async function failure(work: Promise<unknown>): Promise<StrongroomError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof StrongroomError) return error;
    throw error;
  }
  throw new TypeError('it did not fail');
}

describe('an environment that has what it lacks from another one', () => {
  it('keeps what is its own, and says where the rest is from', async () => {
    await environments('app', 'shared');
    await write('app', { A: 'own' });
    await write('shared', { A: 'shared-a', B: 'shared-b', 'db/HOST': 'h' });
    await inherit('app', 'shared');
    expect(await all('app')).toEqual(['A=own', 'B=shared-b shared/B', 'db/HOST=h shared/db/HOST']);
    expect(await one('app', 'B')).toBe('shared-b');
    expect(await one('app', 'A')).toBe('own');
    expect((await failure(owner.secrets.read({ environment: name('app'), path: 'B' }))).code).toBe(
      'secret_not_found',
    );
    const { secrets } = await owner.environments.names({ environment: name('app') });
    expect(secrets.map(({ path, from }) => [path, from.kind])).toEqual([
      ['A', 'own'],
      ['B', 'inherited'],
      ['db/HOST', 'inherited'],
    ]);
  });

  it('has it as it is at each moment, and not any more when that ends', async () => {
    await environments('app', 'shared');
    await inherit('app', 'shared');
    await write('shared', { A: 'one' });
    expect(await one('app', 'A')).toBe('one');
    await write('shared', { A: 'two' });
    expect(await one('app', 'A')).toBe('two');
    await owner.imports.delete({
      environment: name('app'),
      source: { environment: name('shared') },
    });
    expect((await failure(one('app', 'A'))).code).toBe('secret_not_found');
    expect(await all('app')).toEqual([]);
  });

  it('has folders under other names, of its own environment’s choice', async () => {
    await environments('app', 'shared');
    await write('shared', { 'db/HOST': 'h', 'db/deep/X': 'x', OTHER: 'o' });
    await inherit('app', 'shared', 'main', 'db');
    expect(await all('app')).toEqual([
      'main/HOST=h shared/db/HOST',
      'main/deep/X=x shared/db/deep/X',
    ]);
    expect(await one('app', 'main/deep/X')).toBe('x');
    expect((await failure(one('app', 'OTHER'))).code).toBe('secret_not_found');
  });

  it('has of several sources the one that was added last, and what sources inherit', async () => {
    await environments('app', 'first', 'second', 'deepest');
    await write('first', { A: 'a1', B: 'b1' });
    await write('second', { A: 'a2' });
    await write('deepest', { A: 'a3', C: 'c3' });
    await inherit('app', 'first');
    await inherit('app', 'second');
    await inherit('second', 'deepest');
    expect(await all('app')).toEqual(['A=a2 second/A', 'B=b1 first/B', 'C=c3 deepest/C']);
    expect([await one('app', 'A'), await one('app', 'B'), await one('app', 'C')]).toEqual([
      'a2',
      'b1',
      'c3',
    ]);
    const listed = await owner.imports.list({ environment: name('app') });
    expect(listed.map(({ source }) => source?.environment)).toEqual([
      name('second'),
      name('first'),
    ]);
  });

  it('gives nothing out of what is inactive, its own or not, and nothing in its place', async () => {
    await environments('app', 'shared');
    await write('app', { A: 'own' });
    await write('shared', { A: 'shared', B: 'b' });
    await inherit('app', 'shared');
    await owner.secrets.update({ environment: name('app'), path: 'A', active: false });
    await owner.secrets.update({ environment: name('shared'), path: 'B', active: false });
    expect(await all('app')).toEqual([]);
    expect((await failure(one('app', 'A'))).code).toBe('secret_inactive');
    expect((await failure(one('app', 'B'))).code).toBe('secret_inactive');
    const named = owner.environments.resolve({ environment: name('app'), only: ['B'] });
    expect((await failure(named)).code).toBe('secret_inactive');
  });

  it('leaves out what has no current value, unless it is asked for by name', async () => {
    await environments('app');
    await write('app', { A: 'first', B: 'b' });
    await owner.secrets.delete({ environment: name('app'), path: 'A', version: 1 });
    expect(await all('app')).toEqual(['B=b']);
    const named = owner.environments.resolve({ environment: name('app'), only: ['A'] });
    expect((await failure(named)).code).toBe('secret_deleted');
  });

  it('has references of what it inherits resolved where that is', async () => {
    await environments('app', 'shared');
    await write('app', { HOST: 'app-host' });
    await write('shared', { HOST: 'shared-host' });
    await owner.secrets.write({
      environment: name('shared'),
      path: 'URL',
      value: 'x://${HOST}',
      references: true,
    });
    await owner.secrets.write({
      environment: name('app'),
      path: 'OTHER',
      value: '${URL} ${HOST}',
      references: true,
    });
    await inherit('app', 'shared');
    expect(await one('app', 'URL')).toBe('x://shared-host');
    expect(await one('app', 'OTHER')).toBe('x://shared-host app-host');
  });

  it('puts on record where each value was read', async () => {
    await environments('app', 'shared');
    await write('shared', { A: 'a' });
    await inherit('app', 'shared');
    await all('app');
    const { entries } = await owner.audit.query({ limit: 2 });
    expect(entries.map(({ action, environment, path }) => [action, environment, path])).toEqual([
      ['secrets.read', name('shared'), 'A'],
      ['environments.resolve', name('app'), undefined],
    ]);
  });

  it('can have what it lacks from another workspace', async () => {
    await environments('app');
    await owner.workspaces.create({ name: name('team') });
    const source = { workspace: name('team'), environment: 'production' };
    await owner.secrets.write({ ...source, path: 'A', value: 'far' });
    await owner.imports.create({ environment: name('app'), source });
    expect(await all('app')).toEqual(['A=far production/A']);
  });
});

describe('making an import', () => {
  it('is refused where environments would have what they lack from each other', async () => {
    const names = ['e1', 'e2', 'e3', 'e4'];
    await environments(...names);
    expect(await failure(inherit('e1', 'e1'))).toMatchObject({ code: 'import_cycle' });
    expect(await failure(inherit('e1', 'e1', 'a', 'b'))).toMatchObject({ code: 'import_cycle' });
    await inherit('e1', 'e2');
    await inherit('e2', 'e3', 'x');
    await inherit('e3', 'e4');
    const error = await failure(inherit('e4', 'e1'));
    expect(error.code).toBe('import_cycle');
    expect(error.details['environments']).toEqual(
      ['e4', 'e1', 'e2', 'e3', 'e4'].map((each) => `default/${name(each)}`),
    );
    await inherit('e1', 'e4');
  });

  it('is refused a second time, and so is ending what there is not', async () => {
    await environments('app', 'shared');
    await inherit('app', 'shared');
    expect((await failure(inherit('app', 'shared'))).code).toBe('import_exists');
    await inherit('app', 'shared', 'a');
    const input = {
      environment: name('app'),
      folder: 'b',
      source: { environment: name('shared') },
    };
    expect((await failure(owner.imports.delete(input))).code).toBe('import_not_found');
    expect((await failure(inherit('app', 'shared', '../a'))).code).toBe('invalid_input');
  });

  it('takes the right to write all of the target and to read all of the source', async () => {
    await environments('app', 'shared');
    const target = `default/${name('app')}`;
    const source = `default/${name('shared')}`;
    const may: readonly (readonly [string, string, boolean])[] = [
      [`${target}/**`, `${source}/**`, true],
      [`${target}/db/**`, `${source}/db/**`, true],
      [`${target}/db`, `${source}/db/**`, false],
      [`${target}/db/*`, `${source}/db/**`, false],
      [`${target}/**`, `${source}/db`, false],
      [`${target}/**`, `${source}/db/*`, false],
      [`${target}/**`, `${source}/dbx/**`, false],
      [`${target}/dbx/**`, `${source}/**`, false],
    ];
    for (const [index, [write, read, allowed]] of may.entries()) {
      const session = await giveRole(parts, `${name('maker')}-${index}`, [
        ['write', write],
        ['read', read],
      ]);
      const input = {
        environment: name('app'),
        folder: 'db',
        source: { environment: name('shared'), folder: 'db/' },
      };
      const outcome = await session.imports.create(input).then(
        () => true,
        (error: unknown) =>
          error instanceof StrongroomError && error.code === 'denied' ? false : error,
      );
      expect([write, read, outcome]).toEqual([write, read, allowed]);
      if (allowed) await session.imports.delete(input);
    }
  });
});

describe('the rights of a reader at the source', () => {
  it('A35 are asked for, and without them nothing is given out in its place', async () => {
    await environments('app', 'low', 'high');
    await write('low', { A: 'marker-low', B: 'b' });
    await write('high', { A: 'marker-high' });
    await inherit('app', 'low');
    await inherit('app', 'high');
    const app = `default/${name('app')}/**`;
    const low = `default/${name('low')}/**`;
    const high = `default/${name('high')}/**`;
    const nothing = await giveRole(parts, name('nothing'), [['list read', app]]);
    const lists = await giveRole(parts, name('lists'), [
      ['list read', app],
      ['list', low],
      ['list', high],
    ]);
    const lowOnly = await giveRole(parts, name('low-only'), [
      ['list read', app],
      ['list read', low],
    ]);
    const both = await giveRole(parts, name('both'), [
      ['list read', app],
      ['list read', low],
      ['list read', high],
    ]);
    expect(await all('app', nothing)).toEqual([]);
    expect(await all('app', lowOnly)).toEqual([]);
    expect(await failure(all('app', lists))).toMatchObject({ code: 'denied' });
    expect(await all('app', both)).toEqual(['A=marker-high high/A', 'B=b low/B']);
    for (const session of [nothing, lowOnly]) {
      const error = await failure(one('app', 'A', session));
      expect(error).toMatchObject({ code: 'denied' });
      expect(error.message).toBe('you may not read what A is inherited from');
      // Whether there is anything does not show.
      expect((await failure(one('app', 'NONE', session))).message).toBe(
        'you may not read what NONE is inherited from',
      );
    }
    const named = await failure(one('app', 'A', lists));
    expect(named.message).toBe(`you may not read ${name('high')}/A, which A is inherited from`);
    const { secrets } = await nothing.environments.names({ environment: name('app') });
    expect(secrets).toEqual([]);
    const { secrets: listed } = await lists.environments.names({ environment: name('app') });
    expect(listed.map(({ path }) => path)).toEqual(['A', 'B']);
    const [shown] = await nothing.imports.list({ environment: name('app') });
    expect(shown?.source).toBeNull();
  });

  it('do not make up for those where it is read', async () => {
    await environments('app', 'shared');
    await write('shared', { A: 'a' });
    await inherit('app', 'shared');
    const session = await giveRole(parts, name('reader'), [
      ['list read', `default/${name('shared')}/**`],
    ]);
    expect((await failure(one('app', 'A', session))).code).toBe('denied');
  });
});

describe('what an environment gives out at once', () => {
  it('is what is asked for, by path or last segment', async () => {
    await environments('app');
    await write('app', { 'a/X': '1', 'b/X': '2', Y: '3', Z: '4' });
    const paths = async (only?: string[], except?: string[]): Promise<string[]> => {
      const environment = name('app');
      const { secrets } = await owner.environments.resolve({ environment, only, except });
      return secrets.map(({ path }) => path);
    };
    expect(await paths()).toEqual(['Y', 'Z', 'a/X', 'b/X']);
    expect(await paths(['X'])).toEqual(['a/X', 'b/X']);
    expect(await paths(['Z', 'a/X'])).toEqual(['Z', 'a/X']);
    expect(await paths(undefined, ['X', 'Y'])).toEqual(['Z']);
    expect(await paths(['X'], ['a/X'])).toEqual(['b/X']);
    expect(await paths([])).toEqual([]);
    expect(await failure(paths(['NONE']))).toMatchObject({ code: 'secret_not_found' });
    expect(await failure(paths(undefined, ['NONE']))).toMatchObject({ code: 'secret_not_found' });
  });

  it('leaves out what the caller may not list, and stops at what it may list and not read', async () => {
    await environments('app');
    await write('app', { A: '1', B: 'marker-b', C: '3' });
    const all = `default/${name('app')}/**`;
    const b = `default/${name('app')}/B`;
    const unlisted = await giveRole(parts, name('unlisted'), [
      ['list read', all],
      ['list', b, 'deny'],
    ]);
    const unread = await giveRole(parts, name('unread'), [
      ['list read', all],
      ['read', b, 'deny'],
    ]);
    const resolve = async (session: Session, except?: string[]): Promise<string[]> => {
      const { secrets } = await session.environments.resolve({ environment: name('app'), except });
      return secrets.map(({ path }) => path);
    };
    expect(await resolve(unlisted)).toEqual(['A', 'C']);
    expect(await failure(resolve(unread))).toMatchObject({
      code: 'denied',
      message: `you may not read ${b}`,
    });
    const { entries } = await owner.audit.query({ limit: 1 });
    expect(entries[0]).toMatchObject({
      outcome: 'denied',
      path: 'B',
      action: 'environments.resolve',
    });
    expect(await resolve(unread, ['B'])).toEqual(['A', 'C']);
  });

  it('puts each secret on record once, also one that others refer to', async () => {
    await environments('app');
    await write('app', { A: '1' });
    for (const path of ['B', 'C']) {
      const secret = { environment: name('app'), path, value: '${A}${A}' };
      await owner.secrets.write({ ...secret, references: true });
    }
    await all('app');
    const { entries } = await owner.audit.query({ limit: 4 });
    expect(entries.map(({ action, path }) => [action, path])).toEqual([
      ['secrets.read', 'C'],
      ['secrets.read', 'B'],
      ['secrets.read', 'A'],
      ['environments.resolve', undefined],
    ]);
  });
});

describe('somebody who can write to the database', () => {
  it('A73 cannot make, take away or change an import unnoticed', async () => {
    const own = await makeTemporaryVault();
    try {
      const { vault, session } = await openSession(own);
      await session.environments.create({ name: 'shared' });
      const source = { environment: 'shared' };
      await session.imports.create({ environment: 'production', source });
      await session.imports.create({ environment: 'staging', source });
      await vault.close();
      const rows = tamper(own, (db) => storedRows(db, 'imports'));
      const [first, second] = rows;
      if (first === undefined || second === undefined) throw new TypeError();
      const { environment_id: target, position } = second;
      const changes = [
        { ...first, folder: 'a/' },
        { ...first, environment_id: target ?? null, position: position ?? null, folder: 'b/' },
        { ...first, source_folder: 'x/' },
      ];
      for (const changed of changes) {
        tamper(own, (db) => putRow(db, 'imports', changed));
        expect((await failure(openSession(own))).code).toBe('integrity_error');
      }
      tamper(own, (db) => db.exec('DELETE FROM imports'));
      expect((await failure(openSession(own))).code).toBe('integrity_error');
      tamper(own, (db) => {
        for (const row of rows) putRow(db, 'imports', row);
      });
      await (await openSession(own)).vault.close();
    } finally {
      own.remove();
    }
  });
});
