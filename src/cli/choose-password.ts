import type { SecretValue } from '../secret-value.ts';
import { untilAccepted } from './ask-again.ts';
import { askTwice } from './ask-twice.ts';
import { readSecretFile } from './read-secret.ts';
import type { Terminal } from './terminal.ts';

/**
 * Sets a new password, which is asked for twice unless a file has it, and again where it is too weak.
 *
 * @throws {@link StrongroomError} what `set` fails with; as `askTwice`, or `readSecretFile`.
 */
export function choosePassword<T>(
  terminal: Terminal,
  file: string | undefined,
  set: (password: SecretValue) => Promise<T>,
): Promise<T> {
  const isTyped = file === undefined || file === '-';
  const ask = async (): Promise<SecretValue> =>
    isTyped ? askTwice(terminal, { noun: 'password' }) : readSecretFile(file);
  return untilAccepted(terminal, { ask, file, isSlip: ({ code }) => code === 'too_weak' }, set);
}
