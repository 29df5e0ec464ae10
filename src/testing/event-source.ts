import { request as requestHttp, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** One event, as it came. */
export interface ReceivedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A stream of events that is read by hand. */
export interface EventSourceProbe {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** What came so far, in order. */
  readonly events: readonly ReceivedEvent[];
  /** All that came, as it is. */
  readonly text: string;
  /** The last id that was said, also with a heartbeat. */
  readonly lastId: string;
  readonly isOver: boolean;
  /** Waits until there are so many events; fails after five seconds. */
  has(count: number): Promise<readonly ReceivedEvent[]>;
  /** Waits until the server has ended it; fails after five seconds. Gives the milliseconds that it took. */
  ended(): Promise<number>;
  /** Goes away. */
  leave(): void;
  /** Takes nothing any more, or goes on. */
  readonly message: IncomingMessage;
}

/** Options of {@link openEventSource}. */
export interface EventSourceOptions {
  readonly token: string;
  /** Such as `?workspace=default`. */
  readonly query?: string;
  readonly lastEventId?: string;
}

const WAIT_MS = 5000;

/** Opens a stream of changes at a server of this machine. */
export function openEventSource(
  port: number,
  { token, query = '', lastEventId }: EventSourceOptions,
): Promise<EventSourceProbe> {
  return new Promise((resolve, reject) => {
    const request = requestHttp(
      {
        host: '127.0.0.1',
        port,
        path: `/api/events${query}`,
        agent: false,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }),
        },
      },
      (message) => resolve(new Probe(message, () => request.destroy())),
    );
    request.on('error', reject);
    request.end();
  });
}

class Probe implements EventSourceProbe {
  readonly message: IncomingMessage;
  readonly leave: () => void;
  text = '';
  isOver = false;

  constructor(message: IncomingMessage, leave: () => void) {
    this.message = message;
    this.leave = leave;
    message.setEncoding('utf8');
    message.on('data', (part: string) => (this.text += part));
    message.on('error', () => undefined);
    message.on('close', () => (this.isOver = true));
  }

  get status(): number {
    return this.message.statusCode ?? 0;
  }

  get headers(): IncomingMessage['headers'] {
    return this.message.headers;
  }

  get events(): readonly ReceivedEvent[] {
    return this.text.split('\n\n').slice(0, -1).flatMap(parseBlock);
  }

  get lastId(): string {
    return [...this.text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
  }

  async has(count: number): Promise<readonly ReceivedEvent[]> {
    await this.#until(() => this.events.length >= count, `${count} events`);
    return this.events;
  }

  async ended(): Promise<number> {
    const begun = performance.now();
    await this.#until(() => this.isOver, 'an end');
    return performance.now() - begun;
  }

  async #until(is: () => boolean, what: string): Promise<void> {
    const begun = performance.now();
    while (!is()) {
      if (performance.now() - begun > WAIT_MS) {
        throw new Error(`no ${what}, but ${JSON.stringify(this.events)}`);
      }
      await sleep(5);
    }
  }
}

function parseBlock(block: string): readonly ReceivedEvent[] {
  const fields = new Map(
    block
      .split('\n')
      .filter((line) => !line.startsWith(':'))
      .map((line) => {
        const at = line.indexOf(': ');
        return [line.slice(0, at), line.slice(at + 2)] as const;
      }),
  );
  const data = fields.get('data');
  if (data === undefined) return [];
  return [
    {
      id: fields.get('id') ?? '',
      event: fields.get('event') ?? 'message',
      data: JSON.parse(data) as ReceivedEvent['data'],
    },
  ];
}
