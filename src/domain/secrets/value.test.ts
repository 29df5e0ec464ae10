import { describe, expect, it } from 'vitest';

import { SecretValue } from '../../secret-value.ts';
import { equalRecords, isSingleValue, mergeFields, toRecord, type ValueInput } from './value.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

describe('two records', () => {
  const different: readonly ValueInput[] = [
    'v',
    'w',
    'v ',
    '',
    bytes('v'),
    { a: 'v' },
    { a: bytes('v') },
    { b: 'v' },
    { a: 'v', b: 'v' },
    { a: 'v', b: 'w' },
  ];

  it('are equal only if kinds, names and bytes all are', () => {
    for (const [i, one] of different.entries()) {
      for (const [j, two] of different.entries()) {
        expect([i, j, equalRecords(toRecord(one), toRecord(two))]).toEqual([i, j, i === j]);
      }
    }
  });

  it('are equal whatever the order of fields, and however the value was given', () => {
    const one = toRecord({ b: 'x', a: SecretValue.text('v') });
    expect(equalRecords(one, toRecord({ a: 'v', b: 'x' }))).toBe(true);
  });
});

describe('merged fields', () => {
  it('are those of both, sorted, and the newer one where both have one', () => {
    const merged = mergeFields(toRecord({ b: '1', c: '2' }), toRecord({ c: '3', a: '4' }));
    expect(equalRecords(merged, toRecord({ a: '4', b: '1', c: '3' }))).toBe(true);
  });

  it('leave nothing of a field that was replaced', () => {
    const current = toRecord({ a: 'old', b: 'kept' });
    mergeFields(current, toRecord({ a: 'new' }));
    expect(current.fields.map((field) => Buffer.from(field.bytes).toString())).toEqual([
      '\0\0\0',
      'kept',
    ]);
  });

  it('are at most 128, and leave nothing if they are more', () => {
    const many = (prefix: string, count: number): ValueInput =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}${n}`, 'v']));
    expect(mergeFields(toRecord(many('a', 100)), toRecord(many('b', 28))).fields).toHaveLength(128);
    const [current, change] = [toRecord(many('a', 100)), toRecord(many('b', 29))];
    expect(() => mergeFields(current, change)).toThrow(
      expect.objectContaining({ code: 'invalid_input' }),
    );
    const left = [...current.fields, ...change.fields].filter((field) => field.bytes[0] !== 0);
    expect(left).toEqual([]);
  });
});

describe('a single value', () => {
  it('is text, bytes or a SecretValue, and nothing else', () => {
    for (const value of ['', bytes('v'), SecretValue.text('v')]) {
      expect(isSingleValue(value)).toBe(true);
    }
    for (const value of [undefined, null, 7, {}, [], { a: 'v' }]) {
      expect(isSingleValue(value)).toBe(false);
    }
  });
});
