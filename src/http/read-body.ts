import type { IncomingMessage } from 'node:http';

import { StrongroomError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';

/** How long a body may be, in bytes: a value of 1 MiB as base64, and what stands around it. */
export const BODY_BYTES_MAX: number = 2 * 1024 * 1024;

/**
 * Receives a body. What it gives is the caller's, who wipes it.
 *
 * @param contentLength - As the head says, if it does.
 * @param bytesMax - Default {@link BODY_BYTES_MAX}.
 * @throws {@link StrongroomError} `request_too_large`, before anything is kept if the head says so; `invalid_request` if the connection ends first.
 */
export async function readBody(
  request: IncomingMessage,
  contentLength: number | undefined,
  bytesMax: number = BODY_BYTES_MAX,
): Promise<Uint8Array> {
  if (contentLength !== undefined && contentLength > bytesMax) throw tooLarge(bytesMax);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > bytesMax) throw tooLarge(bytesMax);
      chunks.push(chunk);
    }
  } catch (error) {
    for (const chunk of chunks) wipe(chunk);
    if (error instanceof StrongroomError) throw error;
    throw new StrongroomError('invalid_request', 'the connection ended within the body');
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
