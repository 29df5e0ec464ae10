import type { Socket } from 'node:net';

/** How long a reader may take nothing of what was sent. */
const STALLED_MS = 8000;
/** One piece may take longer, by its size: nothing is seen of it until it is gone as a whole. */
const BYTES_PER_MS = 256;

/** What is known of a connection. */
interface Reading {
  /** Bytes that were taken. */
  taken: number;
  /** When that was last seen to grow, or that there was nothing to be taken, in milliseconds. */
  since: number;
}

/** Ends connections whose reader does not take what was sent: it waits in memory meanwhile. */
export class SlowReaders {
  readonly #readings: Map<Socket, Reading> = new Map();

  /** Looks after a connection until it is closed. */
  add(socket: Socket, now: number): void {
    this.#readings.set(socket, { taken: 0, since: now });
    socket.once('close', () => this.#readings.delete(socket));
  }

  /** Ends those that took nothing for too long. */
  check(now: number): void {
    for (const [socket, reading] of this.#readings) {
      const waiting = socket.writableLength;
      const taken = socket.bytesWritten - waiting;
      if (waiting === 0 || taken > reading.taken) {
        reading.taken = taken;
        reading.since = now;
      } else if (now - reading.since > STALLED_MS + waiting / BYTES_PER_MS) socket.destroy();
    }
  }
}
