import { describe, expect, it } from 'vitest';
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { leafHash } from './hash.ts';

const ORIGIN = 'strongroom/01989b1c-5d0a-7000-8000-000000000001';
const root = leafHash(new Uint8Array());
const text = formatCheckpoint({ origin: ORIGIN, size: 5, root });

const tampered = expect.objectContaining({ code: 'audit_tampered' });

describe('checkpoints', () => {
  it('are three lines: origin, size, root', () => {
    expect(text).toBe(`${ORIGIN}\n5\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n`);
    expect(parseCheckpoint(text)).toStrictEqual({ origin: ORIGIN, size: 5, root });
    const example =
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
    expect(formatCheckpoint(parseCheckpoint(example))).toBe(example);
  });

  it('are written in one way: anything else is refused', () => {
    const bad = [
      '',
      text.slice(0, -1),
      `${text}extension\n`,
      `${text}\n`,
      `\n${text}`,
      text.replaceAll('\n', '\r\n'),
      text.replace('\n5\n', '\n05\n'),
      text.replace('\n5\n', '\n+5\n'),
      text.replace('\n5\n', '\n5 \n'),
      text.replace('\n5\n', '\n\n'),
      text.replace('\n5\n', '\n5.0\n'),
      text.replace('\n5\n', '\n-5\n'),
      text.replace('\n5\n', '\n0x5\n'),
      text.replace('\n5\n', '\n9007199254740992\n'),
      text.replace('\n5\n', '\n18446744073709551615\n'),
      text.replace('oB0=', 'oB1='),
      text.replace('oB0=', 'oB0'),
      text.replace('+zepi', '-zepi'),
      text.replace(/\nbjQL.*\n/, '\nbjQL\n'),
      text.replace(ORIGIN, ''),
      text.replace(ORIGIN, 'two words'),
      text.replace(ORIGIN, 'a+b'),
    ];
    for (const other of bad) expect(() => parseCheckpoint(other)).toThrow(tampered);
  });

  it('are not made of parts that would not be read back', () => {
    const good = { origin: ORIGIN, size: 5, root };
    for (const bad of [{ origin: 'a b' }, { size: -1 }, { size: 1.5 }, { root: root.slice(1) }]) {
      expect(() => formatCheckpoint({ ...good, ...bad })).toThrow(RangeError);
    }
  });
});
