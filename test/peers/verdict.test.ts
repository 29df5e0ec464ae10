import { describe, expect, it } from 'vitest';

import type { Heard } from './conversation.ts';
import { FROM_SERVER, readAnswers } from './framing.ts';
import { compare } from './verdict.ts';

interface Part {
  readonly status: number;
  readonly body: string;
  readonly isLast?: boolean;
  readonly isProxys?: boolean;
}

const DONE: Part = { status: 404, body: '{"detail":"there is nothing"}' };
const OTHER: Part = { status: 401, body: '{"detail":"the call needs a token"}' };
const LAST: Part = { ...DONE, isLast: true };
const REFUSED: Part = { status: 400, body: '{"detail":"not as it has to be"}', isLast: true };
const PROXYS: Part = { status: 400, body: '<html>', isProxys: true };
const FAILED: Part = { status: 502, body: '<html>', isProxys: true };

function heard(parts: readonly Part[], end: Heard['end'] = 'closed'): Heard {
  const texts = parts.map(({ status, body, isLast = false, isProxys = false }) =>
    [
      `HTTP/1.1 ${status} Some`,
      `Content-Length: ${body.length}`,
      ...(isLast ? ['Connection: close'] : []),
      ...(isProxys ? [] : [`${FROM_SERVER}: yes`]),
      '',
      body,
    ].join('\r\n'),
  );
  return { answers: readAnswers(texts.join('')), end };
}

describe('L9 what is made of the same bytes in two ways', () => {
  it.each([
    [[DONE, LAST], [DONE, LAST], { kind: 'the same', alike: 2 }],
    [[DONE, REFUSED], [DONE, PROXYS], { kind: 'refused by both', alike: 1 }],
    [[REFUSED], [DONE, OTHER], { kind: 'refused by the server', alike: 0 }],
    [
      [{ ...REFUSED, isLast: false }, OTHER],
      [DONE, OTHER],
      { kind: 'refused by the server', alike: 2 },
    ],
    [[DONE, DONE], [REFUSED, DONE], { kind: 'refused by the server', alike: 2 }],
    [[DONE, OTHER], [DONE, PROXYS], { kind: 'refused by the proxy', alike: 1 }],
    [[LAST], [DONE, OTHER], { kind: 'ended by the server', alike: 1 }],
    [[DONE, OTHER], [LAST], { kind: 'ended by the proxy', alike: 1 }],
  ])('may be the same, refused or ended: %#', (direct, proxied, expected) => {
    expect(compare(heard(direct), heard(proxied))).toEqual(expected);
  });

  it.each([
    ['another answer', heard([DONE, DONE]), heard([DONE, OTHER])],
    ['one more, and nothing said that none follows', heard([DONE, OTHER]), heard([DONE])],
    ['one more that the other way waits for', heard([DONE, OTHER]), heard([DONE], 'waits')],
    ['one more by way of the proxy', heard([DONE], 'waits'), heard([DONE, OTHER])],
    [
      'another one behind what is refused',
      heard([{ ...REFUSED, isLast: false }, DONE]),
      heard([DONE, OTHER]),
    ],
    ['a failure behind the proxy', heard([DONE]), heard([FAILED])],
    ['no answer in time', heard([DONE], 'late'), heard([DONE], 'late')],
  ])('is different for %s', (_name, direct, proxied) => {
    expect(compare(direct, proxied).kind).toBe('different');
  });
});
