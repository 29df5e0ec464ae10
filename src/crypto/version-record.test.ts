import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { tuple, utf8 } from '../lib/bytes.ts';
import { decodeRecord, encodeRecord } from './version-record.ts';
import type { RecordField, VersionRecord } from './version-record.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const anyBytes = fc.uint8Array({ maxLength: 40 });
const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
const field: fc.Arbitrary<RecordField> = fc.oneof(
  fc.record({ name, kind: fc.constant('text' as const), bytes: text.map(utf8) }),
  fc.record({ name, kind: fc.constant('bytes' as const), bytes: anyBytes }),
);
const record: fc.Arbitrary<VersionRecord> = fc.oneof(
  text.map((value) => single('text', utf8(value))),
  anyBytes.map((value) => single('bytes', value)),
  fc
    .uniqueArray(field, { selector: ({ name }) => name, minLength: 1, maxLength: 6 })
    .map((fields) => ({ kind: 'fields' as const, fields: fields.toSorted(byNameBytes) })),
);

function byNameBytes(a: RecordField, b: RecordField): number {
  return Buffer.compare(utf8(a.name), utf8(b.name));
}

function single(kind: 'text' | 'bytes', bytes: Uint8Array): VersionRecord {
  return { kind, fields: [{ name: '', kind, bytes }] };
}

/** Fields written as the specification has them, in whatever order. */
function encodeUnchecked(fields: readonly RecordField[]): Uint8Array {
  return Buffer.concat([
    Uint8Array.of(1, 3, 0, fields.length),
    ...fields.flatMap(({ name, kind, bytes }) => [
      tuple([name]),
      Uint8Array.of(kind === 'text' ? 1 : 2),
      tuple([bytes]),
    ]),
  ]);
}

/** Bytes from hexadecimal text with spaces. */
function fromHex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function isRefused(encoded: Uint8Array): boolean {
  try {
    decodeRecord(encoded);
    return false;
  } catch (error) {
    return error instanceof StrongroomError && error.code === 'integrity_error';
  }
}

describe('a version record', () => {
  it('is given back as it was', () => {
    fc.assert(
      fc.property(record, (original) => {
        expect(decodeRecord(encodeRecord(original))).toEqual(original);
      }),
    );
  });

  it('is laid out as docs/spec/envelope.md has it', () => {
    const encoded = encodeRecord({
      kind: 'fields',
      fields: [
        { name: 'user', kind: 'text', bytes: utf8('sa') },
        { name: 'é', kind: 'bytes', bytes: Uint8Array.of(0, 255) },
      ],
    });
    expect(Buffer.from(encoded)).toEqual(
      fromHex('01030002 0000000475736572 01 000000027361 00000002c3a9 02 0000000200ff'),
    );
    const alone = encodeRecord(single('text', utf8('hi')));
    expect(Buffer.from(alone)).toEqual(fromHex('01010001 00000000 01 000000026869'));
    expect(encodeRecord(single('bytes', new Uint8Array(0)))[1]).toBe(2);
  });

  it('has one form only: fields in any other order are refused, written or read', () => {
    const several = record.filter(({ fields }) => fields.length > 1);
    fc.assert(
      fc.property(several, fc.nat(), ({ kind, fields }, at) => {
        const i = at % (fields.length - 1);
        const swapped = [...fields];
        swapped.splice(i, 2, fields[i + 1]!, fields[i]!);
        expect(() => encodeRecord({ kind, fields: swapped })).toThrow(RangeError);
        expect(isRefused(encodeUnchecked(swapped))).toBe(true);
        expect(isRefused(encodeUnchecked(fields))).toBe(false);
      }),
    );
  });

  it('orders fields by the bytes of their names, not by UTF-16 code units', () => {
    const names = ['Z', 'a', 'ab', 'b', 'é', '\uff01', '\u{1f511}'];
    const fields = names.map((name) => ({ name, kind: 'text' as const, bytes: utf8('x') }));
    expect(decodeRecord(encodeRecord({ kind: 'fields', fields })).fields).toEqual(fields);
    const byUnits = fields.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(() => encodeRecord({ kind: 'fields', fields: byUnits })).toThrow(RangeError);
    expect(isRefused(encodeUnchecked(byUnits))).toBe(true);
  });

  it('is decoded from a part of a larger array', () => {
    const encoded = encodeRecord(single('text', utf8('hidden')));
    const around = new Uint8Array(encoded.length + 9).fill(255);
    around.set(encoded, 5);
    const decoded = decodeRecord(around.subarray(5, 5 + encoded.length));
    expect(decoded).toEqual(single('text', utf8('hidden')));
  });

  it('owns its bytes, so the encoded form can be wiped', () => {
    const encoded = encodeRecord(single('text', utf8('hidden')));
    const decoded = decodeRecord(encoded);
    encoded.fill(0);
    expect(decoded.fields[0]?.bytes).toEqual(utf8('hidden'));
  });

  it('is refused when cut anywhere or followed by anything', () => {
    fc.assert(
      fc.property(record, (original) => {
        const encoded = encodeRecord(original);
        for (let length = 0; length < encoded.length; length += 1) {
          expect(isRefused(encoded.subarray(0, length))).toBe(true);
        }
        expect(isRefused(Buffer.concat([encoded, Uint8Array.of(0)]))).toBe(true);
      }),
    );
  });

  it('is never read from bytes that would be written in another way', () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.nat({ max: 255 }), (original, at, value) => {
        const altered = encodeRecord(original);
        altered[at % altered.length] = value;
        if (!isRefused(altered)) expect(encodeRecord(decodeRecord(altered))).toEqual(altered);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['another format', '02010001 00000000 01 00000000'],
    ['kind 0', '01000001 00000000 01 00000000'],
    ['kind 4', '01040001 00000000 01 00000000'],
    ['field kind 0', '01030001 0000000161 00 00000000'],
    ['field kind 3', '01030001 0000000161 03 00000000'],
    ['a text with bytes in it', '01010001 00000000 02 00000000'],
    ['bytes with a text in them', '01020001 00000000 01 00000000'],
    ['a text with a name', '01010001 0000000161 01 00000000'],
    ['a text without a field', '01010000'],
    ['a text with two fields', '01010002 000000000100000000 000000000100000000'],
    ['no fields', '01030000'],
    ['a field without a name', '01030001 00000000 01 00000000'],
    ['an empty name before another', '01030002 000000000100000000 00000001610100000000'],
    ['fields out of order', '01030002 00000001620100000000 00000001610100000000'],
    ['a longer name before its beginning', '01030002 0000000261620100000000 00000001610100000000'],
    ['two fields of one name', '01030002 00000001610100000000 00000001610100000000'],
    ['text that is not UTF-8', '01010001 00000000 01 00000001ff'],
    ['a surrogate in UTF-8', '01010001 00000000 01 00000003eda080'],
    ['a name that is not UTF-8', '01030001 00000001ff 01 00000000'],
    ['a length beyond the end', '01010001 00000000 01 ffffffff'],
    ['a name beyond the end', '01030001 ffffffff 01 00000000'],
  ])('with %s is refused as integrity_error', (_name, hex) => {
    expect(isRefused(fromHex(hex))).toBe(true);
  });

  it('that could not be read again is not written', () => {
    const a: RecordField = { name: 'a', kind: 'text', bytes: utf8('x') };
    const wrong: VersionRecord[] = [
      { kind: 'text', fields: [] },
      { kind: 'text', fields: [a] },
      { kind: 'bytes', fields: [{ name: '', kind: 'text', bytes: utf8('x') }] },
      { kind: 'fields', fields: [] },
      { kind: 'fields', fields: [{ ...a, name: '' }] },
      { kind: 'fields', fields: [{ ...a, name: '' }, a] },
      { kind: 'fields', fields: [a, a] },
      { kind: 'fields', fields: [{ ...a, name: 'b' }, a] },
      { kind: 'fields', fields: [{ ...a, name: '\ud800' }] },
      { kind: 'text', fields: [{ name: '', kind: 'text', bytes: Uint8Array.of(0xff) }] },
      {
        kind: 'fields',
        fields: Array.from({ length: 65_536 }, (_, i) => ({ ...a, name: String(1e5 + i) })),
      },
    ];
    for (const bad of wrong) expect(() => encodeRecord(bad)).toThrow(RangeError);
  });
});
