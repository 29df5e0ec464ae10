import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import { TRIES_MAX } from './ask-again.ts';
import type { Terminal } from './terminal.ts';

/** What is chosen, and what it must be before it is typed a second time. */
interface Chosen {
  readonly noun: 'password' | 'passphrase';
  readonly check?: (given: SecretValue) => void;
}

/**
 * Asks for something new twice, and again where it is refused, or the two differ.
 *
 * @throws {@link StrongroomError} `usage` if the two differ each time, or nobody can be asked; what
 * `check` fails with each time.
 */
export async function askTwice(terminal: Terminal, chosen: Chosen): Promise<SecretValue> {
  for (let tries = 1; ; tries += 1) {
    const first = await terminal.askSecret(`New ${chosen.noun} (15 characters or more)`);
    let isTaken = false;
    try {
      const slip = await slipIn(first, chosen, terminal);
      isTaken = slip === undefined;
      if (slip === undefined) return first;
      if (tries >= TRIES_MAX) throw slip;
      terminal.note(`${slip.message}; once more`);
    } finally {
      if (!isTaken) first.wipe();
    }
  }
}

/** Why what was typed cannot be taken; `undefined` if it can. */
async function slipIn(
  first: SecretValue,
  { noun, check }: Chosen,
  terminal: Terminal,
): Promise<StrongroomError | undefined> {
  try {
    check?.(first);
  } catch (error) {
    if (error instanceof StrongroomError) return error;
    throw error;
  }
  using second = await terminal.askSecret(`The same ${noun} again`);
  if (first.equals(second)) return undefined;
  return new StrongroomError('usage', `the two ${noun}s differ`, { hint: 'nothing was changed' });
}
