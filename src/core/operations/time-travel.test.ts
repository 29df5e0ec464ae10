import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { limitedUser } from '../../testing/limited-user.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type StoredRow,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import type { Session } from '../session.ts';

let now = Date.parse('2026-03-01T12:00:00Z');
let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let secrets: Session['secrets'];
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => now });
  session = parts.as(OWNER);
  ({ secrets } = session);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

const iso = (ms: number): string => new Date(ms).toISOString();
/** Lets time pass, and gives the moment that is over. */
const tick = (): string => {
  now += 1000;
  return iso(now - 500);
};
let count = 0;
const fresh = (): string => {
  count += 1;
  return `t${count}`;
};
const staging = { environment: 'staging' };
const production = { environment: 'production' };

async function clear(input: Parameters<Session['secrets']['read']>[0]): Promise<unknown> {
  const read = await secrets.read(input);
  return read.kind === 'fields' ? undefined : read.value.reveal();
}

/** A secret as the model has it. */
interface Known {
  readonly id: string;
  readonly environment: string;
  readonly path: string;
  readonly value: string;
  readonly tags: string;
  readonly description: string;
  /** Since when it is in the trash. */
  readonly deletedAt: number | undefined;
}

type Model = ReadonlyMap<string, Known>;

const ENVIRONMENTS = ['staging', 'production'] as const;
const NAMES = ['a', 'b', 'f/a'] as const;

/** One step of a history: an action, on which of the places, and with what. */
const step = fc.record({
  action: fc.constantFrom(
    'create',
    'update',
    'describe',
    'both',
    'rename',
    'move',
    'delete',
    'undelete',
    'undo',
  ),
  environment: fc.constantFrom(...ENVIRONMENTS),
  name: fc.constantFrom(...NAMES),
  other: fc.constantFrom(...NAMES),
  text: fc.stringMatching(/^[a-z]{1,3}$/),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const liveAt = (model: Model, environment: string, path: string): Known | undefined =>
  [...model.values()].find(
    (each) =>
      each.deletedAt === undefined && each.environment === environment && each.path === path,
  );

const changed = (model: Model, known: Known, change: Partial<Known>): Model =>
  new Map([...model, [known.id, { ...known, ...change }]]);

/** Does a step in the vault and in the model; `undefined` if it is none in this state. */
async function take(
  root: string,
  model: Model,
  before: Model,
  to: Step,
): Promise<Model | undefined> {
  const { environment, text } = to;
  const path = root + to.name;
  const known = liveAt(model, environment, path);
  const address = { environment, path };
  switch (to.action) {
    case 'create': {
      if (known !== undefined) return undefined;
      const { id } = await secrets.create({ ...address, value: text });
      const made = { id, ...address, value: text, tags: '', description: '', deletedAt: undefined };
      return new Map([...model, [id, made]]);
    }
    case 'update': {
      if (known === undefined || known.value === text) return undefined;
      await secrets.update({ ...address, value: text });
      return changed(model, known, { value: text });
    }
    case 'describe': {
      if (known === undefined || known.description === text) return undefined;
      await secrets.update({ ...address, description: text });
      return changed(model, known, { description: text });
    }
    case 'both': {
      if (known === undefined || known.value === text || known.tags === text) return undefined;
      await secrets.update({ ...address, value: text, tags: [text] });
      return changed(model, known, { value: text, tags: text });
    }
    case 'rename': {
      const target = root + to.other;
      if (known === undefined || liveAt(model, environment, target) !== undefined) return undefined;
      await secrets.rename({ ...address, to: target });
      return changed(model, known, { path: target });
    }
    case 'move': {
      const toEnvironment = environment === 'staging' ? 'production' : 'staging';
      if (known === undefined || liveAt(model, toEnvironment, path) !== undefined) return undefined;
      await secrets.move({ ...address, toEnvironment });
      return changed(model, known, { environment: toEnvironment });
    }
    case 'delete': {
      if (known === undefined) return undefined;
      await secrets.delete(address);
      return changed(model, known, { deletedAt: now });
    }
    case 'undelete': {
      const trashed = [...model.values()]
        .filter((each) => each.environment === environment && each.path === path)
        .filter(({ deletedAt }) => deletedAt !== undefined)
        .toSorted((a, b) => (b.deletedAt ?? 0) - (a.deletedAt ?? 0))[0];
      if (known !== undefined || trashed === undefined) return undefined;
      await secrets.undelete(address);
      return changed(model, trashed, { deletedAt: undefined });
    }
    default:
      return model === before ? undefined : undone(model, before);
  }
}

/** Undoes the newest change; what was made by it goes into the trash. */
async function undone(model: Model, before: Model): Promise<Model> {
  const { entries } = await session.audit.query({ limit: 100 });
  const change = entries.find(({ revision }) => revision !== undefined)?.request ?? '';
  await secrets.undo({ change });
  return new Map(
    [...model].map(([id, known]) => {
      const then = before.get(id);
      if (then === undefined) return [id, { ...known, deletedAt: now }];
      const isTrashed = then.deletedAt !== undefined && known.deletedAt === undefined;
      return [id, isTrashed ? { ...then, deletedAt: now } : then];
    }),
  );
}

/** What there is of a run, as `environment path = value tags description`. */
async function found(root: string, at?: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const environment of ENVIRONMENTS) {
    let cursor: string | undefined;
    do {
      const page = await secrets.list({ environment, prefix: root, at, limit: 2, cursor });
      for (const { path, tags, id } of page.secrets) {
        const { description = '', id: same } = await secrets.describe({ environment, path, at });
        expect(same).toBe(id);
        const value = await clear({ environment, path, at });
        lines.push([environment, path, value, tags.join(), description].join(' '));
      }
      cursor = page.next;
    } while (cursor !== undefined);
  }
  return lines.toSorted();
}

function expected(model: Model): readonly string[] {
  return [...model.values()]
    .filter(({ deletedAt }) => deletedAt === undefined)
    .map(({ environment, path, value, tags, description }) =>
      [environment, path, value, tags, description].join(' '),
    )
    .toSorted();
}

describe('the past', () => {
  it('is at every moment what a model of it says, and an undone change leaves what was before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const root = `${fresh()}/`;
        let before: Model = new Map();
        let model: Model = before;
        const moments: { readonly at: string; readonly model: Model }[] = [{ at: tick(), model }];
        for (const to of steps) {
          const next = await take(root, model, before, to);
          if (next === undefined) continue;
          before = model;
          model = next;
          expect(await found(root)).toEqual(expected(model));
          moments.push({ at: iso(now), model }, { at: tick(), model });
        }
        for (const moment of moments) {
          expect(await found(root, moment.at)).toEqual(expected(moment.model));
        }
      }),
      { numRuns: 40 },
    );
    await session.audit.verify({});
  }, 120_000);

  it('keeps the value of a secret that was deleted and whose name is taken', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'first' });
    const first = tick();
    await secrets.delete({ ...staging, path });
    const between = tick();
    await secrets.create({ ...staging, path, value: 'second' });
    tick();
    expect(await clear({ ...staging, path, at: first })).toBe('first');
    await expect(secrets.read({ ...staging, path, at: between })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    expect(await clear({ ...staging, path })).toBe('second');
  });

  it('says that a version was destroyed since', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'first' });
    const at = tick();
    await secrets.update({ ...staging, path, value: 'second' });
    await secrets.destroy({ ...staging, path, versions: [1] });
    tick();
    await expect(secrets.read({ ...staging, path, at })).rejects.toMatchObject({
      code: 'secret_deleted',
      message: 'version 1 was destroyed',
    });
  });

  it('A36 gives nothing out of a secret that was inactive when it was deleted', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    const at = tick();
    await secrets.update({ ...staging, path, active: false });
    await secrets.delete({ ...staging, path });
    tick();
    await expect(secrets.read({ ...staging, path, at })).rejects.toMatchObject({
      code: 'secret_inactive',
    });
    expect(await secrets.describe({ ...staging, path, at })).toMatchObject({ path });
  });

  it('refuses a moment that has not come, and a version besides', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    await expect(secrets.read({ ...staging, path, at: iso(now + 1) })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await expect(
      secrets.read({ ...staging, path, at: iso(now), version: 1 }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(secrets.list({ ...staging, at: iso(now), cursor: 'AAAA' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  it('needs the right to where the secret is now, too', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    const at = tick();
    await secrets.move({ ...staging, path, toEnvironment: 'production' });
    tick();
    const there = ['list read', 'default/staging/**'] as const;
    const here = await limitedUser(parts, there);
    await expect(here.secrets.read({ ...staging, path, at })).rejects.toMatchObject({
      code: 'denied',
    });
    await expect(here.secrets.describe({ ...staging, path, at })).rejects.toMatchObject({
      code: 'denied',
    });
    expect(await here.secrets.list({ ...staging, prefix: path, at })).toMatchObject({
      secrets: [],
    });
    const both = await limitedUser(parts, there, ['list read', `default/production/${path}`]);
    await expect(both.secrets.read({ ...staging, path, at })).resolves.toMatchObject({ path });
    const other = await limitedUser(parts, ['list read', 'default/production/**']);
    await expect(other.secrets.read({ ...staging, path, at })).rejects.toMatchObject({
      code: 'denied',
    });
  });

  it('goes on from page to page over all environments, and narrowed', async () => {
    const root = `${fresh()}/`;
    const paths = ['a', 'b', 'c', 'd', 'e'].map((name) => root + name);
    for (const path of paths) {
      for (const at of [staging, production]) {
        await secrets.create({ ...at, path, value: 'v', type: 'password', tags: ['one'] });
      }
    }
    const at = tick();
    await secrets.rename({ ...staging, path: root, to: `0${root}` });
    await secrets.update({ ...production, path: `${root}b`, type: 'api_key', tags: ['two'] });
    await secrets.delete({ ...production, path: `${root}c` });
    tick();
    for (const limit of [1, 2, 3, 5, 100]) {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const filter = { prefix: root, type: 'password', tag: 'one' } as const;
        const page = await secrets.list({ ...filter, at, limit, cursor });
        expect(page.secrets.length).toBeLessThanOrEqual(limit);
        found.push(...page.secrets.map(({ environment, path }) => `${environment} ${path}`));
        cursor = page.next;
      } while (cursor !== undefined);
      expect(found).toEqual(
        ['staging', 'production'].flatMap((each) => paths.map((path) => `${each} ${path}`)),
      );
    }
  });

  it('stays in order when the clock is set back', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'one' });
    tick();
    await secrets.update({ ...staging, path, value: 'two', tags: ['t'] });
    const late = now;
    now -= 500;
    await secrets.update({ ...staging, path, value: 'three' });
    now = late;
    expect(await clear({ ...staging, path, at: iso(late - 1) })).toBe('one');
    expect(await clear({ ...staging, path, at: iso(late) })).toBe('three');
    tick();
  });

  it('knows of a secret that schema 1 put into the trash when it was there', async () => {
    const path = fresh();
    const { id } = await secrets.create({ ...staging, path, value: 'v' });
    const at = tick();
    await secrets.delete({ ...staging, path });
    const after = tick();
    // Schema 1 changed the row and kept nothing of before.
    tamper(place, (db) => {
      const row = storedRows(db, 'secrets').find((each) => each['id'] === id);
      const { row_revision: revision, mac: _mac, mac_key: _key, ...columns } = row ?? {};
      const old = { ...columns, states: null, state_since: null };
      db.prepare('DELETE FROM secret_states WHERE secret_id = ?').run(id);
      putRow(
        db,
        'secrets',
        parts.mac.protect(SECRETS, old, Number(revision) - 1) as unknown as StoredRow,
      );
    });
    expect(await clear({ ...staging, path, at })).toBe('v');
    const paths = async (moment: string): Promise<readonly string[]> =>
      (await secrets.list({ ...staging, prefix: path, at: moment })).secrets.map((s) => s.path);
    expect(await paths(at)).toEqual([path]);
    expect(await paths(after)).toEqual([]);
  });
});

describe('a past that was altered', () => {
  it.each([1, 2])('is refused when its state %i was taken away', async (number) => {
    const path = fresh();
    const { id } = await secrets.create({ ...staging, path, value: 'v' });
    tick();
    await secrets.update({ ...staging, path, tags: ['one'] });
    const at = tick();
    await secrets.update({ ...staging, path, tags: ['two'] });
    tick();
    const states = tamper(place, (db) =>
      storedRows(db, 'secret_states').filter((row) => row['secret_id'] === id),
    );
    expect(states).toHaveLength(2);
    tamper(place, (db) =>
      db.prepare('DELETE FROM secret_states WHERE secret_id = ? AND number = ?').run(id, number),
    );
    await expect(secrets.read({ ...staging, path, at })).rejects.toMatchObject({
      code: 'integrity_error',
    });
    await expect(session.audit.verify({})).rejects.toMatchObject({
      message: 'the past of a secret is not all there',
    });
    tamper(place, (db) => putRow(db, 'secret_states', states[number - 1] ?? {}));
    expect(await clear({ ...staging, path, at })).toBe('v');
    await session.audit.verify({});
  });

  it.each(['since', 'path', 'tags'])('is refused when its %s was changed', async (column) => {
    const path = fresh();
    const { id } = await secrets.create({ ...staging, path, value: 'v' });
    const at = tick();
    await secrets.update({ ...staging, path, tags: ['two'] });
    tick();
    const [state] = tamper(place, (db) =>
      storedRows(db, 'secret_states').filter((row) => row['secret_id'] === id),
    );
    const other = column === 'since' ? Number(state?.['since']) - 1 : `${String(state?.[column])} `;
    tamper(place, (db) => putRow(db, 'secret_states', { ...state, [column]: other }));
    await expect(secrets.read({ ...staging, path, at })).rejects.toMatchObject({
      code: 'integrity_error',
    });
    await expect(session.audit.verify({})).rejects.toMatchObject({ code: 'integrity_error' });
    tamper(place, (db) => putRow(db, 'secret_states', state ?? {}));
    await session.audit.verify({});
  });

  it('A73 is refused when a state of one environment is put into another', async () => {
    const path = fresh();
    const { id } = await secrets.create({ ...staging, path, value: 'v', description: 'secret' });
    const at = tick();
    await secrets.update({ ...staging, path, description: 'other' });
    tick();
    const [state] = tamper(place, (db) =>
      storedRows(db, 'secret_states').filter((row) => row['secret_id'] === id),
    );
    const other = tamper(place, (db) =>
      storedRows(db, 'environments').find((row) => row['name'] === 'production'),
    );
    tamper(place, (db) =>
      putRow(db, 'secret_states', { ...state, environment_id: other?.['id'] ?? null }),
    );
    await expect(secrets.read({ ...production, path, at })).rejects.toMatchObject({
      code: 'integrity_error',
    });
    tamper(place, (db) => putRow(db, 'secret_states', state ?? {}));
  });
});
