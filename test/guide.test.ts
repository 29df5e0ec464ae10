// Every command of the CLI has its place in the guide.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { describe, expect, test } from 'vitest';

import { EVERY_COMMAND } from './every-command.ts';

/** Commands that no page names, each with its reason. */
const UNNAMED: Readonly<Record<string, string>> = {
  'strongroom __complete': 'shells call it, by what `strongroom completion` prints',
};

const root = resolve(import.meta.dirname, '..');
const guide = join(root, 'docs', 'guide');
const pages = [
  join(root, 'README.md'),
  ...readdirSync(guide)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(guide, name)),
];
const text = pages.map((page) => readFileSync(page, 'utf8')).join('\n');

/** Whether a page has a command as it is typed, not as the beginning of another word. */
function isNamed(command: string): boolean {
  const next = text.split(command).slice(1);
  return next.some((after) => !/^[\w-]/.test(after));
}

describe('the guide', () => {
  test.each(EVERY_COMMAND)('names `%s`, or there is a reason why not', (command) => {
    expect(isNamed(command)).toBe(!Object.hasOwn(UNNAMED, command));
  });

  test('has reasons only for commands that there are', () => {
    expect(Object.keys(UNNAMED).filter((command) => !EVERY_COMMAND.includes(command))).toEqual([]);
  });
});
