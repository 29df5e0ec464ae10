import { z } from 'zod';

import { parseGenerator } from '../../domain/generators/generator.ts';
import { parsePolicy } from '../../domain/secrets/rotation-policy.ts';
import { StrongroomError } from '../../errors.ts';

const TEXT_MAX = 1200;

/** A generator, taken over in the form in which it is kept. */
export const generator: z.ZodType<string> = z
  .string()
  .max(TEXT_MAX)
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
