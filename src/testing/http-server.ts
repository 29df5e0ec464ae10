import { connect as connectSocket } from 'node:net';

import { caller, type CallOperation } from '../client/client.ts';
import { createSession, type Session } from '../core/session.ts';
import type { UnsealedVault } from '../core/vault.ts';
import { HttpFace } from '../http/http-face.ts';
import { listen } from '../http/listen.ts';
import { makeTemporaryVault, openTemporaryVault, OWNER } from './temporary-vault.ts';

/** A server over a vault of its own, on a free port of this machine. */
export interface TestServer {
  readonly port: number;
  readonly address: string;
  readonly vault: UnsealedVault;
  /** The owner, in process. */
  readonly owner: Session;
  /** A token of the owner. */
  readonly ownerToken: string;
  /** Calls operations over HTTP with a token. */
  client(token: string | undefined): CallOperation;
  /** Sends bytes as they are and gives all that comes back until the connection ends. */
  raw(bytes: string | Uint8Array): Promise<string>;
  /** A request that fetch would put in order, with a token. */
  request(lines: readonly string[], body?: string): Promise<RawAnswer>;
  close(): Promise<void>;
}

/** The answer to a request that was sent as it is. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const WAIT_MS = 10_000;

/** Starts a server. Whoever starts it closes it. */
export async function startTestServer(): Promise<TestServer> {
  const place = await makeTemporaryVault();
  const vault = await openTemporaryVault(place);
  const owner = createSession(vault, { principal: OWNER }, 'library');
  const { token } = await owner.tokens.create({ ttl: '1h' });
  const ownerToken = token.reveal();
  const face = new HttpFace({ vault: () => vault });
  const listening = await listen({
    host: '127.0.0.1',
    port: 0,
    handle: (message, response) => void face.handle(message, response),
  });
  const { port } = listening;
  const address = `http://127.0.0.1:${port}`;
  const raw = (bytes: string | Uint8Array): Promise<string> => sendRaw(port, bytes);
  return {
    port,
    address,
    vault,
    owner,
    ownerToken,
    client: (given) => caller({ address, token: given, retries: 0 }),
    raw,
    request: async (lines, body = '') =>
      parseAnswer(await raw(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n${body}`)),
    close: async () => {
      await listening.close(1000);
      await vault.close();
      place.remove();
    },
  };
}

function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const head = end === -1 ? text : text.slice(0, end);
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
    head,
    body: end === -1 ? '' : text.slice(end + 4),
  };
}

function sendRaw(port: number, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    const socket = connectSocket(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(WAIT_MS, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (part: Uint8Array) => parts.push(part));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve('') : reject(error),
    );
    socket.on('close', () => resolve(Buffer.concat(parts).toString('latin1')));
  });
}
