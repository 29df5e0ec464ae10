import type * as Http from 'node:http';
import type * as Https from 'node:https';
import type { Socket } from 'node:net';
import type * as Tls from 'node:tls';

/**
 * `node:http`, which is not imported: an import reads every member of a module, and of this one
 * some load all of Node's `fetch`, 15 MB for which a server that waits has no use.
 */
export function http(): typeof Http {
  return process.getBuiltinModule('node:http');
}

/** `node:https`, which is loaded when TLS is first spoken. */
export function https(): typeof Https {
  return process.getBuiltinModule('node:https');
}

/** `node:tls`, likewise. */
export function tls(): typeof Tls {
  return process.getBuiltinModule('node:tls');
}

/** Whether a connection is one of TLS. Of a request whose body was given up, there is none any more. */
export function isTls(socket: Socket | null): socket is Tls.TLSSocket {
  return socket !== null && 'encrypted' in socket && socket.encrypted === true;
}
