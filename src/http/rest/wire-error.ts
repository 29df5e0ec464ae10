import { StrongroomError } from '../../errors.ts';
import { wireName, type WireShape } from '../../lib/wire.ts';
import { IN_WORKSPACE } from '../../core/rest-binding.ts';
import type { RestRoute } from './rest-route.ts';

/** An error about a member of the input, which is called there as it is over HTTP. Others stay. */
export function wireError(error: StrongroomError, route: RestRoute): StrongroomError {
  const { code, message, hint, details, cause } = error;
  const { member } = details;
  if (code !== 'invalid_input' || typeof member !== 'string' || member === '') return error;
  const named = wirePath(route, member);
  if (named === member) return error;
  return new StrongroomError(code, message.replace(member, named), {
    ...(hint === undefined ? {} : { hint }),
    details: { ...details, member: named },
    cause,
  });
}

/** Such as `trust.jwksUri`, or `secrets.0.path`. */
function wirePath(route: RestRoute, member: string): string {
  const { binding, inputShape } = route;
  const { path, workspaceAs = 'workspace' } = binding;
  if (member === workspaceAs && path.startsWith(IN_WORKSPACE)) return 'workspace_id';
  const names: string[] = [];
  let shape: WireShape | undefined = inputShape;
  for (const part of member.split('.')) {
    const inner = innerOf(shape, part);
    names.push(inner.name);
    shape = inner.shape;
  }
  return names.join('.');
}

function innerOf(
  shape: WireShape | undefined,
  part: string,
): { readonly name: string; readonly shape: WireShape | undefined } {
  if (typeof shape !== 'object') return { name: part, shape: undefined };
  if ('list' in shape) return { name: part, shape: shape.list };
  if ('map' in shape) return { name: part, shape: shape.map };
  return { name: shape.names?.[part] ?? wireName(part), shape: shape.of[part] };
}
