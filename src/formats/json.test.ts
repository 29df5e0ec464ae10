import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, renderJson } from './json.ts';
import type { SecretContent } from './secret-content.ts';

const name = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom('__proto__', 'constructor', '$base64', '$$base64', '$', '10', '2', ''),
);
const field = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array());
const content: fc.Arbitrary<SecretContent> = fc.oneof(
  field,
  fc
    .uniqueArray(fc.tuple(name, field), { selector: ([key]) => key })
    .map((pairs) => new Map(pairs)),
);
const secrets = fc
  .uniqueArray(fc.tuple(name, content), { selector: ([key]) => key })
  .map((pairs) => new Map(pairs));

describe('the JSON format', () => {
  it('gives back text, bytes and fields in their order, whatever they hold', () => {
    fc.assert(
      fc.property(secrets, (values) => {
        const text = renderJson(values);
        const read = parseJson(text);
        expect(read).toEqual(values);
        expect([...read.keys()]).toEqual([...values.keys()]);
        expect(() => void JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  it('is laid out for people', () => {
    const values = new Map<string, SecretContent>([
      ['PORT', '80'],
      ['KEY', new Uint8Array([0, 255])],
      [
        'DB',
        new Map<string, string | Uint8Array>([
          ['user', 'app'],
          ['$base64', 'x'],
        ]),
      ],
      ['NONE', new Map()],
    ]);
    expect(renderJson(values)).toBe(
      [
        '{',
        '  "PORT": "80",',
        '  "KEY": { "$base64": "AP8=" },',
        '  "DB": {',
        '    "user": "app",',
        '    "$$base64": "x"',
        '  },',
        '  "NONE": {}',
        '}',
        '',
      ].join('\n'),
    );
    expect(renderJson(new Map())).toBe('{}\n');
  });

  it('is read with numbers and booleans as the text that stands there', () => {
    const read = parseJson('\uFEFF{"A":1.0,"B":-1e+3,"C":true,"D":{"e":false}}');
    expect([...read]).toEqual([
      ['A', '1.0'],
      ['B', '-1e+3'],
      ['C', 'true'],
      ['D', new Map([['e', 'false']])],
    ]);
  });

  it('leaves no trace of __proto__', () => {
    const read = parseJson('{"__proto__":{"polluted":"yes"}}');
    expect([...read.keys()]).toEqual(['__proto__']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it.each([
    ['', 1, 1],
    ['[]', 1, 1],
    ['"hunter2"', 1, 1],
    ['{"A":"hunter2"', 1, 15],
    ['{"A":"hunter2}', 1, 6],
    ['{"A":"hunter2"} x', 1, 17],
    ['{"A":"x",}', 1, 10],
    ['{\n "A": "x",\n "A": "hunter2"}', 3, 2],
    ['{"A":{"b":"x","b":"hunter2"}}', 1, 15],
    ['{"A":null}', 1, 6],
    ['{"A":["hunter2"]}', 1, 6],
    ['{"A":01}', 1, 7],
    ['{"A":"hunter2\n"}', 1, 6],
    ['{"A":"hunter2\\x"}', 1, 6],
    ['{"A":{"b":{"c":"hunter2"}}}', 1, 11],
    ['{"A":{"$base64":"hunter2!"}}', 1, 6],
    ['{"A":{"$x":"hunter2"}}', 1, 6],
    ["{'A':'hunter2'}", 1, 2],
    ['{hunter2:1}', 1, 2],
  ])('refuses %j with line and column', (text, line, column) => {
    const refused = (() => {
      try {
        return parseJson(text);
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toMatchObject({ code: 'invalid_input', details: { line, column } });
    expect(JSON.stringify(refused) + String(refused)).not.toContain('hunter2');
    expect(refused).not.toHaveProperty('cause');
  });

  it('says that base64 is wrong rather than that it is a field', () => {
    expect(() => parseJson('{"A":{"$base64":"hunter2!"}}')).toThrow(/base64 is not valid base64$/);
  });

  it('refuses huge nesting', () => {
    for (const piece of ['[', '{"a":']) {
      expect(() => parseJson(piece.repeat(100_000))).toThrow(
        expect.objectContaining({ code: 'invalid_input' }),
      );
    }
  });

  it('reads long texts', () => {
    const long = new Map([['A', 'x\\"'.repeat(1_000_000)]]);
    expect(parseJson(renderJson(long))).toEqual(long);
  });
});
