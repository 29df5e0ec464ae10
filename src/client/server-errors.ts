import { StrongroomError, type ErrorCode, type ErrorDetails } from '../errors.ts';

/** What a server says of a failure, as an error of ours. */
export function failureOf(response: Response, json: unknown): StrongroomError {
  const problem = (json ?? {}) as {
    readonly code?: ErrorCode;
    readonly detail?: string;
    readonly hint?: string;
    readonly details?: ErrorDetails;
  };
  if (typeof problem.code !== 'string' || typeof problem.detail !== 'string') {
    return new StrongroomError(
      'unreachable',
      `the server answered with status ${response.status}`,
      {
        hint: 'what answers there is no Strongroom, or something stands in between',
      },
    );
  }
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new StrongroomError(problem.code, problem.detail, {
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    details: { ...problem.details, ...(Number.isFinite(after) ? { retryAfter: after } : {}) },
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
