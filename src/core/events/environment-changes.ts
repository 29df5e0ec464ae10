import type { EnvironmentPlace } from '../environment.ts';
import type { Session } from '../session.ts';
import { Bell, type Changes } from './bell.ts';
import type { ChangeStream } from './change-event.ts';

/**
 * Follows an environment: what is in it, and what it has from others.
 *
 * @throws {@link StrongroomError} as `events.open` does.
 */
export async function environmentChanges(
  { events }: Pick<Session, 'events'>,
  { workspace, environment }: EnvironmentPlace,
): Promise<Changes> {
  const stream = await events.open({ workspace, environment });
  const bell = new Bell();
  const reading = ringAtEach(stream, bell).catch((error: unknown) => bell.fail(error));
  return {
    next: (withinMs) => bell.next(withinMs),
    [Symbol.asyncDispose]: async () => {
      bell.silence();
      await stream.close();
      await reading;
    },
  };
}

async function ringAtEach(stream: ChangeStream, bell: Bell): Promise<void> {
  const events = stream[Symbol.asyncIterator]();
  for (let next = await events.next(); next.done !== true; next = await events.next()) bell.ring();
}
