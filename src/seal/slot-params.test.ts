import { expect, test } from 'vitest';
import { bytesMember, numberMember, parseSlotParams, requireMembers } from './slot-params.ts';

const damaged: Error = expect.objectContaining({ code: 'integrity_error' });

test('parameters are an object in canonical JSON', () => {
  expect(parseSlotParams('{"passes":3,"salt":"AAAA"}')).toEqual({ passes: 3, salt: 'AAAA' });
});

test.each(['', '{', 'null', '[]', '"text"', '3', '{ }', '{"b":1,"a":2}', '{"a":1,"a":1}'])(
  '%j is no such thing',
  (text) => {
    expect(() => parseSlotParams(text)).toThrow(damaged);
  },
);

test('members are those that are named, no fewer and no more', () => {
  expect(() => requireMembers({ a: 1, b: 2 }, ['b', 'a'])).not.toThrow();
  expect(() => requireMembers({ a: 1 }, ['a', 'b'])).toThrow(damaged);
  expect(() => requireMembers({ a: 1, b: 2 }, ['a'])).toThrow(damaged);
  expect(() => requireMembers({ a: 1, b: 2 }, ['a', 'c'])).toThrow(damaged);
  expect(() => requireMembers(parseSlotParams('{"__proto__":1}'), [])).toThrow(damaged);
  expect(() => requireMembers({}, ['constructor'])).toThrow(damaged);
});

test('bytes are canonical base64 of the length wanted', () => {
  expect(bytesMember({ salt: 'AAEC' }, 'salt', 3)).toEqual(new Uint8Array([0, 1, 2]));
  for (const salt of ['AAE=', 'AAECAw==', 'AAE', 'AA\nEC', '', 3, null, undefined]) {
    expect(() => bytesMember({ salt }, 'salt', 3)).toThrow(damaged);
  }
});

test('numbers are numbers', () => {
  expect(numberMember({ passes: 3 }, 'passes')).toBe(3);
  for (const passes of ['3', null, undefined, [3], true]) {
    expect(() => numberMember({ passes }, 'passes')).toThrow(damaged);
  }
  expect(() => numberMember({}, 'toString')).toThrow(damaged);
});
