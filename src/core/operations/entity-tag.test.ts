import { createSecretKey } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import type { SecretRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { descriptionTag, hasTag, valueTag } from './entity-tag.ts';

const ID = '01890000-0000-7000-8000-000000000001';

/** What a tag is made with. */
function callWith({
  restoreId = '',
  byte = 1,
  now = 0,
  name = 'ada',
}: {
  readonly restoreId?: string;
  readonly byte?: number;
  readonly now?: number;
  readonly name?: string;
} = {}): Call {
  const key = createSecretKey(new Uint8Array(32).fill(byte));
  const keyring = { fingerprintKey: () => ({ number: 1, key }) };
  const policy = { nameOf: () => name };
  return { keyring, standing: { restoreId }, policy, now } as unknown as Call;
}

function secret(set: Partial<SecretRow> = {}): SecretRow {
  const rest = { created_by: ID, updated_by: ID, owner: null, expires_at: 5 };
  return { id: ID, current_version: 1, row_revision: 1, ...rest, ...set } as SecretRow;
}

describe('an entity tag', () => {
  it('is of the secret, version, field, representation, generation and key', () => {
    const call = callWith();
    const tags = [
      valueTag(call, secret(), { version: 1 }),
      valueTag(call, secret({ id: ID.replace(/1$/, '2') }), { version: 1 }),
      valueTag(call, secret(), { version: 2 }),
      valueTag(call, secret(), { version: 1, field: 'a' }),
      valueTag(call, secret(), { version: 1, field: 'json' }),
      valueTag(call, secret(), { version: 1, representation: 'bytes' }),
      valueTag(callWith({ restoreId: ID }), secret(), { version: 1 }),
      valueTag(callWith({ byte: 2 }), secret(), { version: 1 }),
      descriptionTag(call, secret()),
      descriptionTag(call, secret({ row_revision: 2 })),
      descriptionTag(callWith({ restoreId: ID }), secret()),
      descriptionTag(callWith({ now: 5 }), secret()),
      descriptionTag(callWith({ name: 'eve' }), secret()),
    ];
    expect(new Set(tags).size).toBe(tags.length);
    for (const tag of tags) expect(tag).toMatch(/^"[\w-]{22}"$/);
  });

  it('is the same for the same, whatever else changes', () => {
    const tag = valueTag(callWith(), secret(), { version: 1 });
    const other = secret({ current_version: 9, row_revision: 9, path: 'other' });
    expect(valueTag(callWith(), other, { version: 1, representation: 'json' })).toBe(tag);
  });

  it('is found among others, and not in a part of another', () => {
    expect(hasTag('"a"', '"a"')).toBe(true);
    expect(hasTag('"b", "a" ,"c"', '"a"')).toBe(true);
    for (const header of ['', '*', 'a', '"aa"', 'W/"a"', '"b"']) {
      expect(hasTag(header, '"a"')).toBe(false);
    }
  });
});
