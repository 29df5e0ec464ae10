import type { CallOptions, Face, SecurityContext } from './context.ts';
import type { Operation } from './operation.ts';
import { operations, type Methods } from './operations/operations.ts';
import type { UnsealedVault } from './vault.ts';

/** What one caller can do with a vault: every operation, as a method of its group. */
export type Session = Methods<CallOptions>;

/** Makes the methods of a caller. They hold no logic: each is one call of the pipeline. */
export function createSession(vault: UnsealedVault, context: SecurityContext, face: Face): Session {
  const caller = vault.caller(context, face);
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
  return Object.fromEntries(groups) as Session;
}
