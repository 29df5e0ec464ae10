import type { ZodType } from 'zod';

/** What the text of a query parameter is read as. */
export type ParameterKind = 'text' | 'number' | 'boolean' | 'list';

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly innerType?: ZodType;
  readonly in?: ZodType;
}

const KINDS: Readonly<Record<string, ParameterKind>> = {
  number: 'number',
  boolean: 'boolean',
  array: 'list',
};

/** How the members of an input are written in a query. */
export function parameterKinds(schema: ZodType): ReadonlyMap<string, ParameterKind> {
  const { shape = {} } = definitionOf(schema);
  return new Map(Object.entries(shape).map(([member, inner]) => [member, kindOf(inner)]));
}

/** Reads a parameter. What does not fit its kind stays text, which the schema then refuses. */
export function readParameter(kind: ParameterKind, text: string): unknown {
  if (kind === 'number') return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

function kindOf(schema: ZodType): ParameterKind {
  const { type, innerType, in: input } = definitionOf(schema);
  const inner = innerType ?? input;
  return inner === undefined ? (KINDS[type] ?? 'text') : kindOf(inner);
}

function definitionOf(schema: ZodType): Definition {
  return schema.def;
}
