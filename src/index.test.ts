import { readdirSync, readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

const door = readFileSync(new URL('index.ts', import.meta.url), 'utf8');
const operations = new URL('core/operations/', import.meta.url);

/** Names that a file gives out, and that its operations take or answer with. */
function typesOf(text: string): readonly string[] {
  const given = new Set(
    [...text.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name]) => name),
  );
  const used = [...text.matchAll(/\bOperation<\s*(\w+),\s*(?:readonly )?(\w+)/g)];
  return used
    .flatMap(([, input = '', output = '']) => [input, output])
    .filter((name) => given.has(name));
}

it('the door has the types of what operations take and answer', () => {
  const files = readdirSync(operations).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  const missing = files.flatMap((file) =>
    typesOf(readFileSync(new URL(file, operations), 'utf8'))
      .filter((name) => !new RegExp(`\\b${name}\\b`).test(door))
      .map((name) => `${name} of ${file}`),
  );
  expect(missing).toEqual([]);
});
