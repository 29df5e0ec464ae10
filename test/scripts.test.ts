// With UPDATE_TRANSCRIPTS=1 the transcripts are written anew where they differ, to be read and judged.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { Sandbox } from './sandbox.ts';
import { asPerformed, asWritten, isExpected, parseTranscript, perform } from './transcript.ts';

const directory = join(import.meta.dirname, 'scripts');
const scripts = readdirSync(directory).filter((name) => name.endsWith('.txt'));
const isUpdate = process.env['UPDATE_TRANSCRIPTS'] === '1';

test.each(scripts)('the transcript %s goes as written', { timeout: 600_000 }, (name) => {
  using sandbox = new Sandbox();
  const path = join(directory, name);
  const written: string[] = [];
  for (const step of parseTranscript(readFileSync(path, 'utf8'))) {
    if (typeof step === 'string') {
      written.push(step);
      continue;
    }
    const outcome = perform(step, sandbox);
    const isRight = isExpected(step, outcome);
    const performed = asPerformed(step, outcome, sandbox);
    if (!isRight && !isUpdate) {
      const where = `${name}, line ${step.line}`;
      expect(performed, where).toBe(asWritten(step));
      expect.unreachable(where);
    }
    written.push(isRight ? asWritten(step) : performed);
  }
  expect(written.length).toBeGreaterThan(0);
  if (isUpdate) writeFileSync(path, `${written.join('\n')}\n`);
});

test('a transcript that says something else fails', () => {
  using sandbox = new Sandbox();
  const outcome = sandbox.run('echo one; echo two >&2; exit 3');
  const [right, ...wrong] = [
    '$ x\none\n2> two\n? 3',
    '$ x\none\n2> two',
    '$ x\nOne\n2> two\n? 3',
    '$ x\none\n? 3',
    '$ x\none\nmore\n2> two\n? 3',
    '$ x\no[..]\n2> [..]t\n? 3',
  ].map((text) => {
    const [step] = parseTranscript(text);
    return step !== undefined && typeof step !== 'string' && isExpected(step, outcome);
  });
  expect(right).toBe(true);
  expect(wrong).toEqual(wrong.map(() => false));
});
