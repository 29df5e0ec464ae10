import { Agent, request as requestHttp, type IncomingHttpHeaders } from 'node:http';

import type { UnsealedVault } from '../core/vault.ts';
import { HttpFace, type HttpFaceOptions } from '../http/http-face.ts';
import { listen } from '../http/listen.ts';
import { requireDeclared } from './declared-codes.ts';
import type { RestRequestLine } from './rest-request.ts';

/** What a server answered. */
export interface VaultAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A vault that is asked over HTTP, on a free port of this machine. */
export interface VaultServer {
  readonly port: number;
  /** Asks for something, over connections that are kept. */
  ask(
    line: RestRequestLine,
    token?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<VaultAnswer>;
  close(): Promise<void>;
}

const CONNECTIONS = 32;

/** Serves a vault that is open. Whoever starts it closes it; the vault stays open. */
export async function serveVault(
  vault: UnsealedVault,
  options: Omit<HttpFaceOptions, 'vault'> = {},
  connections: number = CONNECTIONS,
): Promise<VaultServer> {
  const face = new HttpFace({ ...options, vault: () => vault });
  const { port, close } = await listen({
    host: '127.0.0.1',
    port: 0,
    handle: (message, response) => void face.handle(message, response),
  });
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    port,
    ask: (line, token, headers = {}) => {
      const body = line.body === undefined ? undefined : JSON.stringify(line.body);
      const given = {
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
        ...headers,
      };
      const { method, target: path } = line;
      const answered = new Promise<VaultAnswer>((resolve, reject) => {
        const asked = requestHttp(
          { host: '127.0.0.1', port, path, agent, method, headers: given },
          (answer) => {
            const parts: Uint8Array[] = [];
            if (answer.headers['content-type'] === 'text/event-stream') {
              // It has no end of its own: that there is one is the answer.
              resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: '' });
              asked.destroy();
              return;
            }
            answer.on('data', (part: Uint8Array) => parts.push(part));
            answer.on('error', reject);
            answer.on('end', () =>
              resolve({
                status: answer.statusCode ?? 0,
                headers: answer.headers,
                body: Buffer.concat(parts).toString(),
              }),
            );
          },
        );
        asked.on('error', reject);
        asked.end(body);
      });
      return answered.then((answer) => requireDeclared({ method, target: path }, answer));
    },
    close: async () => {
      agent.destroy();
      await close(1000);
    },
  };
}

/** Does something with each of many things, some at a time, and gives the results in their order. */
export async function eachOf<T, R>(
  things: readonly T[],
  work: (thing: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < things.length; at += CONNECTIONS) {
    results.push(...(await Promise.all(things.slice(at, at + CONNECTIONS).map(work))));
  }
  return results;
}
