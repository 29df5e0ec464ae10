import { z } from 'zod';

import { GENERATOR_WORDS, parseGenerator } from '../../domain/generators/generator.ts';
import { parsePolicy } from '../../domain/secrets/rotation-policy.ts';
import { StrongroomError } from '../../errors.ts';
import { SECRET_TYPES } from '../../formats/secret-type.ts';

const TEXT_MAX = 1200;
/** What a policy looks like; which moments `cron` comes to, and which intervals are in bounds, is asked besides. */
const POLICY =
  '^(?:manual|auto|auto_(?:30|60|90|180|365)_days|every [1-9][0-9]{0,5}[mhd]|cron(?: [^ ]+){5,6})$';
/** What a generator looks like: a word and what it takes, or a type of secrets, and perhaps a field. */
const GENERATOR = `^(?:${[...GENERATOR_WORDS, ...SECRET_TYPES].join('|')})(?::[\\s\\S]*)?(?:@[A-Za-z0-9._-]{1,128})?$`;

/** A generator, taken over in the form in which it is kept. */
export const generator: z.ZodType<string> = z
  .string()
  .max(TEXT_MAX)
  .meta({ pattern: GENERATOR })
  .transform((text, context) => {
    try {
      return parseGenerator(text).text;
    } catch (fault) {
      return refused(context, fault);
    }
  });

/** A rotation policy. */
export const rotation: z.ZodType<string> = z
  .string()
  .max(TEXT_MAX)
  .meta({ pattern: POLICY })
  .transform((text, context) => {
    try {
      parsePolicy(text);
      return text;
    } catch (fault) {
      return refused(context, fault);
    }
  });

function refused(context: z.RefinementCtx, fault: unknown): never {
  if (!(fault instanceof StrongroomError)) throw fault;
  context.addIssue({ code: 'custom', params: { fault } });
  return z.NEVER;
}
