import { describe, expect, it } from 'vitest';

import { clientAddress, trustedProxies } from './client-address.ts';

const proxies = trustedProxies(['10.0.0.0/8', '2001:db8:ffff::/48', '127.0.0.1']);
const from = (socket: string | undefined, forwardedFor?: string): string | undefined =>
  clientAddress({ socket, forwardedFor }, proxies);

describe('the address of a client', () => {
  it('A44 is that of the socket, whatever somebody who is no listed proxy says', () => {
    for (const said of ['198.51.100.1', '127.0.0.1', '10.0.0.1, 10.0.0.2', '', 'unknown']) {
      expect(from('203.0.113.9', said)).toBe('203.0.113.9');
      expect(clientAddress({ socket: '10.0.0.1', forwardedFor: said }, trustedProxies([]))).toBe(
        '10.0.0.1',
      );
    }
  });

  it.each([
    ['198.51.100.1', '198.51.100.1'],
    ['1.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['1.1.1.1, 198.51.100.1, 10.0.0.7', '198.51.100.1'],
    ['198.51.100.1, 203.0.113.5, 10.0.0.7,10.0.0.8', '203.0.113.5'],
    ['127.0.0.1, 198.51.100.1', '198.51.100.1'],
    ['198.51.100.1:4711', '198.51.100.1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['2001:0db8:0:0::0001', '2001:db8::1'],
    ['198.51.100.1, [2001:db8:ffff::7]', '198.51.100.1'],
    ['::ffff:198.51.100.1', '198.51.100.1'],
  ])('A44 is the right-most hop that is no proxy of ours: of %j %s', (said, client) => {
    expect(from('10.0.0.1', said)).toBe(client);
    expect(from('::ffff:10.0.0.1', said)).toBe(client);
  });

  it.each([
    ['198.51.100.1, unknown', '10.0.0.1'],
    ['198.51.100.1, 010.0.0.1', '10.0.0.1'],
    ['198.51.100.1, , 10.0.0.9', '10.0.0.9'],
    ['', '10.0.0.1'],
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    [`198.51.100.1${', 10.0.0.2'.repeat(100)}`, '10.0.0.2'],
    [`198.51.100.1,${' '.repeat(10_000)}`, '10.0.0.1'],
  ])('A44 is no further away than can be read', (said, client) => {
    expect(from('10.0.0.1', said)).toBe(client);
  });

  it('A53 has one form, and none without a socket', () => {
    expect(from('::ffff:203.0.113.9')).toBe('203.0.113.9');
    expect(from('fe80::1%eth0')).toBe('fe80::1');
    expect(from(undefined, '198.51.100.1')).toBeUndefined();
  });

  it('A44 refuses a proxy that is no network', () => {
    expect(() => trustedProxies(['proxy.example'])).toThrow(
      expect.objectContaining({ code: 'invalid_input' }) as Error,
    );
  });
});
