import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { StrongroomError } from '../errors.ts';
import { concat, utf8, utf8Decode } from '../lib/bytes.ts';
import {
  hasReferenceMark,
  looksLikeReference,
  parseTemplate,
  type Reference,
  type TemplatePart,
} from './references.ts';

/** The parts of a text, those of text in clear and joined. */
function parse(text: string): readonly (string | Reference)[] {
  const parts: (string | Reference)[] = [];
  for (const part of parseTemplate(utf8(text))) {
    if (part.kind === 'reference') parts.push(part.reference);
    else if (typeof parts.at(-1) === 'string') {
      parts.push(String(parts.pop()) + utf8Decode(part.bytes));
    } else parts.push(utf8Decode(part.bytes));
  }
  return parts;
}

/** A text that is taken apart into these parts: the reverse of {@link parse}. */
function write(parts: readonly (string | Reference)[]): string {
  return parts
    .map((part, at) => {
      if (typeof part !== 'string') return `\${${nameOf(part)}}`;
      const before = part.replaceAll(/\$+(?=\{)/g, '$&$&');
      return parts[at + 1] === undefined ? before : before.replace(/\$+$/, '$&$&');
    })
    .join('');
}

function nameOf({ workspace, segments, field }: Reference): string {
  const place = segments.join('/');
  return `${workspace === undefined ? '' : `${workspace}:`}${place}${field === undefined ? '' : `#${field}`}`;
}

function reference(
  segments: string,
  more: { readonly workspace?: string; readonly field?: string } = {},
): Reference {
  return { workspace: undefined, field: undefined, segments: segments.split('/'), ...more };
}

const segment = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,9}$/);
const anyReference: fc.Arbitrary<Reference> = fc.record({
  workspace: fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/), { nil: undefined }),
  segments: fc.array(segment, { minLength: 1, maxLength: 16 }),
  field: fc.option(segment, { nil: undefined }),
});
const text = fc.oneof(
  fc.string({ minLength: 1, unit: 'grapheme' }),
  fc.stringMatching(/^[${}a#:/]{1,8}$/),
);

describe('a value with references', () => {
  it('is taken apart into text and references', () => {
    expect(parse('a')).toEqual(['a']);
    expect(parse('')).toEqual([]);
    expect(parse('${db/PASSWORD}')).toEqual([reference('db/PASSWORD')]);
    expect(parse('postgres://u:${db/PASSWORD}@${staging/db/HOST}/x')).toEqual([
      'postgres://u:',
      reference('db/PASSWORD'),
      '@',
      reference('staging/db/HOST'),
      '/x',
    ]);
    expect(parse('${shared:db/login#password}')).toEqual([
      reference('db/login', { workspace: 'shared', field: 'password' }),
    ]);
  });

  it('has ${ as it stands where a $ is doubled before {, and any number of $ before either', () => {
    expect(parse('$${db/PASSWORD}')).toEqual(['${db/PASSWORD}']);
    expect(parse('$$${A}')).toEqual(['$', reference('A')]);
    expect(parse('$$$${A}')).toEqual(['$${A}']);
    expect(parse('${A}${B}')).toEqual([reference('A'), reference('B')]);
    expect(parse('${A}$${B}')).toEqual([reference('A'), '${B}']);
    for (const plain of ['$', '$$', '$A', '{A}', '$ {A}', '}', '{', 'a$$b', '{{A}}']) {
      expect(parse(plain)).toEqual([plain]);
    }
  });

  it('comes out as it was put together, whatever it is put together from', () => {
    const parts = fc
      .array(fc.oneof(text, anyReference), { maxLength: 8 })
      .map((given) =>
        given.filter((part, at) => typeof part !== 'string' || typeof given[at - 1] !== 'string'),
      );
    fc.assert(
      fc.property(parts, (given) => {
        expect(parse(write(given))).toEqual(given);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps every byte of the text around references', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (given) => {
        const escaped = given.toWellFormed().replaceAll(/\$+(?=\{)/g, '$&$&');
        const parts = parseTemplate(utf8(escaped));
        const joined = concat(parts.map((part) => (part.kind === 'text' ? part.bytes : utf8('?'))));
        expect(utf8Decode(joined)).toBe(given.toWellFormed());
      }),
    );
  });

  it('is refused with invalid_reference or taken, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(text).map((parts) => parts.join('')),
        (given) => {
          let parts: readonly TemplatePart[] = [];
          try {
            parts = parseTemplate(utf8(given.toWellFormed()));
          } catch (error) {
            expect(error).toBeInstanceOf(StrongroomError);
            expect((error as StrongroomError).code).toBe('invalid_reference');
            return;
          }
          expect(parts.every(({ kind }) => kind === 'text' || kind === 'reference')).toBe(true);
        },
      ),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.uint8Array(), (given) => {
        try {
          parseTemplate(given);
        } catch (error) {
          expect((error as StrongroomError).code).toBe('invalid_reference');
        }
      }),
    );
  });

  it.each([
    ['${', 1, 'is not closed with }'],
    ['ab${db', 3, 'is not closed with }'],
    ['äö${}', 3, 'is empty'],
    ['x ${a b}', 3, 'names no secret'],
    ['${/a}', 1, 'names no secret'],
    ['${a//b}', 1, 'names no secret'],
    ['${a/../b}', 1, 'names no secret'],
    ['${.}', 1, 'names no secret'],
    ['${é}', 1, 'names no secret'],
    ['${a: default}', 1, 'names no secret'],
    ['${Shared:a}', 1, 'names no workspace before :'],
    ['${:a}', 1, 'names no workspace before :'],
    ['${a#}', 1, 'names no field after #'],
    ['${a#b c}', 1, 'names no field after #'],
    ['${a#b#c}', 1, 'names no field after #'],
    ['${#a}', 1, 'names no secret'],
    ['${a\n}', 1, 'names no secret'],
    [`\${${'a/'.repeat(17)}a}`, 1, 'names no secret'],
    [`\${${'a'.repeat(600)}}`, 1, 'is longer than one can be'],
    ['$$${', 3, 'is not closed with }'],
  ])(
    'names the place of what is no reference, and nothing of it (%#)',
    (given, position, reason) => {
      const error = caught(() => parseTemplate(utf8(given)));
      expect(error).toMatchObject({ code: 'invalid_reference', details: { position } });
      expect(error.message).toBe(`the reference at character ${position} ${reason}`);
      expect(() => parseTemplate(utf8(given), 'url')).toThrow(/ of field url /);
    },
  );
});

describe('a value that was not said to have references', () => {
  it.each([
    ['${HOME}', true],
    ['a ${db/PASSWORD} b', true],
    ['${not closed', false],
    ['${a b}${c}', true],
    ['$${A}', false],
    ['$HOME', false],
    ['{A}', false],
    ['', false],
  ])('is told from one that merely looks so: %s', (given, expected) => {
    expect(looksLikeReference(utf8(given))).toBe(expected);
  });

  it('is marked where a $ stands before {', () => {
    expect(['${', 'a$${b', '${A}'].map((each) => hasReferenceMark(utf8(each)))).toEqual([
      true,
      true,
      true,
    ]);
    expect(['{', '$ {', '', '{$'].map((each) => hasReferenceMark(utf8(each)))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});

function caught(work: () => unknown): StrongroomError {
  try {
    work();
  } catch (error) {
    if (error instanceof StrongroomError) return error;
  }
  throw new TypeError('it did not fail');
}
