import { rmSync } from 'node:fs';
import { request as requestHttp, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { join } from 'node:path';

import { initVault, type FirstSlot, type NewVault } from '../../src/core/init-vault.ts';
import { createSession, type Session } from '../../src/core/session.ts';
import { QueuedSink } from '../../src/http/line-sink.ts';
import { serve, type Server, type ServeOptions } from '../../src/http/serve.ts';
import { ServerLog } from '../../src/http/server-log.ts';
import { requireDeclared } from '../../src/testing/declared-codes.ts';
import { OWNER, temporaryDirectory } from '../../src/testing/temporary-vault.ts';

/** A whole server over a vault of its own, on a free port of this machine. */
export interface Served {
  readonly server: Server;
  readonly made: NewVault;
  /** The vault's directory. */
  readonly directory: string;
  readonly configDirectory: string;
  /** What the server wrote to its log. */
  readonly lines: readonly string[];
  /** A token of the owner. */
  readonly token: string;
  /** The owner, in process. */
  owner(): Session;
  /** Asks the server something. */
  ask(target: string, options?: AskOptions): Promise<Answer>;
  close(): Promise<void>;
}

/** What is asked. */
export interface AskOptions extends Pick<RequestOptions, 'method' | 'headers' | 'agent'> {
  readonly token?: string | undefined;
  readonly json?: unknown;
  readonly localAddress?: string;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Options of {@link startServed}. */
export interface ServedOptions extends Partial<ServeOptions> {
  readonly slots?: readonly FirstSlot[];
  /** Where vault and keys are, instead of a temporary directory. */
  readonly root?: string;
}

/** Makes a vault and serves it. Whoever starts it closes it. */
export async function startServed({ slots, ...options }: ServedOptions = {}): Promise<Served> {
  const root = options.root ?? temporaryDirectory();
  const [directory, configDirectory] = [join(root, 'vault'), join(root, 'config')];
  const made = await initVault(directory, { owner: OWNER, configDirectory, slots });
  const lines: string[] = [];
  const log = new ServerLog(new QueuedSink(async (line) => void lines.push(line)));
  const server = await serve({
    directory,
    configDirectory,
    port: 0,
    log,
    rateLimits: { address: null },
    ...options,
  }).catch((error: unknown) => {
    rmSync(root, { recursive: true, force: true });
    throw error;
  });
  const owner = (): Session => {
    if (server.vault === undefined) throw new TypeError('the vault is sealed');
    return createSession(server.vault, { principal: OWNER }, 'library');
  };
  const token =
    server.vault === undefined ? '' : (await owner().tokens.create({ ttl: '1h' })).token.reveal();
  return {
    server,
    made,
    directory,
    configDirectory,
    lines,
    token,
    owner,
    ask: (target, asked) => ask(server.port, target, asked),
    close: async () => {
      await server.close();
      if (options.root === undefined) rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Asks a server on this machine something, with the bytes of the address as they are. */
export function ask(port: number, target: string, options: AskOptions = {}): Promise<Answer> {
  const { token, json, headers, ...rest } = options;
  const body = json === undefined ? undefined : JSON.stringify(json);
  const method = rest.method ?? (body === undefined ? 'GET' : 'POST');
  const answered = new Promise<Answer>((resolve, reject) => {
    const request = requestHttp(
      {
        host: '127.0.0.1',
        port,
        path: target,
        agent: false,
        headers: {
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...rest,
        method,
      },
      (answer) => {
        const parts: Uint8Array[] = [];
        if (answer.headers['content-type'] === 'text/event-stream') {
          // It has no end of its own: that there is one is the answer.
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: '' });
          request.destroy();
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
    request.on('error', reject);
    request.end(body);
  });
  return answered.then((answer) => requireDeclared({ method, target }, answer));
}
