import { parse as npmParse } from 'dotenv';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { parseLayout, serializeLayout } from './dotenv-layout.ts';
import { dotenvValues, parseDotenv, type DotenvAssignment } from './dotenv.ts';
import { realisticDotenv } from '../testing/realistic-dotenv.ts';

const values = (text: string): Record<string, string> =>
  Object.fromEntries(dotenvValues(parseDotenv(text)));

const value = (text: string): string | undefined => values(text)['A'];

function refusal(text: string): StrongroomError {
  try {
    parseDotenv(text);
  } catch (error) {
    if (error instanceof StrongroomError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

function assignments(text: string): DotenvAssignment[] {
  return parseDotenv(text).segments.filter((segment) => segment.kind === 'assignment');
}

describe('a realistic .env file', () => {
  const variants: Readonly<Record<string, string>> = {
    'with LF': realisticDotenv(),
    'with CRLF': realisticDotenv().replaceAll('\n', '\r\n'),
    'with lone CR': realisticDotenv().replaceAll('\n', '\r'),
    'with a byte order mark': `\uFEFF${realisticDotenv()}`,
    'without a last line end': realisticDotenv().trimEnd(),
    'with export on each line': realisticDotenv().replaceAll(/^(?=[A-Z][A-Z0-9_]*=)/gm, 'export '),
  };

  it.each(Object.keys(variants))('%s is read into pieces that join to the file', (name) => {
    const text = variants[name] ?? '';
    const { segments } = parseDotenv(text);
    expect(segments.map((segment) => segment.raw).join('')).toBe(text);
    expect(dotenvValues(parseDotenv(text)).size).toBe(40);
  });

  it.each(Object.keys(variants))('%s reads as npm dotenv reads it', (name) => {
    const text = variants[name] ?? '';
    const { notes } = parseDotenv(text);
    const expected = npmParse(text);
    const ours = values(text);
    const differing = Object.keys(expected).filter((key) => expected[key] !== ours[key]);
    expect(Object.keys(ours).toSorted()).toEqual(Object.keys(expected).toSorted());
    expect(differing.toSorted()).toEqual(notes.map((note) => note.name).toSorted());
    expect(differing).toEqual(['SMTP_PASSWORD', 'WINDOWS_SHARE']);
  });

  it('keeps what a person wrote', () => {
    const read = values(realisticDotenv());
    expect(read['FEATURE_FLAGS']).toBe(
      '{"newCheckout": true, "regions": ["eu", "us"], "note": "50% #1 $5"}',
    );
    expect(read['TLS_KEY']).toMatch(
      /^-----BEGIN PRIVATE KEY-----\nMII[^]*-----END PRIVATE KEY-----\n$/,
    );
    expect(read['SMTP_PASSWORD']).toBe('p#ss=w$rd');
    expect(read['LOG_LEVEL']).toBe('debug');
    expect(read['EMPTY']).toBe('');
  });
});

describe('a value', () => {
  it.each([
    ['A=x', 'x'],
    ['A=  x y  ', 'x y'],
    ['A = x', 'x'],
    ['  A=x', 'x'],
    ['export A=x', 'x'],
    ['export\t A=x', 'x'],
    ['A: x', 'x'],
    ['A: "x: y"', 'x: y'],
    ['A=', ''],
    ['A=a=b==', 'a=b=='],
    ['A=$HOME/${B}', '$HOME/${B}'],
    ['A=x # note', 'x'],
    ['A=#x', ''],
    ['A= # x', ''],
    ['A=ab#cd', 'ab#cd'],
    ['A=ab#cd # note', 'ab#cd'],
    ["A=it's", "it's"],
    ['A=a\\nb', 'a\\nb'],
    ["A='x # y' # note", 'x # y'],
    ["A='x'# note", 'x'],
    ["A='a\\nb'", 'a\\nb'],
    ["A='it\\'s'", "it\\'s"],
    ["A='C:\\dir\\'", 'C:\\dir\\'],
    ["A='a\nb'", 'a\nb'],
    ["A='a\r\nb'", 'a\nb'],
    ["A='  x '", '  x '],
    ['A=`it\'s "x"`', 'it\'s "x"'],
    ['A="a\\nb\\r\\t\\"\\\\\\$\\`\\x"', 'a\nb\r\t"\\$`\\x'],
    ['A="C:\\dir\\"', 'C:\\dir\\'],
    ['A="C:\\dir\\" # the share\nB="y"', 'C:\\dir\\'],
    ['A="x\\\\"\nB="y"', 'x\\'],
    ['A="a\n# no comment\n\nb"', 'a\n# no comment\n\nb'],
    ['A=""', ''],
    ['A=1\nA=2', '2'],
  ])('is read from %j', (text, expected) => {
    expect(value(text)).toBe(expected);
  });

  it.each(['A="ab\\tcd"', 'A="ab\\"cd"', 'A="ab\\\\"', 'A=ab#cd'])(
    'comes with a note where npm dotenv reads another one: %j',
    (text) => {
      const { notes } = parseDotenv(`# first\n${text}\n`);
      expect(notes).toHaveLength(1);
      expect(notes[0]).toMatchObject({ line: 2, name: 'A' });
      expect(notes[0]?.message).not.toContain('ab');
      expect(npmParse(text)['A']).not.toBe(value(text));
    },
  );

  it('comes with a note where npm dotenv ends it further down', () => {
    const text = 'A="C\\"\nB=\\\\" x"\n';
    expect(values(text)).toEqual({ A: 'C\\', B: '\\\\" x"' });
    expect(npmParse(text)).toEqual({ A: 'C\\"\nB=\\\\" x' });
    expect(parseDotenv(text).notes.map((note) => note.name)).toEqual(['A']);
  });

  it('tells where its text sits in the line', () => {
    const [only] = assignments("export A = 'x y' # note\r\n");
    expect(only).toMatchObject({ exported: true, quote: 'single', name: 'A' });
    expect(only?.raw.slice(only.valueStart, only.valueEnd)).toBe("'x y'");
    const [empty] = assignments('A=   # note');
    expect([empty?.valueStart, empty?.valueEnd]).toEqual([2, 2]);
  });
});

describe('a malformed .env file', () => {
  it.each([
    ['hunter2', 1, 8],
    ['A=1\n\nhunter2 x', 3, 9],
    ['A=1\nhunter2 x=y', 2, 9],
    ['=hunter2', 1, 1],
    ['Ä=hunter2', 1, 1],
    ['A!=hunter2', 1, 2],
    ['A:hunter2', 1, 2],
    ['export A', 1, 9],
    ['\uFEFFhunter2', 1, 8],
    ['A=1\r\nB="hunter2', 2, 3],
    ["A=1\rB='hunter2", 2, 3],
    ['A=`hunter2\n\n', 1, 3],
    ['A="hunter2" x', 1, 13],
    ["A='it's hunter2'", 1, 7],
    ["😀='x'", 1, 1],
    ['A="😀" x', 1, 7],
    ['A=hunter2\u001b[0m', 1, 10],
    ['A=\u0085hunter2', 1, 3],
    ['A="hunter2\0"', 1, 11],
    ['# \0', 1, 3],
  ])('is refused with line and column: %j', (text, line, column) => {
    const error = refusal(text);
    expect(error.code).toBe('malformed_dotenv');
    expect(error.details).toEqual({ line, column });
    expect(error.message).toContain(`line ${line}, column ${column}`);
    expect(`${error.message} ${error.hint} ${String(error.cause)}`).not.toMatch(/hunter2/);
  });

  it('is described with the name where that cannot be part of a value', () => {
    expect(refusal('API_KEY="x').message).toBe(
      'line 1, column 9: the quote that begins API_KEY is never closed',
    );
    expect(refusal('a/b+c="x').message).not.toContain('a/b');
    expect(refusal('9f86d081="x').message).not.toContain('9f86d081');
  });
});

const line = fc.oneof(
  fc.constantFrom('', '  ', '# note', '# it\'s "x" `y`', 'A=', 'A=1', "A='x'", 'A="x y" # z', '\t'),
  fc
    .tuple(
      fc.constantFrom('', 'export ', '  '),
      fc.constantFrom('A', 'B_1', 'c.d-e'),
      fc.constantFrom('=', ' = ', ': '),
      fc.string({ unit: fc.constantFrom(...'ab \\\'"`#$=n\t'.split('')), maxLength: 12 }),
    )
    .map((parts) => parts.join('')),
);
const file = fc
  .tuple(
    fc.constantFrom('', '\uFEFF'),
    fc.array(line, { maxLength: 6 }),
    fc.constantFrom('\n', '\r\n', '\r'),
  )
  .map(([mark, lines, end]) => mark + lines.join(end));

describe('any text', () => {
  it('is refused with a position or read into pieces that join to it', () => {
    const anything = fc.oneof(file, fc.string({ unit: 'binary', maxLength: 40 }));
    let read = 0;
    fc.assert(
      fc.property(anything, (text) => {
        try {
          expect(
            parseDotenv(text)
              .segments.map((each) => each.raw)
              .join(''),
          ).toBe(text);
          read += 1;
        } catch (error) {
          expect(error).toMatchObject({ code: 'malformed_dotenv' });
        }
      }),
      { numRuns: 3000 },
    );
    expect(read).toBeGreaterThan(500);
  });

  it('that is read without a note reads as npm dotenv reads it', () => {
    let compared = 0;
    fc.assert(
      fc.property(file, (text) => {
        const document = (() => {
          try {
            return parseDotenv(text);
          } catch {
            return undefined;
          }
        })();
        if (document === undefined || document.notes.length > 0) return;
        compared += 1;
        expect(values(text)).toEqual(npmParse(text));
      }),
      { numRuns: 5000 },
    );
    expect(compared).toBeGreaterThan(500);
  });

  it('of a million characters is read in one pass', () => {
    for (const piece of [
      '\\"',
      "\\'",
      '"',
      ' ',
      '#',
      'A',
      "A='\\'\n",
      'A="\\"\n',
      'A=`\\`\n',
      'A="\\\\"\n',
    ]) {
      const text = `A="${piece.repeat(1_000_000 / piece.length)}`;
      try {
        parseDotenv(text);
        parseDotenv(text.slice(3));
      } catch (error) {
        expect(error).toMatchObject({ code: 'malformed_dotenv' });
      }
    }
  });
});

describe('a stored layout', () => {
  it('gives back the file and the paths', () => {
    const document = parseDotenv(`\uFEFF${realisticDotenv().replaceAll('\n', '\r\n')}`);
    const paths = new Map([
      ['PORT', 'web/port'],
      ['__proto__', 'x'],
      ['1', 'y'],
    ]);
    const layout = parseLayout(serializeLayout(document, paths));
    expect(layout.document).toEqual(document);
    expect([...layout.paths]).toEqual([...paths]);
  });

  it.each([
    '',
    'null',
    '{}',
    '{"format":2,"text":"","paths":[]}',
    '{"format":1,"text":"","paths":[["a"]]}',
  ])('that is damaged is refused: %j', (stored) => {
    expect(() => parseLayout(stored)).toThrow(expect.objectContaining({ code: 'integrity_error' }));
  });
});
