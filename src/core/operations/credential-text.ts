import { z } from 'zod';

import { SecretValue } from '../../secret-value.ts';

/** A credential in an input: its text, or that in a `SecretValue`. */
export type CredentialText = string | SecretValue;

/**
 * The schema of a credential in an input.
 *
 * @param max - Most characters.
 */
export function credentialText(max: number): z.ZodType<CredentialText> {
  return z
    .custom<CredentialText>((given) => {
      const isText = given instanceof SecretValue && given.kind === 'text';
      const text = isText ? given.reveal() : given;
      return typeof text === 'string' && text.length <= max && text.isWellFormed();
    }, `takes text of at most ${max} characters`)
    .meta({ wire: { shape: 'secret' } });
}

/** The schema of a password, a code or a credential. */
export const secretText: z.ZodType<CredentialText> = credentialText(4096);

/** The text of a credential. */
export function textOf(credential: CredentialText): string {
  return typeof credential === 'string' ? credential : credential.reveal();
}
