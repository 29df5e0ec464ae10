import { fieldNotFound } from '../domain/secrets/secret-errors.ts';
import type { ValueOutput } from '../domain/secrets/value.ts';
import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';

/**
 * The one value that is meant by a path, and a field of what has fields.
 *
 * @returns What is the secret's own.
 * @throws {@link StrongroomError} `invalid_input` for fields of which none is named, `field_not_found`.
 */
export function namedValue(path: string, secret: ValueOutput, field?: string): SecretValue {
  const { value, fields = {} } = secret;
  if (field !== undefined && Object.hasOwn(fields, field)) return fields[field] as SecretValue;
  if (field !== undefined) throw fieldNotFound(path);
  if (value !== undefined) return value;
  const names = Object.keys(fields);
  throw new StrongroomError('invalid_input', `${path} has fields`, {
    details: { path, fields: names },
    hint: `name one: get('${path}', { field: '${names[0] ?? ''}' })`,
  });
}
