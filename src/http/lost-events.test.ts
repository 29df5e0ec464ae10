import { describe, expect, it } from 'vitest';

import { LostEvents } from './lost-events.ts';

describe('security events that nobody took', () => {
  it('are told of at once, then each minute while there are more', () => {
    const [file, hook] = [{ lost: 0 }, { lost: 0 }];
    const told: unknown[] = [];
    const lost = new LostEvents([file, hook], {
      write: (level, event, fields) => void told.push([level, event, fields?.lost]),
    });
    const lookAt = (now: number, count: number): readonly unknown[] => {
      hook.lost = count;
      lost.look(now);
      return told.splice(0);
    };
    const line = (count: number): readonly unknown[] => ['warn', 'security_events_lost', count];
    expect(lookAt(1000, 0)).toEqual([]);
    expect(lookAt(2000, 2)).toEqual([line(2)]);
    file.lost = 1;
    expect(lookAt(61_999, 5)).toEqual([]);
    expect(lookAt(62_000, 5)).toEqual([line(6)]);
    expect(lookAt(200_000, 5)).toEqual([]);
    expect(lost.count).toBe(6);
  });
});
