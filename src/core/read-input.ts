import type { ZodSafeParseResult } from 'zod';

import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import { holdBytes } from './hold-bytes.ts';
import { invalidInput } from './invalid-input.ts';
import type { InnerOperation } from './operation.ts';

/**
 * Takes an input over from the caller: parsed, and with bytes of its own.
 *
 * @throws {@link StrongroomError} `invalid_input`, also if reading the input is what fails, as it
 * may for a getter or a proxy; other codes that a schema says.
 */
export function readInput<I, O, P>(
  operation: InnerOperation<I, O, P>,
  given: unknown,
): { readonly input: I; readonly copies: SecretValue[] } {
  let parsed: ZodSafeParseResult<I>;
  try {
    parsed = operation.input.safeParse(given);
    if (parsed.success) return holdBytes(parsed.data, operation.secretMembers);
  } catch {
    // What was thrown is the caller's, and may say anything.
    throw new StrongroomError('invalid_input', 'the input cannot be read');
  }
  throw invalidInput(parsed.error, given);
}
