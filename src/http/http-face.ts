import type { IncomingMessage, ServerResponse } from 'node:http';

import { asStrongroomError } from '../core/unforeseen.ts';
import type { UnsealedVault } from '../core/vault.ts';
import { StrongroomError } from '../errors.ts';
import { uuidv7 } from '../lib/ids.ts';
import { isTls } from '../lib/node-http.ts';
import { failureAnswer, send, type Answer } from './answer.ts';
import type { Page, PageRequest, Pages } from './page.ts';
import { readHead, type RequestHead } from './request-head.ts';
import { parseTarget, type RequestTarget } from './request-target.ts';
import { requireUnsealed } from './require-unsealed.ts';
import { callerOf, RestFace, type RestFaceOptions } from './rest/rest-face.ts';
import type { RestRoute } from './rest/rest-route.ts';
import { wireError } from './rest/wire-error.ts';
import { crossSite, isOwnPage, readCookies } from './session-cookie.ts';

/** What became of a request, for numbers. Nothing in it is the client's own. */
export interface Answered {
  readonly method: string;
  /** An operation's name, a page's address, or `none`. */
  readonly route: string;
  /** The address as it is declared, such as `/api/tokens/{id}`; `undefined` where there is none. */
  readonly template: string | undefined;
  /** The id that the request is on record under. */
  readonly request: string;
  readonly status: number;
  readonly ms: number;
}

/** Options of {@link HttpFace}. */
export interface HttpFaceOptions extends RestFaceOptions {
  /** The vault, while it is unsealed. */
  readonly vault: () => UnsealedVault | undefined;
  /** What there is besides the operations. */
  readonly pages?: Pages | undefined;
  /** Who a request is from, where proxies are listed. Default: the other end of the connection. */
  readonly clientAddress?: ((message: IncomingMessage) => string | undefined) | undefined;
  /** Told of each answer. */
  readonly answered?: ((about: Answered, message: IncomingMessage) => void) | undefined;
  /** Told of each error that nobody foresaw. */
  readonly failed?: ((error: StrongroomError, request: string) => void) | undefined;
}

/** Names under which others take a credential from the address, where logs would show it. */
const CREDENTIAL_PARAMETERS: ReadonlySet<string> = new Set([
  'token',
  'access_token',
  'auth_token',
  'api_key',
  'apikey',
  'password',
]);

/** What is said of the request while it is answered. */
interface About {
  readonly request: string;
  route: string;
  template: string | undefined;
  /** Whether the limit of the address was asked, or somebody else asks it. */
  isCounted: boolean;
  match: RestRoute | undefined;
}

/**
 * Takes requests apart, hands them to the face that they are for, and sends
 * what comes back. It decides nothing.
 */
export class HttpFace {
  readonly #options: HttpFaceOptions;
  readonly #rest: RestFace;
  #isEnding = false;

  constructor(options: HttpFaceOptions) {
    this.#options = options;
    this.#rest = new RestFace(options);
  }

  /** From now on each answer is the last one of its connection. */
  end(): void {
    this.#isEnding = true;
    // What has no end of its own would keep its connection.
    void this.#options.vault()?.endStreams();
  }

  /** Answers one request. It never rejects. */
  async handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const begun = performance.now();
    const about: About = {
      request: uuidv7(),
      route: 'none',
      template: undefined,
      isCounted: false,
      match: undefined,
    };
    let answer: Answer;
    try {
      answer = await this.#answer(message, about);
    } catch (error) {
      answer = this.#failure(await this.#counted(error, message, about), about);
    }
    // What was not read of the body would be taken for the next request.
    const isRead = message.complete || answer.status < 400;
    // Whoever stands in between may have read a head that is refused in another way.
    const isClear = about.isCounted || answer.status !== 400;
    send(
      response,
      isRead && isClear && !this.#isEnding
        ? answer
        : { ...answer, headers: { ...answer.headers, Connection: 'close' } },
    );
    this.#options.answered?.(
      {
        method: message.method ?? '',
        route: about.route,
        template: about.template,
        request: about.request,
        status: answer.status,
        ms: performance.now() - begun,
      },
      message,
    );
  }

  async #answer(message: IncomingMessage, about: About): Promise<Answer> {
    const url = message.url ?? '';
    const target = parseTarget(url);
    refuseCredentials(target);
    const head = readHead(message);
    const method = message.method ?? '';
    const ip = this.#address(message) ?? '';
    const name = pageName(url);
    const page = this.#page(name);
    const isOfPage = page !== undefined && (method === 'GET' || method === 'HEAD');
    const cookies = head.cookie === undefined ? undefined : readCookies(head.cookie);
    if (cookies?.session !== undefined && !isOfPage) requireOwnPage(message, head);
    about.isCounted = true;
    if (page !== undefined) {
      about.route = name;
      about.template = name;
      return answerPage(page, method, { message, head, ip, cookies, request: about.request });
    }
    const client = { ip, certificate: peerCertificate(message), session: cookies?.session };
    const caller = callerOf(head, client);
    const { match, allowed } = this.#rest.find(method, target.segments);
    if (match === undefined) {
      // What is no call has to be counted all the same.
      await this.#options.vault()?.admit(caller);
      return notFound(allowed, about.request);
    }
    about.route = match.route.operation.name;
    about.template = match.route.binding.path;
    about.match = match.route;
    const vault = requireUnsealed(this.#options.vault());
    return this.#rest.answer(
      match,
      { message, head, target, ip, cookies, request: about.request },
      (operation, input, options) => vault.call(operation, caller, input, options),
    );
  }

  #page(name: string): Pages[string] | undefined {
    const { pages } = this.#options;
    return pages !== undefined && Object.hasOwn(pages, name) ? pages[name] : undefined;
  }

  #address(message: IncomingMessage): string | undefined {
    const { clientAddress = ({ socket }) => socket.remoteAddress } = this.#options;
    return clientAddress(message);
  }

  /** What is refused for its head alone counts for its address as well, and is one too many at some time. */
  async #counted(error: unknown, message: IncomingMessage, about: About): Promise<unknown> {
    if (about.isCounted) return error;
    try {
      const context = { principal: '', ip: this.#address(message) ?? '' };
      await this.#options.vault()?.admit({ context, face: 'rest' });
      return error;
    } catch (refusal) {
      return refusal;
    }
  }

  #failure(error: unknown, { request, match }: About): Answer {
    const known = asStrongroomError(error);
    if (known.code === 'internal') this.#options.failed?.(known, request);
    return failureAnswer(match === undefined ? known : wireError(known, match), { request });
  }
}

/** An address as pages are named: what follows its question mark is not part of it. */
function pageName(url: string): string {
  const at = url.indexOf('?');
  return at === -1 ? url : url.slice(0, at + 1);
}

function answerPage(
  page: Pages[string],
  method: string,
  request: PageRequest,
): Answer | Promise<Answer> {
  const isKnown = method === 'GET' || method === 'HEAD' || method === 'POST';
  const found: Page | undefined = isKnown ? page[method] : undefined;
  return found === undefined ? notFound(Object.keys(page), request.request) : found(request);
}

/** A credential in an address ends in logs, histories and referrers: it is refused, whatever it is worth. */
function refuseCredentials({ query }: RequestTarget): void {
  const isThere = query.some(
    ([name, value]) => CREDENTIAL_PARAMETERS.has(name.toLowerCase()) || value.startsWith('sr_'),
  );
  if (!isThere) return;
  throw new StrongroomError('invalid_request', 'the address has a credential in it', {
    hint: 'send it as Authorization: Bearer sr_…, and take that one out of use: it may be in a log',
  });
}

/** @throws {@link StrongroomError} `cross_site`, `invalid_request`. */
function requireOwnPage(message: IncomingMessage, { credential }: RequestHead): void {
  if (!isOwnPage(message)) throw crossSite();
  if (credential === undefined) return;
  throw new StrongroomError('invalid_request', 'the request has two credentials', {
    hint: 'send the cookie of a session or an Authorization header, and not both',
  });
}

function notFound(allowed: readonly string[], request: string): Answer {
  if (allowed.length === 0) {
    const error = new StrongroomError('route_not_found', 'there is nothing at this address', {
      hint: 'GET /api/openapi.json describes every address',
    });
    return failureAnswer(error, { request });
  }
  const error = new StrongroomError('method_not_allowed', 'the address has no such method');
  return failureAnswer(error, { request, allowed });
}

/** The certificate whose key the client has proven to have, if it brought one. */
function peerCertificate({ socket }: IncomingMessage): Uint8Array | undefined {
  if (!isTls(socket)) return undefined;
  return socket.getPeerX509Certificate()?.raw;
}
