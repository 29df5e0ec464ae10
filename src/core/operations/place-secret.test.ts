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
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Capability } from '../../domain/access/capability.ts';
import { createUser } from '../../domain/access/principals.ts';
import { uuidv7 } from '../../lib/ids.ts';
import type { Session } from '../session.ts';

let now = Date.parse('2026-03-01T12:00:00Z');
let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let secrets: Session['secrets'];
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => (now += 1000) });
  session = parts.as(OWNER);
  ({ secrets } = session);
  await session.workspaces.create({ name: 'billing' });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

let count = 0;
/** A path that no other test uses. */
const fresh = (): string => {
  count += 1;
  return `t${count}/KEY`;
};
const staging = { environment: 'staging' };
const production = { environment: 'production' };

async function clear(
  who: Session,
  input: Parameters<Session['secrets']['read']>[0],
): Promise<unknown> {
  const read = await who.secrets.read(input);
  return read.kind === 'fields' ? undefined : read.value.reveal();
}

/** Someone with these rights alone. */
const someone = (
  ...rights: readonly (readonly [capabilities: string, pattern: string])[]
): Promise<Session> => limitedUser(parts, ...rights);

/** Makes a user of a name who has these rights alone. */
async function addUser(
  name: string,
  ...rights: readonly (readonly [capabilities: string, pattern: string])[]
): Promise<void> {
  await session.users.create({ name });
  for (const [capabilities, pattern] of rights) {
    const can = capabilities.split(' ') as Capability[];
    await session.access.grant({ subject: `user:${name}`, can, pattern });
  }
}

describe('a rename', () => {
  it('A73 keeps id, versions and their values, and the old name is free', async () => {
    const [path, to] = [fresh(), fresh()];
    const { id } = await secrets.create({ ...staging, path, value: 'one', description: 'why' });
    await secrets.update({ ...staging, path, value: 'two' });
    const placed = await secrets.rename({ ...staging, path, to });
    expect(placed.secrets).toEqual([
      {
        id,
        workspace: 'default',
        environment: 'staging',
        path: to,
        version: 2,
        from: { workspace: 'default', environment: 'staging', path },
      },
    ]);
    expect(await clear(session, { ...staging, path: to })).toBe('two');
    expect(await clear(session, { ...staging, path: to, version: 1 })).toBe('one');
    expect(await secrets.describe({ ...staging, path: to })).toMatchObject({ description: 'why' });
    await expect(secrets.read({ ...staging, path })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    await secrets.create({ ...staging, path, value: 'another' });
    await session.audit.verify({});
  });

  it('changes no envelope', async () => {
    const path = fresh();
    const { id } = await secrets.create({ ...staging, path, value: 'v', description: 'd' });
    const before = tamper(place, (db) =>
      storedRows(db, 'versions').find((row) => row['secret_id'] === id),
    );
    await secrets.rename({ ...staging, path, to: fresh() });
    const after = tamper(place, (db) =>
      storedRows(db, 'versions').find((row) => row['secret_id'] === id),
    );
    expect(after).toEqual(before);
  });

  it('puts a secret into a folder under its own name', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    await secrets.rename({ ...staging, path, to: 'into/' });
    expect(await clear(session, { ...staging, path: 'into/KEY' })).toBe('v');
  });

  it('renames a folder whole, also into itself, with an entry for each secret', async () => {
    for (const name of ['x', 'b/x', 'b/b/x']) {
      await secrets.create({ ...staging, path: `nest/${name}`, value: name });
    }
    const { secrets: placed } = await secrets.rename({ ...staging, path: 'nest/', to: 'nest/b/' });
    expect(placed.map(({ path }) => path)).toEqual(['nest/b/b/b/x', 'nest/b/b/x', 'nest/b/x']);
    expect(await clear(session, { ...staging, path: 'nest/b/b/x' })).toBe('b/x');
    await secrets.rename({ ...staging, path: 'nest/b/', to: 'nest/' });
    expect(await clear(session, { ...staging, path: 'nest/b/x' })).toBe('b/x');
    const { entries } = await session.audit.query({ action: 'secrets.rename', limit: 7 });
    expect(entries[6]).toMatchObject({ detail: '3 secrets: nest/b/ to nest/' });
    expect(entries.slice(0, 6).map(({ path }) => path)).toContain('nest/b/b/b/x');
    await session.audit.verify({});
  });

  it('A96 is refused whole with every name that is taken, and changes nothing', async () => {
    for (const path of ['from/a', 'from/b', 'from/c', 'onto/b', 'onto/c']) {
      await secrets.create({ ...staging, path, value: path });
    }
    const before = await secrets.list({ ...staging });
    await expect(secrets.rename({ ...staging, path: 'from/', to: 'onto/' })).rejects.toMatchObject({
      code: 'secret_exists',
      details: { paths: ['onto/b', 'onto/c'] },
    });
    expect(await secrets.list({ ...staging })).toEqual(before);
  });

  it('A64 of 50 with the same version to compare with, exactly one wins', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    const ended = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) =>
        index % 2 === 0
          ? secrets.rename({ ...staging, path, to: `won/${path}/${index}`, cas: 1 })
          : secrets.move({ ...staging, path, toEnvironment: 'testing', cas: 1 }),
      ),
    );
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const codes = ended.flatMap((each) =>
      each.status === 'rejected' ? [(each.reason as { code: string }).code] : [],
    );
    expect(new Set(codes)).toEqual(new Set(['secret_not_found']));
  });

  it('A64 of 50 updates with the same version to compare with, exactly one wins', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    const ended = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) =>
        secrets.update({ ...staging, path, value: `v${index}`, cas: 1 }),
      ),
    );
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await secrets.describe({ ...staging, path })).toMatchObject({ version: 2 });
    await expect(secrets.rename({ ...staging, path, to: fresh(), cas: 1 })).rejects.toMatchObject({
      code: 'cas_mismatch',
    });
  });

  it('needs the right to write at both paths', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    const here = await someone(['list read write', 'default/staging/**']);
    await expect(here.secrets.rename({ ...staging, path, to: 'ok/1' })).resolves.toBeDefined();
    const there = await someone(['list read write', 'default/staging/ok/**']);
    await expect(
      there.secrets.rename({ ...staging, path: 'ok/1', to: 'elsewhere' }),
    ).rejects.toMatchObject({ code: 'denied', details: { capability: 'write' } });
  });

  it('A36 needs the right to read, whether or not the caller may read at the new path', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    await addUser(
      'mover',
      ['list write', 'default/staging/**'],
      ['read', 'default/staging/mine/**'],
    );
    for (const who of [parts.as('mover'), parts.as('mover', { can: ['list', 'write'] })]) {
      for (const to of ['mine/1', 'theirs/1']) {
        await expect(who.secrets.rename({ ...staging, path, to })).rejects.toMatchObject({
          code: 'denied',
          message: `you may not read default/staging/${path}`,
        });
      }
    }
    expect(await clear(session, { ...staging, path })).toBe('v');
  });

  it('A36 needs the right to read each secret of a folder', async () => {
    for (const name of ['a', 'b']) {
      await secrets.create({ ...staging, path: `public/${name}`, value: 'v' });
    }
    const who = await someone(
      ['list write', 'default/staging/**'],
      ['read', 'default/staging/public/a'],
    );
    await expect(
      who.secrets.rename({ ...staging, path: 'public/', to: 'open/' }),
    ).rejects.toMatchObject({
      code: 'denied',
      details: { capability: 'read', resource: 'default/staging/public/b' },
    });
  });

  it('needs the right to write at every name that a folder comes to have', async () => {
    for (const name of ['a', 'b']) {
      await secrets.create({ ...staging, path: `each/${name}`, value: 'v' });
    }
    const who = await someone(
      ['list read write', 'default/staging/each/*'],
      ['list write', 'default/staging/there/a'],
      ['list', 'default/staging/there/b'],
    );
    await expect(
      who.secrets.rename({ ...staging, path: 'each/', to: 'there/' }),
    ).rejects.toMatchObject({ code: 'denied', details: { resource: 'default/staging/there/b' } });
    expect(await clear(session, { ...staging, path: 'each/a' })).toBe('v');
  });

  it('does not name a secret that the caller may not list', async () => {
    await secrets.create({ ...staging, path: 'mixed/open', value: 'v' });
    await secrets.create({ ...staging, path: 'mixed/hidden', value: 'v' });
    const who = await someone(['list read write', 'default/staging/mixed/open']);
    const refused = await who.secrets
      .rename({ ...staging, path: 'mixed/', to: 'other/' })
      .catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ code: 'denied' });
    expect(JSON.stringify(refused)).not.toContain('hidden');
  });
});

describe('a move', () => {
  it('A73 encrypts anew what belongs to the place, in every version', async () => {
    const path = fresh();
    const { id } = await secrets.create({ ...staging, path, value: 'one', description: 'why' });
    await secrets.update({ ...staging, path, value: 'two', tags: ['t'] });
    await secrets.move({ ...staging, path, toEnvironment: 'production' });
    expect(await clear(session, { ...production, path })).toBe('two');
    expect(await clear(session, { ...production, path, version: 1 })).toBe('one');
    const described = await secrets.describe({ ...production, path });
    expect(described).toMatchObject({ id, description: 'why', tags: ['t'], version: 2 });
    await session.audit.verify({});
  });

  it('A34 keeps id and history when it goes to another workspace, and its past stays readable', async () => {
    const path = fresh();
    const { id } = await secrets.create({ ...staging, path, value: 'one', description: 'first' });
    await secrets.update({ ...staging, path, description: 'second' });
    const before = new Date((now += 1000)).toISOString();
    await secrets.move({ ...staging, path, toWorkspace: 'billing', toEnvironment: 'testing' });
    const there = { workspace: 'billing', environment: 'testing', path };
    expect(await clear(session, there)).toBe('one');
    expect(await secrets.describe(there)).toMatchObject({ id, description: 'second' });
    const past = await secrets.describe({ ...staging, path, at: before });
    expect(past).toMatchObject({ id, description: 'second', environment: 'staging' });
    const rows = tamper(place, (db) =>
      storedRows(db, 'secret_states').filter((row) => row['secret_id'] === id),
    );
    const workspace = tamper(place, (db) =>
      storedRows(db, 'workspaces').find((row) => row['name'] === 'billing'),
    );
    expect(rows).toHaveLength(2);
    expect(rows.map((row) => row['workspace_id'])).toEqual([workspace?.['id'], workspace?.['id']]);
    await session.audit.verify({});
  });

  it('leaves deleted and destroyed versions what they are', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'one' });
    await secrets.update({ ...staging, path, value: 'two' });
    await secrets.destroy({ ...staging, path, versions: [1] });
    await secrets.move({ ...staging, path, toEnvironment: 'production' });
    await expect(secrets.read({ ...production, path, version: 1 })).rejects.toMatchObject({
      code: 'secret_deleted',
    });
    expect(await clear(session, { ...production, path })).toBe('two');
  });

  it.each(['versions', 'secrets'])(
    'A73 does not open what is put back into %s from before it',
    async (table) => {
      const path = fresh();
      const { id } = await secrets.create({ ...staging, path, value: 'v', description: 'd' });
      const key = table === 'secrets' ? 'id' : 'secret_id';
      const stored = (): Record<string, unknown> | undefined =>
        tamper(place, (db) => storedRows(db, table).find((row) => row[key] === id));
      const old = stored();
      await secrets.move({ ...staging, path, toEnvironment: 'production' });
      const moved = stored();
      const column = table === 'secrets' ? 'metadata' : 'envelope';
      tamper(place, (db) =>
        putRow(db, table, { ...moved, [column]: old?.[column] } as Parameters<typeof putRow>[2]),
      );
      const reading = table === 'secrets' ? secrets.describe : secrets.read;
      await expect(reading({ ...production, path })).rejects.toMatchObject({
        code: 'integrity_error',
      });
      tamper(place, (db) => putRow(db, table, moved as Parameters<typeof putRow>[2]));
      await reading({ ...production, path });
    },
  );

  it('needs reading and deleting there, and writing here', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    const move = { ...staging, path, toEnvironment: 'production' };
    for (const lacking of ['read', 'delete', 'write']) {
      const there = ['list', 'read', 'delete'].filter((each) => each !== lacking).join(' ');
      const here = lacking === 'write' ? 'list' : 'list write';
      const who = await someone([there, 'default/staging/**'], [here, 'default/production/**']);
      await expect(who.secrets.move(move)).rejects.toMatchObject({
        code: 'denied',
        details: { capability: lacking },
      });
    }
    const who = await someone(
      ['list read delete', 'default/staging/**'],
      ['list write', 'default/production/**'],
    );
    await who.secrets.move(move);
  });

  it('takes grants on the secret along', async () => {
    const path = fresh();
    await parts.write((work) => createUser(work, uuidv7(), `r-${count}`));
    await secrets.create({
      ...staging,
      path,
      value: 'v',
      access: [{ subject: `user:r-${count}`, can: ['list', 'read'] }],
    });
    const reader = parts.as(`r-${count}`);
    expect(await clear(reader, { ...staging, path })).toBe('v');
    await secrets.move({
      ...staging,
      path,
      toWorkspace: 'billing',
      toEnvironment: 'staging',
    });
    expect(await clear(reader, { workspace: 'billing', ...staging, path })).toBe('v');
    await secrets.create({ ...staging, path, value: 'other' });
    await expect(reader.secrets.read({ ...staging, path })).rejects.toMatchObject({
      code: 'denied',
    });
  });

  it('A36 takes grants on the secret nowhere where the caller could not give them', async () => {
    const path = fresh();
    const all = 'list read write delete rotate admin';
    await addUser('eve', [all, 'default/development/**'], ['list write', 'default/production/**']);
    const eve = parts.as('eve');
    const access = [{ subject: 'user:eve', can: ['read', 'delete'] as const }];
    const development = { environment: 'development' };
    await eve.secrets.create({ ...development, path, value: 'v', access });
    const move = { ...development, path, toEnvironment: 'production' };
    await expect(eve.secrets.move(move)).rejects.toMatchObject({
      code: 'denied',
      details: { capability: 'admin', resource: `default/production/${path}` },
      hint: expect.stringContaining('take the rights on the secret away first') as string,
    });
    const admin = await someone(
      [all, 'default/development/**'],
      ['list read write admin', 'default/production/**'],
    );
    await expect(admin.secrets.move(move)).rejects.toMatchObject({ code: 'escalation_refused' });
    await expect(eve.secrets.rename({ ...development, path, to: fresh() })).resolves.toBeDefined();
    await eve.secrets.rename({ ...development, path: `t${count}/KEY`, to: path });
    await eve.secrets.update({ ...development, path, access: [] });
    await eve.secrets.move(move);
    await expect(eve.secrets.read({ ...production, path })).rejects.toMatchObject({
      code: 'denied',
    });
  });

  it('A35 names nothing of another workspace in its record but the workspace', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    const there = { toWorkspace: 'billing', toEnvironment: 'testing' };
    await secrets.copy({ ...staging, path, ...there, to: 'copied/KEY' });
    await secrets.move({ ...staging, path, ...there, to: 'moved/KEY' });
    const { entries } = await session.audit.query({ workspace: 'billing', limit: 2 });
    expect(entries.map((each) => [each.action, each.path, each.detail])).toEqual([
      ['secrets.move', 'moved/KEY', 'from workspace default'],
      ['secrets.create', 'copied/KEY', 'from workspace default'],
    ]);
  });

  it('A96 undoes the first ones if a later one fails', async () => {
    await secrets.create({ ...staging, path: 'half/a', value: 'a' });
    const { id } = await secrets.create({ ...staging, path: 'half/b', value: 'b' });
    const stored = tamper(place, (db) =>
      storedRows(db, 'versions').find((row) => row['secret_id'] === id),
    );
    tamper(place, (db) =>
      db
        .prepare('UPDATE versions SET checksum = ? WHERE secret_id = ?')
        .run(new Uint8Array(32), id),
    );
    await expect(
      secrets.move({ ...staging, path: 'half/', toEnvironment: 'production' }),
    ).rejects.toMatchObject({ code: 'integrity_error' });
    expect(await clear(session, { ...staging, path: 'half/a' })).toBe('a');
    await expect(secrets.read({ ...production, path: 'half/a' })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    tamper(place, (db) => putRow(db, 'versions', stored ?? {}));
    await session.audit.verify({});
  });
});

describe('a copy', () => {
  it('is a new secret with value and attributes, without history', async () => {
    const path = fresh();
    const { id } = await secrets.create({ ...staging, path, value: 'one', description: 'why' });
    await secrets.update({ ...staging, path, value: 'two', tags: ['t'] });
    await secrets.copy({ ...staging, path, toEnvironment: 'production' });
    const copied = await secrets.describe({ ...production, path });
    expect(copied).toMatchObject({ version: 1, description: 'why', tags: ['t'] });
    expect(copied.id).not.toBe(id);
    expect(await clear(session, { ...production, path })).toBe('two');
    expect(await clear(session, { ...staging, path })).toBe('two');
    await expect(
      secrets.copy({ ...staging, path, toEnvironment: 'production' }),
    ).rejects.toMatchObject({ code: 'secret_exists' });
    await session.audit.verify({});
  });

  it('puts the read and the new secret on record', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'v' });
    await secrets.copy({ ...staging, path, to: `${path}2` });
    const { entries } = await session.audit.query({ limit: 2 });
    expect(entries).toMatchObject([
      { action: 'secrets.create', path: `${path}2`, version: 1, revision: 1 },
      { action: 'secrets.copy', path, version: 1, outcome: 'ok' },
    ]);
  });
});

describe('what is inactive', () => {
  it('A36 is copied and moved by those alone who could activate it where it is', async () => {
    const path = fresh();
    const folder = `${path.split('/')[0] ?? ''}/`;
    await secrets.create({ ...staging, path, value: 'v', active: false });
    const here = ['list read write', 'default/production/**'] as const;
    const reader = await someone(['list read delete', `default/staging/${path}`], here);
    const input = { ...staging, toEnvironment: 'production' };
    for (const call of [
      reader.secrets.read({ ...staging, path }),
      reader.secrets.copy({ ...input, path }),
      reader.secrets.copy({ ...input, path: folder }),
      reader.secrets.move({ ...input, path }),
    ]) {
      await expect(call).rejects.toMatchObject({
        code: 'secret_inactive',
        details: { environment: 'staging', path },
      });
    }
    const writer = await someone(['list read write delete', `default/staging/${path}`], here);
    await writer.secrets.copy({ ...input, path, to: `${path}-copy` });
    await writer.secrets.move({ ...input, path });
    for (const each of [path, `${path}-copy`]) {
      await expect(reader.secrets.read({ ...production, path: each })).rejects.toMatchObject({
        code: 'secret_inactive',
      });
    }
  });
});

describe('into another workspace', () => {
  it('nothing comes that is too weak for its rules, and the secret is named', async () => {
    const folder = fresh();
    for (const [name, value] of [
      ['a', 'Str0ng-enough-for-it'],
      ['b', 'weak'],
    ] as const) {
      await secrets.create({ ...staging, path: `${folder}/${name}`, value, type: 'password' });
    }
    const there = { toWorkspace: 'billing', toEnvironment: 'testing' };
    await session.settings.write({ workspace: 'billing', name: 'complexity', value: 'strong' });
    try {
      for (const place of [secrets.copy, secrets.move]) {
        await expect(place({ ...staging, path: `${folder}/`, ...there })).rejects.toMatchObject({
          code: 'too_weak',
          message: expect.stringContaining(`${folder}/b`) as string,
          details: { path: `${folder}/b` },
        });
      }
      expect(await secrets.copy({ ...staging, path: `${folder}/a`, ...there })).toMatchObject({
        secrets: [{ workspace: 'billing' }],
      });
      const within = { ...staging, path: `${folder}/b`, toEnvironment: 'production' };
      expect((await secrets.copy(within)).secrets).toHaveLength(1);
    } finally {
      await session.settings.write({ workspace: 'billing', name: 'complexity', value: null });
    }
  });
});
