import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import type { Terminal } from './terminal.ts';

/** How often somebody is asked for the same. */
export const TRIES_MAX = 3;

/** A secret that is wanted, and when it is asked for again. */
export interface Wanted {
  readonly ask: () => Promise<SecretValue>;
  /** Where it is read from instead, as `readOrAsk` takes it: what a file or a pipe has is used once. */
  readonly file?: string | undefined;
  /** Whether a failure may come from what was typed. */
  readonly isSlip: (error: StrongroomError) => boolean;
  /** What is said then, instead of the failure's own words. */
  readonly said?: string;
}

/**
 * Uses a secret, and asks for it again where a slip was typed: that does not cost what was typed before.
 *
 * @throws What asking or `use` fails with; the last of {@link TRIES_MAX} slips.
 */
export async function untilAccepted<T>(
  terminal: Terminal,
  { ask, file = '-', isSlip, said }: Wanted,
  use: (given: SecretValue) => Promise<T>,
): Promise<T> {
  const triesMax = terminal.canAsk && file === '-' ? TRIES_MAX : 1;
  for (let tries = 1; ; tries += 1) {
    using given = await ask();
    try {
      return await use(given);
    } catch (error) {
      if (!(error instanceof StrongroomError) || !isSlip(error) || tries >= triesMax) throw error;
      terminal.note(`${said ?? error.message}; once more`);
    }
  }
}

/** Whether a proof was not accepted, whatever was wrong with it. */
export function isNotAccepted({ code }: StrongroomError): boolean {
  return code === 'unauthenticated';
}
