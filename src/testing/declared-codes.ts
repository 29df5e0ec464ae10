import { COMMON_ERRORS, errorsOf } from '../core/common-errors.ts';
import type { ErrorCode } from '../errors.ts';
import { parseTarget } from '../http/request-target.ts';
import { HTTP_ERRORS } from '../http/rest/openapi-failures.ts';
import { RestFace } from '../http/rest/rest-face.ts';

const OF_ANY: readonly ErrorCode[] = [...HTTP_ERRORS, ...COMMON_ERRORS];
const face = new RestFace();

/**
 * Refuses an answer whose code its operation does not declare, so that every
 * test over HTTP holds what is described against what is answered.
 *
 * @returns The answer.
 * @throws TypeError
 */
export function requireDeclared<A extends { readonly body: string }>(
  { method, target }: { readonly method: string; readonly target: string },
  answer: A,
): A {
  const code = /^\{"type":"urn:strongroom:error:([a-z_]+)"/.exec(answer.body)?.[1] as
    ErrorCode | undefined;
  if (code === undefined || OF_ANY.includes(code)) return answer;
  const operation = face.find(method, parseTarget(target).segments).match?.route.operation;
  if (operation === undefined || errorsOf(operation).has(code)) return answer;
  throw new TypeError(`${operation.name} does not declare ${code}`);
}
