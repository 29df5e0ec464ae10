import type { ServerResponse } from 'node:http';

import type { StrongroomError } from '../errors.ts';
import { isTls } from '../lib/node-http.ts';
import { problemOf, PROBLEM_TYPE, STATUS } from './problem.ts';

/** What goes with every answer: nothing of it is kept anywhere, or taken for something else. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

/** What goes with every answer over TLS: for a year, this host is asked in no other way (RFC 6797). */
const SAFE_HEADERS_OF_TLS: Readonly<Record<string, string>> = {
  ...SAFE_HEADERS,
  'Strict-Transport-Security': 'max-age=31536000',
};

/** What is answered. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** One header `Set-Cookie` each. */
  readonly cookies?: readonly string[] | undefined;
  readonly body?: string | Uint8Array | undefined;
  /** Sends what follows the head for as long as there is something, instead of a body. */
  readonly stream?: ((response: ServerResponse) => void) | undefined;
}

const SAFE = Object.entries(SAFE_HEADERS).flat();
const SAFE_OF_TLS = Object.entries(SAFE_HEADERS_OF_TLS).flat();

/** Sends an answer. Its length is always said, but of a stream. */
export function send(response: ServerResponse, answer: Answer): void {
  const { status, headers = {}, body, cookies = [], stream } = answer;
  if (response.headersSent || response.destroyed) {
    // It is told that nobody is there.
    stream?.(response);
    return;
  }
  // As a list, names and values in turn: Node takes it as it is.
  // The request's socket: an answer has none yet while one before it is under way.
  const head = [...(isTls(response.req.socket) ? SAFE_OF_TLS : SAFE)];
  if (status !== 204 && status !== 304 && stream === undefined) {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0);
    head.push('Content-Length', String(length));
  }
  for (const [name, value] of Object.entries(headers)) {
    const at = Object.hasOwn(SAFE_HEADERS_OF_TLS, name) ? head.indexOf(name) : -1;
    if (at === -1) head.push(name, value);
    else head[at + 1] = value;
  }
  for (const cookie of cookies) head.push('Set-Cookie', cookie);
  response.writeHead(status, head);
  if (stream === undefined) response.end(body);
  else stream(response);
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
