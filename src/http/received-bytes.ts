import { wipe } from '../lib/bytes.ts';

const BYTES_MIN = 1024;

/**
 * Bytes that come in pieces. Each piece is copied and wiped at once: held by itself, one of a single
 * byte takes some hundred, so that what is counted would not be what is taken up.
 */
export class ReceivedBytes {
  #room: Uint8Array = new Uint8Array(BYTES_MIN);
  #length = 0;

  /** All that came, for as long as nothing more comes. */
  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.#length);
  }

  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#room.length) {
      const room = new Uint8Array(Math.max(length, 2 * this.#room.length));
      room.set(this.bytes);
      wipe(this.#room);
      this.#room = room;
    }
    this.#room.set(piece, this.#length);
    this.#length = length;
    wipe(piece);
  }

  wipe(): void {
    wipe(this.#room);
    this.#length = 0;
  }
}
