import type { ZodType } from 'zod';

import type { WireShape } from '../lib/wire.ts';

/** What a schema says of itself over HTTP, given to it with `.meta({ wire: … })`. */
export interface WireMeta {
  /** What it is, where the schema cannot tell. */
  readonly shape?: WireShape;
  /** Members that have another name than their own in `snake_case`. */
  readonly names?: Readonly<Record<string, string>>;
}

/** The parts of zod's definitions that are looked at. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly innerType?: ZodType;
  readonly element?: ZodType;
  readonly valueType?: ZodType;
  readonly options?: readonly ZodType[];
  readonly in?: ZodType;
}

const INNER: ReadonlySet<string> = new Set([
  'optional',
  'nullable',
  'default',
  'readonly',
  'nonoptional',
]);

/** How what a schema describes looks in JSON over HTTP. */
export function wireShapeOf(schema: ZodType): WireShape {
  const meta = schema.meta()?.['wire'] as WireMeta | undefined;
  if (meta?.shape !== undefined) return meta.shape;
  const definition = schema.def as unknown as Definition;
  const { type, innerType, element, valueType, options, shape } = definition;
  if (INNER.has(type) && innerType !== undefined) return withNames(wireShapeOf(innerType), meta);
  if (type === 'array' && element !== undefined) return list(wireShapeOf(element));
  if (type === 'record' && valueType !== undefined) return map(wireShapeOf(valueType));
  if (type === 'pipe' && definition.in !== undefined) return wireShapeOf(definition.in);
  if (type === 'union' && options !== undefined) return union(options.map(wireShapeOf));
  if (type !== 'object' || shape === undefined) return 'any';
  const members = Object.entries(shape).map(([name, inner]) => [name, wireShapeOf(inner)] as const);
  return withNames({ of: Object.fromEntries(members) }, meta);
}

function list(item: WireShape): WireShape {
  return item === 'any' ? 'any' : { list: item };
}

function map(item: WireShape): WireShape {
  return item === 'any' ? 'any' : { map: item };
}

/** Objects among the options are one shape with the members of all. */
function union(options: readonly WireShape[]): WireShape {
  const special = options.filter((option) => option !== 'any');
  const objects = special.filter((option) => typeof option === 'object' && 'of' in option);
  if (objects.length < 2) return special[0] ?? 'any';
  const of: Record<string, WireShape> = {};
  const names: Record<string, string> = {};
  for (const each of objects) {
    Object.assign(of, each.of);
    Object.assign(names, each.names);
  }
  return Object.keys(names).length === 0 ? { of } : { of, names };
}

function withNames(shape: WireShape, meta: WireMeta | undefined): WireShape {
  if (meta?.names === undefined || typeof shape !== 'object' || !('of' in shape)) return shape;
  return { of: shape.of, names: { ...shape.names, ...meta.names } };
}
