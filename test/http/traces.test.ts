// Spans of a real server, as OpenTelemetry's own SDK takes them.
import { propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { loadTraces, Traces, type TracesApi } from '../../src/http/traces.ts';
import { startServed, type Served } from './served.ts';

const SECRETS = '/api/secrets/workspaces/default/secrets';
const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const MARKER = 'mArKeR-5a9d';

const exporter = new InMemorySpanExporter();
let served: Served;

beforeAll(async () => {
  const spanProcessors = [new SimpleSpanProcessor({ exporter })];
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }));
  propagation.setGlobalPropagator(
    new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  );
  served = await startServed();
});
afterAll(async () => {
  await served.close();
  trace.disable();
  propagation.disable();
});
beforeEach(() => exporter.reset());

/** A span as a test compares it. */
function plain({ name, kind, attributes, status, parentSpanContext }: ReadableSpan): object {
  return { name, kind, attributes, status: status.code, parent: parentSpanContext?.spanId };
}

/** What was collected, once there are so many. */
async function spans(count: number): Promise<readonly ReadableSpan[]> {
  await expect.poll(() => exporter.getFinishedSpans().length).toBe(count);
  return exporter.getFinishedSpans();
}

describe('a server whose process collects spans', () => {
  it('gives one for each request, with what is declared and the number that it is on record under', async () => {
    const { token } = served;
    const before = Date.now();
    await served.ask(SECRETS, { token, json: { name: 'db/password', value: 'not-a-real-one' } });
    await served.ask(`${SECRETS}/by-name/development/db/password:value`, { token });
    await served.ask('/health/live');
    await served.ask('/nothing/here', { token });
    const found = await spans(4);
    const { entries } = await served.owner().audit.query({ action: 'secrets.read' });
    const [request] = entries.map((entry) => entry.request);
    expect(found.map(plain)).toEqual([
      {
        name: 'POST /api/secrets/workspaces/{workspace_id}/secrets',
        kind: SpanKind.SERVER,
        status: SpanStatusCode.UNSET,
        parent: undefined,
        attributes: {
          'http.request.method': 'POST',
          'http.response.status_code': 201,
          'http.route': '/api/secrets/workspaces/{workspace_id}/secrets',
          'strongroom.operation': 'secrets.create',
          'strongroom.request': expect.stringMatching(/^[\da-f-]{36}$/),
        },
      },
      expect.objectContaining({
        name: 'GET /api/secrets/workspaces/{workspace_id}/secrets/by-name/{environment}/{path+}:value',
        attributes: expect.objectContaining({
          'strongroom.operation': 'secrets.read',
          'strongroom.request': request,
        }),
      }),
      expect.objectContaining({
        name: 'GET /health/live',
        attributes: {
          'http.request.method': 'GET',
          'http.response.status_code': 200,
          'http.route': '/health/live',
          'strongroom.request': expect.any(String),
        },
      }),
      expect.objectContaining({
        name: 'GET',
        attributes: {
          'http.request.method': 'GET',
          'http.response.status_code': 404,
          'strongroom.request': expect.any(String),
        },
      }),
    ]);
    for (const { startTime, endTime } of found) {
      const [from, to] = [startTime, endTime].map(([s, ns]) => s * 1000 + ns / 1e6);
      expect(from).toBeGreaterThanOrEqual(before - 1000);
      expect(to).toBeGreaterThanOrEqual(from ?? Number.NaN);
    }
  });

  it('takes the parent that a request names, and none that is not as it has to be', async () => {
    const given = [PARENT, undefined, 'none', `${PARENT}-more`, '00-0-0-01'];
    for (const traceparent of given) {
      const headers = traceparent === undefined ? {} : { traceparent };
      await served.ask('/health/live', { headers });
    }
    await served.ask('/health/live', { headers: { traceparent: [PARENT, PARENT] } });
    const found = await spans(given.length + 1);
    expect(found.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
      'b7ad6b7169203331',
      ...Array.from({ length: given.length }, () => undefined),
    ]);
    expect(found[0]?.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  it('tells of failures of the server, and not of what the caller did wrong', async () => {
    await served.ask(SECRETS);
    await served.owner().vault.seal();
    await served.ask(SECRETS, { token: served.token });
    const [refused, sealed] = (await spans(2)).map(plain);
    expect(refused).toMatchObject({ status: SpanStatusCode.UNSET });
    expect(refused).toMatchObject({ attributes: { 'http.response.status_code': 401 } });
    expect(sealed).toMatchObject({ status: SpanStatusCode.ERROR });
    expect(sealed).toMatchObject({ attributes: { 'error.type': '503' } });
    await served.close();
    served = await startServed();
  });

  it('A83 puts nothing that a client sent into a span', async () => {
    const { token } = served;
    const marked = [1, 2, 3].map((number) => `${MARKER}-${number}`).join('/');
    const headers = {
      'User-Agent': MARKER,
      'X-Forwarded-For': MARKER,
      'X-Request-Id': MARKER,
      'Idempotency-Key': MARKER,
      Cookie: `a=${MARKER}`,
      traceparent: PARENT,
      tracestate: `a=${MARKER}`,
      baggage: `a=${MARKER}`,
    };
    const json = { name: marked, value: MARKER, description: MARKER, tags: [MARKER] };
    const asked = [
      served.ask(SECRETS, { token, headers, json }),
      served.ask(`${SECRETS}/by-name/development/${marked}:value`, { token, headers }),
      served.ask(`${SECRETS}?search=${MARKER}`, { token, headers }),
      served.ask(`/api/secrets/workspaces/${MARKER}/secrets`, { token, headers }),
      served.ask(`/${MARKER}`, { headers }),
      served.ask(`/health/live?${MARKER}`, { headers }),
      served.ask('/health/live', { headers, method: 'PROPFIND' }),
      served.ask('/api/auth/who-am-i', { token: MARKER, headers }),
      served.ask(`/health/live?token=${MARKER}`, { headers }),
    ];
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status < 300).length).toBeGreaterThan(1);
    const all = (await spans(asked.length)).map((span) => ({
      ...plain(span),
      context: span.spanContext(),
      state: span.spanContext().traceState?.serialize(),
      parent: span.parentSpanContext,
      parentState: span.parentSpanContext?.traceState?.serialize(),
      events: span.events,
      links: span.links,
      resource: span.resource.attributes,
    }));
    const text = JSON.stringify(all);
    expect(text).toContain('b7ad6b7169203331');
    expect(text).not.toContain(MARKER);
    expect(text).not.toContain('PROPFIND');
    expect(text).not.toContain(token);
    const names = new Set(exporter.getFinishedSpans().flatMap((s) => Object.keys(s.attributes)));
    expect([...names].toSorted()).toEqual([
      'http.request.method',
      'http.response.status_code',
      'http.route',
      'strongroom.operation',
      'strongroom.request',
    ]);
  });
});

describe('traces', () => {
  const missing = (): Promise<TracesApi> => {
    const name: string = '@opentelemetry/not-installed';
    return import(name) as Promise<TracesApi>;
  };

  it('are left out where the package is not installed', async () => {
    expect(await loadTraces({ load: missing })).toBeUndefined();
    expect(await loadTraces()).toBeInstanceOf(Traces);
  });

  it('say so where the package does not load', async () => {
    const load = (): Promise<never> => Promise.reject(new TypeError('broken'));
    await expect(loadTraces({ load })).rejects.toThrow('broken');
  });

  it('change no answer when what collects them fails', async () => {
    const fails = (): never => {
      throw new Error('no collector');
    };
    const api = await import('@opentelemetry/api');
    const broken = { ...api, trace: { getTracer: () => ({ startSpan: fails }) as never } };
    const traces = new Traces(broken);
    const about = { method: 'GET', route: 'none', template: undefined, request: 'x' };
    expect(() => traces.answered({ ...about, status: 200, ms: 1 }, {} as never)).not.toThrow();
  });
});
