import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { SecretValue } from '../../secret-value.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';
import type { SecretRead } from './read-secret.ts';

let now = Date.parse('2026-03-01T12:00:00Z');
let place: TemporaryVault;
let parts: OpenParts;
let secrets: Session['secrets'];
let session: Session;
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

const environment = 'production';
let count = 0;
/** An address that no other test uses. */
const fresh = (): { environment: string; path: string } => {
  count += 1;
  return { environment, path: `t${count}/secret` };
};

/** What was read, in clear. */
function clear(read: SecretRead): unknown {
  const one = (value: SecretValue): unknown =>
    value.kind === 'text' ? value.reveal() : [...value.revealBytes()];
  if (read.kind !== 'fields') return one(read.value);
  return Object.fromEntries(Object.entries(read.fields).map(([name, value]) => [name, one(value)]));
}
const readClear = async (input: Parameters<typeof secrets.read>[0]): Promise<unknown> =>
  clear(await secrets.read(input));

describe('values', () => {
  it('come back as they were: any text, any bytes, any fields', async () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 200 })
      .filter((each) => each.isWellFormed());
    const bytes = fc.uint8Array({ maxLength: 200 });
    const name = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'value'),
    );
    const fields = fc
      .uniqueArray(fc.tuple(name, fc.oneof(text, bytes)), {
        minLength: 1,
        maxLength: 8,
        selector: ([each]) => each,
      })
      .map((entries) => Object.fromEntries(entries));
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, bytes, fields), async (value) => {
        const at = fresh();
        await secrets.write({ ...at, value });
        const expected =
          value instanceof Uint8Array
            ? [...value]
            : typeof value === 'string'
              ? value
              : Object.fromEntries(
                  Object.entries(value).map(([field, each]) => [
                    field,
                    each instanceof Uint8Array ? [...each] : each,
                  ]),
                );
        expect(await readClear(at)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('may be empty, of 1 MiB, and of any script', async () => {
    for (const value of ['', 'x'.repeat(1024 * 1024), '\u0000\u202e𝕊🔑 \r\n\u2028é数']) {
      const at = fresh();
      await secrets.create({ ...at, value });
      expect(await readClear(at)).toBe(value);
    }
    const large = new Uint8Array(1024 * 1024).fill(7);
    const at = fresh();
    await secrets.create({ ...at, value: large });
    const read = await secrets.read(at);
    expect(read.kind === 'bytes' && Buffer.compare(read.value.revealBytes(), large)).toBe(0);
  });

  it('may not have 1 MiB and one byte, counted in UTF-8 and over all fields', async () => {
    const half = 'x'.repeat(512 * 1024);
    for (const value of [
      'x'.repeat(1024 * 1024 + 1),
      'é'.repeat(512 * 1024) + 'x',
      new Uint8Array(1024 * 1024 + 1),
      SecretValue.bytes(new Uint8Array(1024 * 1024 + 1)),
      { a: half, b: half },
    ]) {
      const at = fresh();
      await expect(secrets.write({ ...at, value })).rejects.toMatchObject({
        code: 'value_too_large',
      });
      await expect(secrets.read(at)).rejects.toMatchObject({ code: 'secret_not_found' });
    }
  });

  it('may be given without being shown', async () => {
    const at = fresh();
    await secrets.write({ ...at, value: SecretValue.text('hidden') });
    expect(await readClear(at)).toBe('hidden');
    await secrets.write({ ...at, value: { a: SecretValue.bytes(Uint8Array.of(1)) } });
    expect(await readClear(at)).toEqual({ a: [1] });
  });

  it('are those of the moment of the call, whatever becomes of the bytes after it', async () => {
    const [one, two] = [fresh(), fresh()];
    const bytes = Uint8Array.of(1, 2, 3);
    const field = Uint8Array.of(4, 5);
    const fields: Record<string, Uint8Array> = { field };
    const writing = [
      secrets.write({ ...one, value: bytes }),
      secrets.write({ ...two, value: fields }),
    ];
    bytes.fill(0);
    field.fill(0);
    fields['more'] = Uint8Array.of(6);
    await Promise.all(writing);
    expect(await readClear(one)).toEqual([1, 2, 3]);
    expect(await readClear(two)).toEqual({ field: [4, 5] });
  });

  it('leave the bytes of the caller as they are', async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    await secrets.write({ ...fresh(), value: bytes });
    expect([...bytes]).toEqual([1, 2, 3]);
  });

  it.each([
    ['half of a surrogate pair', '\ud800'],
    ['no field', {}],
    ['a field that is no value', { a: 7 }],
    ['a nested field', { a: { b: 'c' } }],
    ['a number', 7],
    ['a list', ['a']],
    ['null', null],
    ['129 fields', Object.fromEntries(Array.from({ length: 129 }, (_, n) => [`f${n}`, 'v']))],
    ['a field with half of a pair', { a: '\udfff' }],
  ])('may not be %s', async (_what, value) => {
    await expect(secrets.write({ ...fresh(), value: value as never })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  it.each(['', ' ', 'a b', 'a/b', 'é', 'x'.repeat(129), 'a\u0000'])(
    'may not have a field named %j',
    async (name) => {
      await expect(secrets.write({ ...fresh(), value: { [name]: 'v' } })).rejects.toMatchObject({
        code: 'invalid_name',
      });
    },
  );
});

describe('versions', () => {
  it('are numbered from 1, and each stays readable as it was', async () => {
    const at = fresh();
    const values = ['one', Uint8Array.of(2), { a: 'three' }, ''];
    for (const [index, value] of values.entries()) {
      const changed = await secrets.write({ ...at, value, replace: true });
      expect(changed).toMatchObject({ version: index + 1, created: index === 0 });
    }
    const read = await Promise.all(
      values.map((_, index) => readClear({ ...at, version: index + 1 })),
    );
    expect(read).toEqual(['one', [2], { a: 'three' }, '']);
    expect(await readClear(at)).toBe('');
    await expect(secrets.read({ ...at, version: 5 })).rejects.toMatchObject({
      code: 'version_not_found',
    });
    const { versions } = await secrets.history(at);
    expect(versions.map(({ version, isCurrent }) => [version, isCurrent])).toEqual([
      [4, true],
      [3, false],
      [2, false],
      [1, false],
    ]);
    expect(versions.every(({ createdByName }) => createdByName === OWNER)).toBe(true);
  });

  it('come of a value alone: a change of anything else makes none', async () => {
    const at = fresh();
    await secrets.create({ ...at, value: 'v' });
    const changed = await secrets.update({
      ...at,
      tags: ['a'],
      description: 'd',
      type: 'password',
    });
    expect(changed).toMatchObject({ version: 1, tags: ['a'], type: 'password', created: false });
    expect((await secrets.history(at)).versions.length).toBe(1);
  });

  it('of fields merge into fields, and replace everything else', async () => {
    const at = fresh();
    await secrets.create({ ...at, value: { user: 'ada', password: 'one' } });
    await secrets.update({ ...at, value: { password: 'two', port: '5432' } });
    expect(await readClear(at)).toEqual({ user: 'ada', password: 'two', port: '5432' });
    await secrets.update({ ...at, value: { only: 'this' }, replace: true });
    expect(await readClear(at)).toEqual({ only: 'this' });
    await secrets.update({ ...at, value: 'text' });
    expect(await readClear(at)).toBe('text');
    await secrets.update({ ...at, value: { again: 'fields' } });
    expect(await readClear(at)).toEqual({ again: 'fields' });
    expect(await readClear({ ...at, version: 2 })).toEqual({
      user: 'ada',
      password: 'two',
      port: '5432',
    });
  });

  it('do not merge into more than 128 fields or 1 MiB', async () => {
    const at = fresh();
    const many = Object.fromEntries(Array.from({ length: 128 }, (_, n) => [`f${n}`, 'v']));
    await secrets.create({ ...at, value: many });
    await expect(secrets.update({ ...at, value: { more: 'v' } })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    const wide = fresh();
    await secrets.create({ ...wide, value: { a: 'x'.repeat(600_000) } });
    await expect(
      secrets.update({ ...wide, value: { b: 'x'.repeat(600_000) } }),
    ).rejects.toMatchObject({ code: 'value_too_large' });
    expect((await secrets.describe(wide)).version).toBe(1);
  });

  it('can be asked for one field', async () => {
    const at = fresh();
    await secrets.create({ ...at, value: { user: 'ada', key: Uint8Array.of(9) } });
    const user = await secrets.read({ ...at, field: 'user' });
    expect(user.kind === 'text' && user.value.reveal()).toBe('ada');
    const key = await secrets.read({ ...at, field: 'key' });
    expect(key.kind === 'bytes' && [...key.value.revealBytes()]).toEqual([9]);
    for (const field of ['none', '', 'toString', '__proto__']) {
      await expect(secrets.read({ ...at, field })).rejects.toMatchObject({
        code: 'field_not_found',
      });
    }
    const plain = fresh();
    await secrets.create({ ...plain, value: 'v' });
    await expect(secrets.read({ ...plain, field: 'user' })).rejects.toMatchObject({
      code: 'field_not_found',
    });
  });
});

describe('making and changing', () => {
  it('makes a secret only where there is none', async () => {
    const at = fresh();
    expect(await secrets.create({ ...at, value: 'v' })).toMatchObject({
      created: true,
      version: 1,
    });
    await expect(secrets.create({ ...at, value: 'w' })).rejects.toMatchObject({
      code: 'secret_exists',
    });
    expect(await readClear(at)).toBe('v');
  });

  it('changes a secret only where there is one, and leaves nothing of an attempt', async () => {
    const at = fresh();
    await expect(secrets.update({ ...at, value: 'v' })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    await expect(secrets.update({ ...at, tags: ['a'] })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    await expect(secrets.read(at)).rejects.toMatchObject({ code: 'secret_not_found' });
    const { entries } = await session.audit.query({ path: at.path, action: 'secrets.update' });
    expect(entries.length).toBe(2);
    for (const entry of entries) {
      expect(entry).toMatchObject({ outcome: 'failed', reason: 'secret_not_found' });
      expect(entry.commit).toBeUndefined();
      expect(entry.revision).toBeUndefined();
    }
  });

  it('refuses an update that changes nothing, whatever is there, and tells nothing', async () => {
    const at = fresh();
    await secrets.create({ ...at, value: 'v', tags: ['t'] });
    for (const more of [{}, { cas: 1 }, { replace: true }, { cas: 99 }, { tags: undefined }]) {
      await expect(secrets.update({ ...at, ...more })).rejects.toMatchObject({
        code: 'invalid_input',
        details: {},
      });
    }
    await expect(secrets.update(fresh())).rejects.toMatchObject({ code: 'invalid_input' });
    const { entries } = await session.audit.query({ path: at.path });
    expect(entries.map((entry) => [entry.outcome, entry.revision])).toEqual([
      ...Array.from({ length: 5 }, () => ['failed', undefined]),
      ['ok', 1],
    ]);
    for (const more of [{ expiresAt: null }, { description: '' }, { tags: [] }]) {
      await expect(secrets.update({ ...at, ...more })).resolves.toMatchObject({ version: 1 });
    }
  });

  it('says whether there is one before it looks at the value or at the version to compare', async () => {
    const at = fresh();
    const value = new Uint8Array(1024 * 1024 + 1);
    await expect(secrets.update({ ...at, value, cas: 0 })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    await expect(secrets.update({ ...at, value, cas: 7 })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    await secrets.create({ ...at, value: 'v' });
    await expect(secrets.create({ ...at, value })).rejects.toMatchObject({
      code: 'secret_exists',
      details: { environment: at.environment, path: at.path },
    });
  });

  it('compares and sets: 0 for none, n for the version that is there, and no other', async () => {
    const at = fresh();
    await expect(secrets.write({ ...at, value: 'v', cas: 1 })).rejects.toMatchObject({
      code: 'cas_mismatch',
      details: { current: 0, expected: 1 },
    });
    await secrets.write({ ...at, value: 'v1', cas: 0 });
    await expect(secrets.write({ ...at, value: 'x', cas: 0 })).rejects.toMatchObject({
      code: 'cas_mismatch',
      details: { current: 1, expected: 0 },
    });
    await secrets.update({ ...at, value: 'v2', cas: 1 });
    for (const cas of [0, 1, 3]) {
      await expect(secrets.update({ ...at, value: 'x', cas })).rejects.toMatchObject({
        code: 'cas_mismatch',
      });
      await expect(secrets.delete({ ...at, cas: cas === 0 ? 9 : cas })).rejects.toMatchObject({
        code: 'cas_mismatch',
      });
    }
    expect(await readClear(at)).toBe('v2');
    expect((await secrets.delete({ ...at, cas: 2 })).version).toBe(2);
    for (const cas of [-1, 1.5, Number.NaN, '1' as never]) {
      await expect(secrets.write({ ...at, value: 'x', cas })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });

  it('keeps environments and workspaces apart', async () => {
    const path = 'shared/name';
    await session.workspaces.create({ name: 'payments' });
    await secrets.write({ environment: 'production', path, value: 'p' });
    await secrets.write({ environment: 'staging', path, value: 's' });
    await secrets.write({ workspace: 'payments', environment: 'staging', path, value: 'w' });
    expect(await readClear({ environment: 'production', path })).toBe('p');
    expect(await readClear({ environment: 'staging', path })).toBe('s');
    expect(await readClear({ workspace: 'payments', environment: 'staging', path })).toBe('w');
    await expect(
      secrets.read({ workspace: 'payments', environment: 'production', path }),
    ).rejects.toMatchObject({ code: 'secret_not_found' });
    await expect(secrets.read({ environment: 'nowhere', path })).rejects.toMatchObject({
      code: 'environment_not_found',
    });
    await expect(
      secrets.read({ workspace: 'nowhere', environment: 'production', path }),
    ).rejects.toMatchObject({ code: 'workspace_not_found' });
    const { versions } = await secrets.history({ path });
    expect(versions.map((each) => each.environment)).toEqual(['staging', 'production']);
  });

  it('refuses names that are not names', async () => {
    for (const path of ['../a', 'a//b', 'a\u0000', 'x'.repeat(256), '']) {
      await expect(secrets.write({ environment, path, value: 'v' })).rejects.toMatchObject({
        code: 'invalid_name',
      });
    }
    for (const name of ['Production', '', '-a', 'a_b', 'x'.repeat(64), 'é', '../a']) {
      await expect(secrets.read({ environment: name, path: 'a' })).rejects.toMatchObject({
        code: 'invalid_name',
      });
      await expect(secrets.read({ workspace: name, environment, path: 'a' })).rejects.toMatchObject(
        { code: 'invalid_name' },
      );
    }
  });
});

describe('what is said about a secret', () => {
  it('is its type, its tags once each and sorted, its description and its expiry', async () => {
    const at = fresh();
    await secrets.create({
      ...at,
      value: 'v',
      type: 'api_key',
      tags: ['b', 'a', 'b'],
      description: 'what it is for',
      expiresAt: '2026-03-01T13:00:00+00:00',
    });
    expect(await secrets.describe(at)).toMatchObject({
      type: 'api_key',
      tags: ['a', 'b'],
      description: 'what it is for',
      expiresAt: '2026-03-01T13:00:00.000Z',
      isExpired: false,
      createdAt: new Date(now).toISOString(),
    });
    now += 60 * 60 * 1000;
    expect(await secrets.describe(at)).toMatchObject({ isExpired: true });
    expect((await secrets.read(at)).isExpired).toBe(true);
    await secrets.update({ ...at, expiresAt: null, tags: [] });
    expect(await secrets.describe(at)).toMatchObject({
      expiresAt: null,
      isExpired: false,
      tags: [],
      description: 'what it is for',
      updatedAt: new Date(now).toISOString(),
    });
  });

  it('loses its description with an empty one, as if there had never been one', async () => {
    const [never, once] = [fresh(), fresh()];
    await secrets.create({ ...never, value: 'v', description: '' });
    await secrets.create({ ...once, value: 'v', description: 'something' });
    await secrets.update({ ...once, description: '' });
    expect((await secrets.describe(never)).description).toBeUndefined();
    expect((await secrets.describe(once)).description).toBeUndefined();
    await secrets.update({ ...once, description: 'again \ud83d\udd11' });
    expect((await secrets.describe(once)).description).toBe('again 🔑');
  });

  it('is kept from one change to the next, and from one value to the next', async () => {
    const at = fresh();
    await secrets.create({ ...at, value: 'v', description: 'kept', tags: ['t'], type: 'password' });
    await secrets.write({ ...at, value: 'w' });
    expect(await secrets.describe(at)).toMatchObject({
      description: 'kept',
      tags: ['t'],
      type: 'password',
      version: 2,
    });
  });

  it.each([
    ['type', 'nonsense'],
    ['tags', ['']],
    ['tags', [' a']],
    ['tags', ['x'.repeat(65)]],
    ['tags', ['a\n']],
    ['tags', Array.from({ length: 129 }, (_, n) => `t${n}`)],
    ['tags', 'a'],
    ['description', 'x'.repeat(4097)],
    ['description', 7],
    ['expiresAt', 'tomorrow'],
    ['expiresAt', '2026-03-01T12:00:00'],
    ['expiresAt', '2026-02-30T12:00:00Z'],
    ['expiresAt', 5],
  ])('is refused as a whole if %s is %j', async (member, value) => {
    const at = fresh();
    await expect(secrets.create({ ...at, value: 'v', [member]: value })).rejects.toMatchObject({
      code: 'invalid_input',
      details: { member: expect.anything() as unknown },
    });
    await expect(secrets.describe(at)).rejects.toMatchObject({ code: 'secret_not_found' });
  });

  it('is encrypted where people write freely: no description is in the database file', async () => {
    const at = fresh();
    const marker = 'marker-of-a-description-7f3a';
    await secrets.create({ ...at, value: 'v', description: marker });
    const found = tamper(place, (db) =>
      storedRows(db, 'secrets').some((row) =>
        Buffer.from((row['metadata'] as Uint8Array | null) ?? []).includes(marker),
      ),
    );
    expect(found).toBe(false);
    const { readFileSync, readdirSync } = await import('node:fs');
    const { join } = await import('node:path');
    const path = at.path;
    let sawPath = false;
    for (const name of readdirSync(place.path)) {
      const content = readFileSync(join(place.path, name));
      expect([name, content.includes(marker)]).toEqual([name, false]);
      sawPath ||= content.includes(path);
    }
    // The search would have found it: paths are in clear.
    expect(sawPath).toBe(true);
  });
});

describe('the trash', () => {
  it('is told of by the history of a path, in the environment that was asked for or in any', async () => {
    const at = fresh();
    await secrets.create({ ...at, value: 'v' });
    await secrets.delete(at);
    for (const asked of [at, { path: at.path }]) {
      await expect(secrets.history(asked)).rejects.toMatchObject({
        code: 'secret_deleted',
        details: at,
      });
    }
    await expect(secrets.history({ path: 'never/there' })).rejects.toMatchObject({
      code: 'secret_not_found',
      details: { path: 'never/there' },
    });
  });

  it('frees the name at once, and gives the secret back with its history', async () => {
    const at = fresh();
    await secrets.create({ ...at, value: 'one', tags: ['t'], description: 'd' });
    await secrets.write({ ...at, value: 'two' });
    await secrets.delete(at);
    await expect(secrets.read(at)).rejects.toMatchObject({ code: 'secret_deleted' });
    await expect(secrets.describe(at)).rejects.toMatchObject({ code: 'secret_deleted' });
    await expect(secrets.delete(at)).rejects.toMatchObject({ code: 'secret_deleted' });
    expect((await secrets.list({ environment, prefix: at.path })).secrets).toEqual([]);
    await secrets.undelete(at);
    expect(await readClear(at)).toBe('two');
    expect(await readClear({ ...at, version: 1 })).toBe('one');
    expect(await secrets.describe(at)).toMatchObject({ tags: ['t'], description: 'd', version: 2 });
    expect((await secrets.write({ ...at, value: 'three' })).version).toBe(3);
  });

  it('does not give a secret back while its name is taken', async () => {
    const at = fresh();
    const first = await secrets.create({ ...at, value: 'old' });
    await secrets.delete(at);
    const second = await secrets.create({ ...at, value: 'new' });
    expect(second).toMatchObject({ version: 1, created: true });
    expect(second.id).not.toBe(first.id);
    await expect(secrets.undelete(at)).rejects.toMatchObject({ code: 'secret_exists' });
    expect(await readClear(at)).toBe('new');
    now += 1;
    await secrets.delete(at);
    // The one that was deleted last comes first.
    expect((await secrets.undelete(at)).id).toBe(second.id);
    now += 1;
    await secrets.delete(at);
  });

  it('says secret_not_found where nothing was ever deleted', async () => {
    await expect(secrets.undelete(fresh())).rejects.toMatchObject({ code: 'secret_not_found' });
    await expect(secrets.delete(fresh())).rejects.toMatchObject({ code: 'secret_not_found' });
  });
});

describe('A64: compare and set in a race', () => {
  it('lets exactly one of 50 writers with the same version win, 20 rounds', async () => {
    const at = fresh();
    await secrets.write({ ...at, value: 'v1' });
    for (let round = 1; round <= 20; round += 1) {
      const attempts = Array.from({ length: 50 }, (_, writer) =>
        secrets.write({ ...at, value: `round ${round} writer ${writer}`, cas: round }),
      );
      const settled = await Promise.allSettled(attempts);
      const won = settled.filter(({ status }) => status === 'fulfilled');
      const codes = settled.flatMap((each) =>
        each.status === 'rejected' ? [(each.reason as { code: string }).code] : [],
      );
      expect(won.length).toBe(1);
      expect(new Set(codes)).toEqual(new Set(['cas_mismatch']));
      expect(codes.length).toBe(49);
    }
    expect((await secrets.describe(at)).version).toBe(21);
  });

  it('lets exactly one of 50 make a secret', async () => {
    const at = fresh();
    const attempts = Array.from({ length: 50 }, () => secrets.create({ ...at, value: 'v' }));
    const settled = await Promise.allSettled(attempts);
    expect(settled.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    expect((await secrets.describe(at)).version).toBe(1);
  });
});
