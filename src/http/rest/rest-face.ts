import type { IncomingMessage } from 'node:http';

import { DeferredInput, type Place } from '../../core/deferred-input.ts';
import { everyOperation } from '../../core/every-operation.ts';
import { FollowedChanges } from '../../core/events/followed-changes.ts';
import type { Caller } from '../../core/item.ts';
import { StrongroomError } from '../../errors.ts';
import { SecretValue } from '../../secret-value.ts';
import { failureAnswer, type Answer } from '../answer.ts';
import { eventsAnswer } from '../event-stream.ts';
import { parseJsonBody } from '../json-body.ts';
import { BODY_BYTES_MAX, OPEN_BODY_BYTES_MAX, readBody } from '../read-body.ts';
import type { RequestHead } from '../request-head.ts';
import type { RequestTarget } from '../request-target.ts';
import { Router, type Match } from '../router.ts';
import { CLEAR_SITE_DATA, NO_SESSION, type Cookies } from '../session-cookie.ts';
import { SharedRoom } from '../shared-room.ts';
import {
  addBrowser,
  endFormer,
  givesSession,
  intoCookies,
  isSessionOver,
  SIGN_OUT,
} from './browser-sessions.ts';
import { readParameter } from './parameter-kinds.ts';
import { restRoute, type RestCall, type RestRoute } from './rest-route.ts';

/** A request that was taken apart. */
export interface RestRequest {
  readonly message: IncomingMessage;
  readonly head: RequestHead;
  readonly target: RequestTarget;
  /** The client's address; empty if its socket is gone. */
  readonly ip: string;
  /** What a browser brought, if there is a header `Cookie`. */
  readonly cookies?: Cookies | undefined;
  /** The id that it is on record under. */
  readonly request: string;
}

/** Options of {@link RestFace}. */
export interface RestFaceOptions {
  /** What is meant where a request names no environment. Default `development`. */
  readonly environment?: string | undefined;
}

const MIB = 1024 * 1024;
const JSON_TYPE = /^application\/json(?:; ?charset=utf-8)?$/i;
const BYTES_TYPE = 'application/octet-stream';

/**
 * REST, as the operations declare it: addresses, members and answers come from
 * their schemas, and nothing is decided here.
 */
export class RestFace {
  readonly #router: Router<RestRoute> = new Router();
  readonly #routes: readonly RestRoute[] = allRoutes();
  readonly #environment: string;
  readonly #bodies: SharedRoom = new SharedRoom({ ofOne: 128 * MIB, total: 256 * MIB });
  readonly #bodiesOfAnyone: SharedRoom = new SharedRoom({ ofOne: 4 * MIB, total: 32 * MIB });
  /** Those whose answer may have a session in it. */
  readonly #giving: ReadonlySet<RestRoute>;

  constructor({ environment = 'development' }: RestFaceOptions = {}) {
    this.#environment = environment;
    this.#giving = new Set(this.#routes.filter(givesSession));
    for (const route of this.#routes) {
      this.#router.add(route.binding.method, route.binding.path, route);
    }
  }

  /** Every address, for its description. */
  get routes(): readonly RestRoute[] {
    return this.#routes;
  }

  /** The operation at an address. */
  find(method: string, segments: readonly string[]): ReturnType<Router<RestRoute>['find']> {
    return this.#router.find(method, segments);
  }

  /** Calls an operation, and gives its answer. */
  async answer(match: Match<RestRoute>, given: RestRequest, call: RestCall): Promise<Answer> {
    const { route } = match;
    const input = this.#input(match, given);
    const { idempotencyKey } = given.head;
    const options = { request: given.request, idempotencyKey };
    const isGiving = this.#giving.has(route);
    const calling = call(route.operation, input, options);
    if (given.cookies !== undefined || isGiving)
      return this.#answerBrowser(route, given, calling, call);
    const value = await calling;
    try {
      return toAnswer(route, value, given);
    } finally {
      wipeSecrets(value);
    }
  }

  /** As {@link RestFace.answer}, where a cookie came along, or may be given. */
  async #answerBrowser(
    route: RestRoute,
    given: RestRequest,
    calling: Promise<unknown>,
    call: RestCall,
  ): Promise<Answer> {
    const { message, request } = given;
    const session = given.cookies?.session;
    let value: unknown;
    try {
      value = await calling;
    } catch (error) {
      if (session === undefined || !isSessionOver(route, error)) throw error;
      return { ...failureAnswer(error, { request }), cookies: [NO_SESSION] };
    }
    try {
      const split = this.#giving.has(route) ? intoCookies(value, message) : undefined;
      if (split === undefined) {
        const answer = toAnswer(route, value, given);
        const isOut = session !== undefined && route.operation === SIGN_OUT;
        return isOut ? signedOut(answer) : answer;
      }
      const isAnother = session !== undefined && route.operation.anyone === true;
      if (isAnother) await endFormer(call);
      return { ...toAnswer(route, split.rest, given), cookies: split.cookies };
    } finally {
      wipeSecrets(value);
    }
  }

  #input({ route, params }: Match<RestRoute>, given: RestRequest): DeferredInput {
    const { workspace_id: workspace, ...named } = params;
    const { secret_id: secretId, ...others } = named;
    const rest = route.isOnSecret ? others : named;
    return new DeferredInput(
      { workspace, secretId: route.isOnSecret ? secretId : undefined },
      async () => {
        const document = await this.#receive(route, given);
        return (place) => this.#whole(route, { document, rest, place, given });
      },
    );
  }

  async #receive(route: RestRoute, { message, head, target, ip }: RestRequest): Promise<unknown> {
    const { method } = route.binding;
    if (method === 'GET' || method === 'DELETE') {
      if (head.hasBody) throw invalidRequest(`a ${method} has no body`);
      return fromQuery(route, target);
    }
    if (target.query.length > 0) throw invalidRequest(`a ${method} has no parameters`);
    if (!head.hasBody) return {};
    if (!JSON_TYPE.test(head.contentType ?? '')) {
      throw new StrongroomError('unsupported_media_type', 'the body has to be JSON', {
        hint: 'Content-Type: application/json',
      });
    }
    const isOpen = route.operation.anyone === true;
    const options = {
      contentLength: head.contentLength,
      bytesMax: isOpen ? OPEN_BODY_BYTES_MAX : BODY_BYTES_MAX,
      held: { room: isOpen ? this.#bodiesOfAnyone : this.#bodies, ip },
    };
    return readBody(message, options, (body) => (body.length === 0 ? {} : parseJsonBody(body)));
  }

  #whole(
    route: RestRoute,
    from: {
      readonly document: unknown;
      readonly rest: Readonly<Record<string, string>>;
      readonly place: Place;
      readonly given: RestRequest;
    },
  ): unknown {
    const { document, rest, given } = from;
    const place = placeIn(route, from.place);
    const { environment, path, ...others } = rest;
    const isNamed = path === undefined && environment !== undefined;
    const named = isNamed ? { ...others, environment } : others;
    const decoded = route.input.decode(withNames(document, named));
    if (typeof decoded !== 'object' || decoded === null || Array.isArray(decoded)) return decoded;
    const input: Record<string, unknown> = {
      ...decoded,
      ...route.binding.fixed,
      ...place,
      ...(path === undefined ? {} : { environment, path }),
    };
    // What is there and is nothing, as `null`, is not left out: the schema refuses it.
    if (route.needsEnvironment && input['environment'] === undefined) {
      input['environment'] = this.#environment;
    }
    if (route.members.has('ifNoneMatch')) input['ifNoneMatch'] ??= given.head.ifNoneMatch ?? '';
    if (route.members.has('representation')) {
      input['representation'] = given.head.accept === BYTES_TYPE ? 'bytes' : 'json';
    }
    if (route.members.has('lastEventId')) input['lastEventId'] ??= given.head.lastEventId;
    if (route.members.has('ifMatch')) input['ifMatch'] ??= given.head.ifMatch;
    else if (given.head.ifMatch !== undefined && route.binding.method !== 'GET') {
      // Whoever says so means it: to go on without looking would be to lose a change of somebody else's.
      throw invalidRequest('this takes no If-Match');
    }
    if (route.members.has('known')) addBrowser(input, given);
    return input;
  }
}

/** The place by the names that the input has for it. */
function placeIn({ binding }: RestRoute, { workspace, ...place }: Place): object {
  return { ...place, ...(workspace && { [binding.workspaceAs ?? 'workspace']: workspace }) };
}

/** Every operation at each of its addresses. */
export function allRoutes(): readonly RestRoute[] {
  return everyOperation().flatMap((operation) =>
    operation.rest.map((binding) => restRoute(operation, binding)),
  );
}

/** The caller that a request claims to be. */
export function callerOf(
  head: RequestHead,
  client: {
    readonly ip: string;
    readonly certificate?: Uint8Array | undefined;
    /** The session that came as a cookie. */
    readonly session?: string | undefined;
  },
): Caller {
  const { credential, userAgent } = head;
  const { ip, certificate, session } = client;
  return {
    context: { principal: '', ip, userAgent, certificate },
    face: 'rest',
    credential: session ?? credential,
    carrier: session === undefined ? 'bearer' : 'cookie',
  };
}

/** A name is repeated if it could only be one that somebody mistyped. */
function unknownParameter(name: string): string {
  return /^[a-z][a-z_]{0,23}$/.test(name)
    ? `the address takes no parameter ${name}`
    : 'the address has a parameter that is not known';
}

function fromQuery(route: RestRoute, { query }: RequestTarget): unknown {
  const document: Record<string, unknown> = {};
  for (const [name, text] of query) {
    const kind = route.parameters.get(name);
    if (kind === undefined) throw invalidRequest(unknownParameter(name));
    const before = document[name];
    if (kind === 'list') document[name] = [...((before as string[] | undefined) ?? []), text];
    else if (before === undefined) document[name] = readParameter(kind, text);
    else throw invalidRequest('the address has a parameter twice');
  }
  return document;
}

/** What the path names besides, which the document may not name too. */
function withNames(document: unknown, named: Readonly<Record<string, string>>): unknown {
  if (Object.keys(named).length === 0) return document;
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document;
  if (Object.keys(named).some((name) => Object.hasOwn(document, name))) {
    throw invalidRequest('the body names what the address names already');
  }
  return { ...document, ...named };
}

/** The answer to a browser that signed out: it forgets everything that it has of this server. */
function signedOut(answer: Answer): Answer {
  const headers = { ...answer.headers, 'Clear-Site-Data': CLEAR_SITE_DATA };
  return { ...answer, headers, cookies: [NO_SESSION] };
}

function toAnswer(route: RestRoute, value: unknown, { head, request }: RestRequest): Answer {
  if (value instanceof FollowedChanges) return eventsAnswer(value, request);
  const { etag, unchanged } = tagOf(value);
  const headers = { 'X-Request-Id': request, ...(etag === undefined ? {} : { ETag: etag }) };
  if (unchanged) return { status: 304, headers };
  const bytes = head.accept === BYTES_TYPE ? rawValue(value) : undefined;
  if (bytes !== undefined) {
    return { status: 200, headers: { ...headers, 'Content-Type': BYTES_TYPE }, body: bytes };
  }
  const status = route.binding.status ?? 200;
  if (status === 204) return { status, headers };
  const body = JSON.stringify(route.output.encode(value) ?? null);
  return { status, headers: { ...headers, 'Content-Type': 'application/json' }, body };
}

/** What an answer says of itself for caches, which goes in its head. */
function tagOf(value: unknown): {
  readonly etag?: string | undefined;
  readonly unchanged: boolean;
} {
  if (typeof value !== 'object' || value === null) return { unchanged: false };
  const { etag, unchanged } = value as { readonly etag?: unknown; readonly unchanged?: unknown };
  return { etag: typeof etag === 'string' ? etag : undefined, unchanged: unchanged === true };
}

/** The bytes of a single value, of which no text is made. */
function rawValue(answer: unknown): Uint8Array | undefined {
  const value = (answer as { readonly value?: unknown } | null)?.value;
  return value instanceof SecretValue ? value.revealBytes() : undefined;
}

/** Wipes every value in an answer that was sent. */
function wipeSecrets(value: unknown): void {
  if (value instanceof SecretValue) value.wipe();
  else if (typeof value === 'object' && value !== null) {
    for (const each of Object.values(value)) wipeSecrets(each);
  }
}

function invalidRequest(reason: string): StrongroomError {
  return new StrongroomError('invalid_request', reason);
}
