import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { SecretContent } from './secret-content.ts';
import { parseYaml, renderYaml } from './yaml.ts';

const TRAPS: readonly string[] = [
  'no',
  'Yes',
  'on',
  'y',
  'true',
  'null',
  '~',
  '',
  '1e3',
  '0x10',
  '010',
  '0o7',
  '1_000',
  '1:30',
  '.inf',
  '2001-01-01',
  '<<',
  '=',
  '- a',
  '? a',
  'a: b',
  'a #b',
  '*a',
  '&a',
  '!a',
  '%a',
  '@a',
  '`a',
  '---',
  '...',
  'x ',
  ' x',
  'a\n',
  'a\n\n',
  '\na',
  'a\nb',
  'a\nb\n',
  'a\nb\n\n',
  'a\n b',
  'a\nb ',
  'a\n\nb',
  'a\r\nb',
  '- a\n- b\n',
  '#a\n#b',
  '---\na',
  '\ta\n\tb',
  '\u0000\u0007\u001b\u007f\u0085\u009f',
  '\u2028\u2029',
  '\ufeffa',
  '\ufffe\uffff',
  '👋',
  '-----BEGIN KEY-----\nMII=\n-----END KEY-----\n',
  '__proto__',
];

const text = fc.oneof(
  fc.constantFrom(...TRAPS),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }).map((each) => each.toWellFormed()),
  fc
    .array(fc.constantFrom('a', ' ', '\n', '#', ':', '-', '|', 'é'), { maxLength: 12 })
    .map((each) => each.join('')),
);
const field = fc.oneof(text, fc.uint8Array());
const content: fc.Arbitrary<SecretContent> = fc.oneof(
  field,
  fc
    .uniqueArray(fc.tuple(text, field), { selector: ([key]) => key })
    .map((pairs) => new Map(pairs)),
);
const secrets = fc
  .uniqueArray(fc.tuple(text, content), { selector: ([key]) => key })
  .map((pairs) => new Map(pairs));

describe('the YAML format', () => {
  it('gives back text, bytes and fields in their order, whatever they hold', () => {
    fc.assert(
      fc.property(secrets, (values) => {
        const read = parseYaml(renderYaml(values));
        expect(read).toEqual(values);
        expect([...read.keys()]).toEqual([...values.keys()]);
      }),
      { numRuns: 1500 },
    );
  });

  it.each(['1.1', '1.2'] as const)('stays text for a reader of YAML %s', (version) => {
    const values = new Map(
      TRAPS.flatMap((trap, at) => [
        [`v${at}`, trap],
        [trap, 'x'],
      ]),
    );
    const read: unknown = parse(renderYaml(values), { version, mapAsMap: true });
    expect(read).toEqual(values);
  });

  it('holds no character that YAML does not count as printable', () => {
    const rendered = renderYaml(new Map(TRAPS.map((trap) => [trap, trap])));
    expect(rendered).not.toMatch(
      /[^\n\u0020-\u007e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u,
    );
  });

  it('is laid out for people', () => {
    const values = new Map<string, SecretContent>([
      ['PORT', '80'],
      ['KEY', new Uint8Array([0, 255])],
      [
        'DB',
        new Map([
          ['user', 'app'],
          ['pem', 'BEGIN\nEND\n'],
        ]),
      ],
      ['no', new Map()],
      ['a b', 'x\ny'],
    ]);
    expect(renderYaml(values)).toBe(
      [
        'PORT: "80"',
        'KEY: !!binary "AP8="',
        'DB:',
        '  user: "app"',
        '  pem: |',
        '    BEGIN',
        '    END',
        '"no": {}',
        '"a b": |-',
        '  x',
        '  y',
        '',
      ].join('\n'),
    );
    expect(renderYaml(new Map())).toBe('{}\n');
  });

  it('is read with unquoted values as the text that stands there', () => {
    const read = parseYaml(
      '# c\nA: 1.0\nB: no\nC: 0x10 # hex\nD: {e: !!str ~, f: !!binary AP8=}\nE: !!binary |\n  AP\n  8=\nG: >-\n  a\n  b\n',
    );
    expect([...read]).toEqual([
      ['A', '1.0'],
      ['B', 'no'],
      ['C', '0x10'],
      [
        'D',
        new Map<string, string | Uint8Array>([
          ['e', '~'],
          ['f', new Uint8Array([0, 255])],
        ]),
      ],
      ['E', new Uint8Array([0, 255])],
      ['G', 'a b'],
    ]);
  });

  it('leaves no trace of __proto__', () => {
    expect([...parseYaml('__proto__: {polluted: yes}').keys()]).toEqual(['__proto__']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it.each([
    ['', 1],
    ['hunter2', 1],
    ['- hunter2', 1],
    ['A: hunter2\nA: x', 2],
    ['A: {b: hunter2, b: x}', 1],
    ['A: &x hunter2\nB: 1', 1],
    ['A: &x {b: hunter2}', 1],
    ['A: 1\nB: *hunter2', 2],
    ['A: hunter2\nB: ~', 2],
    ['A: null', 1],
    ['A:', 1],
    ['{A}', 1],
    ['A: [hunter2]', 1],
    ['A: {b: {c: hunter2}}', 1],
    ['? [hunter2]\n: x', 1],
    ['? {hunter2: y}\n: x', 1],
    ['!!binary AP8=: x', 1],
    ['A: !!binary hunter2!', 1],
    ['A: !hunter2 x', 1],
    ['A: !!int 3', 1],
    ['A: !!set {}', 1],
    ['A: ! hunter2', 1],
    ['A: 1\n? B', 2],
    ['A: 1\n--- \nB: hunter2', 2],
    ['A: "hunter2', 1],
    ['A: b: hunter2', 1],
    ['A: \thunter2\n\tB: x', 2],
  ])('refuses %j with its line', (yaml, line) => {
    const refused = (() => {
      try {
        return parseYaml(yaml);
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toMatchObject({ code: 'invalid_input', details: { line } });
    expect(JSON.stringify(refused) + String(refused)).not.toContain('hunter2');
    expect(refused).not.toHaveProperty('cause');
  });

  it('says what it does not read', () => {
    expect(() => parseYaml('A: *x')).toThrow(/line 1, column 4: aliases are not read$/);
    expect(() => parseYaml('A: &x 1\nB: *x')).toThrow(/line 1, column 7: anchors are not read$/);
  });

  it('refuses huge nesting and bombs of aliases', () => {
    const bomb = `a: &a x\nb: &b {${'x: *a, '.repeat(9)}}`;
    const deep = ['[', '{a: ', '- ', '? ', 'a:\n '].map((piece) => piece.repeat(20_000));
    for (const yaml of [bomb, ...deep]) {
      expect(() => parseYaml(yaml)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
    }
  });
});
