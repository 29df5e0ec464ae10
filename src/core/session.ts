import type { CallOptions, Face, SecurityContext } from './context.ts';
import { VaultEnvironment, type EnvironmentPlace } from './environment.ts';
import type { Operation } from './operation.ts';
import { operations, type Methods } from './operations/operations.ts';
import type { Caller } from './item.ts';
import type { UnsealedVault } from './vault.ts';

/** What one caller can do with a vault: every operation, as a method of its group. */
export interface Session extends Methods<CallOptions> {
  /**
   * An environment as an application uses it.
   *
   * @param name - Such as `production`.
   */
  environment(name: string, options?: Pick<EnvironmentPlace, 'workspace'>): VaultEnvironment;
}

/** Makes the methods of a caller. They hold no logic: each is one call of the pipeline. */
export function createSession(vault: UnsealedVault, context: SecurityContext, face: Face): Session {
  return sessionOf(vault, vault.caller(context, face));
}

/** The methods of the system, for work that is due. */
export function createSystemSession(vault: UnsealedVault): Session {
  return sessionOf(vault, vault.systemCaller());
}

function sessionOf(vault: UnsealedVault, caller: Caller): Session {
  const groups = Object.entries(operations).map(([group, methods]) => [
    group,
    Object.fromEntries(
      Object.entries(methods as Readonly<Record<string, Operation<unknown, unknown>>>).map(
        ([name, operation]) => [
          name,
          (input: unknown = {}, options?: CallOptions) =>
            vault.call(operation, caller, input, options),
        ],
      ),
    ),
  ]);
  const methods = Object.fromEntries(groups) as Methods<CallOptions>;
  return {
    ...methods,
    environment: (name, { workspace } = {}) =>
      new VaultEnvironment(methods, { workspace, environment: name }),
  };
}
