import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import type { ChangeEvent } from '../core/events/change-event.ts';
import type { Ended } from '../core/events/followed-changes.ts';
import { formatEvent, sendEvents } from './event-stream.ts';

const event = (path: string): ChangeEvent => ({
  id: 'e1',
  type: 'secret.changed',
  workspace: 'default',
  workspaceId: '01890000-0000-7000-8000-000000000000',
  environment: 'production',
  path,
  secretId: '01890000-0000-7000-8000-000000000001',
  version: 2,
  at: '2026-01-01T00:00:00.000Z',
});

/** A connection of which nothing is taken unless it is said. */
class Wire extends EventEmitter {
  text = '';
  pending = 0;
  destroyed = false;
  writable = true;

  get writableLength(): number {
    return this.pending;
  }

  write(text: string): boolean {
    this.text += text;
    this.pending += text.length;
    return this.pending < 16_384;
  }

  end(text: string): void {
    this.write(text);
    this.writable = false;
  }

  take(): void {
    this.pending = 0;
    this.emit('drain');
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

/** A stream that always has more. */
class Endless {
  ending: Ended | undefined;
  taken = 0;
  readonly #batch: readonly ChangeEvent[] = Array.from({ length: 64 }, (_, at) =>
    event(`some/path/${at}`),
  );

  position = 'e0';

  async take(): Promise<readonly ChangeEvent[] | undefined> {
    await sleep(1);
    if (this.ending !== undefined) return undefined;
    this.taken += 1;
    return this.#batch;
  }

  async end(reason: Ended): Promise<void> {
    this.ending ??= reason;
  }
}

const responseOf = (wire: Wire): ServerResponse => wire as unknown as ServerResponse;

describe('a stream of events', () => {
  it('has no line but its own, and is JSON as everywhere', () => {
    expect(formatEvent(event('db/password'))).toBe(
      'id: e1\nevent: secret.changed\ndata: {"type":"secret.changed","workspace":"default",' +
        '"workspace_id":"01890000-0000-7000-8000-000000000000","environment":"production",' +
        '"path":"db/password","secret_id":"01890000-0000-7000-8000-000000000001","version":2,' +
        '"at":"2026-01-01T00:00:00.000Z"}\n\n',
    );
    expect(formatEvent({ id: 'e2', type: 'reset' })).toBe('id: e2\nevent: reset\ndata: {}\n\n');
  });

  it('that is not taken is told reset, once, and is let go of; what is on its way is bounded', async () => {
    const [wire, stream] = [new Wire(), new Endless()];
    await sendEvents(responseOf(wire), stream, { slowMs: 50, lastMs: 30 });
    expect(stream.ending).toBe('slow');
    expect(wire.text.match(/event: reset/g)).toHaveLength(1);
    expect(wire.text).toMatch(
      /event: reset\nid: e0\ndata: \{\}\n\nevent: end\ndata: \{"reason":"slow"\}\n\n$/,
    );
    expect(wire.text.length).toBeLessThan(128 * 1024);
    await expect.poll(() => wire.destroyed).toBe(true);
  });

  it('that is taken late, but in time, goes on', async () => {
    const [wire, stream] = [new Wire(), new Endless()];
    const sending = sendEvents(responseOf(wire), stream, { slowMs: 5000 });
    for (let times = 0; times < 5; times += 1) {
      await sleep(80);
      expect(wire.pending).toBeLessThan(128 * 1024);
      wire.take();
    }
    await stream.end('sealed');
    wire.take();
    await sending;
    expect(stream.taken).toBeGreaterThan(10);
    expect(wire.text).not.toContain('reset');
    expect(wire.text).toMatch(/event: end\ndata: \{"reason":"sealed"\}\n\n$/);
    wire.destroy();
  });

  it('says that it lives, with an id of now', async () => {
    const wire = new Wire();
    const stream = new Endless();
    stream.take = async () => {
      while (stream.ending === undefined) await sleep(5);
      return undefined;
    };
    const sending = sendEvents(responseOf(wire), stream, { heartbeatMs: 20 });
    await expect.poll(() => wire.text.split(': \n').length - 1).toBeGreaterThanOrEqual(2);
    wire.destroy();
    await sending;
    expect(wire.text).toMatch(/^retry: 1000\nid: e0\n\n(?:: \nid: e0\n\n){2,}$/);
    expect(stream.ending).toBe('closed');
  });

  it('says nothing more to a reader who takes nothing', async () => {
    const wire = new Wire();
    const stream = new Endless();
    stream.take = async () => {
      while (stream.ending === undefined) await sleep(5);
      return undefined;
    };
    const sending = sendEvents(responseOf(wire), stream, { heartbeatMs: 10 });
    wire.pending = 64 * 1024;
    const { length } = wire.text;
    await sleep(100);
    expect(wire.text).toHaveLength(length);
    wire.take();
    await expect.poll(() => wire.text.length).toBeGreaterThan(length);
    wire.destroy();
    await sending;
  });
});
