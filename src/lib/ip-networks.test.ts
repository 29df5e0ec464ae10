import { describe, expect, it } from 'vitest';

import {
  areWithin,
  canonicalAddress,
  networkFault,
  networkOfClient,
  siteOfClient,
  toNetworks,
} from './ip-networks.ts';

describe('an address', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:a00:1', '10.0.0.1'],
    ['0:0:0:0:0:ffff:10.0.0.1', '10.0.0.1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('A53 %s is one with %s', (written, canonical) => {
    expect(canonicalAddress(written)).toBe(canonical);
  });

  it.each(['010.0.0.1', '10.0.0', '0x0a000001', '10.0.0.1:80', '', 'unknown', '1::2::3', '::1 '])(
    'A53 %j is none',
    (written) => {
      expect(canonicalAddress(written)).toBeUndefined();
      expect(networkOfClient(written)).toBeUndefined();
      expect(toNetworks(['0.0.0.0/0', '::/0']).has(written)).toBeUndefined();
    },
  );

  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['::1', '::/64'],
    ['::1.2.3.4', '::/64'],
    ['1:2:3:4:5:6::', '1:2:3:4::/64'],
    ['::3:4:5:6:7:8', '0:0:3:4::/64'],
  ])('A53 %s belongs to the client at %s', (address, client) => {
    expect(networkOfClient(address)).toBe(client);
  });

  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:db8:1:ffff::1', '2001:db8:1::/48'],
    ['::1', '::/48'],
    ['none', undefined],
  ])('A56 %s belongs to the site at %s', (address, site) => {
    expect(siteOfClient(address)).toBe(site);
  });
});

describe('a list of networks', () => {
  it('A53 finds an address however it is written', () => {
    const networks = toNetworks(['10.0.0.0/8', '::1']);
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '0:0:0:0:0:0:0:1', '::1%lo']) {
      expect(networks.has(address)).toBe(true);
    }
    for (const address of ['11.1.2.3', '::ffff:11.1.2.3', '::2']) {
      expect(networks.has(address)).toBe(false);
    }
  });

  it('of IPv6 has no IPv4 address', () => {
    expect(toNetworks(['::/0']).has('192.0.2.7')).toBe(false);
  });

  it.each([['10.0.0.0/33'], ['10.0.0.0/08'], ['::ffff:10.0.0.0/104'], ['fe80::1%eth0'], [7]])(
    'A53 has no %j',
    (network) => {
      expect(networkFault(network)).toBeTypeOf('string');
    },
  );
});

describe('networks', () => {
  it.each([
    [['10.1.0.0/16'], ['10.0.0.0/8']],
    [['10.1.2.3'], ['10.1.2.3/32']],
    [['10.0.0.0/8'], ['10.0.0.0/8']],
    [
      ['10.1.0.0/16', '192.0.2.7'],
      ['192.0.2.0/24', '10.0.0.0/8'],
    ],
    [['2001:db8:1::/48'], ['2001:db8::/32']],
    [['10.1.0.0/16'], undefined],
    [undefined, undefined],
    [['10.1.0.0/16'], ['0.0.0.0/0']],
  ])('%j lie within %j', (inner, outer) => {
    expect(areWithin(inner, outer)).toBe(true);
  });

  it.each([
    [['10.0.0.0/8'], ['10.1.0.0/16']],
    [['10.0.0.0/7'], ['10.0.0.0/8']],
    [['11.0.0.0/16'], ['10.0.0.0/8']],
    [['10.1.0.0/16', '11.0.0.1'], ['10.0.0.0/8']],
    [['10.0.0.0/8'], ['::/0']],
    [['2001:db8::/32'], ['0.0.0.0/0']],
    [undefined, ['10.0.0.0/8']],
    [['10.0.0.0/8'], []],
  ])('%j do not lie within %j', (inner, outer) => {
    expect(areWithin(inner, outer)).toBe(false);
  });
});
