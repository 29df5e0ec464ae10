import type { ZodType } from 'zod';

import { errorsOf } from '../../core/common-errors.ts';
import { describedPages } from '../describe-pages.ts';
import { EVENTS_TYPE } from '../event-stream.ts';
import { STATUS } from '../problem.ts';
import { SESSION_COOKIE } from '../session-cookie.ts';
import { jsonSchemaOf, objectSchemaOf, ref, type JsonSchema } from './json-schema.ts';
import { anyFailures, failuresOf, HEADERS } from './openapi-failures.ts';
import type { RestRoute } from './rest-route.ts';

const PARAMETER = /\{([a-z_]+)\+?\}/g;
const JSON_TYPE = 'application/json';
const BYTES_TYPE = 'application/octet-stream';

/** What a parameter of an address is, where its schema does not say. */
const ADDRESS_PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  workspace_id: { type: 'string', description: 'Id or name of a workspace.' },
  secret_id: { type: 'string', format: 'uuid' },
  environment: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
  path: {
    type: 'string',
    pattern: '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$',
    description: 'Slashes stand as they are.',
  },
};

/**
 * The description of every address, OpenAPI 3.1, from the same schemas that
 * requests are held against.
 */
export function openApi(routes: readonly RestRoute[], version: string): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = route.binding.path.replaceAll('+}', '}');
    (paths[path] ??= {})[route.binding.method.toLowerCase()] = describe(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Strongroom',
      version,
      description: 'Secrets, who may have them, and a record of every access.',
    },
    security: [{ bearer: [] }, { cookie: [] }],
    paths: { ...paths, ...describedPages(failuresOf) },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, cookie: COOKIE },
      schemas: { Problem: PROBLEM },
      responses: anyFailures(),
      headers: HEADERS,
    },
  };
}

function describe(route: RestRoute): JsonSchema {
  const { operation, binding } = route;
  const [group = ''] = operation.name.split('.');
  return {
    operationId: operationId(route),
    summary: operation.summary,
    tags: [group],
    ...(operation.anyone === true ? { security: [] } : {}),
    parameters: parametersOf(route),
    ...(hasBody(route) ? { requestBody: bodyOf(route) } : {}),
    responses: {
      [String(binding.status ?? 200)]: successOf(route),
      ...(route.members.has('ifNoneMatch')
        ? { '304': { description: 'It is what you have.', headers: headersOfAnswer(route) } }
        : {}),
      ...failuresOf([...errorsOf(operation)]),
    },
  };
}

/** The name of the operation; of one with several addresses, each besides the plainest says where it is. */
function operationId({ operation, binding: { path } }: RestRoute): string {
  const isOne = (operation.rest ?? []).length === 1;
  return `${operation.name}${path.includes('{path+}') ? 'ByName' : isOne ? '' : whereIn(path)}`;
}

function whereIn(path: string): string {
  if (path.endsWith('/current')) return 'Current';
  return path.includes('{workspace_id}') && !path.includes('{secret_id}') ? 'InWorkspace' : '';
}

function hasBody({ binding: { method } }: RestRoute): boolean {
  return method !== 'GET' && method !== 'DELETE';
}

function parametersOf(route: RestRoute): readonly JsonSchema[] {
  const { properties, required } = objectSchemaOf(route.operation.input);
  const inPath = [...route.binding.path.matchAll(PARAMETER)].map(([, name = '']) => name);
  const ofPath = inPath.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: ADDRESS_PARAMETERS[name] ?? { type: 'string', ...properties[name] },
  }));
  const names = [...route.parameters.keys()].filter((name) => !inPath.includes(name));
  const ofQuery = (hasBody(route) ? [] : names).map((name) => ({
    name,
    in: 'query',
    required: isRequired(route, name, required),
    schema: properties[name] ?? {},
  }));
  return [...ofPath, ...ofQuery, ...headersOf(route)];
}

/** As long as what is read of the head. */
const HEADERS_MAX = {
  'Idempotency-Key': 255,
  'If-Match': 4096,
  'If-None-Match': 4096,
  'Last-Event-ID': 256,
} as const;

function headersOf({ operation, members }: RestRoute): readonly JsonSchema[] {
  const names: readonly (keyof typeof HEADERS_MAX)[] = [
    ...(operation.mutates && operation.givesOnce !== true ? (['Idempotency-Key'] as const) : []),
    ...(members.has('ifMatch') ? (['If-Match'] as const) : []),
    ...(members.has('ifNoneMatch') ? (['If-None-Match'] as const) : []),
    ...(members.has('lastEventId') ? (['Last-Event-ID'] as const) : []),
  ];
  return names.map((name) => ({
    name,
    in: 'header',
    schema: { type: 'string', maxLength: HEADERS_MAX[name] },
  }));
}

function bodyOf(route: RestRoute): JsonSchema {
  const { properties, required } = objectSchemaOf(route.operation.input);
  const inPath = [...route.binding.path.matchAll(PARAMETER)].map(([, name = '']) => name);
  const names = [...route.parameters.keys()].filter((name) => !inPath.includes(name));
  const needed = names.filter((name) => isRequired(route, name, required));
  const schema = {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, properties[name] ?? {}])),
    ...(needed.length === 0 ? {} : { required: needed }),
    additionalProperties: false,
  };
  return { required: needed.length > 0, content: { [JSON_TYPE]: { schema } } };
}

/** A server has an environment of its own for requests that name none. */
function isRequired(route: RestRoute, name: string, required: readonly string[]): boolean {
  return required.includes(name) && !(name === 'environment' && route.needsEnvironment);
}

/** Server-sent events, of which each has JSON as its data (`contentSchema`, JSON Schema 2020-12 §8.5). */
function streamOf(events: ZodType): JsonSchema {
  const schema = {
    type: 'string',
    description:
      'Server-sent events. The data of each is JSON as in contentSchema; that of reset is {}.',
    contentMediaType: JSON_TYPE,
    contentSchema: jsonSchemaOf(events, 'output'),
  };
  return { description: 'A stream, until it is ended.', content: { [EVENTS_TYPE]: { schema } } };
}

function successOf(route: RestRoute): JsonSchema {
  const { operation, binding, members } = route;
  const { output, streams } = operation;
  if (streams !== undefined) return streamOf(streams);
  const done = { description: 'Done.', headers: headersOfAnswer(route) };
  if (binding.status === 204) return done;
  const schema = output === undefined ? {} : jsonSchemaOf(output, 'output');
  const bytes = members.has('representation') ? { [BYTES_TYPE]: {} } : {};
  return { ...done, content: { [JSON_TYPE]: { schema }, ...bytes } };
}

function headersOfAnswer({ members }: RestRoute): JsonSchema {
  const names: readonly (keyof typeof HEADERS)[] = [
    'X-Request-Id',
    ...(members.has('ifNoneMatch') ? (['ETag'] as const) : []),
    ...(members.has('carrier') ? (['Set-Cookie'] as const) : []),
  ];
  return Object.fromEntries(names.map((name) => [name, ref(`headers/${name}`)]));
}

/** The session of a browser. Sign-ins with `"carrier": "cookie"` set it. */
const COOKIE: JsonSchema = {
  type: 'apiKey',
  in: 'cookie',
  name: SESSION_COOKIE,
  description: 'For pages of this server alone, which send the header `X-Strongroom: 1` along.',
};

const PROBLEM: JsonSchema = {
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(STATUS) },
    detail: { type: 'string' },
    hint: { type: 'string' },
    details: { type: 'object' },
    request_id: { type: 'string', format: 'uuid' },
  },
  required: ['type', 'title', 'status', 'code', 'detail'],
};
