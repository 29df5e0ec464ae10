import { describe, expect, it } from 'vitest';
import { generateSigningKey } from '../crypto/signature.ts';
import { formatCheckpoint, parseCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { leafHash } from './hash.ts';
import { type NoteSigner, signNote, verifierKey } from './note.ts';

const ORIGIN = 'strongroom/01989b1c-5d0a-7000-8000-000000000001';
const OTHER = 'strongroom/01989b1c-5d0a-7000-8000-000000000002';
const root = leafHash(new Uint8Array());
const text = formatCheckpoint({ origin: ORIGIN, size: 5, root });

function signer(name: string, algorithm: 'ed25519' | 'ml-dsa-44'): NoteSigner {
  const { privateKey, publicKey } = generateSigningKey(algorithm);
  return { privateKey, key: verifierKey(name, algorithm, publicKey) };
}

const classic = signer(ORIGIN, 'ed25519');
const quantum = signer(ORIGIN, 'ml-dsa-44');
const witness = signer('witness.example/w', 'ed25519');
const keys = [classic.key, quantum.key];
const tampered = expect.objectContaining({ code: 'audit_tampered' });
const unverifiable = expect.objectContaining({ code: 'audit_unverifiable' });

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

  it('verify by both signatures, in any order and beside those of witnesses', () => {
    const expected = { origin: ORIGIN, size: 5, root };
    for (const signers of [
      [classic, quantum],
      [quantum, classic],
      [witness, classic, quantum],
    ]) {
      expect(verifyCheckpoint(signNote(text, signers), keys)).toStrictEqual(expected);
    }
    const note = signNote(text, [classic, quantum, witness]);
    expect(verifyCheckpoint(note, [witness.key, ...keys])).toStrictEqual(expected);
  });

  it('A89 do not verify by one of the two signatures', () => {
    for (const one of [classic, quantum]) {
      expect(() => verifyCheckpoint(signNote(text, [one]), keys)).toThrow(tampered);
      expect(() => verifyCheckpoint(signNote(text, [classic, quantum]), [one.key])).toThrow(
        unverifiable,
      );
    }
  });

  it('A89 do not verify if either signature is bad, whatever the other', () => {
    const lines = signNote(text, [classic, quantum]).split('\n');
    for (const at of [4, 5]) {
      const line = lines[at] ?? '';
      const bad = line.slice(0, 80) + (line[80] === 'A' ? 'B' : 'A') + line.slice(81);
      const note = lines.with(at, bad).join('\n');
      expect(() => verifyCheckpoint(note, keys)).toThrow(tampered);
    }
    const moved = signNote(text, [classic, quantum]).replace('\n5\n', '\n6\n');
    expect(() => verifyCheckpoint(moved, keys)).toThrow(tampered);
  });

  it('A89 do not verify by the keys of another log, though it signed them', () => {
    const others = [signer(OTHER, 'ed25519'), signer(OTHER, 'ml-dsa-44')];
    const otherKeys = others.map(({ key }) => key);
    expect(() => verifyCheckpoint(signNote(text, others), [...keys, ...otherKeys])).toThrow(
      unverifiable,
    );
    expect(() => verifyCheckpoint(signNote(text, [classic, quantum]), otherKeys)).toThrow(
      unverifiable,
    );
  });

  it('A89 do not verify by new keys under the same name', () => {
    const fresh = [signer(ORIGIN, 'ed25519'), signer(ORIGIN, 'ml-dsa-44')];
    expect(() => verifyCheckpoint(signNote(text, fresh), keys)).toThrow(unverifiable);
  });
});
