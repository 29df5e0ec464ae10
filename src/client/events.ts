import type { ChangeEvent, ChangeStream } from '../core/events/change-event.ts';
import { isPassing } from '../lib/passing.ts';
import { wireCodec } from '../lib/wire.ts';
import { baseOf } from './base-address.ts';
import { bearer } from './bearer.ts';
import { buildRequest, routeOf } from './build-request.ts';
import type { ClientCallOptions, ConnectOptions } from './client-options.ts';
import type { Credentials } from './credentials.ts';
import { readEvents, type EventBlock } from './read-events.ts';
import { failureOf, parsed, unreachable } from './server-errors.ts';
import { sleep } from '../lib/sleep.ts';

/** Whom streams are opened as, and where. */
export interface EventClient {
  readonly options: ConnectOptions;
  readonly credentials: Credentials;
}

const TIMEOUT_MS = 30_000;
/** The server sends something every 15 seconds. */
const IDLE_MS = 45_000;
const BACK_OFF_MS = 500;
const BACK_OFF_MS_MAX = 30_000;

/**
 * Opens a stream of changes. It opens itself again where the connection ends,
 * and goes on after the event that was last; what cannot be gone on with is told as `reset`.
 *
 * @throws {@link StrongroomError} as `events.open` does, and `unreachable`.
 */
export async function openEventStream(
  client: EventClient,
  input: unknown = {},
  given: ClientCallOptions = {},
): Promise<ChangeStream> {
  const stream = new RemoteChanges(client, input as Readonly<Record<string, unknown>>, given);
  await stream.connect();
  return stream;
}

class RemoteChanges implements ChangeStream {
  readonly #client: EventClient;
  readonly #input: Readonly<Record<string, unknown>>;
  readonly #given: ClientCallOptions;
  readonly #codec: ReturnType<typeof wireCodec>;
  readonly #closing: AbortController = new AbortController();
  readonly #signal: AbortSignal;
  readonly #aborted: Promise<void>;
  #body: ReadableStream<Uint8Array> | undefined;
  #lastEventId: string | undefined;
  #token: string | undefined;
  #failed = 0;

  constructor(
    client: EventClient,
    input: Readonly<Record<string, unknown>>,
    given: ClientCallOptions,
  ) {
    this.#client = client;
    this.#input = input;
    this.#given = given;
    this.#lastEventId = input['lastEventId'] as string | undefined;
    const { route } = routeOf('events.open', input);
    this.#codec = wireCodec(route.events ?? 'any', { lenient: true });
    const { signal } = given;
    const own = this.#closing.signal;
    this.#signal = signal === undefined ? own : AbortSignal.any([own, signal]);
    this.#aborted = aborted(this.#signal);
  }

  /** Opens it, once. */
  async connect(): Promise<void> {
    const { credentials } = this.#client;
    this.#token = await credentials.token();
    let response = await this.#ask();
    if (response.status === 401 && credentials.renew(this.#token)) {
      this.#token = await credentials.token();
      response = await this.#ask();
    }
    if (response.ok && response.body !== null) {
      this.#body = response.body;
      return;
    }
    throw failureOf(response, parsed(await response.text().catch(() => '')));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#body?.cancel().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChangeEvent, void, undefined> {
    try {
      while (!this.#signal.aborted) {
        const body = this.#body;
        this.#body = undefined;
        if (body === undefined) await this.#reconnect();
        else yield* this.#read(body);
      }
    } finally {
      await this.close();
    }
    const { signal } = this.#given;
    if (signal?.aborted === true) throw signal.reason;
  }

  async *#read(body: ReadableStream<Uint8Array>): AsyncGenerator<ChangeEvent, void, undefined> {
    const blocks = readEvents(body, IDLE_MS);
    try {
      for (;;) {
        // What fails here is the connection's end; what whoever reads this throws is not.
        const next = await blocks.next().catch(() => undefined);
        if (next === undefined || next.done === true) return;
        const event = this.#take(next.value);
        if (event !== undefined) yield event;
      }
    } finally {
      await blocks.return().catch(() => undefined);
    }
  }

  #take({ id, event, data }: EventBlock): ChangeEvent | undefined {
    this.#failed = 0;
    if (id !== undefined) this.#lastEventId = id;
    if (data === undefined) return undefined;
    // Whether it can be gone on with shows when it is opened again.
    if (event === 'end') return undefined;
    const known = this.#lastEventId ?? '';
    if (event === 'reset') return { id: known, type: 'reset' };
    const decoded = this.#codec.decode(parsed(data));
    if (typeof decoded !== 'object' || decoded === null) return undefined;
    return { ...decoded, id: known } as ChangeEvent;
  }

  async #reconnect(): Promise<void> {
    const { wait = sleep } = this.#client.options;
    const ms = Math.min(BACK_OFF_MS * 2 ** this.#failed, BACK_OFF_MS_MAX) * (0.5 + Math.random());
    this.#failed += 1;
    await Promise.race([wait(ms), this.#aborted]);
    if (this.#signal.aborted) return;
    try {
      await this.connect();
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!isPassing(error)) throw error;
    }
  }

  async #ask(): Promise<Response> {
    const { options } = this.#client;
    const { fetch: send = fetch, userAgent, timeoutMs = TIMEOUT_MS } = options;
    const input = { ...this.#input, lastEventId: this.#lastEventId };
    const url = baseOf(options) + buildRequest(routeOf('events.open', input), input).target;
    const authorization = bearer(this.#token);
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new DOMException('late', 'TimeoutError')),
      this.#given.timeoutMs ?? timeoutMs,
    );
    try {
      return await send(url, {
        headers: {
          Accept: 'text/event-stream',
          ...authorization,
          ...(userAgent === undefined ? {} : { 'User-Agent': userAgent }),
        },
        redirect: 'error',
        signal: AbortSignal.any([this.#signal, late.signal]),
      });
    } catch (cause) {
      if (this.#given.signal?.aborted === true) throw this.#given.signal.reason;
      throw unreachable(url, cause);
    } finally {
      // From now on it may take as long as it does.
      clearTimeout(timer);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
