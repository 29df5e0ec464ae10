import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, parseCanonicalJson } from './canonical-json.ts';

describe('canonicalJson', () => {
  it('writes the example of RFC 8785 §3.2.2–3.2.3', () => {
    const text = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`;
    expect(canonicalJson(JSON.parse(text))).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],` +
        String.raw`"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  it('sorts members by UTF-16 code units, as in RFC 8785 §3.2.3', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const written: unknown = JSON.parse(canonicalJson(value));
    const order = canonicalJson(value)
      .match(/:"[^"]+"/g)
      ?.map((part) => part.slice(2, -1));
    expect(written).toStrictEqual(value);
    expect(order).toStrictEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  it('writes one text for one value, which reads back as that value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(JSON.parse(text)));
        expect(parseCanonicalJson(text)).toStrictEqual(JSON.parse(text));
      }),
    );
  });

  it('leaves out members that are undefined and keeps a member named __proto__', () => {
    expect(canonicalJson({ b: undefined, a: -0 })).toBe('{"a":0}');
    expect(canonicalJson(JSON.parse('{"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1}}');
  });

  it('refuses what JSON does not have', () => {
    const deep: unknown = JSON.parse('['.repeat(66) + ']'.repeat(66));
    const odd = [
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      1n,
      '\ud800',
      { '\udc00': 1 },
      [undefined],
      () => 1,
      new Map(),
      new Date(0),
      new Uint8Array(3),
      deep,
    ];
    for (const value of odd) expect(() => canonicalJson(value)).toThrow(TypeError);
  });
});

describe('parseCanonicalJson', () => {
  it('reads nothing but the canonical text of a value', () => {
    expect(parseCanonicalJson('{"a":1,"b":[true,"é"]}')).toStrictEqual({ a: 1, b: [true, 'é'] });
    const others = [
      '{"a":1,"a":1}',
      '{"b":1,"a":1}',
      '{"a": 1}',
      '{"a":1} ',
      '\ufeff{"a":1}',
      '{"a":1.0}',
      '{"a":-0}',
      '{"a":1e2}',
      '{"a":1e400}',
      String.raw`{"a":"\u00e9"}`,
      String.raw`{"a":"\/"}`,
      String.raw`{"a":"\ud800"}`,
      '{"a":"\ud800"}',
      '{"a":1}\r',
      '{"a":1',
      '',
      '['.repeat(1_000_000),
      '['.repeat(1_000_000) + ']'.repeat(1_000_000),
    ];
    for (const text of others) expect(parseCanonicalJson(text)).toBeUndefined();
  });
});
