import { describe, expect, it } from 'vitest';

import {
  compileConditions,
  decodeConditions,
  encodeConditions,
  type Circumstances,
  type Conditions,
} from './conditions.ts';

const at = (text: string): Circumstances => ({ now: Date.parse(text) });
const standing = (conditions: Conditions, circumstances: Partial<Circumstances> = {}): string =>
  compileConditions(encodeConditions(conditions) ?? '')({ now: 0, ...circumstances });

describe('conditions', () => {
  it('are stored as canonical JSON, and none as none', () => {
    expect(encodeConditions(undefined)).toBeNull();
    expect(encodeConditions({})).toBeNull();
    const text = encodeConditions({ notAfter: '2027-01-01T00:00:00Z', mfa: true });
    expect(text).toBe('{"mfa":true,"notAfter":"2027-01-01T00:00:00Z"}');
    expect(decodeConditions(text ?? '')).toEqual({ mfa: true, notAfter: '2027-01-01T00:00:00Z' });
  });

  it.each([
    ['10.0.0.0/8', '10.255.255.255', 'met'],
    ['10.0.0.0/8', '11.0.0.0', 'unmet'],
    ['10.0.0.0/8', '::ffff:10.1.1.1', 'met'],
    ['10.1.1.1', '10.1.1.1', 'met'],
    ['10.1.1.1', '10.1.1.2', 'unmet'],
    ['0.0.0.0/0', '203.0.113.9', 'met'],
    ['0.0.0.0/0', '2001:db8::1', 'unmet'],
    ['::/0', '2001:db8::1', 'met'],
    ['2001:db8::/33', '2001:db8:8000::1', 'unmet'],
    ['2001:db8::/33', '2001:db8:7fff::1', 'met'],
    ['fe80::/10', 'fe80::1%eth0', 'met'],
    ['10.0.0.0/8', '::ffff:a01:101', 'met'],
    ['10.0.0.0/8', '0:0:0:0:0:FFFF:10.1.1.1', 'met'],
    ['10.0.0.0/8', '::ffff:11.0.0.1', 'unmet'],
    ['10.0.0.0/8', '10.0.0.256', 'unknown'],
    ['10.0.0.0/8', '010.0.0.1', 'unknown'],
    ['10.0.0.0/8', '', 'unknown'],
    ['10.0.0.0/8', undefined, 'unknown'],
  ])('about the network %s: from %s it is %s', (network, ip, expected) => {
    expect(standing({ cidr: [network] }, { ip })).toBe(expected);
  });

  it.each(['::/0', '::/64', '::/80', '::/96', '::1/128', '::10.1.1.1'])(
    'A36 about the IPv6 network %s: no IPv4 address is in it, however written',
    (network) => {
      for (const ip of ['10.1.1.1', '::ffff:10.1.1.1', '::ffff:a01:101', '0.0.0.1']) {
        expect(standing({ cidr: [network] }, { ip })).toBe('unmet');
      }
    },
  );

  it.each([
    '::ffff:10.0.0.0/104',
    '::FFFF:10.0.0.0',
    '0:0:0:0:0:ffff:10.0.0.0/104',
    '0000:0000:0000:0000:0000:ffff:0a00:0000/104',
    '::0:ffff:a00:0/104',
  ])('A36 refuse the IPv4 network %s that is written as IPv6', (network) => {
    expect(() => encodeConditions({ cidr: [network] })).toThrow('written as one, without ::ffff:');
  });

  it.each([
    '2026-02-30T00:00:00Z',
    '2026-02-29T12:00:00+01:00',
    '2026-04-31T00:00:00.5Z',
    '2026-01-01T24:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T23:59:60Z',
  ])('A36 refuse the moment %s, which never comes', (moment) => {
    for (const name of ['notBefore', 'notAfter']) {
      expect(() => encodeConditions({ [name]: moment })).toThrow('is an RFC 3339 time');
    }
    expect(encodeConditions({ notAfter: '2028-02-29T23:59:59.999-11:30' })).toContain('2028-02-29');
  });

  it.each([
    ['ci/*', 'ci/7.1', 'met'],
    ['ci/*', 'my-ci/7.1', 'unmet'],
    ['*bot*', 'a robot', 'met'],
    ['a*b*c', 'a-b-c', 'met'],
    ['a*b*c', 'a-c-b', 'unmet'],
    ['a*a', 'a', 'unmet'],
    ['ab*ba', 'aba', 'unmet'],
    ['*', '', 'met'],
    ['.*', 'anything', 'unmet'],
    ['curl', 'CURL', 'unmet'],
    ['*', 'x'.repeat(1025), 'unknown'],
    ['*', undefined, 'unknown'],
  ])('about the program %s: %s is %s', (pattern, userAgent, expected) => {
    expect(standing({ userAgents: [pattern] }, { userAgent })).toBe(expected);
  });

  it('try a pattern of many stars on a long text without delay', () => {
    const begun = performance.now();
    const pattern = Array.from({ length: 9 }, () => 'a').join('*');
    expect(standing({ userAgents: [`${pattern}b`] }, { userAgent: 'a'.repeat(1024) })).toBe(
      'unmet',
    );
    expect(performance.now() - begun).toBeLessThan(200);
  });

  it.each([
    [{ zone: 'UTC', days: ['mon'] }, '2026-03-02T00:00:00Z', 'met'],
    [{ zone: 'UTC', days: ['mon'] }, '2026-03-03T00:00:00Z', 'unmet'],
    [{ zone: 'UTC', from: '08:30', to: '09:00' }, '2026-03-02T08:29:59Z', 'unmet'],
    [{ zone: 'UTC', from: '08:30', to: '09:00' }, '2026-03-02T08:30:00Z', 'met'],
    [{ zone: 'UTC', from: '08:30', to: '09:00' }, '2026-03-02T09:00:00Z', 'unmet'],
    [{ zone: 'UTC', days: ['fri'], from: '22:00', to: '06:00' }, '2026-03-06T23:00:00Z', 'met'],
    [{ zone: 'UTC', days: ['fri'], from: '22:00', to: '06:00' }, '2026-03-07T05:59:00Z', 'met'],
    [{ zone: 'UTC', days: ['fri'], from: '22:00', to: '06:00' }, '2026-03-06T05:00:00Z', 'unmet'],
    [{ zone: 'UTC', days: ['mon'], from: '22:00', to: '06:00' }, '2026-03-03T05:00:00Z', 'met'],
    [{ zone: 'UTC', days: ['sun'], from: '22:00', to: '06:00' }, '2026-03-02T05:00:00Z', 'met'],
    // Berlin: UTC+1 in winter, UTC+2 from 2026-03-29 on.
    [{ zone: 'Europe/Berlin', from: '09:00', to: '17:00' }, '2026-03-27T08:00:00Z', 'met'],
    [{ zone: 'Europe/Berlin', from: '09:00', to: '17:00' }, '2026-03-27T07:59:00Z', 'unmet'],
    [{ zone: 'Europe/Berlin', from: '09:00', to: '17:00' }, '2026-03-30T07:00:00Z', 'met'],
    [{ zone: 'Asia/Kolkata', days: ['tue'] }, '2026-03-02T18:30:00Z', 'met'],
    [{ zone: 'Pacific/Auckland', days: ['mon'] }, '2026-03-02T12:00:00Z', 'unmet'],
  ] as const)('about the time %j: at %s it is %s', (window, moment, expected) => {
    expect(standing({ times: [window] }, at(moment))).toBe(expected);
  });

  it('must all be met; one that is not settles it, whatever is not known', () => {
    const both: Conditions = { mfa: true, cidr: ['10.0.0.0/8'] };
    expect(standing(both, { mfa: true, ip: '10.0.0.1' })).toBe('met');
    expect(standing(both, { mfa: true })).toBe('unknown');
    expect(standing(both, { mfa: false })).toBe('unmet');
    expect(standing(both, { ip: '11.0.0.1' })).toBe('unmet');
  });

  it('that this version does not know in all members are never known to be met, nor unmet', () => {
    for (const text of [
      '{"country":["DE"],"mfa":true}',
      '{"mfa":"yes"}',
      '{"times":[{"weeks":1,"zone":"UTC"}]}',
      '{ "mfa": true }',
      '[]',
      'null',
      'mfa',
      '',
    ]) {
      const condition = compileConditions(text);
      for (const mfa of [true, false]) expect(condition({ now: 0, mfa })).toBe('unknown');
      expect(decodeConditions(text)).toBeUndefined();
    }
  });
});
