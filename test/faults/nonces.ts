// Wraps one data key a million times, and looks for two nonces that are the same
// (A70). Nobody can give a nonce: the wrapping takes none, and draws its own.
//
// The chance that two of a million random nonces of 12 bytes agree is 6 · 10⁻¹⁸.
// It takes about 20 seconds, which is why a test does a tenth of it.
//
//   node test/faults/nonces.ts [count]

import { createSecretKey, randomBytes } from 'node:crypto';

import { rewrapEnvelope, sealEnvelope, type WrappingKey } from '../../src/crypto/envelope.ts';
import { uuidv7 } from '../../src/lib/ids.ts';

/** Where the nonce of the wrapping stands in an envelope (docs/spec/envelope.md). */
const WRAP_NONCE = [22, 34] as const;

const count = Number(process.argv[2] ?? 1_000_000);
const newKey = (): WrappingKey => ({ id: uuidv7(), key: createSecretKey(randomBytes(32)) });
const [first, next] = [newKey(), newKey()];
const context = {
  domain: 'value',
  vaultId: uuidv7(),
  workspaceId: uuidv7(),
  environmentId: uuidv7(),
  subjectId: uuidv7(),
  number: 1,
} as const;
const sealed = sealEnvelope(first, context, Buffer.from('not a real secret'));
const nonces = new Set<string>();
for (let made = 0; made < count; made += 1) {
  const rewrapped = rewrapEnvelope(sealed, context, () => first.key, next);
  nonces.add(Buffer.from(rewrapped.subarray(...WRAP_NONCE)).toString('latin1'));
}
const duplicates = count - nonces.size;
process.stdout.write(`${count} wraps, ${duplicates} nonces that were there before\n`);
if (!Number.isSafeInteger(count) || count < 1 || duplicates > 0) process.exitCode = 1;
