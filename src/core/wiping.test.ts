import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type * as records from '../crypto/version-record.ts';
import type * as bytes from '../lib/bytes.ts';
import { SecretValue } from '../secret-value.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import type * as hold from './hold-bytes.ts';
import type { Session } from './session.ts';

const MARKER = 'marker-of-a-value-51c8';
const MARKER_BYTES = Buffer.from(MARKER);

/** Every array that was made of values on their way, and every copy of an input's bytes. */
const seen = vi.hoisted((): { arrays: Uint8Array[]; copies: SecretValue[] } => ({
  arrays: [],
  copies: [],
}));

vi.mock('../lib/bytes.ts', async (original) => {
  const real = await original<typeof bytes>();
  const kept = (made: Uint8Array): Uint8Array => {
    seen.arrays.push(made);
    return made;
  };
  return {
    ...real,
    utf8: (text: string) => kept(real.utf8(text)),
    concat: (parts: readonly Uint8Array[]) => kept(real.concat(parts)),
    tuple: (parts: readonly (Uint8Array | string)[]) => kept(real.tuple(parts)),
  };
});

vi.mock('../crypto/version-record.ts', async (original) => {
  const real = await original<typeof records>();
  const fieldsOf = (record: records.VersionRecord): void => {
    for (const field of record.fields) seen.arrays.push(field.bytes);
  };
  const encodeRecord: typeof real.encodeRecord = (record) => {
    fieldsOf(record);
    const encoded = real.encodeRecord(record);
    seen.arrays.push(encoded);
    return encoded;
  };
  const decodeRecord: typeof real.decodeRecord = (encoded) => {
    const record = real.decodeRecord(encoded);
    fieldsOf(record);
    return record;
  };
  return { ...real, encodeRecord, decodeRecord };
});

vi.mock('./hold-bytes.ts', async (original) => {
  const real = await original<typeof hold>();
  const holdBytes: typeof real.holdBytes = (input, members) => {
    const held = real.holdBytes(input, members);
    seen.copies.push(...held.copies);
    return held;
  };
  return { ...real, holdBytes };
});

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
beforeEach(() => {
  seen.arrays.length = 0;
  seen.copies.length = 0;
});

const environment = 'testing';
const big = 'x'.repeat(1024 * 1024);

/** How many of the arrays that were made still hold the value. */
function left(): number {
  expect(seen.arrays.length).toBeGreaterThan(0);
  return seen.arrays.filter((array) => Buffer.from(array).includes(MARKER_BYTES)).length;
}

describe('after a change no array that was made on the way holds the value', () => {
  it.each([
    ['text', MARKER],
    ['bytes', MARKER_BYTES],
    ['a SecretValue', SecretValue.text(MARKER)],
    ['fields', { a: MARKER, b: MARKER_BYTES }],
  ])('that made a secret of %s, under an idempotency key', async (kind, value) => {
    const at = { environment, path: `made/${kind.length}` };
    await session.secrets.create({ ...at, value }, { idempotencyKey: kind });
    expect(left()).toBe(0);
  });

  it('that merged fields into fields', async () => {
    const at = { environment, path: 'merged' };
    await session.secrets.write({ ...at, value: { a: `${MARKER} 1`, b: `${MARKER} 2` } });
    await session.secrets.write({ ...at, value: { b: `${MARKER} 3`, c: MARKER } });
    expect(left()).toBe(0);
  });

  it('that failed: too large by itself, or once it was merged', async () => {
    const at = { environment, path: 'large' };
    await session.secrets.write({ ...at, value: { a: MARKER } });
    for (const value of [{ a: MARKER, b: big }, { b: `${MARKER}${big.slice(30)}` }]) {
      await expect(session.secrets.write({ ...at, value })).rejects.toMatchObject({
        code: 'value_too_large',
      });
    }
    expect(left()).toBe(0);
  });

  it('that failed because the version to merge into was altered', async () => {
    const at = { environment, path: 'altered' };
    await session.secrets.write({ ...at, value: { a: 'x' } });
    const rows = tamper(place, (db) => storedRows(db, 'versions'));
    tamper(place, (db) => db.exec('UPDATE versions SET checksum = zeroblob(32)'));
    try {
      await expect(session.secrets.write({ ...at, value: { b: MARKER } })).rejects.toMatchObject({
        code: 'integrity_error',
      });
    } finally {
      tamper(place, (db) => {
        for (const row of rows) putRow(db, 'versions', row);
      });
    }
    expect(left()).toBe(0);
  });

  it('that imported what is new, the same and another', async () => {
    const once = [MARKER, { a: MARKER }].map((value, n) => ({ path: `import/${n}`, value }));
    const other = { path: 'import/2', value: MARKER };
    await session.secrets.import({ environment, secrets: [...once, other] });
    const again = [...once, { ...other, value: `${MARKER} other` }];
    const imported = await session.secrets.import({ environment, secrets: again });
    expect(imported.unchanged).toEqual(['import/0', 'import/1']);
    expect(imported.updated).toEqual(['import/2']);
    expect(left()).toBe(0);
  });

  it('that an import was refused for', async () => {
    await session.secrets.write({ environment, path: 'refused', value: { a: MARKER } });
    const secrets = [{ path: 'refused', value: { a: MARKER, b: big } }];
    await expect(session.secrets.import({ environment, secrets })).rejects.toMatchObject({
      code: 'value_too_large',
    });
    expect(left()).toBe(0);
  });
});

describe('the copies of bytes that a caller passed', () => {
  it('are wiped once the call has settled, well or not; what the caller holds is not', async () => {
    const own = SecretValue.text(MARKER);
    const value = { a: MARKER_BYTES, b: own };
    const at = { environment, path: 'copied' };
    await session.secrets.create({ ...at, value });
    await expect(session.secrets.create({ ...at, value })).rejects.toMatchObject({
      code: 'secret_exists',
    });
    await session.secrets.import({ environment, secrets: [{ path: 'copied', value }] });
    expect(seen.copies).toHaveLength(3);
    for (const copy of seen.copies) {
      expect(() => copy.byteLength()).toThrow(expect.objectContaining({ code: 'secret_wiped' }));
    }
    expect(own.reveal()).toBe(MARKER);
    expect(MARKER_BYTES.toString()).toBe(MARKER);
  });
});
