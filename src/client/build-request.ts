import { StrongroomError } from '../errors.ts';
import { wireCodec, wireName, type WireCodec } from '../lib/wire.ts';
import type { ClientRoute } from './client-route.ts';
import { ROUTES } from './routes.ts';

/** A request that is ready to be sent. */
export interface BuiltRequest {
  readonly method: ClientRoute['method'];
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** A route with what translates for it. */
export interface KnownRoute {
  readonly route: ClientRoute;
  readonly input: WireCodec;
  readonly output: WireCodec;
}

const PARAMETER = /\{([a-z_]+)(\+?)\}/g;
const FIRST_WORKSPACE = 'default';
const known = new Map<ClientRoute, KnownRoute>();

/**
 * How an operation is reached with an input.
 *
 * @throws {@link StrongroomError} `route_not_found` if it is not reachable over the network.
 */
export function routeOf(operation: string, input: unknown): KnownRoute {
  const routes = (Object.hasOwn(ROUTES, operation) ? ROUTES[operation] : undefined) ?? [];
  const given = (input ?? {}) as Readonly<Record<string, unknown>>;
  const route =
    routes.find((each) => fits(each, given, routes)) ??
    // The first workspace is meant where no address goes without one.
    routes.find((each) => fits(each, inFirst(each, given), routes)) ??
    routes.at(-1);
  if (route === undefined) {
    throw new StrongroomError('route_not_found', `${operation} cannot be called over the network`, {
      hint: 'call it where the vault is, with the library or the command line',
    });
  }
  const before = known.get(route);
  if (before !== undefined) return before;
  const made = {
    route,
    // What would be left out may have been meant: the library refuses it too.
    input: wireCodec(route.input, { exact: true }),
    output: wireCodec(route.output, { lenient: true }),
  };
  known.set(route, made);
  return made;
}

function inFirst(
  { workspaceAs = 'workspace' }: ClientRoute,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return { ...given, [workspaceAs]: given[workspaceAs] ?? FIRST_WORKSPACE };
}

/** Whether all that an address says is in the input. */
function fits(
  route: ClientRoute,
  given: Readonly<Record<string, unknown>>,
  routes: readonly ClientRoute[],
): boolean {
  const fixed = Object.entries(route.fixed ?? {});
  if (fixed.some(([member, value]) => given[member] !== value)) return false;
  const members = membersByName(route);
  return parametersOf(route).every((name) => {
    if (name !== 'workspace_id') return given[members.get(name) ?? name] !== undefined;
    // Without a workspace, that of the vault as a whole is meant where there is one.
    const isOnly = routes.every((each) => each.path.includes('{workspace_id}') || each.fixed);
    return given[route.workspaceAs ?? 'workspace'] !== undefined || isOnly;
  });
}

function parametersOf({ path }: ClientRoute): readonly string[] {
  return [...path.matchAll(PARAMETER)].map(([, name = '']) => name);
}

/** Members of an input by the names that they have over HTTP. */
function membersByName({ input }: ClientRoute): ReadonlyMap<string, string> {
  if (typeof input !== 'object' || !('of' in input)) return new Map();
  return new Map(
    Object.keys(input.of).map((member) => [input.names?.[member] ?? wireName(member), member]),
  );
}

/**
 * The request for a call. Values in it are in clear.
 *
 * @throws {@link StrongroomError} `invalid_input` for a name that no address can hold.
 */
export function buildRequest({ route, input: codec }: KnownRoute, input: unknown): BuiltRequest {
  const { ifMatch, ifNoneMatch, ...given } = (input ?? {}) as Readonly<Record<string, unknown>>;
  const { environment, path } = given;
  const workspaceMember = route.workspaceAs ?? 'workspace';
  const workspace = given[workspaceMember] ?? FIRST_WORKSPACE;
  const isPlaced = route.path.includes('{path+}');
  const place = {
    ...(route.path.includes('{workspace_id}') ? { [workspaceMember]: workspace } : {}),
    ...(isPlaced ? { environment, path } : {}),
  };
  const members = Object.fromEntries(
    Object.entries(given).filter(
      ([member]) => !Object.hasOwn(place, member) && !Object.hasOwn(route.fixed ?? {}, member),
    ),
  );
  const wire = { ...(codec.encode(members) as Record<string, unknown>) };
  const placed: Readonly<Record<string, unknown>> = { workspace_id: workspace, environment, path };
  const target = route.path.replaceAll(PARAMETER, (_whole, name: string, tail: string) => {
    const isOfPlace = name === 'workspace_id' || (isPlaced && Object.hasOwn(placed, name));
    const value = isOfPlace ? placed[name] : wire[name];
    if (!isOfPlace) delete wire[name];
    return tail === '+' ? segmentsOf(name, value) : segmentOf(name, value);
  });
  const headers = {
    ...(typeof ifMatch === 'string' ? { 'If-Match': ifMatch } : {}),
    ...(typeof ifNoneMatch === 'string' ? { 'If-None-Match': ifNoneMatch } : {}),
  };
  const hasBody = route.method !== 'GET' && route.method !== 'DELETE';
  return {
    method: route.method,
    target: hasBody ? target : target + queryOf(wire),
    headers: hasBody ? { ...headers, 'Content-Type': 'application/json' } : headers,
    body: hasBody ? JSON.stringify(wire) : undefined,
  };
}

function segmentsOf(name: string, value: unknown): string {
  const segments = typeof value === 'string' ? value.split('/') : [undefined];
  return segments.map((segment) => segmentOf(name, segment)).join('/');
}

function segmentOf(name: string, value: unknown): string {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  if (text === '' || text === '.' || text === '..' || /[/\\%]/.test(text)) {
    throw new StrongroomError('invalid_input', `the input's ${name} is missing, or cannot be one`, {
      details: { member: name },
    });
  }
  return encodeURIComponent(text);
}

function queryOf(wire: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(wire)) {
    if (value === undefined || value === null) continue;
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}
