import { Option } from 'commander';

import { StrongroomError } from '../errors.ts';
import { parseWrittenMoment } from './past-moment.ts';

/** The option `-e, --environment`. */
export function environmentOption(
  description: string = 'environment (STRONGROOM_ENVIRONMENT; or as configured; or development)',
): Option {
  return new Option('-e, --environment <environment>', description);
}

/**
 * Makes the reader of an option that takes a whole number.
 *
 * @param name - The option, as the message names it.
 */
export function wholeNumber(name: string, min: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min) return number;
    throw new StrongroomError('usage', `${name} takes a whole number from ${min} on`);
  };
}

/** Makes the reader of an option that takes a moment as people write it, or a duration from now. */
export function moment(name: string, direction: 'past' | 'future'): (text: string) => string {
  return (text) => {
    const time = parseWrittenMoment(text, direction, Date.now());
    if (time !== undefined) return time;
    throw new StrongroomError('usage', `${name} takes a time or a duration`, {
      hint: `as in ${name} 2027-01-31T00:00:00Z, ${name} 2027-01-31, or ${name} 7d (also 12h, 30m)`,
    });
  };
}
