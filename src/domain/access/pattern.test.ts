import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compileRules } from './compiled-rules.ts';
import type { Grant } from './decide.ts';
import { containsPattern, matchesPattern, overlapsPattern, reachesUnder } from './pattern.ts';

const split = (text: string): string[] => (text === '' ? [] : text.split('/'));
const matches = (pattern: string, resource: string): boolean =>
  matchesPattern(split(pattern), split(resource));
const reaches = (pattern: string, resource: string): boolean =>
  reachesUnder(split(pattern), split(resource));

describe('a pattern', () => {
  it.each([
    ['default/production', 'default/production', true],
    ['default/production', 'default/production/a', false],
    ['default/production', 'default', false],
    ['default/prod', 'default/production', false],
    ['default/production/db', 'default/production/DB', false],
    ['*', 'default', true],
    ['*', '', false],
    ['*', 'default/production', false],
    ['default/*/db', 'default/production/db', true],
    ['default/*/db', 'default/db', false],
    ['default/*/db', 'default/a/b/db', false],
    ['**', 'default', true],
    ['**', 'default/production/a/b/c', true],
    ['**', '', true],
    ['default/**', 'default', true],
    ['default/**', 'default/a/b', true],
    ['default/**', 'defaults', false],
    ['**/db', 'db', true],
    ['**/db', 'default/production/db', true],
    ['**/db', 'default/production/db/password', false],
    ['default/**/password', 'default/password', true],
    ['default/**/password', 'default/a/b/password', true],
    ['default/**/password', 'default/a/b/passwords', false],
    ['**/a/**', 'a', true],
    ['**/a/**', 'x/a/y', true],
    ['**/a/**', 'x/y', false],
    ['**/**', 'x', true],
    ['**/**/a/**/b', 'a/b', true],
    ['a/**/b/**/c', 'a/x/b/c', true],
    ['a/**/b/**/c', 'a/x/c/b', false],
    ['default/pro*', 'default/production', false],
    ['default/**x', 'default/a', false],
    ['.*', 'default', false],
  ])('%s covers %s: %s', (pattern, resource, expected) => {
    expect(matches(pattern, resource)).toBe(expected);
  });

  it.each([
    ['**', 'sys/audit', false],
    ['*/audit', 'sys/audit', false],
    ['**/audit', 'sys/audit', false],
    ['*', 'sys', false],
    ['**', 'sys', false],
    ['sys/**', 'sys', true],
    ['sys/**', 'sys/audit/default', true],
    ['sys/*', 'sys/audit', true],
    ['sys/*', 'sys/audit/default', false],
    ['sys/audit', 'sys/audit', true],
    ['sys/**', 'default/sys', false],
    ['**', 'default/sys/audit', true],
  ])(
    'with a wildcard in first place never covers sys: %s, %s: %s',
    (pattern, resource, expected) => {
      expect(matches(pattern, resource)).toBe(expected);
    },
  );

  it.each([
    ['default/production/db/**', 'default', true],
    ['default/production/db/**', 'default/production', true],
    ['default/production/db/**', 'default/staging', false],
    ['default/production', 'default/production', true],
    ['default/production', 'default/production/a', false],
    ['**/db', 'default/anything', true],
    ['*/production/a', 'default', true],
    ['*/production/a', 'default/staging', false],
    ['**', 'sys/audit', false],
    ['sys/audit/payments', 'sys/audit', true],
    ['sys/**', 'sys/audit', true],
    ['sys/health', 'sys/audit', false],
  ])('%s reaches something at or under %s: %s', (pattern, resource, expected) => {
    expect(reaches(pattern, resource)).toBe(expected);
  });

  it('of many wildcards is decided for the longest path there can be', () => {
    const resource = ['default', 'production', ...Array.from({ length: 16 }, () => 'a')];
    const pattern = Array.from({ length: 8 }, () => ['**', 'a']).flat();
    expect(matchesPattern([...pattern, 'b'], resource)).toBe(false);
    expect(matchesPattern(pattern, resource)).toBe(true);
  });
});

describe('patterns held against each other', () => {
  const part = fc.constantFrom('*', '**', 'a', 'b', 'sys');
  const pattern = fc.array(part, { minLength: 1, maxLength: 4 });
  const resources = fc.array(
    fc.array(fc.constantFrom('a', 'b', 'c', 'sys'), { minLength: 1, maxLength: 5 }),
    { minLength: 20, maxLength: 40 },
  );

  it('contain only what they cover, and miss no overlap', () => {
    let contained = 0;
    let overlapping = 0;
    fc.assert(
      fc.property(pattern, pattern, resources, (one, other, each) => {
        const both = each.filter(
          (resource) => matchesPattern(one, resource) && matchesPattern(other, resource),
        );
        if (both.length > 0) {
          overlapping += 1;
          expect(overlapsPattern(one, other)).toBe(true);
          expect(overlapsPattern(other, one)).toBe(true);
        }
        if (containsPattern(one, other)) {
          contained += 1;
          for (const resource of each) {
            if (matchesPattern(other, resource)) expect(matchesPattern(one, resource)).toBe(true);
          }
        }
      }),
      { numRuns: 5000 },
    );
    expect(contained).toBeGreaterThan(300);
    expect(overlapping).toBeGreaterThan(300);
  });

  it.each([
    ['**', 'default/**', true],
    ['**', 'sys/**', false],
    ['sys/**', 'sys/audit', true],
    ['default/**', '**', false],
    ['default/*/db', 'default/*/db', true],
    ['default/*/db', 'default/**/db', false],
    ['default/production/**', 'default/production', true],
    ['default/production/*', 'default/production/**', false],
    ['*/**', '**', false],
  ])('%s contains %s: %s', (outer, inner, expected) => {
    expect(containsPattern(split(outer), split(inner))).toBe(expected);
  });
});

describe('a compiled pattern', () => {
  const segment = fc.constantFrom('sys', 'default', 'production', 'a', 'b', 'a/b', 'a b', '', '*');
  const grantOf = (pattern: readonly string[], id: string): Grant => ({
    id,
    effect: 'allow',
    capabilities: new Set(['read']),
    pattern,
    workspaceId: null,
  });
  const compiledMatches = (
    patterns: readonly (readonly string[])[],
    resource: string[],
  ): string[] =>
    compileRules(patterns.map((pattern, index) => grantOf(pattern, String(index))))
      .matching(resource)
      .flatMap((rules) => (rules.get('read') ?? []).map(({ id }) => id));

  it('A28 covers what it covers alone, among any others, with list forms too', () => {
    const part = fc.oneof(segment, fc.constantFrom('*', '**', '**'));
    const patterns = fc.uniqueArray(fc.array(part, { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 12,
      selector: (each) => each.join('\n'),
    });
    const resource = fc.array(segment, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(patterns, resource, (each, asked) => {
        const expected = each.flatMap((pattern, index) =>
          pattern.join('') !== '' && matchesPattern(pattern, asked) ? [String(index)] : [],
        );
        const usable = each.filter((pattern) => pattern.join('') !== '');
        if (usable.length !== each.length) return;
        expect(compiledMatches(each, asked).toSorted()).toEqual(expected.toSorted());
      }),
      { numRuns: 100_000 },
    );
  });

  it('A42 is found by its segments, so that no two resources are taken for each other', () => {
    fc.assert(
      fc.property(
        fc.array(
          segment.filter((each) => each !== '*' && each !== ''),
          { minLength: 1, maxLength: 5 },
        ),
        fc.array(segment, { minLength: 1, maxLength: 5 }),
        (literal, asked) => {
          const isSame = JSON.stringify(literal) === JSON.stringify(asked);
          expect(compiledMatches([literal], asked).length > 0).toBe(isSame);
        },
      ),
      { numRuns: 100_000 },
    );
  });
});
