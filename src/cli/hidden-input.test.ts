import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { utf8, utf8Decode } from '../lib/bytes.ts';
import { HiddenInput, type HiddenState } from './hidden-input.ts';

interface Entered {
  readonly state: HiddenState;
  readonly text: string;
  readonly isLoose: boolean;
}

function enter(...chunks: readonly (string | Uint8Array)[]): Entered {
  using input = new HiddenInput();
  let state: HiddenState = 'open';
  for (const chunk of chunks) state = input.take(typeof chunk === 'string' ? utf8(chunk) : chunk);
  return { state, text: utf8Decode(input.bytes()), isLoose: input.hasLooseLines };
}

const paste = (text: string): string => `\u001B[200~${text}\u001B[201~`;
const entered = (text: string, isLoose: boolean = false): Entered => ({
  state: 'entered',
  text,
  isLoose,
});

describe('what is typed', () => {
  test('ends with Enter', () => {
    expect(enter('abc').state).toBe('open');
    expect(enter('abc\r')).toEqual(entered('abc'));
    expect(enter('abc\r\n')).toEqual(entered('abc'));
    expect(enter('\r')).toEqual(entered(''));
  });

  test('is edited by character and as a whole', () => {
    expect(enter('abé\u007F\u007Fc\r')).toEqual(entered('ac'));
    expect(enter('\u007Fabc\u0015d\r')).toEqual(entered('d'));
  });

  test('is given up with Ctrl-C, and with Ctrl-D where there is nothing yet', () => {
    expect(enter('abc\u0003').state).toBe('cancelled');
    expect(enter('\u0004').state).toBe('cancelled');
    expect(enter('abc\u0004')).toEqual(entered('abc'));
  });

  test.each(['\u001B[A', '\u001B[1;5C', '\u001BOP', '\u001Bx', '\u0001'])(
    'does not contain the key that sends %j',
    (key) => expect(enter(`a${key}b\r`)).toEqual(entered('ab')),
  );
});

describe('what is pasted', () => {
  test.each(['a\nb\nc', 'a\rb\rc', 'a\r\nb\r\nc'])('keeps its lines: %j', (text) => {
    expect(enter(paste(text), '\r')).toEqual(entered('a\nb\nc'));
  });

  test('does not end by itself, and loses one line end', () => {
    expect(enter(paste('a\nb\n')).state).toBe('open');
    expect(enter(paste('a\nb\n'), '\r')).toEqual(entered('a\nb'));
    expect(enter(paste('a\n\n'), '\r')).toEqual(entered('a\n'));
  });

  test('goes on where lines come without a mark, and that is told', () => {
    expect(enter('a\rb\rc\r')).toEqual(entered('a\nb\nc', true));
    expect(enter('a\r', 'b\r')).toEqual(entered('a\nb', true));
    expect(enter('a\r\nb\r\n')).toEqual(entered('a\nb', true));
    expect(enter('a\r\r')).toEqual(entered('a', true));
  });

  test('is the same however it is cut into reads', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '\n', '\t', '[', '~', '😀') });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 7 }), (value, size) => {
        const bytes = utf8(`${paste(value.replaceAll('\n', '\r'))}\r`);
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          bytes.slice(at * size, (at + 1) * size),
        );
        expect(enter(...chunks)).toEqual(entered(value.replace(/\n$/, '')));
      }),
    );
  });
});
