import { StrongroomError, type ErrorCode } from '../errors.ts';

const PASSING: ReadonlySet<ErrorCode> = new Set([
  'vault_in_use',
  'unreachable',
  'sealed',
  'vault_closed',
  'rate_limited',
  'audit_blocked',
  'outcome_unknown',
]);

/** Whether what failed may succeed later, without anybody doing something about it here. */
export function isPassing(error: unknown): boolean {
  return error instanceof StrongroomError && PASSING.has(error.code);
}
