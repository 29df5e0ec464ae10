import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** More than anybody sends ahead of the answers: browsers and clients send one. */
const UNANSWERED_MAX = 32;

/**
 * Bounds how many requests of one connection are under way: their answers wait for each other, and
 * for whoever reads them.
 */
export class Pipelined {
  readonly #unanswered: WeakMap<Socket, number> = new WeakMap();

  /** Whether a request is to be answered. A connection with too many of them ends. */
  begin(socket: Socket, response: ServerResponse): boolean {
    if (socket.destroyed) return false;
    const unanswered = (this.#unanswered.get(socket) ?? 0) + 1;
    if (unanswered > UNANSWERED_MAX) {
      socket.destroy();
      return false;
    }
    this.#unanswered.set(socket, unanswered);
    response.once('close', () => {
      this.#unanswered.set(socket, (this.#unanswered.get(socket) ?? 1) - 1);
    });
    return true;
  }
}
