import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import { untilAccepted } from './ask-again.ts';
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
export function askTwice(terminal: Terminal, { noun, check }: Chosen): Promise<SecretValue> {
  let slip: unknown;
  const wanted = {
    ask: () => terminal.askSecret(`New ${noun} (15 characters or more)`),
    // Whoever gives up fails with an error of the same code as whoever types two.
    isSlip: (error: StrongroomError) => error === slip,
  };
  return untilAccepted(terminal, wanted, async (first) => {
    try {
      check?.(first);
    } catch (error) {
      slip = error;
      throw error;
    }
    using second = await terminal.askSecret(`The same ${noun} again`);
    if (first.equals(second)) return first.copy();
    slip = new StrongroomError('usage', `the two ${noun}s differ`, { hint: 'nothing was changed' });
    throw slip;
  });
}
