import { StrongroomError } from '../../errors.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { everyOperation } from '../every-operation.ts';

let byName: ReadonlyMap<string, Operation<unknown, unknown>> | undefined;

/** What an entry of the audit log says of an input. */
const SAID: ReadonlySet<string | symbol> = new Set(['workspace', 'environment', 'path', 'secrets']);

/** What only adds to the rights that are needed: without it, those are asked for that are always needed. */
const ADDS: ReadonlySet<string | symbol> = new Set(['access', 'layout', 'delete']);

/**
 * The rights that an operation needs for what an entry of the audit log says
 * it was about. An entry names a workspace, an environment and a path, which is
 * enough for most that is done with secrets; where the rights depend on more
 * than that, there is no answer.
 */
export const requirementsOf: Call['requirementsOf'] = (action, subject) => {
  byName ??= operationsByName();
  const operation = byName.get(action);
  if (operation === undefined) return undefined;
  const { workspace, environment, path } = subject;
  // An import is on record once for each secret.
  const secrets = path === undefined ? [] : [{ path }];
  let isEnough = true;
  const input = new Proxy<Readonly<Record<string | symbol, unknown>>>(
    { workspace, environment, path, secrets },
    {
      get: (said, name) => {
        if (!SAID.has(name) && !ADDS.has(name)) isEnough = false;
        return said[name];
      },
    },
  );
  try {
    const requirements = operation.requires(input);
    return isEnough && requirements.every(isWhole) ? requirements : undefined;
  } catch (error) {
    if (error instanceof TypeError || error instanceof StrongroomError) return undefined;
    throw error;
  }
};

/** Whether the resource of a requirement names something throughout. */
function isWhole({ resource }: Requirement): boolean {
  return resource.every((segment: string | undefined) => segment !== undefined && segment !== '');
}

function operationsByName(): ReadonlyMap<string, Operation<unknown, unknown>> {
  return new Map(everyOperation().map((operation) => [operation.name, operation]));
}
