import { describe, expect, it } from 'vitest';

import { SecretValue } from '../secret-value.ts';
import { wireCodec, wireName } from './wire.ts';

describe('names over HTTP', () => {
  it('are those of members in snake_case', () => {
    expect(wireName('rotationDueAt')).toBe('rotation_due_at');
    expect(wireName('id')).toBe('id');
  });
});

describe('a wire shape', () => {
  const codec = wireCodec({
    of: {
      path: 'any',
      dueAt: 'any',
      metadata: 'any',
      items: { list: { of: { isThere: 'any' } } },
      byName: { map: { of: { innerName: 'any' } } },
      value: 'value',
      token: 'secret',
    },
    names: { path: 'name' },
  });

  it('translates members both ways, and leaves the keys of maps and metadata alone', () => {
    const here = {
      path: 'a',
      dueAt: null,
      metadata: { myKey: { otherKey: 1 } },
      items: [{ isThere: true }],
      byName: { someKey: { innerName: 1 } },
    };
    const there = {
      name: 'a',
      due_at: null,
      metadata: { myKey: { otherKey: 1 } },
      items: [{ is_there: true }],
      by_name: { someKey: { inner_name: 1 } },
    };
    expect(codec.encode(here)).toEqual(there);
    expect(codec.decode(there)).toEqual(here);
  });

  it('leaves out what is undefined, and members that it does not know', () => {
    expect(codec.encode({ path: undefined, other: 1, dueAt: 0 })).toEqual({ due_at: 0 });
  });

  it.each([
    [{ dueAt: 1, due: 1 }, 'the input has no member due'],
    [{ list: [{ here: true, isTheer: true }] }, 'the input has no member isTheer'],
    [{ 'a value of somebody': 1 }, 'the input has a member that is not known'],
  ])('that is exact refuses to leave out what may have been meant: %j', (value, message) => {
    const exact = wireCodec(
      { of: { dueAt: 'any', list: { list: { of: { here: 'any' } } } } },
      { exact: true },
    );
    const refused = expect.objectContaining({ code: 'invalid_input', message });
    expect(() => exact.encode(value)).toThrow(refused);
    expect(exact.encode({ dueAt: 1, due: undefined })).toEqual({ due_at: 1 });
  });

  it.each([
    { path: 'a' },
    { dueAt: 1 },
    { items: [{ isThere: true }] },
    { ['__proto__']: 1, x: 1 },
  ])(
    'A46 refuses members that it does not know by that name, and does not repeat them: %j',
    (json) => {
      expect(() => codec.decode(json)).toThrow(
        expect.objectContaining({
          code: 'invalid_input',
          message: 'the input has a member that is not known',
        }),
      );
    },
  );

  it('writes text as it is and bytes as base64, and reads them back', () => {
    const value = { a: SecretValue.text('x'), b: SecretValue.bytes(Uint8Array.of(0, 255)) };
    const json = { value: { a: 'x', b: { $base64: 'AP8=' } } };
    expect(codec.encode({ value })).toEqual(json);
    expect(codec.decode(json)).toEqual({ value: { a: 'x', b: Uint8Array.of(0, 255) } });
    expect(codec.decode({ value: { $base64: 'AP8=' } })).toEqual({ value: Uint8Array.of(0, 255) });
  });

  it('makes a value that does not print itself of a secret', () => {
    const { token } = codec.decode({ token: 's3cret' }) as { readonly token: SecretValue };
    expect(token.reveal()).toBe('s3cret');
    expect(codec.encode({ token })).toEqual({ token: 's3cret' });
  });

  it('refuses bytes that are not base64, without repeating them', () => {
    for (const $base64 of ['AP8', 'AP8=\n', '*', 7, null]) {
      expect(() => codec.decode({ value: { $base64 } })).toThrow(
        expect.objectContaining({
          code: 'invalid_input',
          message: 'the bytes of a value are not base64',
        }),
      );
    }
  });

  it('leaves what does not fit for the schema to refuse', () => {
    for (const odd of [null, 1, 'x', [], [[]]]) expect(codec.decode(odd)).toEqual(odd);
    expect(codec.decode({ items: { isThere: 1 }, by_name: [] })).toEqual({
      items: { isThere: 1 },
      byName: [],
    });
  });
});
