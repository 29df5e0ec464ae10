import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { StrongroomError } from '../errors.ts';
import { failureAnswer } from './answer.ts';

/** How long a connection stays that is turned away: its answers under way are waited for. */
const TURN_MS = 5000;

/** The newest answer of a connection, and the one before it. */
interface Newest {
  readonly response: ServerResponse;
  readonly before: ServerResponse | undefined;
}

/**
 * Refuses what is no HTTP, in its turn: answers have the order of their requests (RFC 9112
 * §9.3.2), or one would be taken for the answer to a request that was carried out.
 */
export class Malformed {
  readonly #newest: WeakMap<Socket, Newest> = new WeakMap();
  readonly #refused: WeakSet<Socket> = new WeakSet();

  /** Takes note of a request that is about to be answered. */
  begin({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#newest.set(socket, { response, before: this.#newest.get(socket)?.response });
  }

  /** Refuses what cannot be read any further on a connection, and ends it. */
  refuse({ code }: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    // What follows cannot be read either.
    if (this.#refused.has(socket)) return;
    this.#refused.add(socket);
    const { response, before } = this.#newest.get(socket) ?? {};
    // The request itself is what is malformed: it begins well, and its body does not go on so.
    const own = response?.req.complete === false ? response : undefined;
    whenOver(own === undefined ? response : before, socket, () => {
      if (own?.headersSent === true) whenOver(own, socket, () => socket.end());
      else socket.end(refusal(code));
    });
  }

  /**
   * Refuses to speak anything else on a connection that Node has handed over for that.
   *
   * @param stream - The connection, or what stands for it until the request's body is there.
   */
  turnAway({ socket }: IncomingMessage, stream: Duplex): void {
    // Nobody else listens to it any more, or ends it.
    stream.on('error', () => undefined);
    stream.resume();
    const timer = setTimeout(() => socket.destroy(), TURN_MS);
    socket.once('close', () => clearTimeout(timer));
    whenOver(this.#newest.get(socket)?.response, socket, () => {
      socket.write(refusal());
      socket.destroySoon();
    });
  }
}

/** Goes on once an answer is sent; one without an end ends with its connection. */
function whenOver(response: ServerResponse | undefined, socket: Socket, next: () => void): void {
  if (response === undefined || response.writableFinished || response.destroyed) {
    next();
  } else if (response.headersSent && !response.writableEnded) {
    socket.destroy();
  } else {
    response.once('close', () => whenOver(response, socket, next));
  }
}

function refusal(cause?: string): string {
  const code = cause === 'HPE_HEADER_OVERFLOW' ? 'request_too_large' : 'invalid_request';
  const { status, headers, body } = failureAnswer(
    new StrongroomError(code, 'the request is not HTTP as it has to be'),
  );
  const lines = Object.entries({ ...headers, 'Cache-Control': 'no-store', Connection: 'close' });
  const text = typeof body === 'string' ? body : '';
  const head = lines.map(([name, value]) => `${name}: ${value}`).join('\r\n');
  const length = `Content-Length: ${Buffer.byteLength(text)}`;
  return `HTTP/1.1 ${status} ${code}\r\n${head}\r\n${length}\r\n\r\n${text}`;
}
