import type { IncomingMessage } from 'node:http';

import { StrongroomError } from '../errors.ts';
import { askForBody } from './expected-body.ts';
import { ReceivedBytes } from './received-bytes.ts';
import type { SharedRoom } from './shared-room.ts';

/** How long a body may be, in bytes: a value of 1 MiB as base64, and what stands around it. */
export const BODY_BYTES_MAX: number = 2 * 1024 * 1024;

/** How long one may be that anyone can send: a token of 16 KiB, and what stands around it. */
export const OPEN_BODY_BYTES_MAX: number = 32 * 1024;

/** How much a body may take up. */
export interface BodyOptions {
  /** As the head says, if it does. */
  readonly contentLength: number | undefined;
  readonly bytesMax: number;
  /** Where it is held until it is whole, and who by. */
  readonly held?: { readonly room: SharedRoom; readonly ip: string } | undefined;
}

/**
 * Receives a body and lets something be made of it. What was received is wiped, whatever comes of it.
 *
 * @param use - Is given all of the body, and may not keep it.
 * @throws {@link StrongroomError} `request_too_large`, before anything is kept if the head says so; `rate_limited`
 * where there is no room for it; `invalid_request` if the connection ends first, or is ended to make room for others;
 * and what `use` throws.
 */
export async function readBody<T>(
  request: IncomingMessage,
  options: BodyOptions,
  use: (body: Uint8Array) => T,
): Promise<T> {
  const { contentLength, bytesMax } = options;
  if (contentLength !== undefined && contentLength > bytesMax) throw tooLarge(bytesMax);
  askForBody(request);
  const received = new ReceivedBytes();
  try {
    await receive(request, options, received);
    return use(received.bytes);
  } finally {
    received.wipe();
  }
}

async function receive(
  request: IncomingMessage,
  { bytesMax, held }: BodyOptions,
  received: ReceivedBytes,
): Promise<void> {
  const place = held?.room.enter(held.ip, () => request.destroy());
  try {
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      received.add(chunk);
      if (received.bytes.length > bytesMax) throw tooLarge(bytesMax);
      if (place?.take(chunk.length) === false) throw tooMuch();
    }
  } catch (error) {
    if (error instanceof StrongroomError) throw error;
    throw new StrongroomError('invalid_request', 'the connection ended within the body');
  } finally {
    place?.giveBack();
  }
}

function tooMuch(): StrongroomError {
  return new StrongroomError('rate_limited', 'too much is being sent at the moment', {
    details: { retryAfter: 1 },
    hint: 'try again in 1 second',
  });
}

function tooLarge(bytesMax: number): StrongroomError {
  return new StrongroomError('request_too_large', 'the body is too large', {
    details: { bytesMax },
  });
}
