import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Session } from '../../core/session.ts';
import {
  makeTemporaryVault,
  openParts,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';

const at = { environment: 'production', path: 'K' };

let now = Date.now();
let place: TemporaryVault;
let parts: OpenParts;
let session: Session;

beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => now });
  session = parts.as('ada');
});

afterEach(async () => {
  await parts.vault.close().catch(() => undefined);
  place.remove();
});

async function textOf(): Promise<string> {
  const read = await session.secrets.read(at);
  return read.kind === 'text' ? read.value.reveal() : read.kind;
}

/** From the second time on it is kept. */
async function readTwice(): Promise<void> {
  await textOf();
  await textOf();
}

describe('a secret that was read twice', () => {
  it('is not kept after the first time', async () => {
    await session.secrets.write({ ...at, value: 'one' });
    await textOf();
    tamper(place, (db) => db.exec(`UPDATE versions SET envelope = zeroblob(200)`));
    await expect(textOf()).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('is read again with the value that it has now', async () => {
    await session.secrets.write({ ...at, value: 'one' });
    expect([await textOf(), await textOf()]).toEqual(['one', 'one']);
    await session.secrets.write({ ...at, value: 'two' });
    expect([await textOf(), await textOf()]).toEqual(['two', 'two']);
    await session.secrets.update({ ...at, tags: ['t'] });
    expect((await session.secrets.read(at)).tags).toEqual(['t']);
  });

  it('is gone at once when it is deleted, and back when it is restored', async () => {
    await session.secrets.write({ ...at, value: 'one' });
    await readTwice();
    await session.secrets.delete(at);
    await expect(textOf()).rejects.toMatchObject({ code: 'secret_deleted' });
    await session.secrets.undelete(at);
    expect(await textOf()).toBe('one');
  });

  it('is put on record each time', async () => {
    await session.secrets.write({ ...at, value: 'one' });
    for (let count = 0; count < 3; count += 1) await textOf();
    const { entries } = await session.audit.query({ path: 'K', action: 'secrets.read' });
    expect(entries).toHaveLength(3);
  });

  it('is not given out when its row was altered meanwhile', async () => {
    await session.secrets.write({ ...at, value: 'one' });
    await readTwice();
    tamper(place, (db) => db.exec(`UPDATE secrets SET mac = zeroblob(32) WHERE path = 'K'`));
    await expect(textOf()).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('is looked up anew after five minutes', async () => {
    await session.secrets.write({ ...at, value: 'one' });
    await readTwice();
    tamper(place, (db) => db.exec(`UPDATE versions SET envelope = zeroblob(200)`));
    expect(await textOf()).toBe('one');
    now += 5 * 60 * 1000 + 1;
    await expect(textOf()).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('keeps to its own environment', async () => {
    await session.secrets.write({ ...at, value: 'one' });
    await session.secrets.write({ ...at, environment: 'staging', value: 'two' });
    await readTwice();
    const staging = await session.secrets.read({ ...at, environment: 'staging' });
    expect(staging.kind === 'text' && staging.value.reveal()).toBe('two');
    expect(await textOf()).toBe('one');
  });
});

describe('a secret of which only the tag was asked for, again and again', () => {
  const tagged = async (ifNoneMatch: string): Promise<unknown> =>
    session.secrets.read({ ...at, ifNoneMatch });

  beforeEach(async () => {
    await session.secrets.write({ ...at, value: 'one' });
    const { etag = '' } = await session.secrets.read({ ...at, ifNoneMatch: '' });
    for (let count = 0; count < 3; count += 1) {
      expect(await tagged(etag)).toEqual({ unchanged: true, etag });
    }
    tag = etag;
  });
  let tag = '';

  it('is given with its value to who asks for that', async () => {
    expect([await textOf(), await textOf()]).toEqual(['one', 'one']);
    await session.secrets.write({ ...at, value: 'two' });
    expect(await tagged(tag)).toMatchObject({ kind: 'text', version: 2 });
    expect(await textOf()).toBe('two');
  });

  it('is not vouched for by what was checked before its row was altered', async () => {
    tamper(place, (db) => db.exec(`UPDATE secrets SET mac = zeroblob(32) WHERE path = 'K'`));
    await expect(tagged(tag)).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('is gone when it was deleted', async () => {
    await session.secrets.delete(at);
    await expect(tagged(tag)).rejects.toMatchObject({ code: 'secret_deleted' });
  });
});
