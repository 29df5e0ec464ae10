import { toBase64 } from '../lib/base64.ts';
import { wipe } from '../lib/bytes.ts';
import type { SecretValue } from '../secret-value.ts';

/** A value as JSON has it: text as it is, bytes as `{"$base64": …}`. */
export function plainValue(value: SecretValue): unknown {
  if (value.kind === 'text') return value.reveal();
  const bytes = value.revealBytes();
  try {
    return { $base64: toBase64(bytes) };
  } finally {
    wipe(bytes);
  }
}
