import type { IncomingMessage } from 'node:http';

import { StrongroomError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import type { BodyShare } from './body-budget.ts';
import { askForBody } from './expected-body.ts';

/** How long a body may be, in bytes: a value of 1 MiB as base64, and what stands around it. */
export const BODY_BYTES_MAX: number = 2 * 1024 * 1024;

/** How long one may be that anyone can send: a token of 16 KiB, and what stands around it. */
export const OPEN_BODY_BYTES_MAX: number = 32 * 1024;

/** How much a body may take up. */
export interface BodyOptions {
  /** As the head says, if it does. */
  readonly contentLength: number | undefined;
  readonly bytesMax: number;
  /** What it takes up of what all may. */
  readonly share?: BodyShare | undefined;
}

/**
 * Receives a body. What it gives is the caller's, who wipes it.
 *
 * @throws {@link StrongroomError} `request_too_large`, before anything is kept if the head says so; `rate_limited`
 * where others take up all that there is; `invalid_request` if the connection ends first.
 */
export async function readBody(
  request: IncomingMessage,
  { contentLength, bytesMax, share }: BodyOptions,
): Promise<Uint8Array> {
  if (contentLength !== undefined && contentLength > bytesMax) throw tooLarge(bytesMax);
  askForBody(request);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > bytesMax) throw tooLarge(bytesMax);
      share?.take(chunk.length);
      chunks.push(chunk);
    }
  } catch (error) {
    for (const chunk of chunks) wipe(chunk);
    if (error instanceof StrongroomError) throw error;
    throw new StrongroomError('invalid_request', 'the connection ended within the body');
  } finally {
    share?.giveBack();
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
    wipe(chunk);
  }
  return body;
}

function tooLarge(bytesMax: number): StrongroomError {
  return new StrongroomError('request_too_large', 'the body is too large', {
    details: { bytesMax },
  });
}
