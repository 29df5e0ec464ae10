import type { ClientRoute } from '../../client/client-route.ts';
import { wireShapeOf } from '../../core/wire-shape.ts';
import { allRoutes } from './rest-face.ts';
import type { RestRoute } from './rest-route.ts';

/**
 * How a client reaches each operation: by names rather than by ids, since that
 * is what callers of operations have. The most particular address comes first.
 */
export function clientRoutes(): Readonly<Record<string, readonly ClientRoute[]>> {
  const routes = new Map<string, RestRoute[]>();
  for (const route of allRoutes()) {
    if (route.isOnSecret && route.binding.path.includes('{secret_id}')) continue;
    routes.set(route.operation.name, [...(routes.get(route.operation.name) ?? []), route]);
  }
  return Object.fromEntries(
    [...routes].map(([name, each]) => [
      name,
      each.toSorted((a, b) => weight(b) - weight(a)).map(toClientRoute),
    ]),
  );
}

function weight({ binding: { path, fixed = {} } }: RestRoute): number {
  return Object.keys(fixed).length * 100 + (path.match(/\{/g)?.length ?? 0);
}

function toClientRoute({ operation, binding, outputShape }: RestRoute): ClientRoute {
  return {
    method: binding.method,
    path: binding.path,
    ...(binding.workspaceAs === undefined ? {} : { workspaceAs: binding.workspaceAs }),
    ...(binding.fixed === undefined ? {} : { fixed: binding.fixed }),
    input: wireShapeOf(operation.input),
    output: outputShape,
    ...(operation.streams === undefined ? {} : { events: wireShapeOf(operation.streams) }),
    ...(!operation.mutates && binding.method !== 'GET' ? { isSafe: true } : {}),
    ...(operation.mutates && operation.givesOnce !== true ? { isRepeatable: true } : {}),
  };
}
