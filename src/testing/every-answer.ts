import type { Operation } from '../core/operation.ts';
import type { Session } from '../core/session.ts';
import { UnsealedVault } from '../core/vault.ts';
import { wireShapeOf } from '../core/wire-shape.ts';
import { mintToken } from '../domain/identities/tokens.ts';
import { HttpFace } from '../http/http-face.ts';
import { listen } from '../http/listen.ts';
import { openApi } from '../http/rest/openapi.ts';
import { RestFace } from '../http/rest/rest-face.ts';
import { wireName, type WireShape } from '../lib/wire.ts';
import { requireDeclared } from './declared-codes.ts';
import { makeTemporaryVault, openParts, OWNER, type TemporaryVault } from './temporary-vault.ts';

/** What came back over HTTP. */
export interface RestAnswer {
  /** The operation that it is the answer of. */
  readonly operation: string;
  /** Method and path of the binding, such as `GET /api/secrets/admin/users`. */
  readonly route: string;
  readonly status: number;
  readonly json: unknown;
  readonly headers: Headers;
  readonly text: string;
}

/** A server whose answers are held against the schemas of what operations answer. */
export interface AnswerServer {
  readonly place: TemporaryVault;
  readonly owner: Session;
  /** Sends a request as the owner, who has just signed in. */
  send(
    method: string,
    target: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<RestAnswer>;
  /** What was wrong with answers since it was asked last. */
  faults(): readonly string[];
  close(): Promise<void>;
}

/** The description of every address, as far as it is looked at. */
interface Described {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly responses: Readonly<Record<string, unknown>> }>>
    >
  >;
}

/** Starts a server on a vault of its own. Whoever starts it closes it. */
export async function startAnswerServer(): Promise<AnswerServer> {
  const place = await makeTemporaryVault();
  const parts = await openParts(place);
  const owner = parts.as(OWNER);
  const found: string[] = [];
  watchAnswers(parts.vault, found);
  const [principal] = (await owner.users.list()).principals;
  const { text } = await parts.write((work) =>
    mintToken(work, {
      kind: 'session',
      principal_id: principal?.id ?? '',
      principal_generation: 0,
      restore_id: '',
      authenticated_at: work.now,
    }),
  );
  const token = text.reveal();
  const face = new HttpFace({ vault: () => parts.vault });
  const listening = await listen({
    host: '127.0.0.1',
    port: 0,
    handle: (message, response) => void face.handle(message, response),
  });
  const routes = new RestFace();
  const described = openApi(routes.routes, '') as unknown as Described;
  return {
    place,
    owner,
    faults: () => found.splice(0),
    send: async (method, target, body, headers = {}) => {
      const answer = await fetch(`http://127.0.0.1:${listening.port}${target}`, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          ...headers,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const content = await answer.text();
      requireDeclared({ method, target }, { body: content });
      const isJson = /json/.test(answer.headers.get('Content-Type') ?? '');
      const json: unknown = isJson ? JSON.parse(content) : undefined;
      const segments = target.replace(/\?.*$/, '').slice(1).split('/').map(decodeURIComponent);
      const route = routes.find(method, segments).match?.route;
      const { name = '', output } = route?.operation ?? {};
      if (answer.ok && output !== undefined) found.push(...strangers(json, wireShapeOf(output)));
      const path = `${method} ${route?.binding.path ?? ''}`;
      const { status, headers: answered } = answer;
      const address = route?.binding.path.replaceAll('+}', '}') ?? '';
      const responses = described.paths[address]?.[method.toLowerCase()]?.responses;
      if (route !== undefined && responses?.[status] === undefined) {
        found.push(`${path}: status ${status} is not described`);
      }
      return { operation: name, route: path, status, json, headers: answered, text: content };
    },
    close: async () => {
      await listening.close(1000);
      await parts.vault.close();
      place.remove();
    },
  };
}

/** Notes of every answer of a vault where it is not what its operation says. */
function watchAnswers(vault: UnsealedVault, found: string[]): void {
  const call = UnsealedVault.prototype.call;
  const watched: typeof call = async (operation, ...rest) => {
    const named = operation as unknown as Operation<unknown, unknown>;
    const value = await call.call(vault, named, ...rest);
    const parsed = named.output.safeParse(value);
    for (const { path, message } of parsed?.error?.issues ?? []) {
      found.push(`${operation.name}: ${path.join('.')} ${message}`);
    }
    return value as never;
  };
  Object.defineProperty(vault, 'call', { value: watched });
}

/** Members of JSON that are not called as members are over HTTP. Keys of maps are the caller's. */
function strangers(json: unknown, shape: WireShape, at = ''): readonly string[] {
  if (typeof json !== 'object' || json === null) return [];
  if (Array.isArray(json)) {
    const inner = typeof shape === 'object' && 'list' in shape ? shape.list : shape;
    return json.flatMap((each) => strangers(each, inner, `${at}[]`));
  }
  const isMap = typeof shape === 'object' && 'map' in shape;
  return Object.entries(json).flatMap(([name, each]) => {
    const place = `${at}.${name}`;
    const isStrange = !isMap && /[A-Z]/.test(name);
    return [
      ...(isStrange ? [`${place} is no name over HTTP`] : []),
      ...strangers(each, innerShape(shape, name), place),
    ];
  });
}

function innerShape(shape: WireShape, name: string): WireShape {
  if (typeof shape === 'string') return 'any';
  if ('map' in shape) return shape.map;
  if ('list' in shape) return 'any';
  const members = Object.entries(shape.of);
  return members.find(([member]) => nameOf(shape, member) === name)?.[1] ?? 'any';
}

function nameOf(shape: Extract<WireShape, { readonly of: unknown }>, member: string): string {
  return shape.names?.[member] ?? wireName(member);
}
