import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { envelopeCommitment, envelopeKeyId } from '../../crypto/envelope.ts';
import { failingStore } from '../../testing/failing-store.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type StoredRow,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

const environment = 'production';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const bytes = (value: unknown): Uint8Array => value as Uint8Array;
const rows = (table: string): StoredRow[] => tamper(place, (db) => storedRows(db, table));

/** One of everything that is encrypted, some of it with a past. */
async function fill(count = 3): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const path = `team/key-${index}`;
    await session.secrets.write({ environment, path, value: `a${index}`, description: 'first' });
    await session.secrets.write({ environment, path, value: `b${index}`, description: 'second' });
  }
  const layout = 'A=1\n';
  await session.secrets
    .import({
      environment: 'testing',
      secrets: [{ path: 'A', value: '1' }],
      layout: { format: 'dotenv', text: layout } as never,
    })
    .catch(() => undefined);
  await session.secrets.write(
    { environment, path: 'once', value: 'v' },
    { idempotencyKey: 'the-key' },
  );
  await session.secrets.write({ environment, path: 'gone', value: 'v' });
  await session.secrets.delete({ environment, path: 'gone' });
}

/** Every stored envelope with the table and column that it is in. */
function envelopes(): { readonly at: string; readonly envelope: Uint8Array }[] {
  const columns: readonly (readonly [string, string])[] = [
    ['versions', 'envelope'],
    ['secrets', 'metadata'],
    ['secret_states', 'metadata'],
    ['layouts', 'envelope'],
    ['personal_values', 'envelope'],
    ['idempotency', 'answer'],
  ];
  return columns.flatMap(([table, column]) =>
    rows(table).flatMap((row, index) =>
      row[column] === null || bytes(row[column]).length === 0
        ? []
        : [{ at: `${table} ${index}`, envelope: bytes(row[column]) }],
    ),
  );
}

const keysNamed = (): Set<string> =>
  new Set(envelopes().map(({ envelope }) => envelopeKeyId(envelope)));

async function rewrapAll(limit = 5): Promise<number> {
  for (let calls = 1; ; calls += 1) {
    const { finished } = await session.keys.rewrap({ limit });
    if (finished) return calls;
  }
}

describe('rotation of a workspace key', () => {
  it('is used by writers at once, and everything from before is still readable', async () => {
    await fill();
    const [before] = keysNamed();
    const rotated = await session.keys.rotate();
    expect(rotated).toMatchObject({ workspace: 'default', number: 2 });
    await session.secrets.write({ environment, path: 'new', value: 'n' });
    expect(keysNamed()).toEqual(new Set([before, rotated.key]));
    expect((await session.secrets.read({ environment, path: 'new' })).value?.reveal()).toBe('n');
    const old = await session.secrets.read({ environment, path: 'team/key-0' });
    expect(old.value?.reveal()).toBe('b0');
    const states = rows('keys').filter((row) => row['purpose'] === 'workspace');
    expect(states.map((row) => row['state'])).toEqual(['decrypt-only', 'active']);
    expect(rows('key_uses').map((row) => row['key_id'])).toContain(rotated.key);
  });

  it('wraps every data key anew in batches, and changes nothing but the wrap', async () => {
    await fill();
    const before = envelopes();
    expect(new Set(before.map(({ at }) => at.split(' ')[0])).size).toBeGreaterThan(3);
    const rotated = await session.keys.rotate();
    expect(rotated.total).toBe(before.length);
    expect(await rewrapAll()).toBeGreaterThan(2);
    const after = envelopes();
    expect(keysNamed()).toEqual(new Set([rotated.key]));
    for (const [index, { at, envelope }] of after.entries()) {
      const was = before[index];
      expect(at).toBe(was?.at);
      expect(envelopeCommitment(envelope)).toEqual(envelopeCommitment(was?.envelope ?? envelope));
      expect(envelope.subarray(82)).toEqual(was?.envelope.subarray(82));
      expect(envelope.subarray(22, 82)).not.toEqual(was?.envelope.subarray(22, 82));
    }
    expect((await session.secrets.read({ environment, path: 'team/key-1' })).value?.reveal()).toBe(
      'b1',
    );
    const described = await session.secrets.describe({ environment, path: 'team/key-1' });
    expect(described.description).toBe('second');
    const again = await session.secrets.write(
      { environment, path: 'once', value: 'v' },
      { idempotencyKey: 'the-key' },
    );
    expect(again).toMatchObject({ version: 1 });
    await session.audit.verify();
  });

  it('counts each wrap as a use of the new key', async () => {
    await fill();
    const { key, total } = await session.keys.rotate();
    const usesOf = (): number =>
      Number(rows('key_uses').find((row) => row['key_id'] === key)?.['uses']);
    const begun = usesOf();
    await rewrapAll();
    expect(usesOf() - begun).toBe(total);
  });

  it('shows how far it is, and goes on after the vault was closed', async () => {
    await fill();
    const { total } = await session.keys.rotate();
    expect(await session.keys.rewrap({ limit: 4 })).toEqual({
      done: 4,
      total,
      failed: 0,
      finished: false,
    });
    await parts.vault.close();
    parts = await openParts(place);
    session = parts.as(OWNER);
    expect(await session.jobs.list({ running: true })).toMatchObject([
      { kind: 'keys.rewrap', workspace: 'default', done: 4, total },
    ]);
    await rewrapAll();
    expect(await session.jobs.list()).toMatchObject([{ state: 'finished', done: total, total }]);
    expect(await session.keys.rewrap()).toMatchObject({ finished: true, done: 0 });
  });

  it('destroys an old key only when no envelope names it, whatever the job says', async () => {
    await fill();
    const [first = ''] = keysNamed();
    await session.keys.rotate();
    expect(await session.keys.retire()).toMatchObject({ destroyed: [], kept: [{ number: 1 }] });
    await session.keys.rewrap({ limit: 1 });
    tamper(place, (db) => db.exec("DELETE FROM jobs WHERE kind = 'keys.rewrap'"));
    const { kept } = await session.keys.retire();
    expect(kept).toEqual([{ number: 1, envelopes: envelopes().length - 1 }]);
    await session.keys.rotate();
    await rewrapAll();
    expect(await session.keys.retire()).toMatchObject({ destroyed: [1, 2], kept: [] });
    const row = rows('keys').find(({ id }) => id === first);
    expect(row).toMatchObject({ state: 'destroyed' });
    expect(bytes(row?.['wrapped']).length).toBe(0);
    await parts.vault.close();
    parts = await openParts(place);
    session = parts.as(OWNER);
    expect((await session.secrets.read({ environment, path: 'team/key-2' })).value?.reveal()).toBe(
      'b2',
    );
    await session.audit.verify();
  });

  it('begins again when the key is rotated once more meanwhile', async () => {
    await fill();
    await session.keys.rotate();
    await session.keys.rewrap({ limit: 4 });
    const { key, total } = await session.keys.rotate();
    expect(total).toBe(envelopes().length);
    await rewrapAll();
    expect(keysNamed()).toEqual(new Set([key]));
  });

  it('passes over what was altered, says where, and keeps the key that it was under', async () => {
    await fill();
    const intact = envelopes().length - 1;
    tamper(place, (db) => {
      const [row] = storedRows(db, 'versions');
      const altered = bytes(row?.['envelope']).slice();
      altered[40] = (altered[40] ?? 0) ^ 1;
      db.prepare('UPDATE versions SET envelope = ? WHERE rowid = 1').run(altered);
    });
    await session.keys.rotate();
    await rewrapAll();
    const [job] = await session.jobs.list();
    expect(job).toMatchObject({ failed: 1, done: intact, state: 'failed' });
    expect(job?.detail).toMatch(/^versions /);
    expect(await session.keys.retire()).toMatchObject({ destroyed: [], kept: [{ envelopes: 1 }] });
  });

  it('that failed for something is begun anew, until nothing fails', async () => {
    await fill();
    const altered = (flip: number): void =>
      tamper(place, (db) => {
        const [row] = storedRows(db, 'versions');
        const envelope = bytes(row?.['envelope']).slice();
        envelope[40] = (envelope[40] ?? 0) ^ flip;
        db.prepare('UPDATE versions SET envelope = ? WHERE rowid = 1').run(envelope);
      });
    altered(1);
    await session.keys.rotate();
    await rewrapAll();
    await rewrapAll();
    expect(await session.jobs.list()).toMatchObject([
      { state: 'failed', done: 0, failed: 1, total: 1 },
      { state: 'failed', failed: 1 },
    ]);
    altered(1);
    await rewrapAll();
    expect((await session.jobs.list())[0]).toMatchObject({ state: 'finished', done: 1, failed: 0 });
    expect(await session.keys.retire()).toMatchObject({ destroyed: [1], kept: [] });
    await rewrapAll();
    expect(await session.jobs.list()).toHaveLength(3);
  });

  it('A40 leaves other workspaces as they are', async () => {
    await session.workspaces.create({ name: 'other' });
    await session.secrets.write({ workspace: 'other', environment, path: 'a', value: 'v' });
    await fill(1);
    const [, ...before] = envelopes();
    expect(before.length).toBeGreaterThan(0);
    await session.keys.rotate({ workspace: 'other' });
    expect(await session.keys.rewrap({ workspace: 'other' })).toMatchObject({ finished: true });
    expect(keysNamed().size).toBe(2);
    expect(
      (await session.secrets.read({ workspace: 'other', environment, path: 'a' })).value?.reveal(),
    ).toBe('v');
  });

  it('A73 refuses a data key that was put into another row before it is wrapped anew', async () => {
    await fill(2);
    tamper(place, (db) => {
      const [a, b] = storedRows(db, 'versions');
      const swapped = bytes(b?.['envelope']).slice();
      swapped.set(bytes(a?.['envelope']).subarray(6, 82), 6);
      db.prepare('UPDATE versions SET envelope = ? WHERE secret_id = ? AND version = ?').run(
        swapped,
        b?.['secret_id'] ?? null,
        b?.['version'] ?? null,
      );
    });
    await session.keys.rotate();
    await rewrapAll();
    expect((await session.jobs.list())[0]).toMatchObject({ failed: 1 });
  });
});

describe('encryption anew', () => {
  it('gives every value another data key, and the log what rows are held against', async () => {
    await fill();
    const before = envelopes();
    await session.keys.rotate({ reencrypt: true });
    await rewrapAll();
    for (const [index, { envelope }] of envelopes().entries()) {
      const was = before[index]?.envelope ?? envelope;
      expect(envelopeCommitment(envelope)).not.toEqual(envelopeCommitment(was));
    }
    expect((await session.secrets.read({ environment, path: 'team/key-1' })).value?.reveal()).toBe(
      'b1',
    );
    expect(
      (await session.secrets.read({ environment, path: 'team/key-1', version: 1 })).value?.reveal(),
    ).toBe('a1');
    await session.secrets.undelete({ environment, path: 'gone' });
    expect((await session.secrets.read({ environment, path: 'gone' })).value?.reveal()).toBe('v');
    await session.audit.verify();
    expect(await session.keys.retire()).toMatchObject({ destroyed: [1], kept: [] });
  });
});

describe('the status of keys', () => {
  it('says what is under old keys, how far the job is, and what to do', async () => {
    await fill();
    const before = await session.keys.status();
    expect(before.workspaces).toMatchObject([
      { workspace: 'default', isDue: false, rotationDays: 90, keys: [{ state: 'active' }] },
    ]);
    expect(before.slots).toMatchObject([{ kind: 'keyfile', isPending: false }]);
    expect(before.warnings).toEqual([expect.stringContaining('one slot alone')]);
    const { total } = await session.keys.rotate();
    await session.keys.rewrap({ limit: 4 });
    const [during] = (await session.keys.status()).workspaces;
    expect(during?.job).toEqual({ done: 4, total, failed: 0 });
    expect(during?.keys).toMatchObject([
      { number: 1, state: 'decrypt-only', envelopes: total - 4 },
      { number: 2, state: 'active', envelopes: null },
    ]);
    await rewrapAll();
    await session.keys.retire();
    const after = await session.keys.status();
    expect(after.root).toEqual(before.root);
    expect(after.workspaces[0]).toMatchObject({
      job: undefined,
      keys: [{ state: 'destroyed', envelopes: null }, { state: 'active' }],
    });
  });
});

describe('keys that are due', () => {
  it('are not found out from uses that were altered in the database', async () => {
    await session.secrets.write({ environment, path: 'a', value: 'v' });
    tamper(place, (db) => db.exec('UPDATE key_uses SET uses = 0'));
    await expect(session.keys.rotateDue()).rejects.toMatchObject({ code: 'integrity_error' });
    await expect(session.keys.status()).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('are those as old as the setting says, of each workspace', async () => {
    let now = Date.now();
    await parts.vault.close();
    parts = await openParts(place, { now: () => now });
    session = parts.as(OWNER);
    await session.workspaces.create({ name: 'quick' });
    await session.settings.write({ workspace: 'quick', name: 'key_rotation_days', value: 7 });
    expect(await session.keys.rotateDue()).toEqual([]);
    now += 8 * 24 * 60 * 60 * 1000;
    expect(await session.keys.rotateDue()).toMatchObject([{ workspace: 'quick', number: 2 }]);
    expect(await session.keys.rotateDue()).toEqual([]);
    now += 83 * 24 * 60 * 60 * 1000;
    const due = await session.keys.rotateDue();
    expect(due.map(({ workspace }) => workspace).toSorted()).toEqual(['default', 'quick']);
  });
});

describe('a rotation that is undone', () => {
  it('leaves no key behind in memory, whichever of its writes fails', async () => {
    await session.secrets.write({ environment, path: 'a', value: 'v' });
    await parts.vault.close();
    for (let at = 1; at < 40; at += 1) {
      let armed = false;
      let counted = 0;
      parts = await openParts(place, {
        through: (store) => failingStore(store, () => armed && (counted += 1) === at),
      });
      session = parts.as(OWNER);
      armed = true;
      const result = await session.keys.rotate().then(
        () => 'done',
        () => 'undone',
      );
      armed = false;
      await session.secrets.write({ environment, path: 'a', value: `v${at}` });
      const active = rows('keys').filter(
        (row) => row['purpose'] === 'workspace' && row['state'] === 'active',
      );
      expect(active).toHaveLength(1);
      const newest = envelopes()
        .filter(({ at: where }) => where.startsWith('versions'))
        .at(-1);
      expect(envelopeKeyId(newest?.envelope ?? new Uint8Array())).toBe(active[0]?.['id']);
      await parts.vault.close();
      if (result === 'done') break;
    }
    parts = await openParts(place);
    session = parts.as(OWNER);
    expect((await session.jobs.list({ running: true })).length).toBe(1);
  });
});
