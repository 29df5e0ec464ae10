import { parseEnv } from 'node:util';
import { parse as npmParse } from 'dotenv';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { realisticDotenv } from '../testing/realistic-dotenv.ts';
import { sourcedValues } from '../testing/sourced-values.ts';
import { renderDotenv, type DotenvVariable } from './dotenv-render.ts';
import { dotenvValues, parseDotenv } from './dotenv.ts';

const list = (values: ReadonlyMap<string, string>): DotenvVariable[] =>
  [...values].map(([name, value]) => ({ name, value }));

/** Sets one value in a file, or takes the variable out. */
function change(file: string, name: string, value: string | undefined): string {
  const document = parseDotenv(file);
  const values = dotenvValues(document);
  if (value === undefined) values.delete(name);
  else values.set(name, value);
  return renderDotenv(document, list(values));
}

const fresh = (value: string): string => renderDotenv(undefined, [{ name: 'A', value }]);

const awkward = fc.oneof(
  fc.string({
    unit: fc.constantFrom(...Array.from('ab \'"`\\$#=\n\r\tnr~:é👋\u00a0\ufeff\u2028')),
    maxLength: 10,
  }),
  fc.string({ unit: 'binary', maxLength: 12 }).map((each) => each.replaceAll('\0', '')),
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((each) => each.replaceAll('\0', '')),
  fc.constantFrom('', ' ', '\\', '\'"`', '\\"', "\\'", '\n', '\r', '\r\n', ' x ', '#', 'C:\\dir\\'),
);

/** Values that every reader can be given: what the guide promises. */
const servesAll = (value: string): boolean =>
  !value.includes('\r') && (!value.includes("'") || !/["$`\\]/.test(value));

/** Values with a carriage return that npm dotenv can be given. */
const servesNpm = (value: string): boolean => value.includes('\r') && !/["\\]/.test(value);

const variants: Readonly<Record<string, string>> = {
  'with LF': realisticDotenv(),
  'with CRLF': realisticDotenv().replaceAll('\n', '\r\n'),
  'with CRLF and a byte order mark': `\uFEFF${realisticDotenv().replaceAll('\n', '\r\n')}`,
  'with lone CR': realisticDotenv().replaceAll('\n', '\r'),
  'without a last line end': realisticDotenv().trimEnd(),
};

describe('a .env file written again', () => {
  it.each(Object.keys(variants))('is the same byte for byte if nothing changed: %s', (name) => {
    const text = variants[name] ?? '';
    const document = parseDotenv(text);
    expect(renderDotenv(document, list(dotenvValues(document)))).toBe(text);
    expect(renderDotenv(document, list(dotenvValues(document)).toReversed())).toBe(text);
  });

  it.each(Object.keys(variants))('changes only the line of a changed value: %s', (name) => {
    const text = variants[name] ?? '';
    const changed = change(text, 'PORT', '8080');
    expect(changed).toBe(text.replace('PORT=3000 #', 'PORT=8080 #'));
    expect(change(text, 'TLS_CERT', 'none')).toBe(
      text.replace(/TLS_CERT='[^']*'/, "TLS_CERT='none'"),
    );
  });

  it.each([
    ['A=1 # note\nB=2\n', "A='x y' # note\nB=2\n", 'x y'],
    ['export A = "1"# note\r\n', 'export A = "x" # note\r\n', 'x'],
    ['A=# note\n', 'A=x # note\n', 'x'],
    ['A=  # note\n', 'A=x  # note\n', 'x'],
    ['A: 1\n', 'A: x\n', 'x'],
    ['A=1\n', 'A=\n', ''],
    ['A= 1 # note\n', "A= '' # note\n", ''],
    ['A="1"\n', 'A=""\n', ''],
    ['A=1\r\n', "A='x\r\ny'\r\n", 'x\ny'],
    ['A="1"\n', 'A="x\ny"\n', 'x\ny'],
    ['A="1"', "A='$x'", '$x'],
    ['A=`1`', 'A=x', 'x'],
    ['A=1\nA=2\n', 'A=x\n', 'x'],
    ['A=1\nA=2\n', 'A=1\n', '1'],
  ])('turns %j into %j', (before, after, value) => {
    expect(change(before, 'A', value)).toBe(after);
  });

  it('loses only the lines of a variable that is gone', () => {
    expect(change('# a\nA=1\nB="x\ny" # z\n\nA=2', 'A', undefined)).toBe('# a\nB="x\ny" # z\n\n');
    expect(change('\uFEFFA=1\r\nB=2', 'B', undefined)).toBe('\uFEFFA=1\r\n');
    expect(change('\uFEFFA=1', 'A', undefined)).toBe('\uFEFF');
  });

  it('gets new variables at the end, in order and with its own line end', () => {
    const document = parseDotenv('B=1\r\n# end');
    expect(
      renderDotenv(document, [
        { name: 'Z', value: '1' },
        { name: 'B', value: '1' },
        { name: 'C', value: 'x\ny' },
      ]),
    ).toBe("B=1\r\n# end\r\nZ=1\r\nC='x\r\ny'\r\n");
    expect(change('\uFEFF', 'A', '1')).toBe('\uFEFFA=1\n');
  });

  it('gets new variables with export if all its lines have it', () => {
    expect(change('export A=1\n', 'B', '2')).toBe('export A=1\nexport B=2\n');
    expect(change('export A=1\nC=1\n', 'B', '2')).toBe('export A=1\nC=1\nB=2\n');
  });

  it('requotes a line whose end a change further down would move', () => {
    const before = "A='C:\\dir\\'\nB=1\n";
    expect(change(before, 'B', '2')).toBe("A='C:\\dir\\'\nB=2\n");
    const after = change(before, 'B', "it'\nx");
    expect(Object.fromEntries(dotenvValues(parseDotenv(after)))).toEqual({
      A: 'C:\\dir\\',
      B: "it'\nx",
    });
    expect(npmParse(after)).toEqual({ A: 'C:\\dir\\', B: "it'\nx" });
  });

  it('reads as exactly the values that were given, whatever they hold', () => {
    const names = fc.constantFrom('A', 'B', 'c.d', 'PORT', 'TLS_KEY', 'SMTP_PASSWORD', 'HOST');
    const base = fc.constantFrom('', "A='x\\'\n", 'A="x\\"\nB=`\\`\n', ...Object.values(variants));
    fc.assert(
      fc.property(
        base,
        fc.uniqueArray(fc.tuple(names, awkward), { selector: ([name]) => name }),
        (text, changes) => {
          const document = parseDotenv(text);
          const values = dotenvValues(document);
          for (const [name, value] of changes) values.set(name, value);
          const rendered = renderDotenv(document, list(values));
          expect(dotenvValues(parseDotenv(rendered))).toEqual(values);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('refuses names and values that no .env file can hold', () => {
    for (const name of ['', 'A B', 'A=', 'Ä', 'A\n']) {
      expect(() => renderDotenv(undefined, [{ name, value: 'x' }])).toThrow(RangeError);
    }
    expect(() => fresh('hunter2\0')).toThrow(new RangeError('the value of A holds NUL'));
  });
});

describe('a value written into a .env file', () => {
  it.each([
    ['plain-1.0/x@y:z', 'A=plain-1.0/x@y:z\n'],
    ['abc==', 'A=abc==\n'],
    ['', 'A=\n'],
    ['x y', "A='x y'\n"],
    ['=ls', "A='=ls'\n"],
    ['~/x', "A='~/x'\n"],
    ['pa$$w#rd', "A='pa$$w#rd'\n"],
    ["it's", 'A="it\'s"\n'],
    ['it\'s "x"', 'A=`it\'s "x"`\n'],
    ["it's $x", 'A="it\'s $x"\n'],
    ['x\ny', "A='x\ny'\n"],
    ['x\r\ny', 'A="x\\r\\ny"\n'],
    ['C:\\dir\\', "A='C:\\dir\\'\n"],
    ['a\'"`b', 'A=a\'"`b\n'],
    ['\'"`', 'A="\'\\"\\`"\n'],
    ['\'"\\n`\r', 'A="\'\\"\\\\n\\`\\r"\n'],
  ])('is quoted only as it must be: %j', (value, text) => {
    expect(fresh(value)).toBe(text);
  });

  it('reads the same for npm dotenv and Node if the guide promises it', () => {
    let compared = 0;
    fc.assert(
      fc.property(awkward, (value) => {
        const text = fresh(value);
        if (servesAll(value) || servesNpm(value)) expect(npmParse(text)['A']).toBe(value);
        if (!servesAll(value)) return;
        compared += 1;
        expect(parseEnv(text)['A']).toBe(value);
      }),
      { numRuns: 5000 },
    );
    expect(compared).toBeGreaterThan(1000);
  });

  it('reads the same for npm dotenv and Node if one kind of quote is not in it', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab\'"`$# \n'.split('')), maxLength: 10 });
    fc.assert(
      fc.property(text, (value) => {
        if (value.includes('`') && value.includes("'") && value.includes('"')) return;
        expect(npmParse(fresh(value))['A']).toBe(value);
        expect(parseEnv(fresh(value))['A']).toBe(value);
      }),
      { numRuns: 3000 },
    );
  });

  for (const shell of ['sh', 'bash']) {
    it(`reads the same when ${shell} sources the file`, () => {
      const values = fc
        .sample(awkward, 1200)
        .map((value) => value.toWellFormed())
        .filter((value) => servesAll(value));
      expect(values.length).toBeGreaterThan(300);
      const files = values.map((value) => ({ text: fresh(value), names: ['A'] }));
      expect(sourcedValues(shell, files).flat()).toEqual(values);
    });
  }
});
