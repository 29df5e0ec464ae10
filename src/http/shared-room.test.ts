import { describe, expect, it } from 'vitest';

import { SharedRoom } from './shared-room.ts';

const unused = (): void => undefined;

describe('L5 A56 room that strangers share', () => {
  it('is bounded for one site, of IPv6 for its /48, and free again once it is given back', () => {
    const room = new SharedRoom({ ofOne: 10, total: 100 });
    const place = room.enter('2001:db8::1', unused);
    expect([place.take(6), place.take(4)]).toEqual([true, true]);
    expect(room.enter('2001:db8:0:ffff::2', unused).take(1)).toBe(false);
    expect(room.enter('192.0.2.1', unused).take(10)).toBe(true);
    place.giveBack();
    place.giveBack();
    expect(room.taken).toBe(10);
    expect(room.enter('2001:db8::2', unused).take(10)).toBe(true);
    expect(room.enter('2001:db8::3', unused).take(1)).toBe(false);
  });

  it('is bounded in all, and who holds as much as any other gets no more', () => {
    const room = new SharedRoom({ total: 20 });
    const places = [1, 2].map((last) => room.enter(`192.0.2.${last}`, unused));
    for (const place of places) expect(place.take(10)).toBe(true);
    for (const place of places) expect(place.take(1)).toBe(false);
    expect(room.enter('192.0.2.3', unused).take(10)).toBe(false);
    expect(room.taken).toBe(20);
  });

  it('is made by the site that holds most, the newest first, for one that holds less', () => {
    const room = new SharedRoom({ total: 20 });
    const ended: string[] = [];
    const hold = (ip: string, name: string, amount: number): boolean =>
      room.enter(ip, () => ended.push(name)).take(amount);
    hold('192.0.2.1', 'old', 4);
    hold('192.0.2.2', 'least', 4);
    hold('192.0.2.1', 'middle', 4);
    hold('192.0.2.1', 'new', 8);
    expect(hold('192.0.2.3', 'one more', 7)).toBe(true);
    expect(ended).toEqual(['new']);
    expect(hold('192.0.2.4', 'another', 3)).toBe(true);
    expect(ended).toEqual(['new', 'middle']);
    expect(room.taken).toBe(18);
  });

  it('is lost for good to whoever gave way', () => {
    const room = new SharedRoom({ total: 4 });
    const place = room.enter('192.0.2.1', unused);
    place.take(4);
    expect(room.enter('192.0.2.2', unused).take(1)).toBe(true);
    expect(place.take(1)).toBe(false);
    place.giveBack();
    expect(room.taken).toBe(1);
  });

  it('is never taken from those who need not give way, and they get it before all others', () => {
    const room = new SharedRoom({ total: 4 });
    const proxy = room.enter(undefined, () => expect.unreachable());
    proxy.take(3);
    expect(room.enter('192.0.2.1', unused).take(1)).toBe(true);
    expect(room.enter('192.0.2.2', unused).take(1)).toBe(false);
    expect(proxy.take(1)).toBe(true);
    expect(proxy.take(1)).toBe(false);
    expect(room.taken).toBe(4);
  });
});
