import { StrongroomError } from '../errors.ts';
import type { ConnectOptions } from './client-options.ts';

/**
 * The address that every request begins with.
 *
 * @throws {@link StrongroomError} `invalid_input` for one that is none, or that would send everything in clear to another machine.
 */
export function baseOf({ address, dangerouslyAllowHttp = false }: ConnectOptions): string {
  // As of a variable that is not set, where nobody checks types.
  if (typeof (address as unknown) !== 'string') {
    throw new StrongroomError('invalid_input', 'there is no address of a server', {
      hint: 'connect({ address: "https://secrets.example", token })',
    });
  }
  if (!address.includes('://')) {
    throw new StrongroomError('invalid_input', 'the address of the server lacks its https://', {
      hint: 'such as https://secrets.example:8200; on this machine http://127.0.0.1:8200',
    });
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '') {
    throw new StrongroomError('invalid_input', 'the address of the server is none', {
      hint: 'such as https://secrets.example or http://127.0.0.1:8200',
    });
  }
  const isLocal = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url.protocol === 'http:' && !isLocal && !dangerouslyAllowHttp) {
    throw new StrongroomError('invalid_input', 'over plain HTTP everyone on the way reads along', {
      hint: 'use https, or a tunnel that begins on this machine; a program of your own can say dangerouslyAllowHttp',
    });
  }
  return url.origin + url.pathname.replace(/\/$/, '');
}
