import { describe, expect, it } from 'vitest';
import { KNOWN_ANSWER_TESTS, selfTest, selfTestMlDsa } from './self-test.ts';

describe('selfTest', () => {
  it('passes', () => {
    selfTest();
  });

  it('covers every primitive that the vault rests on', () => {
    const names = KNOWN_ANSWER_TESTS.map(({ name }) => name.replace(/ \(.*/, ''));
    expect(names).toEqual([
      'SHA-256',
      'HMAC-SHA-256',
      'HKDF-SHA-512',
      'AES-256-GCM encryption',
      'AES-256-GCM decryption',
      'Ed25519 signing',
      'Ed25519 verification',
      'argon2id',
      'PBKDF2-HMAC-SHA-256',
    ]);
  });

  it.each(KNOWN_ANSWER_TESTS.map(({ name }, at) => [name, at] as const))(
    'fails, naming the test, when the answer of %s is altered',
    (name, at) => {
      const tests = KNOWN_ANSWER_TESTS.map((test, i) =>
        i === at ? { ...test, answer: alter(test.answer) } : test,
      );
      expect(() => selfTest(tests)).toThrow(
        expect.objectContaining({ code: 'self_test_failed', details: { test: name } }),
      );
    },
  );

  it('fails when a primitive throws', () => {
    const cause = new Error('no such algorithm');
    const test = {
      name: 'a primitive',
      answer: '',
      check: (): boolean => {
        throw cause;
      },
    };
    expect(() => selfTest([test])).toThrow(
      expect.objectContaining({ code: 'self_test_failed', cause }),
    );
  });
});

describe('selfTestMlDsa', () => {
  it('passes', () => {
    selfTestMlDsa();
  });

  it('fails when its answer is altered', () => {
    expect(() => selfTestMlDsa('A3gycIxSNtlRWB8f3fK3mZGzQkoEhtFtod2tD9aXAb4')).toThrow(
      expect.objectContaining({ code: 'self_test_failed' }),
    );
  });
});

/** The same text with its last digit another. */
function alter(answer: string): string {
  return answer.slice(0, -1) + (answer.endsWith('0') ? '1' : '0');
}
