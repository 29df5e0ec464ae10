import { describe, expect, it } from 'vitest';

import { matchesPattern, reachesUnder } from './pattern.ts';

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
