import type { IncomingMessage } from 'node:http';

import { TOKEN_FORM } from '../crypto/token.ts';
import { StrongroomError } from '../errors.ts';

/** What is taken from the head of a request, each at most once. */
export interface RequestHead {
  /** A bearer credential. */
  readonly credential: string | undefined;
  /** All cookies, ours and others. */
  readonly cookie: string | undefined;
  readonly contentType: string | undefined;
  readonly accept: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Id of the event after which a stream goes on. */
  readonly lastEventId: string | undefined;
  readonly userAgent: string | undefined;
  /** Whether there is a body, or may be. */
  readonly hasBody: boolean;
  readonly contentLength: number | undefined;
}

/** Headers that mean something here: of each there is one, or none. */
const SINGLE: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'accept',
  'cookie',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'last-event-id',
  'origin',
  'sec-fetch-site',
  'x-strongroom',
  'user-agent',
  'x-forwarded-for',
  'forwarded',
  'expect',
]);

/** Headers by which a method or an address is meant to be another than the one on the request line. */
const OVERRIDES: ReadonlySet<string> = new Set([
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
]);

/** Node leaves out what comes after two thousand of them. */
const HEADERS_MAX = 200;

const KINDS_MAX = 256;
/** Headers by how they were written. */
const kinds: Map<string, string> = new Map();

const BEARER = new RegExp(`^Bearer (${TOKEN_FORM.source})$`);

/**
 * Reads the head of a request. One that others may read in another way is refused.
 *
 * @throws {@link StrongroomError} `request_too_large` for too many headers; `invalid_request`; `unsupported_media_type` for an encoded body; `unauthenticated` for an `Authorization` that is not exactly `Bearer` and one of our tokens.
 */
export function readHead(request: IncomingMessage): RequestHead {
  if (request.rawHeaders.length > 2 * HEADERS_MAX) {
    throw new StrongroomError('request_too_large', `a request has at most ${HEADERS_MAX} headers`);
  }
  requireSingle(request.rawHeaders);
  const { headers } = request;
  if (headers.host === undefined || headers.host === '') throw refused('the request has no host');
  if (headers['content-encoding'] !== undefined) {
    throw new StrongroomError('unsupported_media_type', 'the body has to come as it is', {
      hint: 'leave Content-Encoding out',
    });
  }
  requireKnownFraming(request);
  const length = headers['content-length'];
  return {
    credential: credentialOf(headers.authorization),
    cookie: headers.cookie,
    contentType: headers['content-type'],
    accept: headers.accept,
    idempotencyKey: single(headers['idempotency-key']),
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    lastEventId: single(headers['last-event-id']),
    userAgent: headers['user-agent'],
    hasBody: headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0'),
    contentLength: length === undefined ? undefined : Number(length),
  };
}

/** RFC 9112 §6.1: who stands in between may frame it otherwise. */
function requireKnownFraming({ httpVersion, headers }: IncomingMessage): void {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    throw refused('the request is of no version of HTTP that is spoken here');
  }
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return;
  if (httpVersion === '1.0') throw refused('a request of HTTP/1.0 has no Transfer-Encoding');
  if (coding.toLowerCase() !== 'chunked') throw refused('a body comes in chunks or as it is');
}

function requireSingle(raw: readonly string[]): void {
  const seen: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = kindOf(raw[at] ?? '');
    if (name === undefined) continue;
    if (seen.includes(name)) throw refused(`the request has two headers ${name}`);
    seen.push(name);
  }
}

/**
 * What a header is that may be there once; `undefined` for others.
 *
 * @throws {@link StrongroomError} `invalid_request`.
 */
function kindOf(raw: string): string | undefined {
  const known = kinds.get(raw);
  if (known !== undefined) return known;
  const name = raw.toLowerCase();
  if (name.includes('_')) throw refused('a header has a name that others read in another way');
  if (OVERRIDES.has(name)) throw refused('a header would change what the request line says');
  if (!SINGLE.has(name)) return undefined;
  // Clients write the same few in the same way.
  if (kinds.size < KINDS_MAX) kinds.set(raw, name);
  return name;
}

function credentialOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const token = BEARER.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw new StrongroomError('unauthenticated', 'the Authorization header is not a token of ours', {
    hint: 'it is exactly `Authorization: Bearer sr_token_…`, with the whole of a token from `strongroom token create`',
  });
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function refused(reason: string): StrongroomError {
  return new StrongroomError('invalid_request', reason);
}
