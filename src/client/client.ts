import { VaultEnvironment, type EnvironmentPlace } from '../core/environment.ts';
import type { Methods } from '../core/operations/operations.ts';
import { StrongroomError } from '../errors.ts';
import { baseOf } from './base-address.ts';
import { bearer } from './bearer.ts';
import { buildRequest, routeOf, type BuiltRequest } from './build-request.ts';
import type { ClientCallOptions, ConnectOptions } from './client-options.ts';
import { Credentials } from './credentials.ts';
import { openEventStream } from './events.ts';
import { failureOf, parsed, unreachable } from './server-errors.ts';
import { sleep } from '../lib/sleep.ts';

/** A server, as the operations that it can do: `client.secrets.read(…)`. */
export interface Client extends Methods<ClientCallOptions> {
  /**
   * An environment as an application uses it, as in the library.
   *
   * @param name - Such as `production`.
   */
  environment(name: string, options?: Pick<EnvironmentPlace, 'workspace'>): VaultEnvironment;
}

/** Calls an operation by its name. */
export type CallOperation = (
  operation: string,
  input: unknown,
  options?: ClientCallOptions,
) => Promise<unknown>;

/** What the language asks any object for, to await or to write it. A client is no promise. */
const NO_OPERATIONS: ReadonlySet<string> = new Set(['then', 'toJSON']);

const TIMEOUT_MS = 30_000;
const RETRIES = 2;
const BACK_OFF_MS = 200;
const WAIT_MS_MAX = 10_000;

/**
 * Connects to a server. Nothing is sent before the first call.
 *
 * @throws {@link StrongroomError} `invalid_input` for an address that is none, or that would send everything in clear to another machine.
 *
 * @example
 * const client = connect({ address: 'https://secrets.example', token });
 * const { value } = await client.secrets.read({ environment: 'production', path: 'db/password' });
 */
export function connect(options: ConnectOptions): Client {
  const credentials = new Credentials(options);
  const call = caller(options, credentials);
  const events = {
    open: (input?: unknown, given?: ClientCallOptions) =>
      openEventStream({ options, credentials }, input, given),
  };
  const group = (name: string): object =>
    new Proxy(
      {},
      {
        get: (target, method) =>
          typeof method !== 'string' || method in target || NO_OPERATIONS.has(method)
            ? (Reflect.get(target, method) as unknown)
            : (input?: unknown, given?: ClientCallOptions) =>
                call(`${name}.${method}`, input, given),
      },
    );
  const client: Client = new Proxy({} as Client, {
    get: (_target, name) => {
      if (name === 'environment') return environment;
      if (name === 'events') return events;
      return typeof name === 'string' && !NO_OPERATIONS.has(name) ? group(name) : undefined;
    },
  });
  const environment: Client['environment'] = (name, { workspace } = {}) =>
    new VaultEnvironment(client, { workspace, environment: name });
  return client;
}

/** As {@link connect}, for whoever has the names of operations. */
export function caller(
  options: ConnectOptions,
  credentials: Credentials = new Credentials(options),
): CallOperation {
  const { retries = RETRIES, wait = sleep } = options;
  const base = baseOf(options);
  return async (operation, input, given = {}) => {
    const known = routeOf(operation, input);
    const request = buildRequest(known, input);
    const key =
      given.idempotencyKey ?? (known.route.isRepeatable ? crypto.randomUUID() : undefined);
    const { method, isSafe: changesNothing = method === 'GET' } = known.route;
    const isSafe = changesNothing || key !== undefined;
    for (let tried = 0; ; tried += 1) {
      try {
        const answer = await send(base + request.target, request, {
          options,
          given,
          key,
          credentials,
        });
        return withTag(known.output.decode(answer.json), answer, isTagAsked(input));
      } catch (error) {
        const pause = pauseAfter(error, tried);
        if (!isSafe || pause === undefined || tried >= retries || given.signal?.aborted === true) {
          throw error;
        }
        await wait(pause);
      }
    }
  };
}

interface Sending {
  readonly options: ConnectOptions;
  readonly given: ClientCallOptions;
  readonly key: string | undefined;
  readonly credentials: Credentials;
}

/** What came back, and what its head says of it. */
interface Received {
  readonly json: unknown;
  readonly etag: string | undefined;
  readonly unchanged: boolean;
}

function isTagAsked(input: unknown): boolean {
  return (input as { readonly ifNoneMatch?: unknown } | undefined)?.ifNoneMatch !== undefined;
}

function withTag(value: unknown, { etag, unchanged }: Received, isAsked: boolean): unknown {
  if (unchanged) return { unchanged, etag };
  if (!isAsked || typeof value !== 'object' || value === null) return value;
  return { ...value, etag };
}

async function send(url: string, request: BuiltRequest, sending: Sending): Promise<Received> {
  const { credentials } = sending;
  const token = await credentials.token();
  const first = await sendOnce(url, request, { ...sending, token });
  if (first.status !== 401 || !credentials.renew(token)) return answerOf(first);
  return answerOf(await sendOnce(url, request, { ...sending, token: await credentials.token() }));
}

async function sendOnce(
  url: string,
  { method, headers, body }: BuiltRequest,
  {
    options,
    given,
    key,
    token,
  }: Omit<Sending, 'credentials'> & { readonly token?: string | undefined },
): Promise<Response> {
  const { fetch: send = fetch, userAgent, timeoutMs = TIMEOUT_MS } = options;
  const authorization = bearer(token);
  const timeout = AbortSignal.timeout(given.timeoutMs ?? timeoutMs);
  try {
    return await send(url, {
      method,
      headers: {
        ...headers,
        ...authorization,
        ...(key === undefined ? {} : { 'Idempotency-Key': key }),
        ...(userAgent === undefined ? {} : { 'User-Agent': userAgent }),
      },
      ...(body === undefined ? {} : { body }),
      redirect: 'error',
      signal: given.signal === undefined ? timeout : AbortSignal.any([given.signal, timeout]),
    });
  } catch (cause) {
    if (given.signal?.aborted === true) throw given.signal.reason;
    throw unreachable(url, cause);
  }
}

async function answerOf(response: Response): Promise<Received> {
  const etag = response.headers.get('etag') ?? undefined;
  if (response.status === 304) return { json: undefined, etag, unchanged: true };
  if (response.status === 204) return { json: undefined, etag, unchanged: false };
  const text = await response.text().catch((cause: unknown) => {
    throw unreachable(response.url, cause);
  });
  const json = parsed(text);
  if (response.ok) return { json, etag, unchanged: false };
  throw failureOf(response, json);
}

/** How long to wait before a further try, in milliseconds; `undefined`: it would be no use. */
function pauseAfter(error: unknown, tried: number): number | undefined {
  if (!(error instanceof StrongroomError)) return undefined;
  const isPassing = ['unreachable', 'rate_limited', 'outcome_unknown', 'audit_blocked'].includes(
    error.code,
  );
  if (!isPassing) return undefined;
  const asked = error.details['retryAfter'];
  if (typeof asked === 'number' && asked >= 0) return Math.min(asked * 1000, WAIT_MS_MAX);
  return BACK_OFF_MS * 2 ** tried * (0.5 + Math.random());
}
