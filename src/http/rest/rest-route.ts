import type { ZodType } from 'zod';

import type { FaceCallOptions } from '../../core/context.ts';
import type { Operation } from '../../core/operation.ts';
import { IN_WORKSPACE, type RestBinding } from '../../core/rest-binding.ts';
import { wireShapeOf } from '../../core/wire-shape.ts';
import { wireCodec, wireName, type WireCodec, type WireShape } from '../../lib/wire.ts';
import { parameterKinds, type ParameterKind } from './parameter-kinds.ts';

/** An operation at one address, with everything about it that is the same for each request. */
export interface RestRoute {
  readonly operation: Operation<unknown, unknown>;
  readonly binding: RestBinding;
  readonly input: WireCodec;
  readonly output: WireCodec;
  readonly outputShape: WireShape;
  /** The whole input, also what the address says of it. */
  readonly inputShape: WireShape;
  /** What each parameter of the query is read as, by its name there. */
  readonly parameters: ReadonlyMap<string, ParameterKind>;
  /** Members of the input, as operations call them. */
  readonly members: ReadonlySet<string>;
  /** Whether the input asks for an environment. */
  readonly needsEnvironment: boolean;
  /** Whether the address is that of one secret. */
  readonly isOnSecret: boolean;
}

/** What carries a call out, as whoever made the request. */
export type RestCall = (
  operation: RestRoute['operation'],
  input: unknown,
  options: FaceCallOptions,
) => Promise<unknown>;

/** Members that an address says, whatever they are called over HTTP. */
const OF_PLACE: readonly string[] = ['workspace', 'environment', 'path'];

/** Members that stand in the head of a request or of an answer. */
const OF_HEAD: readonly string[] = [
  'ifMatch',
  'ifNoneMatch',
  'representation',
  'etag',
  'unchanged',
];

type Members = Extract<WireShape, { readonly of: unknown }>;

/** Works out a route once. */
export function restRoute(operation: Operation<unknown, unknown>, binding: RestBinding): RestRoute {
  const whole = wireShapeOf(operation.input);
  const all = typeof whole === 'object' && 'of' in whole ? whole : { of: {} };
  const shape = without(all, [
    ...placeOf(binding),
    ...OF_HEAD,
    ...(binding.omit ?? []),
    ...Object.keys(binding.fixed ?? {}),
  ]);
  const kinds = parameterKinds(operation.input);
  const parameters = Object.keys(shape.of).map(
    (member) => [nameOf(all, member), kinds.get(member) ?? 'text'] as const,
  );
  return {
    operation,
    binding,
    input: wireCodec(shape),
    output: wireCodec(outputShapeOf(operation)),
    outputShape: outputShapeOf(operation),
    inputShape: whole,
    parameters: new Map(parameters),
    members: new Set(Object.keys(all.of)),
    needsEnvironment: isRequired(operation.input, 'environment'),
    isOnSecret: isOnSecret(binding),
  };
}

function outputShapeOf({ output }: Operation<unknown, unknown>): WireShape {
  const shape = wireShapeOf(output);
  const isTagged = typeof shape === 'object' && 'of' in shape && Object.hasOwn(shape.of, 'etag');
  return isTagged ? without(shape, OF_HEAD) : shape;
}

function without(shape: Members, members: readonly string[]): Members {
  const left = Object.entries(shape.of).filter(([each]) => !members.includes(each));
  const of = Object.fromEntries(
    left.map(([each, inner]) => {
      const within = members
        .filter((member) => member.startsWith(`${each}.`))
        .map((member) => member.slice(each.length + 1));
      return [each, withoutInner(inner, within)];
    }),
  );
  return shape.names === undefined ? { of } : { of, names: shape.names };
}

function withoutInner(shape: WireShape, members: readonly string[]): WireShape {
  if (members.length === 0 || typeof shape === 'string') return shape;
  if ('list' in shape) return { list: withoutInner(shape.list, members) };
  if ('map' in shape) return { map: withoutInner(shape.map, members) };
  return without(shape, members);
}

/** The members that an address names, which are not taken from anywhere else then. */
function placeOf(binding: RestBinding): readonly string[] {
  const { path, workspaceAs = 'workspace' } = binding;
  if (isOnSecret(binding)) return OF_PLACE;
  return path.includes('{workspace_id}') ? [workspaceAs] : [];
}

function nameOf(
  shape: { readonly names?: Readonly<Record<string, string>> },
  member: string,
): string {
  return shape.names?.[member] ?? wireName(member);
}

function isRequired(schema: ZodType, member: string): boolean {
  const { shape } = schema.def as unknown as { readonly shape?: Record<string, ZodType> };
  const inner = shape?.[member];
  return inner !== undefined && !inner.safeParse(undefined).success;
}

function isOnSecret({ path }: RestBinding): boolean {
  return path.startsWith(`${IN_WORKSPACE}/secrets/{secret_id}`) || path.includes('{path+}');
}
