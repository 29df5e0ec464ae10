import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { isIP, type LookupFunction } from 'node:net';

import { StrongroomError } from '../errors.ts';
import { isPublicAddress } from './addresses.ts';
import { concat } from './bytes.ts';
import { http, https } from './node-http.ts';

/** How names become addresses; as `dns.lookup` does it with `all`. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

/** What is sent, where something is asked for with a form. */
export interface OutsideForm {
  /** `application/x-www-form-urlencoded`. */
  readonly body: string;
  /** The value of `Authorization`. Default: none. */
  readonly authorization?: string | undefined;
}

/** What came back, whatever its status. */
export interface OutsideAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** Options of {@link fetchOutside}. */
export interface OutsideOptions {
  /**
   * Hosts that may be anywhere, also in a network of our own, as they stand in an address:
   * `idp.corp.example`, or `127.0.0.1:8443` for one port alone. Only these, if they are of the
   * machine itself, may be asked without TLS. Default: none.
   */
  readonly allowedHosts?: readonly string[] | undefined;
  /** For the whole exchange, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Most bytes of an answer. Default 1 MiB. */
  readonly bytesMax?: number | undefined;
  /** Media type that is asked for. Default `application/json`. */
  readonly accept?: string | undefined;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve | undefined;
}

const TIMEOUT_MS = 10_000;
const BYTES_MAX = 1024 * 1024;
const OK = 200;

/**
 * Gets a document from an address that somebody gave. Nothing in a network of
 * our own can be reached that way: each address is judged where the connection
 * is made, whatever its name resolved to before. Redirects are not followed,
 * and nothing of any call goes along.
 *
 * @returns The body of an answer with status 200.
 * @throws {@link StrongroomError} `invalid_input` for an address that is never asked; `unreachable`
 * for everything that goes wrong with it.
 */
export async function fetchOutside(
  address: string,
  options: OutsideOptions = {},
): Promise<Uint8Array> {
  const url = parseOutside(address, options.allowedHosts);
  return reached(url, async () => {
    const { status, body } = await exchange(url, options, undefined);
    if (status !== OK) throw new Error(`the status is ${status}`);
    return body;
  });
}

/**
 * Sends a form to an address that somebody gave, as {@link fetchOutside} gets a
 * document from one.
 *
 * @returns The answer, also one that refuses; of an address that sends elsewhere, nothing is followed.
 * @throws {@link StrongroomError} as {@link fetchOutside}.
 */
export async function postOutside(
  address: string,
  form: OutsideForm,
  options: OutsideOptions = {},
): Promise<OutsideAnswer> {
  const url = parseOutside(address, options.allowedHosts);
  return reached(url, () => exchange(url, options, form));
}

async function reached<T>(url: URL, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new StrongroomError('unreachable', `no answer could be got from ${url.host}`, {
      details: { host: url.host },
      hint: 'it has to answer by HTTPS from a public address; `strongroom settings set outbound_hosts` lists exceptions',
      cause,
    });
  }
}

/**
 * Takes an address apart that will be asked for a document.
 *
 * @throws {@link StrongroomError} `invalid_input` unless it is HTTPS, without user, password or fragment.
 */
export function parseOutside(address: string, allowedHosts: readonly string[] = []): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isListed = url !== undefined && isAllowed(url, allowedHosts);
  if (
    url === undefined ||
    url.hostname === '' ||
    url.username !== '' ||
    url.password !== '' ||
    address.includes('#') ||
    !(url.protocol === 'https:' || (url.protocol === 'http:' && isListed && isOfMachine(url)))
  ) {
    throw new StrongroomError('invalid_input', 'an address is not one that is asked', {
      hint: 'give one that begins with https://, without user, password or fragment',
    });
  }
  return url;
}

/** Whether a host is one of those that may be anywhere. */
function isAllowed({ host, hostname }: URL, allowed: readonly string[]): boolean {
  return allowed.includes(host) || allowed.includes(hostname);
}

function isOfMachine({ hostname }: URL): boolean {
  return hostname === '[::1]' || hostname === 'localhost' || /^127(?:\.\d+){3}$/.test(hostname);
}

async function exchange(
  url: URL,
  options: OutsideOptions,
  form: OutsideForm | undefined,
): Promise<OutsideAnswer> {
  const { timeoutMs = TIMEOUT_MS, bytesMax = BYTES_MAX, accept = 'application/json' } = options;
  const mayBeAnywhere = isAllowed(url, options.allowedHosts ?? []);
  const judge = (address: string): void => {
    if (!mayBeAnywhere && !isPublicAddress(address)) throw new Error('the address is not public');
  };
  // Of a literal address nothing is looked up.
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) judge(literal);
  const { request: send } = url.protocol === 'https:' ? https() : http();
  return new Promise((settle, refuse) => {
    const wanted: RequestOptions = {
      method: form === undefined ? 'GET' : 'POST',
      agent: false,
      lookup: guardedLookup(options.resolve ?? systemResolve, judge),
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        accept,
        'accept-encoding': 'identity',
        'user-agent': 'strongroom',
        ...(form === undefined ? {} : headersOf(form)),
      },
    };
    const request = send(url, wanted, (answer) => {
      readBody(answer, bytesMax).then(
        (body) => {
          settle({ status: answer.statusCode ?? 0, body });
        },
        (error: unknown) => {
          request.destroy();
          refuse(error);
        },
      );
    });
    request.on('socket', (socket) => {
      socket.on('connect', () => {
        try {
          judge(socket.remoteAddress ?? '');
        } catch (error) {
          request.destroy(error as Error);
        }
      });
    });
    request.on('error', refuse);
    request.end(form?.body);
  });
}

function headersOf({ body, authorization }: OutsideForm): Readonly<Record<string, string>> {
  return {
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(Buffer.byteLength(body)),
    ...(authorization === undefined ? {} : { authorization }),
  };
}

/** All addresses of a name have to pass: one that is there for us and one for others is an attack. */
function guardedLookup(from: Resolve, judge: (address: string) => void): LookupFunction {
  return (name, options, done) => {
    from(name).then(
      (found) => {
        try {
          const [first] = found;
          if (first === undefined) throw new Error('the name has no address');
          for (const { address } of found) judge(address);
          if (options.all === true) done(null, [...found]);
          else done(null, first.address, first.family);
        } catch (error) {
          done(error as Error, []);
        }
      },
      (error: unknown) => {
        done(error as Error, []);
      },
    );
  };
}

function systemResolve(name: string): Promise<readonly LookupAddress[]> {
  return new Promise((settle, refuse) => {
    resolve(name, { all: true }, (error, found) => {
      if (error === null) settle(found);
      else refuse(error);
    });
  });
}

async function readBody(answer: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const encoding = answer.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') throw new Error('the body is encoded');
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > bytesMax) throw new Error('the body is too large');
    parts.push(part);
  }
  if (!answer.complete) throw new Error('the body broke off');
  return concat(parts);
}
