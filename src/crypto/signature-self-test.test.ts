import { expect, it, vi } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { selfTestMlDsa } from './ml-dsa-self-test.ts';
import { generateSigningKey, importSigningKey, sign, verify } from './signature.ts';

vi.mock('./ml-dsa-self-test.ts', () => ({ selfTestMlDsa: vi.fn() }));

it('ML-DSA-44 is tested before its first use, until the test has passed once; Ed25519 is not', () => {
  const test = vi.mocked(selfTestMlDsa);
  const { privateKey } = generateSigningKey('ed25519');
  sign(privateKey, new Uint8Array(1));
  expect(test).not.toHaveBeenCalled();

  test.mockImplementation(() => {
    throw new StrongroomError('self_test_failed', 'altered for this test');
  });
  const nothing = new Uint8Array(0);
  const failed = expect.objectContaining({ code: 'self_test_failed' });
  expect(() => generateSigningKey('ml-dsa-44')).toThrow(failed);
  expect(() => importSigningKey('ml-dsa-44', nothing)).toThrow(failed);
  expect(() => verify('ml-dsa-44', nothing, nothing, nothing)).toThrow(failed);
  expect(test).toHaveBeenCalledTimes(3);

  test.mockImplementation(() => {});
  const signing = generateSigningKey('ml-dsa-44');
  sign(signing.privateKey, nothing);
  generateSigningKey('ml-dsa-44');
  expect(test).toHaveBeenCalledTimes(4);
});
