import { BlockList, isIP, SocketAddress } from 'node:net';

const GROUPS = 8;
const GROUP_BITS = 16;

/** Addresses, held against a list of networks. */
export interface Networks {
  /** Whether an address is in one of them; `undefined` if it is none. */
  has(address: string): boolean | undefined;
}

/**
 * Makes a list of networks ready.
 *
 * @param networks - IPv4 or IPv6 addresses, or ones with `/PREFIX`, of which {@link networkFault} says nothing.
 */
export function toNetworks(networks: readonly string[]): Networks {
  // One list for each family: a list of both would find IPv4 addresses in IPv6 networks.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) lists[family].addAddress(address, family);
    else lists[family].addSubnet(address, Number(prefix), family);
  }
  return {
    has: (address) => {
      const plain = canonicalAddress(address);
      if (plain === undefined) return undefined;
      const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4';
      return lists[family].check(plain, family);
    },
  };
}

/** The addresses of the machine itself. */
export const LOOPBACK: Networks = toNetworks(['127.0.0.0/8', '::1']);

/** Whether all addresses of one network are in another; both are ones of which {@link networkFault} says nothing. */
export function containsNetwork(outer: string, inner: string): boolean {
  const [address = '', prefix] = inner.split('/');
  const [outerAddress = '', outerPrefix] = outer.split('/');
  if (isIP(address) !== isIP(outerAddress)) return false;
  const widest = isIP(address) === 4 ? 32 : 128;
  if (Number(prefix ?? widest) < Number(outerPrefix ?? widest)) return false;
  return toNetworks([outer]).has(address) === true;
}

/**
 * Whether all of some networks lie within others.
 *
 * @param inner - Such as `10.1.0.0/16`; `undefined` is everywhere.
 * @param outer - Likewise.
 */
export function areWithin(
  inner: readonly string[] | undefined,
  outer: readonly string[] | undefined,
): boolean {
  if (outer === undefined) return true;
  return inner?.every((one) => outer.some((each) => containsNetwork(each, one))) ?? false;
}

/** Why a text is no network; `undefined` if it is one. */
export function networkFault(network: unknown): string | undefined {
  const fault = 'a network is an IPv4 or IPv6 address, or one with /PREFIX, such as 10.0.0.0/8';
  if (typeof network !== 'string') return fault;
  const [address = '', prefix, ...more] = network.split('/');
  const family = isIP(address);
  if (more.length > 0 || family === 0 || address.includes('%')) return fault;
  if (mappedIPv4(address) !== undefined) {
    return 'an IPv4 network is written as one, without ::ffff:';
  }
  if (prefix === undefined) return undefined;
  const isPrefix =
    /^(?:0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
  return isPrefix ? undefined : fault;
}

/**
 * The one way to write an address: RFC 5952, an IPv4 address in IPv6 as the
 * IPv4 address that it is, and no scope. `undefined` if it is none.
 */
export function canonicalAddress(address: string): string | undefined {
  const family = isIP(address);
  if (family === 0) return undefined;
  if (family === 4) return address;
  // A scope such as %eth0 says through which interface, and is no part of the address.
  const [plain = ''] = address.split('%');
  return mappedIPv4(plain) ?? new SocketAddress({ address: plain, family: 'ipv6' }).address;
}

/**
 * What one client can be told from another by: an IPv4 address, or of an IPv6
 * address its /64, all of which one client has. `undefined` if it is none.
 */
export function networkOfClient(address: string): string | undefined {
  return prefixOf(address, 64);
}

/**
 * What one site is told from another by: an IPv4 address, or of an IPv6 address
 * its /48, which is what a site is given (RFC 6177). `undefined` if it is none.
 */
export function siteOfClient(address: string): string | undefined {
  return prefixOf(address, 48);
}

function prefixOf(address: string, bits: 48 | 64): string | undefined {
  const plain = canonicalAddress(address);
  if (plain === undefined || isIP(plain) === 4) return plain;
  const [head = [], tail = []] = plain.split('::').map(groupsOf);
  const zeros = Array.from({ length: GROUPS - head.length - tail.length }, () => '0');
  const prefix = `${[...head, ...zeros, ...tail].slice(0, bits / GROUP_BITS).join(':')}::`;
  return `${new SocketAddress({ address: prefix, family: 'ipv6' }).address}/${bits}`;
}

/** The groups of a part of an address, whose last two may be written as an IPv4 address. */
function groupsOf(part: string): readonly string[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]));
}

/** The IPv4 address that an IPv6 address stands for, however it is written; RFC 4291, section 2.5.5.2. */
function mappedIPv4(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  const written = new SocketAddress({ address, family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(written)?.[1];
}
