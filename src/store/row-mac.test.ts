import { createSecretKey } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { sealEnvelope } from '../crypto/envelope.ts';
import { uuidv7 } from '../lib/ids.ts';
import { referenceRowInput, referenceRowMac } from '../testing/reference-row-mac.ts';
import { GRANTS, SECRETS, VAULT, VERSIONS } from './protected-tables.ts';
import { RowMac, type ProtectedTable } from './row-mac.ts';
import type { ProtectedColumns, TableName } from './tables.ts';

const vaultId = '01890000-0000-7000-8000-0000000000aa';
const keyBytes = Uint8Array.from({ length: 32 }, (_, index) => index);
const key = createSecretKey(keyBytes);
const mac = new RowMac(vaultId, new Map([[3, key]]), 3);

const envelope = (text: string): Uint8Array =>
  sealEnvelope(
    { id: uuidv7(), key },
    {
      domain: 'metadata',
      vaultId,
      workspaceId: vaultId,
      environmentId: vaultId,
      subjectId: vaultId,
      number: 1,
    },
    Buffer.from(text),
  );

const secret = {
  id: uuidv7(),
  workspace_id: uuidv7(),
  environment_id: uuidv7(),
  path: 'db/password',
  type: 'password',
  current_version: 7,
  current_commit: new Uint8Array(32).fill(9),
  tags: '["ä","b"]',
  metadata_revision: 1,
  metadata: envelope('about it'),
  expires_at: null,
  created_at: 1_767_225_600_123,
  created_by: uuidv7(),
  updated_at: 1_767_225_600_124,
  updated_by: uuidv7(),
  deleted_at: null,
  deleted_by: null,
};

function verdict<T extends TableName>(table: ProtectedTable<T>, row: object): string {
  try {
    mac.check(table, row as ProtectedColumns);
    return 'accepted';
  } catch (error) {
    return (error as { code?: string }).code ?? 'another error';
  }
}

/** Another value of the same column that a database could hold. */
function altered(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') return `${value} `;
  if (value instanceof Uint8Array) {
    const copy = new Uint8Array(value);
    const at = copy.length > 146 ? 120 : 0;
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  }
  return 1;
}

describe('a row MAC', () => {
  it('is made of the bytes that docs/spec/keyring.md writes down', () => {
    const row = { id: vaultId, created_at: 1, restore_generation: -1, root_key_id: 'é' };
    const input = Buffer.from(
      referenceRowInput(vaultId, 'vault', { ...row, row_revision: 1, mac_key: 3 }),
    ).toString('hex');
    const text = (value: string): string =>
      Buffer.byteLength(value).toString(16).padStart(8, '0') + Buffer.from(value).toString('hex');
    expect(input).toBe(
      [
        text('strongroom/v1/row'),
        text('vault'),
        '00000010018900000000700080000000000000aa',
        `${text('created_at')}010000000000000001`,
        `${text('id')}02${text(vaultId)}`,
        `${text('mac_key')}010000000000000003`,
        `${text('restore_generation')}01ffffffffffffffff`,
        `${text('root_key_id')}02${text('é')}`,
        `${text('row_revision')}010000000000000001`,
      ].join(''),
    );
    const expected = referenceRowMac(keyBytes, vaultId, 'vault', {
      ...row,
      row_revision: 1,
      mac_key: 3,
    });
    expect(Buffer.from(mac.protect(VAULT, row).mac).toString('hex')).toBe(
      Buffer.from(expected).toString('hex'),
    );
    expect(Buffer.from(expected).toString('hex')).toBe(
      '53cc8449f9d7657ac76c36f6c0b4c17c19237733ca546387c11627c7cb7db01c',
    );
  });

  it('agrees with an independent implementation on 2,000 random rows', () => {
    const integers = fc.oneof(
      fc.maxSafeInteger(),
      fc.constantFrom(0, -1, -(2 ** 32), 2 ** 32, 2 ** 32 + 1, -(2 ** 31), 2 ** 52 + 1),
    );
    const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
      fc.option(arbitrary, { nil: null });
    const text = fc.string({ unit: 'grapheme', maxLength: 40 });
    const row = fc.record({
      ...Object.fromEntries(
        ['id', 'workspace_id', 'environment_id', 'path', 'type', 'tags'].map((name) => [
          name,
          text,
        ]),
      ),
      current_version: integers,
      current_commit: nullable(fc.uint8Array({ maxLength: 40 })),
      metadata_revision: integers,
      metadata: nullable(fc.uint8Array({ minLength: 174, maxLength: 300 })),
      expires_at: nullable(integers),
      created_at: integers,
      created_by: text,
      updated_at: integers,
      updated_by: nullable(text),
      deleted_at: nullable(integers),
      deleted_by: nullable(text),
    });
    fc.assert(
      fc.property(row, fc.nat(), (columns, revision) => {
        const made = mac.protect(SECRETS, columns, revision);
        expect(made.row_revision).toBe(revision + 1);
        expect(made.mac_key).toBe(3);
        const { mac: value, ...rest } = made;
        expect(Buffer.from(value)).toEqual(
          Buffer.from(referenceRowMac(keyBytes, vaultId, 'secrets', rest, ['metadata'])),
        );
        expect(verdict(SECRETS, made)).toBe('accepted');
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused with integrity_error when any one column was altered', () => {
    const row = mac.protect(SECRETS, secret);
    expect(verdict(SECRETS, row)).toBe('accepted');
    for (const [column, value] of Object.entries(row)) {
      expect([column, verdict(SECRETS, { ...row, [column]: altered(value) })]).toEqual([
        column,
        'integrity_error',
      ]);
    }
  });

  it('tells null from the empty text, from zero and from no bytes', () => {
    const grant = {
      id: uuidv7(),
      workspace_id: null,
      subject_kind: 'role',
      subject_id: uuidv7(),
      effect: 'deny',
      capabilities: 'read',
      pattern: '**',
      conditions: null,
      created_at: 0,
      created_by: null,
    };
    const row = mac.protect(GRANTS, grant);
    for (const column of ['workspace_id', 'conditions', 'created_by']) {
      expect(verdict(GRANTS, { ...row, [column]: '' })).toBe('integrity_error');
    }
    expect(verdict(GRANTS, { ...row, pattern: null })).toBe('integrity_error');
    expect(verdict(GRANTS, { ...row, created_at: null })).toBe('integrity_error');
    const emptied = mac.protect(SECRETS, { ...secret, current_commit: new Uint8Array() });
    expect(verdict(SECRETS, { ...emptied, current_commit: null })).toBe('integrity_error');
  });

  it('does not let text move from one column into its neighbour', () => {
    const row = mac.protect(SECRETS, { ...secret, path: 'ab', type: 'c' });
    expect(verdict(SECRETS, { ...row, path: 'a', type: 'bc' })).toBe('integrity_error');
    expect(verdict(SECRETS, { ...row, path: 'c', type: 'ab' })).toBe('integrity_error');
  });

  it('belongs to one table, one vault and one key', () => {
    const row = mac.protect(VAULT, {
      id: vaultId,
      created_at: 1,
      restore_generation: 0,
      root_key_id: uuidv7(),
    });
    expect(verdict({ ...VAULT, table: 'slots' } as never, row)).toBe('integrity_error');
    const others = [
      new RowMac(uuidv7(), new Map([[3, key]]), 3),
      new RowMac(vaultId, new Map([[3, createSecretKey(new Uint8Array(32))]]), 3),
      new RowMac(vaultId, new Map([[4, key]]), 4),
    ];
    for (const other of others) {
      expect(() => other.check(VAULT, row)).toThrow(
        expect.objectContaining({ code: 'integrity_error' }),
      );
    }
  });

  it('is checked under the key that the row names, also when new rows have another', () => {
    const old = mac.protect(SECRETS, secret);
    const newer = createSecretKey(new Uint8Array(32).fill(4));
    const both = new RowMac(
      vaultId,
      new Map([
        [3, key],
        [4, newer],
      ]),
      4,
    );
    expect(() => both.check(SECRETS, old)).not.toThrow();
    expect(both.protect(SECRETS, secret).mac_key).toBe(4);
    expect(() => both.check(SECRETS, { ...old, mac_key: 4 })).toThrow(
      expect.objectContaining({ code: 'integrity_error' }),
    );
  });

  it('covers an envelope by its commitment, so that a re-wrap changes nothing', () => {
    const row = mac.protect(SECRETS, secret);
    const rewrapped = new Uint8Array(secret.metadata);
    rewrapped.fill(0xaa, 6, 82);
    expect(verdict(SECRETS, { ...row, metadata: rewrapped })).toBe('accepted');
    for (let at = 114; at < 146; at += 1) {
      const other = new Uint8Array(secret.metadata);
      other[at] = (other[at] ?? 0) ^ 0x80;
      expect(verdict(SECRETS, { ...row, metadata: other })).toBe('integrity_error');
    }
    expect(verdict(SECRETS, { ...row, metadata: new Uint8Array(10) })).toBe('integrity_error');
  });

  it('names the table and the row, and no other column', () => {
    const version = mac.protect(VERSIONS, {
      secret_id: secret.id,
      version: 2,
      checksum_key: 1,
      checksum: new Uint8Array(32),
      envelope: secret.metadata,
      created_at: 1,
      created_by: 'someone',
      deleted_at: null,
      destroyed_at: null,
    });
    try {
      mac.check(VERSIONS, { ...version, checksum_key: 2 } as never);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'integrity_error',
        details: { table: 'versions', row: `${secret.id} 2` },
      });
    }
  });

  it('takes rows of any size', () => {
    const row = mac.protect(SECRETS, { ...secret, tags: 'ü'.repeat(100_000) });
    expect(Buffer.from(row.mac)).toEqual(
      Buffer.from(
        referenceRowMac(keyBytes, vaultId, 'secrets', { ...row, mac: null }, ['metadata']),
      ),
    );
  });

  it('takes no value that a column cannot hold', () => {
    expect(() => mac.protect(SECRETS, { ...secret, tags: true })).toThrow(TypeError);
    expect(() => mac.protect(SECRETS, { ...secret, metadata: 'text' })).toThrow(TypeError);
  });

  it.each([1.5, Number.NaN, Infinity, 2 ** 53, -(2 ** 53)])('is not made of %d', (number) => {
    expect(() => mac.protect(SECRETS, { ...secret, current_version: number })).toThrow(RangeError);
  });

  it('is refused for a key number that does not exist', () => {
    expect(() => mac.computeTuple('label', [], 9)).toThrow(
      expect.objectContaining({ code: 'integrity_error' }),
    );
  });
});
