import { StrongroomError } from '../errors.ts';
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

/**
 * A value that has to be text, for where it is asked for.
 *
 * @throws {@link StrongroomError} `not_text`.
 */
export function plainText(value: SecretValue): string {
  if (value.kind === 'text') return value.reveal();
  throw new StrongroomError('not_text', 'what was given is not text');
}
