import type { IncomingMessage } from 'node:http';

import type {
  Attributes,
  Context,
  PropagationAPI,
  SpanKind,
  SpanStatusCode,
  TextMapGetter,
  Tracer,
  TraceAPI,
} from '@opentelemetry/api';

import type { Answered } from './http-face.ts';

/** What is used of `@opentelemetry/api`. */
export interface TracesApi {
  readonly trace: Pick<TraceAPI, 'getTracer'>;
  readonly propagation: Pick<PropagationAPI, 'extract'>;
  readonly ROOT_CONTEXT: Context;
  readonly SpanKind: { readonly SERVER: SpanKind };
  readonly SpanStatusCode: { readonly ERROR: SpanStatusCode };
}

/** Options of {@link loadTraces}. */
export interface LoadTracesOptions {
  /** Default: that of `@opentelemetry/api`, if it is installed. */
  readonly load?: (() => Promise<TracesApi>) | undefined;
  /** What the spans say that they are from. Default `0.0.0`. */
  readonly version?: string | undefined;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** Methods by their names; what is none of them is `_OTHER`, so that no client chooses a word. */
const METHODS: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT']);
const PARENT = 'traceparent';

/**
 * All of a request that a propagator gets to see: `traceparent` (W3C Trace
 * Context §3.2) is numbers alone. `tracestate` and `baggage` are text of the
 * client, which would go to whoever collects spans.
 */
const PARENT_ONLY: TextMapGetter<IncomingMessage> = {
  keys: () => [PARENT],
  get: ({ headers }, key) => {
    const given = key === PARENT ? headers[PARENT] : undefined;
    return typeof given === 'string' ? given : undefined;
  },
};

/** A span of OpenTelemetry for each request, once it is answered. Nothing in it is the client's own, but for the parent's number. */
export class Traces {
  readonly #api: TracesApi;
  readonly #tracer: Tracer;
  readonly #now: () => number;

  constructor(api: TracesApi, { version = '0.0.0', now = Date.now }: LoadTracesOptions = {}) {
    this.#api = api;
    this.#tracer = api.trace.getTracer('strongroom', version);
    this.#now = now;
  }

  /** Makes the span of a request. It never throws: what others installed changes no answer. */
  answered(about: Answered, message: IncomingMessage): void {
    try {
      this.#span(about, message);
    } catch {
      // There is one span less.
    }
  }

  #span(about: Answered, message: IncomingMessage): void {
    const { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode } = this.#api;
    const method = METHODS.has(about.method) ? about.method : '_OTHER';
    const end = this.#now();
    const span = this.#tracer.startSpan(
      nameOf(method, about.template),
      {
        kind: SpanKind.SERVER,
        startTime: end - about.ms,
        attributes: attributesOf(method, about),
      },
      propagation.extract(ROOT_CONTEXT, message, PARENT_ONLY),
    );
    if (about.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(end);
  }
}

/**
 * Loads OpenTelemetry, if it is installed. What collects spans has to be
 * registered with it by whoever starts the process.
 *
 * @returns `undefined` where it is not installed.
 * @throws What the package itself throws.
 */
export async function loadTraces(options: LoadTracesOptions = {}): Promise<Traces | undefined> {
  const { load = () => import('@opentelemetry/api') } = options;
  try {
    return new Traces(await load(), options);
  } catch (error) {
    if (isNotInstalled(error)) return undefined;
    throw error;
  }
}

function isNotInstalled(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}

/** By the semantic conventions for HTTP: the method and the address as it is declared. */
function nameOf(method: string, template: string | undefined): string {
  const word = method === '_OTHER' ? 'HTTP' : method;
  return template === undefined ? word : `${word} ${template}`;
}

/** The list of all that a span says. None may be added that a client chooses. */
function attributesOf(method: string, about: Answered): Attributes {
  const { template, route, status, request } = about;
  return {
    'http.request.method': method,
    'http.response.status_code': status,
    'strongroom.request': request,
    ...(template === undefined ? {} : { 'http.route': template }),
    ...(template === undefined || template === route ? {} : { 'strongroom.operation': route }),
    ...(status >= 500 ? { 'error.type': String(status) } : {}),
  };
}
