import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { StrongroomError } from '../errors.ts';
import { utf8 } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';
import { http } from '../lib/node-http.ts';

/** What a browser comes back with. */
export interface CameBack {
  readonly state: string;
  readonly code: string;
  readonly iss: string | undefined;
}

/** A page of this machine to which a browser comes back once (RFC 8252 §7.3). */
export interface ReturnListener extends AsyncDisposable {
  readonly port: number;
  /**
   * Waits until a browser comes back.
   *
   * @param state - What it has to come back with. A request with another is turned away, and waited on.
   * @param until - Milliseconds since 1970.
   * @throws {@link StrongroomError} `access_denied` if the provider refused; `expired_token` if nobody came.
   */
  wait(state: string, until: number): Promise<CameBack>;
}

interface Waiting {
  readonly state: string;
  readonly settle: (came: CameBack) => void;
  readonly refuse: (error: StrongroomError) => void;
}

const PATH = '/callback';
const URL_MAX = 8192;
/** For so long an answer may still be sent when it is over. */
const FLUSH_MS = 1000;
const PARAMETERS = ['state', 'code', 'iss', 'error'] as const;
/** What a provider may say that is shown as it is (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6). */
const ERRORS: ReadonlySet<string> = new Set([
  'access_denied',
  'invalid_request',
  'invalid_scope',
  'unauthorized_client',
  'unsupported_response_type',
  'server_error',
  'temporarily_unavailable',
  'interaction_required',
  'login_required',
  'account_selection_required',
  'consent_required',
]);

/** Begins to listen on a free port of the loopback interface. */
export async function listenForReturn(): Promise<ReturnListener> {
  let waiting: Waiting | undefined;
  let answered: Promise<unknown> = Promise.resolve();
  const server = http().createServer({ maxHeaderSize: 16_384 }, (request, response) => {
    const { port } = server.address() as AddressInfo;
    const came = read(request, `127.0.0.1:${port}`);
    if (came === undefined || waiting === undefined || !isState(came.state, waiting.state)) {
      answer(response, 404, 'There is nothing here.');
      return;
    }
    const { settle, refuse } = waiting;
    waiting = undefined;
    answered = new Promise((resolve) => response.once('close', resolve));
    if (came.code !== undefined && came.error === undefined) {
      answer(response, 200, 'You can close this page and go back to the terminal.');
      settle({ state: came.state, code: came.code, iss: came.iss });
    } else {
      answer(response, 200, 'The sign-in was refused. Go back to the terminal.');
      refuse(refused(came.error));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    wait: (state, until) =>
      new Promise((settle, refuse) => {
        const timer = setTimeout(() => refuse(tooLate()), Math.max(0, until - Date.now()));
        waiting = {
          state,
          settle: (came) => {
            clearTimeout(timer);
            settle(came);
          },
          refuse: (error) => {
            clearTimeout(timer);
            refuse(error);
          },
        };
      }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        // Whoever keeps a connection open, or never asks anything, holds up nobody.
        const late = sleep(FLUSH_MS, undefined, { ref: false });
        void Promise.race([answered, late]).then(() => {
          server.closeAllConnections();
        });
      }),
  };
}

type Read = { readonly [K in (typeof PARAMETERS)[number]]?: string | undefined } & {
  readonly state: string;
};

/** What a request brings; `undefined` unless it is for this very page, with each parameter once. */
function read({ method, url = '', headers }: IncomingMessage, host: string): Read | undefined {
  if (method !== 'GET' || headers.host !== host || url.length > URL_MAX) return undefined;
  if (!url.startsWith(`${PATH}?`)) return undefined;
  const parameters = new URLSearchParams(url.slice(PATH.length));
  const found: Record<string, string> = {};
  for (const name of PARAMETERS) {
    const values = parameters.getAll(name);
    if (values.length > 1) return undefined;
    if (values[0] !== undefined) found[name] = values[0];
  }
  const { state } = found as { readonly state?: string };
  return state === undefined ? undefined : { ...found, state };
}

function isState(given: string, expected: string): boolean {
  return equalBytes(utf8(given), utf8(expected));
}

/** Answers with nothing of what was asked: a page is no place for a provider's words. */
function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
    Connection: 'close',
  });
  response.end(`${text}\n`);
}

function refused(said: string | undefined): StrongroomError {
  const error = said !== undefined && ERRORS.has(said) ? said : 'unknown';
  return new StrongroomError('access_denied', 'the provider refused the sign-in', {
    details: { error },
    hint: `it says ${error}; ask whoever looks after the provider`,
  });
}

function tooLate(): StrongroomError {
  return new StrongroomError('expired_token', 'nobody came back from the provider in time', {
    hint: 'begin anew; on a machine without a browser: `strongroom login --device`',
  });
}
