import { z, type ZodType } from 'zod';

import type { WireMeta } from '../../core/wire-shape.ts';
import { wireName } from '../../lib/wire.ts';

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A schema of an object, by the names that its members have over HTTP. */
export interface ObjectSchema {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required: readonly string[];
}

const BYTES: JsonSchema = {
  type: 'object',
  properties: { $base64: { type: 'string', contentEncoding: 'base64' } },
  required: ['$base64'],
  additionalProperties: false,
};

const TEXT_OR_BYTES: JsonSchema = { oneOf: [{ type: 'string' }, BYTES] };

/** What a shape that the schema cannot tell is in JSON. */
const SHAPES: Readonly<Record<string, JsonSchema>> = {
  secret: TEXT_OR_BYTES,
  value: {
    oneOf: [
      { type: 'string' },
      BYTES,
      {
        type: 'object',
        minProperties: 1,
        additionalProperties: TEXT_OR_BYTES,
        propertyNames: { pattern: '^[A-Za-z0-9._-]{1,128}$' },
      },
    ],
  },
};

/**
 * The JSON Schema of what goes over HTTP for a schema of ours.
 *
 * @param io - Whether it is sent to us (`input`) or by us.
 */
export function jsonSchemaOf(schema: ZodType, io: 'input' | 'output'): JsonSchema {
  const {
    $schema: _dialect,
    $defs: _defined,
    ...made
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    reused: 'inline',
    override: ({ zodSchema, jsonSchema }) => {
      rename(zodSchema as unknown as ZodType, jsonSchema);
    },
  });
  return withoutReferences(made) as JsonSchema;
}

/** What refers to itself is JSON of any kind, for which there is a shorter word. */
function withoutReferences(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutReferences);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name, value]) => name !== '$ref' || typeof value !== 'string')
      .map(([name, value]) => [name, withoutReferences(value)]),
  );
}

/** The members of a schema of an object. */
export function objectSchemaOf(schema: ZodType): ObjectSchema {
  const { properties = {}, required = [] } = jsonSchemaOf(schema, 'input') as Partial<ObjectSchema>;
  return { properties, required };
}

function rename(schema: ZodType, json: Record<string, unknown>): void {
  const meta = schema.meta()?.['wire'] as WireMeta | undefined;
  delete json['wire'];
  const shape = typeof meta?.shape === 'string' ? SHAPES[meta.shape] : undefined;
  if (shape !== undefined) {
    for (const name of Object.keys(json)) delete json[name];
    Object.assign(json, shape);
    return;
  }
  const { properties, required } = json as Partial<ObjectSchema>;
  if (properties === undefined) return;
  // What is passed on as it is has its members' own names.
  if (meta?.shape === 'any') return;
  const name = (member: string): string => meta?.names?.[member] ?? wireName(member);
  json['properties'] = Object.fromEntries(
    Object.entries(properties).map(([member, each]) => [name(member), each]),
  );
  if (required !== undefined) json['required'] = required.map(name);
}

/** A reference to a component of the description. */
export function ref(place: string): JsonSchema {
  return { $ref: `#/components/${place}` };
}
