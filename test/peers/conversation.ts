import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { isRefusal, readAnswers, type Answer } from './framing.ts';
import { EVERYTHING } from './smuggling.ts';

/** What came back over a connection. */
export interface Heard {
  readonly answers: readonly Answer[];
  /** `closed`: by the other end; `waits`: it would have taken more; `late`: it did neither in time. */
  readonly end: 'closed' | 'waits' | 'late';
}

/** How long an answer may take. */
const ANSWER_MS_MAX = 10_000;
/** How often everything else is answered before who waits is taken to wait for more. */
const ROUNDS = 3;
const PAUSE_MS = 5;

/**
 * Tells when a connection waits for more: everything else that was asked after
 * it was answered, and more than once. No clock says so.
 */
export class Rounds {
  readonly #ports: readonly number[];
  readonly #live: Set<Conversation> = new Set();
  #number = 0;
  #isOver = false;
  #running: Promise<void> | undefined;

  /** @param ports - Where everything is asked in each round. */
  constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  /** How many there were. */
  get number(): number {
    return this.#number;
  }

  begin(): void {
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** Sends bytes over a connection of its own, and resolves to what came back once it is over. */
  async talk(
    port: number,
    bytes: Uint8Array,
    connected?: (localPort: number) => void,
  ): Promise<Heard> {
    const conversation = new Conversation(port, bytes, { rounds: this, connected });
    this.#live.add(conversation);
    try {
      return await conversation.heard;
    } finally {
      this.#live.delete(conversation);
    }
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await Promise.all(this.#ports.map((port) => ask(port, EVERYTHING)));
      await sleep(PAUSE_MS);
      this.#number += 1;
      const now = performance.now();
      for (const each of this.#live) each.look(now);
    }
  }
}

/** What a server answers that is asked this, and closes the connection. */
export function ask(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy());
    socket.write(text);
  });
}

class Conversation {
  readonly heard: Promise<Heard>;
  readonly #rounds: Rounds;
  readonly #socket: Socket;
  readonly #begun = performance.now();
  #text = '';
  /** The round in which there was something last. */
  #active: number;
  /** How much had come when nothing more was sent. */
  #before: number | undefined;
  #isLate = false;

  constructor(
    port: number,
    bytes: Uint8Array,
    options: { readonly rounds: Rounds; readonly connected: ((port: number) => void) | undefined },
  ) {
    const { rounds, connected } = options;
    this.#rounds = rounds;
    this.#active = rounds.number;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.#socket = socket;
    socket.on('connect', () => {
      connected?.(socket.localPort ?? 0);
      socket.write(bytes);
      this.#active = rounds.number;
    });
    socket.on('data', (part: Buffer) => {
      this.#text += part.toString('latin1');
      this.#active = rounds.number;
    });
    socket.on('end', () => socket.destroy());
    socket.on('error', () => undefined);
    this.heard = new Promise((resolve) => {
      socket.on('close', () => resolve(this.#result()));
    });
  }

  /** Sends no more if the other end waits for that. */
  look(now: number): void {
    if (now - this.#begun > ANSWER_MS_MAX) {
      this.#isLate = true;
      this.#socket.destroy();
    } else if (this.#before === undefined && this.#rounds.number - this.#active >= ROUNDS) {
      this.#before = this.#text.length;
      this.#socket.end();
    }
  }

  #result(): Heard {
    const answers = readAnswers(this.#text);
    if (this.#before === undefined) {
      return { answers, end: this.#isLate ? 'late' : 'closed' };
    }
    // That what was to come does not come any more is refused as well.
    const early = readAnswers(this.#text.slice(0, this.#before)).length;
    return {
      answers: answers.filter((answer, at) => at < early || !isRefusal(answer)),
      end: this.#isLate ? 'late' : 'waits',
    };
  }
}
