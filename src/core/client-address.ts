import { StrongroomError } from '../errors.ts';
import { canonicalAddress, networkFault, toNetworks, type Networks } from '../lib/ip-networks.ts';

/** What a request says of where it comes from. */
export interface RequestOrigin {
  /** The address at the other end of the socket. */
  readonly socket: string | undefined;
  /** The header `X-Forwarded-For`, all its lines joined by commas in their order. */
  readonly forwardedFor: string | undefined;
}

/** A longer chain than this no proxy makes. */
const HOPS_MAX = 32;
const HEADER_MAX = 4096;

/**
 * Proxies whose word is taken for whom they call on behalf of.
 *
 * @param networks - Addresses and networks, such as `10.0.0.0/8`. None: nobody's word is taken.
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function trustedProxies(networks: readonly string[]): Networks {
  for (const network of networks) {
    const fault = networkFault(network);
    if (fault !== undefined) {
      throw new StrongroomError('invalid_input', 'a trusted proxy is not a network', {
        hint: fault,
      });
    }
  }
  return toNetworks(networks);
}

/**
 * The address of a client: that of the socket, unless that is a trusted proxy.
 * Then it is what the proxies say, from the last to the first, as far as they
 * are trusted: the right-most address that is none of theirs. What stands
 * before it the client may have made up. `Forwarded`, `X-Real-IP` and all else
 * that tells an address is not looked at.
 *
 * @returns The address in its one form (RFC 5952), or `undefined` if there is no socket any more.
 */
export function clientAddress(
  { socket, forwardedFor }: RequestOrigin,
  proxies: Networks,
): string | undefined {
  let client = socket === undefined ? undefined : canonicalAddress(socket);
  if (client === undefined || forwardedFor === undefined) return client;
  const hops = forwardedFor.slice(-HEADER_MAX).split(',').slice(-HOPS_MAX).toReversed();
  for (const hop of hops) {
    if (proxies.has(client) !== true) return client;
    const before = addressOfHop(hop.trim());
    // A word that cannot be read says nothing about who is before it either.
    if (before === undefined) return client;
    client = before;
  }
  return client;
}

/** Some proxies add the port: `192.0.2.7:4711`, `[2001:db8::1]:4711`. */
function addressOfHop(hop: string): string | undefined {
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(hop)?.[1];
  if (bracketed !== undefined) return canonicalAddress(bracketed);
  const withoutPort = /^([\d.]+):\d{1,5}$/.exec(hop)?.[1];
  return canonicalAddress(withoutPort ?? hop);
}
