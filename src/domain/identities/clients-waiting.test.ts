import { expect, it } from 'vitest';

import { ClientsWaiting, originOf, whichToEnd } from './clients-waiting.ts';

it('A56 many networks of one site take no place from others', () => {
  const limits = { ofOne: 3, total: 100 };
  const ofSite = Array.from({ length: 98 }, (_, at) =>
    originOf(`2001:db8:1:${at.toString(16)}::1`),
  );
  const [own, other] = [originOf('192.0.2.1'), originOf('2001:db8:2::1')];
  const waiting = [own, other, ...ofSite];
  expect(whichToEnd(waiting.slice(1), own, limits)).toBeUndefined();
  expect(whichToEnd(waiting, originOf('192.0.2.2'), limits)).toBe(ofSite[0]);
  expect(whichToEnd([own, ...waiting, own, own], own, limits)).toBe(own);
});

it('what is over makes room, and what was ended does', () => {
  const waiting = new ClientsWaiting({ ofOne: 2, total: 5 }, { lastsMs: 100, keptMs: 50 });
  const own = originOf('192.0.2.1');
  waiting.begin('a', own, 0);
  waiting.begin('b', own, 0);
  waiting.end('b');
  expect(waiting.makeRoom(own, 10)).toEqual([]);
  waiting.begin('c', own, 10);
  expect(waiting.makeRoom(own, 20)).toEqual(['a']);
  expect(waiting.makeRoom(own, 159)).toEqual([]);
  expect(waiting.makeRoom(own, 160)).toEqual(['c']);
});
