import type { Capability } from '../../domain/access/capability.ts';
import type { EntrySubject } from '../../domain/audit/entry.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { Call, Requirement } from '../operation.ts';
import { workspaceOf } from './schema.ts';

/** Names one secret. */
export interface SecretAddress {
  /** Default: `default`. */
  readonly workspace?: string | undefined;
  readonly environment: string;
  /** Path inside the environment, such as `db/password`. */
  readonly path: string;
}

/** The right to do something with the secret that an input names. */
export function requiresOnSecret(
  capability: Capability,
): (input: SecretAddress) => readonly Requirement[] {
  return (input) => [
    { capability, resource: [workspaceOf(input), input.environment, ...input.path.split('/')] },
  ];
}

/** What the audit entry says of the secret that an input names. */
export function secretSubject(input: SecretAddress): EntrySubject {
  return { workspace: workspaceOf(input), environment: input.environment, path: input.path };
}

/** The environment that an input names. */
export function environmentOf(call: Call, input: Omit<SecretAddress, 'path'>): Environment {
  return call.directory.environment(workspaceOf(input), input.environment);
}
