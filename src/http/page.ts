import type { IncomingMessage } from 'node:http';

import type { Answer } from './answer.ts';
import type { RequestHead } from './request-head.ts';
import type { Cookies } from './session-cookie.ts';

/** A request for a page. */
export interface PageRequest {
  readonly message: IncomingMessage;
  readonly head: RequestHead;
  /** The client's address, in its one form; empty if its socket is gone. */
  readonly ip: string;
  /** What a browser brought, if there is a header `Cookie`. */
  readonly cookies: Cookies | undefined;
  /** The id that the request is on record under. */
  readonly request: string;
}

/** What is answered at an address that is no operation: health, metrics, unsealing. */
export type Page = (request: PageRequest) => Answer | Promise<Answer>;

/**
 * Pages, by their exact address and then by method. An address written in any
 * other way is not theirs; one with a query is if their name ends in `?`.
 */
export type Pages = Readonly<
  Record<string, Readonly<Partial<Record<'GET' | 'HEAD' | 'POST', Page>>>>
>;

/** An answer in JSON. */
export function jsonAnswer(status: number, body: unknown): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json' },
    body: `${JSON.stringify(body)}\n`,
  };
}
