import { StrongroomError, type ErrorCode, type ErrorDetails } from '../errors.ts';

const CODE = /^[a-z][a-z0-9_]{0,63}$/;

/** What a server says of a failure, as an error of ours. */
export function failureOf(response: Response, json: unknown): StrongroomError {
  const { code, detail, hint, details } = (json ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof code !== 'string' || !CODE.test(code) || typeof detail !== 'string') {
    return new StrongroomError(
      'unreachable',
      `the server answered with status ${response.status}`,
      {
        hint: 'what answers there is no Strongroom, or something stands in between',
      },
    );
  }
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  // A server newer than this has codes that are not known here.
  return new StrongroomError(code as ErrorCode, detail, {
    ...(typeof hint === 'string' ? { hint } : {}),
    details: {
      ...(typeof details === 'object' ? (details as ErrorDetails | null) : {}),
      ...(after >= 0 && Number.isFinite(after) ? { retryAfter: after } : {}),
    },
  });
}

/** JSON, or `undefined` for what is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Without what failed: that names the headers, which have the token. */
export function unreachable(url: string, cause: unknown): StrongroomError {
  const { host } = new URL(url);
  const isLate = cause instanceof Error && cause.name === 'TimeoutError';
  const reason = isLate ? 'did not answer in time' : 'cannot be reached';
  return new StrongroomError('unreachable', `the server at ${host} ${reason}`, {
    details: { host },
    hint: 'look whether it runs, and whether the address is right',
  });
}
