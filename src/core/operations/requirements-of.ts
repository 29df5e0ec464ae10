import { StrongroomError } from '../../errors.ts';
import type { Call, Operation } from '../operation.ts';
import { operations } from './operations.ts';

let byName: ReadonlyMap<string, Operation<unknown, unknown>> | undefined;

/**
 * The rights that an operation needs for what an entry of the audit log says
 * it was about. An entry names a workspace, an environment and a path, which is
 * enough for everything that is done with secrets; where it is not, there is no answer.
 */
export const requirementsOf: Call['requirementsOf'] = (action, subject) => {
  byName ??= operationsByName();
  const operation = byName.get(action);
  if (operation === undefined) return undefined;
  const { workspace, environment, path } = subject;
  // An import is on record once for each secret.
  const secrets = path === undefined ? [] : [{ path }];
  try {
    return operation.requires({ workspace, environment, path, secrets });
  } catch (error) {
    if (error instanceof TypeError || error instanceof StrongroomError) return undefined;
    throw error;
  }
};

function operationsByName(): ReadonlyMap<string, Operation<unknown, unknown>> {
  return new Map(
    Object.values(operations)
      .flatMap((methods) => Object.values(methods as Readonly<Record<string, unknown>>))
      .map((operation) => operation as Operation<unknown, unknown>)
      .map((operation) => [operation.name, operation]),
  );
}
