import { z } from 'zod';

import { everyOperation } from '../core/every-operation.ts';
import { ELEMENTS, FOREIGN, NAMELESS, type Theirs } from './foreign-ids.ts';

/** A parameter of an operation: a member of its input, `member.of.it`, or `list[]` for what is in a list. */
export interface InputParameter {
  /** The operation's name. */
  readonly name: string;
  readonly parameter: string;
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** Every parameter of every operation, as their schemas name them. */
export function everyParameter(): readonly InputParameter[] {
  return everyOperation().flatMap(({ name, input }) => {
    const schema = z.toJSONSchema(input, { unrepresentable: 'any', io: 'input' });
    const found = parametersOf(schema as JsonSchema).filter((each) => each !== '');
    return [...new Set(found)].map((parameter) => ({ name, parameter }));
  });
}

/** The parameters that a schema has, those of members as `member.parameter` and of lists as `list[]`. */
function parametersOf(schema: JsonSchema, name = ''): readonly string[] {
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return options.flatMap((option) => parametersOf(option, name));
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([member, inner]) =>
      parametersOf(inner, name === '' ? member : `${name}.${member}`),
    );
  }
  return schema.items === undefined ? [name] : parametersOf(schema.items, `${name}[]`);
}

/** The input with another value for a parameter. */
export function withParameter(input: object, parameter: string, value: unknown): object {
  const [first = '', ...rest] = parameter.split('.');
  const member = first.replace('[]', '');
  const isList = first !== member;
  if (rest.length === 0) return { ...input, [member]: isList ? [value] : value };
  const present = (input as Readonly<Record<string, object | undefined>>)[member];
  const inner = isList ? (present as readonly object[] | undefined)?.[0] : present;
  const changed = withParameter(inner ?? ELEMENTS[member] ?? {}, rest.join('.'), value);
  return { ...input, [member]: isList ? [changed] : changed };
}

/** What of another workspace stands in place of a parameter; `undefined` if it names nothing. */
export function foreignOf(
  name: string,
  parameter: string,
): ((theirs: Theirs) => unknown) | undefined {
  return NAMELESS.has(`${name}.${parameter}`)
    ? undefined
    : (FOREIGN[`${name}.${parameter}`] ?? FOREIGN[parameter]);
}

/** Whether a parameter, or a member that it is part of, names nothing. */
export function isNameless(name: string, parameter: string): boolean {
  if (NAMELESS.has(`${name}.${parameter}`)) return true;
  const parts = parameter.split('.');
  return parts.some((_, index) => NAMELESS.has(parts.slice(0, index + 1).join('.')));
}
