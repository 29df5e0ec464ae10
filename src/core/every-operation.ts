import type { Operation } from './operation.ts';
import { operations } from './operations/operations.ts';

/** Every operation there is, in the order of the registry. */
export function everyOperation(): readonly Operation<unknown, unknown>[] {
  return Object.values(operations)
    .flatMap((methods) => Object.values(methods as Readonly<Record<string, unknown>>))
    .map((operation) => operation as Operation<unknown, unknown>);
}
