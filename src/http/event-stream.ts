import type { ServerResponse } from 'node:http';

import type { ChangeEvent } from '../core/events/change-event.ts';
import type { Ended, FollowedChanges } from '../core/events/followed-changes.ts';
import { openEvents } from '../core/operations/open-events.ts';
import { wireShapeOf } from '../core/wire-shape.ts';
import { wireCodec } from '../lib/wire.ts';
import type { Answer } from './answer.ts';

/** The media type of server-sent events (WHATWG HTML §9.2). */
export const EVENTS_TYPE = 'text/event-stream';

/** The answer that is a stream of changes. */
export function eventsAnswer(stream: FollowedChanges, request: string): Answer {
  return {
    status: 200,
    headers: {
      'Content-Type': EVENTS_TYPE,
      // Proxies would wait until they have more.
      'X-Accel-Buffering': 'no',
      'X-Request-Id': request,
    },
    stream: (response) => void sendEvents(response, stream),
  };
}

/** Options of {@link sendEvents}; the defaults are for whoever is no test. */
export interface SendEventsOptions {
  /** How often something is sent where nothing happens, in milliseconds. Default 15,000. */
  readonly heartbeatMs?: number | undefined;
  /** How long a reader may take for what was sent, in milliseconds. Default 5,000. */
  readonly slowMs?: number | undefined;
  /** How long the last of a stream may take to be sent, in milliseconds. Default 2,000. */
  readonly lastMs?: number | undefined;
}

const HEARTBEAT_MS = 15_000;
const SLOW_MS = 5000;
const LAST_MS = 2000;
/** How much may be on its way to a reader. */
const PENDING_BYTES_MAX = 64 * 1024;
/** What a browser waits before it connects again. */
const RETRY_MS = 1000;

const codec = wireCodec(wireShapeOf(openEvents.streams ?? openEvents.output));

/**
 * Sends a stream of changes until it ends, or whoever reads it is gone. What
 * is on its way is bounded: a reader that does not take it is told `reset`, and let go.
 */
export async function sendEvents(
  response: ServerResponse,
  stream: Pick<FollowedChanges, 'take' | 'end' | 'ending' | 'position'>,
  options: SendEventsOptions = {},
): Promise<void> {
  const { heartbeatMs = HEARTBEAT_MS, slowMs = SLOW_MS, lastMs = LAST_MS } = options;
  const gone = (): void => void stream.end('closed');
  response.once('close', gone);
  response.on('error', gone);
  if (response.destroyed) gone();
  const send = (text: string): void => void (response.writable && response.write(text));
  send(`retry: ${RETRY_MS}\nid: ${stream.position}\n\n`);
  const heartbeat = setInterval(() => {
    // With an id of now, whoever comes back after a quiet time has missed nothing.
    if (response.writableLength < PENDING_BYTES_MAX) send(`: \nid: ${stream.position}\n\n`);
  }, heartbeatMs);
  try {
    for (let events = await stream.take(); events !== undefined; events = await stream.take()) {
      send(events.map(formatEvent).join(''));
      if (response.writableLength < PENDING_BYTES_MAX || (await isTaken(response, slowMs)))
        continue;
      void stream.end('slow');
      send(`event: reset\nid: ${stream.position}\ndata: {}\n\n`);
    }
  } finally {
    clearInterval(heartbeat);
    finish(response, stream.ending, lastMs);
  }
}

/** One event, as it is sent. Nothing in it has a line end. */
export function formatEvent(event: ChangeEvent): string {
  const { id, ...rest } = event;
  const data = event.type === 'reset' ? {} : codec.encode(rest);
  return `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Whether what was sent is taken in time. */
function isTaken(response: ServerResponse, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (taken: boolean): void => {
      clearTimeout(timer);
      response.off('drain', drained);
      response.off('close', closed);
      resolve(taken);
    };
    const drained = (): void => end(true);
    const closed = (): void => end(false);
    const timer = setTimeout(closed, withinMs);
    response.once('drain', drained);
    response.once('close', closed);
  });
}

/** Says why it ends, where that is not known, and lets go of whoever does not take even that. */
function finish(response: ServerResponse, reason: Ended | undefined, withinMs: number): void {
  if (response.destroyed) return;
  const timer = setTimeout(() => response.destroy(), withinMs);
  response.once('close', () => clearTimeout(timer));
  response.end(reason === undefined ? '' : `event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
}
