import { z } from 'zod';

import { CAPABILITIES, type Capability } from '../../domain/access/capability.ts';
import { capabilitiesOf } from '../../domain/access/grants.ts';
import {
  grantOnSecret,
  grantsOfSecret,
  type SecretAccess,
} from '../../domain/access/secret-grants.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { Call, Requirement } from '../operation.ts';
import { requiresOnSecret, type SecretAddress } from './secret-address.ts';

const ACCESS_MAX = 64;
const SUBJECT_MAX = 160;
/** Kind and name; a name alone, or an id, where it is plain who is meant. */
export const SUBJECT = '^(?:(?:user|machine|system|group|role):)?[^:]+$';

/** One capability. */
export const capability: z.ZodType<Capability> = z.enum(
  CAPABILITIES as readonly [Capability, ...Capability[]],
);

/** Several capabilities, at least one. */
export const capabilities: z.ZodType<readonly Capability[]> = z
  .array(capability)
  .min(1)
  .max(CAPABILITIES.length);

/** A text such as `role:payments`. */
export const subjectText: z.ZodType<string> = z
  .string()
  .min(1)
  .max(SUBJECT_MAX)
  .meta({ pattern: SUBJECT });

/** The member `access` of an input that makes or changes a secret. */
export const access: z.ZodType<readonly SecretAccess[]> = z
  .array(z.strictObject({ subject: subjectText, can: capabilities }))
  .max(ACCESS_MAX);

/** An input that may carry rights on its secret. */
interface WithAccess extends SecretAddress {
  readonly access?: readonly SecretAccess[] | undefined;
}

/** Who gives others rights on a secret must be its admin. */
export function requiresForAccess(input: WithAccess): readonly Requirement[] {
  return input.access === undefined ? [] : requiresOnSecret('admin')(input);
}

/**
 * Puts the rights of an input in the place of those that were given on the
 * secret before. Nobody gives what they do not have, and nobody sets free by
 * it what a denial on the secret kept from somebody: the same rule as for
 * `access.grant` and `access.revoke`.
 *
 * @throws {@link StrongroomError} `escalation_refused`, `subject_not_found`.
 */
export async function giveAccess(
  call: Call,
  secret: { readonly id: string; readonly environment: Environment; readonly path: string },
  given: readonly SecretAccess[] | undefined,
): Promise<void> {
  if (given === undefined) return;
  const { environment, path } = secret;
  const place = {
    pattern: [environment.workspace.name, environment.name, ...path.split('/')],
    workspaceId: environment.workspace.id,
  };
  const denials = (await grantsOfSecret(call, secret.id)).filter(
    ({ effect }) => effect !== 'allow',
  );
  call.requireHeld([
    ...denials.map((row) => ({ ...place, capabilities: capabilitiesOf(row) })),
    { ...place, capabilities: new Set(given.flatMap(({ can }) => can)) },
  ]);
  await grantOnSecret({ work: call, policy: call.policy }, secret, given);
}
