import type { Capability } from '../domain/access/capability.ts';
import { denied } from './denials.ts';
import type { Call } from './operation.ts';

/** The names of an environment, which need not be there any more. */
export interface EnvironmentNames {
  readonly name: string;
  readonly workspace: { readonly name: string };
}

/** Whether the caller may do something with what is at a path. */
export function mayAt(
  call: Call,
  capability: Capability,
  environment: EnvironmentNames,
  path: string,
): boolean {
  return call.may(capability, resourceAt(environment, path));
}

/**
 * Requires a right to what is at a path. The path itself is only named to
 * those who may know of it.
 *
 * @throws {@link StrongroomError} `denied`.
 */
export function requireAt(
  call: Call,
  capability: Capability,
  environment: EnvironmentNames,
  path: string,
): void {
  const resource = resourceAt(environment, path);
  if (call.may(capability, resource)) return;
  const named = call.may('list', resource) ? resource : resource.slice(0, 2);
  throw denied({ capability, resource: named }, call.request);
}

function resourceAt(environment: EnvironmentNames, path: string): readonly string[] {
  return [environment.workspace.name, environment.name, ...path.split('/')];
}
