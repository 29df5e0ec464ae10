import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { ForwardedReader, readAnswer, type Forwarded } from './framing.ts';

/** From this status on the server says that the connection ends where a body was not read. */
const REFUSED_FROM = 400;

/** Options of {@link Relay}. */
export interface RelayOptions {
  /** Told of each request, in its order. */
  forwarded(request: Forwarded): void;
  /** Told of what the two ends disagree about. */
  fault(what: string): void;
}

/**
 * Stands between a proxy and a server, hands on every byte as it is, and holds
 * the requests that the proxy sent against the answers that the server gave.
 */
export class Relay {
  readonly #server: Server;
  readonly #options: RelayOptions;
  readonly #sockets: Set<Socket> = new Set();

  /** @param port - The server's. */
  constructor(port: number, options: RelayOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (proxy) => {
      this.#join(proxy, connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }));
    });
  }

  /** @returns The port. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(proxy: Socket, server: Socket): void {
    const line = new Line(this.#options);
    this.#pass(proxy, server, (bytes) => line.asked(bytes));
    this.#pass(server, proxy, (bytes) => line.answered(bytes));
  }

  #pass(from: Socket, to: Socket, seen: (bytes: Buffer) => void): void {
    this.#sockets.add(from);
    from.on('data', (bytes: Buffer) => {
      seen(bytes);
      to.write(bytes);
    });
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.end();
    });
  }
}

/** One connection between the two. */
class Line {
  readonly #options: RelayOptions;
  readonly #reader: ForwardedReader;
  /** Requests without an answer. */
  readonly #open: Forwarded[] = [];
  #text = '';

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#reader = new ForwardedReader((request) => {
      this.#open.push(request);
      options.forwarded(request);
    });
  }

  asked(bytes: Buffer): void {
    this.#reader.push(bytes);
  }

  answered(bytes: Buffer): void {
    this.#text += bytes.toString('latin1');
    for (;;) {
      const [request] = this.#open;
      const read = readAnswer(this.#text, request?.method === 'HEAD');
      if (read === undefined) return;
      this.#text = read.rest;
      if (read.answer === undefined) continue;
      this.#open.shift();
      if (request === undefined) this.#options.fault('an answer to no request');
      else if (!request.isWhole && !read.answer.isLast && read.answer.status >= REFUSED_FROM) {
        this.#options.fault('a request that was over before its end');
      }
      if (request !== undefined) request.answer = read.answer;
    }
  }
}
