import { StrongroomError, type ErrorCode } from '../errors.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** What is asked of a server. */
export interface ServerRequest {
  /** Such as `http://127.0.0.1:8200`. */
  readonly address: string;
  /** Such as `/api/sys/unseal`. */
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly body?: unknown;
}

const TIMEOUT_MS = 30_000;
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/**
 * Asks a server something. What is sent may be a key, so that it is not sent in
 * the clear beyond this machine, and no redirect is followed.
 *
 * @throws {@link StrongroomError} the server's own code; `unreachable`; `usage` for an address that is none.
 */
export async function askServer(request: ServerRequest): Promise<unknown> {
  const { address, path, method, body } = request;
  const url = urlOf(address, path);
  let status: number;
  let answer: unknown;
  try {
    const response = await fetch(url, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        accept: 'application/json',
        'user-agent': 'strongroom-cli',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    status = response.status;
    answer = await response.json();
  } catch (cause) {
    throw new StrongroomError('unreachable', `no answer could be got from ${url.origin}`, {
      details: { address: url.origin },
      hint: 'is it there? --address or STRONGROOM_ADDR names another server',
      cause,
    });
  }
  if (status < 400) return answer;
  throw failureOf(answer, url.origin);
}

function urlOf(address: string, path: string): URL {
  const hasScheme = address.includes('://');
  const url = hasScheme && URL.canParse(path, address) ? new URL(path, address) : undefined;
  const isPlainBeyond = url?.protocol === 'http:' && !LOOPBACK.has(url.hostname);
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url !== undefined && isWeb && !isPlainBeyond && url.username === '') return url;
  const said = hasScheme
    ? 'that is not the address of a server'
    : 'the address of the server lacks its https://';
  throw new StrongroomError('usage', said, {
    hint: 'it is like https://vault.example:8200; plain http:// is for this machine alone',
  });
}

/** The server's own error, if it is one of ours. */
function failureOf(answer: unknown, origin: string): StrongroomError {
  const { code, detail, hint } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof code !== 'string' || !Object.hasOwn(EXIT_CODES, code) || typeof detail !== 'string') {
    return new StrongroomError('unreachable', `what answers at ${origin} is no strongroom`);
  }
  return new StrongroomError(code as ErrorCode, detail, typeof hint === 'string' ? { hint } : {});
}
