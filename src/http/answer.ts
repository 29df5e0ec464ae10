import type { ServerResponse } from 'node:http';

import type { StrongroomError } from '../errors.ts';
import { problemOf, PROBLEM_TYPE, STATUS } from './problem.ts';

/** What goes with every answer: nothing of it is kept anywhere, or taken for something else. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
};

/** What is answered. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
}

/** Sends an answer. Its length is always said. */
export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const length = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0);
  const hasLength = status !== 204 && status !== 304;
  response.writeHead(status, {
    ...SAFE_HEADERS,
    ...(hasLength ? { 'Content-Length': String(length) } : {}),
    ...headers,
  });
  response.end(body);
}

/** The answer to a failure: a problem document (RFC 9457). */
export function failureAnswer(
  error: StrongroomError,
  { request, allowed }: { readonly request?: string; readonly allowed?: readonly string[] } = {},
): Answer {
  const retryAfter = error.details['retryAfter'];
  return {
    status: STATUS[error.code],
    headers: {
      'Content-Type': PROBLEM_TYPE,
      ...(STATUS[error.code] === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
      ...(typeof retryAfter === 'number' ? { 'Retry-After': String(Math.ceil(retryAfter)) } : {}),
      ...(allowed === undefined ? {} : { Allow: allowed.join(', ') }),
      ...(request === undefined ? {} : { 'X-Request-Id': request }),
    },
    body: JSON.stringify(problemOf(error, request)),
  };
}
