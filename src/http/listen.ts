import { constants } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';

import { StrongroomError } from '../errors.ts';
import type { Networks } from '../lib/ip-networks.ts';
import { http, https } from '../lib/node-http.ts';
import { noteExpected } from './expected-body.ts';
import { Malformed } from './malformed.ts';
import { Pipelined } from './pipelined.ts';
import { SharedRoom } from './shared-room.ts';
import { SlowReaders } from './slow-readers.ts';

/** Options of {@link listen}. */
export interface ListenOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Key and certificate; without them, plain HTTP. */
  readonly tls?: SecureContextOptions | undefined;
  /** The oldest version of TLS that is spoken. Default `TLSv1.3`. */
  readonly tlsMin?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** Most connections at a time: a further one is closed at once, or one of whoever has most. Default 12,000. */
  readonly connectionsMax?: number | undefined;
  /** Whose connections never give way to those of others. */
  readonly trustedProxies?: Networks | undefined;
  /** Asks clients for a certificate, which they need not have. Who it is from is decided by whoever signs them in. */
  readonly clientCertificates?: boolean | undefined;
  readonly handle: (message: IncomingMessage, response: ServerResponse) => void;
}

/** A server that takes requests. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Takes another key and certificate for connections from now on; only with TLS. */
  renew(tls: SecureContextOptions): void;
  /** Takes no more requests, waits for those that are under way, at most so long, and ends. */
  close(waitMs: number): Promise<void>;
}

/** A head that takes longer than this is somebody who keeps connections busy. */
const HEADERS_MS = 5000;
const REQUEST_MS = 30_000;
const CHECK_MS = 1000;
const KEEP_ALIVE_MS = 65_000;
const HEAD_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 12_000;

/**
 * Begins to take requests, with limits on the time, size and number of everything that a stranger can send.
 *
 * @throws {@link StrongroomError} `address_in_use`; `file_not_found` and others for what TLS needs.
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { host, port, tls, tlsMin: minVersion = 'TLSv1.3', handle } = options;
  // A session that is resumed brings the certificate of the first connection along, and no proof of its key.
  const secureOptions = options.clientCertificates === true ? constants.SSL_OP_NO_TICKET : 0;
  const always = { minVersion, secureOptions };
  const limits = {
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEAD_BYTES_MAX,
    insecureHTTPParser: false,
    requireHostHeader: true,
    joinDuplicateHeaders: false,
  };
  const tlsServer =
    tls === undefined
      ? undefined
      : https().createServer({
          ...limits,
          ...tls,
          ...always,
          ALPNProtocols: ['http/1.1'],
          handshakeTimeout: HEADERS_MS,
          requestCert: options.clientCertificates === true,
          rejectUnauthorized: false,
        });
  const server: Server = (tlsServer as Server | undefined) ?? http().createServer(limits);
  const room = new SharedRoom({ total: options.connectionsMax ?? CONNECTIONS_MAX });
  // Of TLS this is the connection below it, so that also one without a handshake counts.
  server.on('connection', (socket: Socket) => letIn(socket, room, options.trustedProxies));
  const slowReaders = new SlowReaders();
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    slowReaders.add(socket, performance.now());
  });
  // An error of a handshake is the client's, and says nothing that could be answered.
  tlsServer?.on('tlsClientError', (_error, socket) => socket.destroy());
  takeRequests(server, handle);
  await start(server, host, port);
  const checking = setInterval(() => slowReaders.check(performance.now()), CHECK_MS);
  server.once('close', () => clearInterval(checking));
  const { port: chosen } = server.address() as AddressInfo;
  return {
    host,
    port: chosen,
    get connections() {
      return room.taken;
    },
    renew: (next) => tlsServer?.setSecureContext({ ...next, ...always }),
    close: (waitMs) => end(server, waitMs),
  };
}

function letIn(socket: Socket, room: SharedRoom, proxies: Networks | undefined): void {
  const { remoteAddress: ip = '' } = socket;
  const place = room.enter(proxies?.has(ip) === true ? undefined : ip, () => socket.destroy());
  if (place.take(1)) socket.once('close', () => place.giveBack());
  else socket.destroy();
}

function takeRequests(server: Server, handle: ListenOptions['handle']): void {
  const malformed = new Malformed();
  const pipelined = new Pipelined();
  const begin =
    (answer: ListenOptions['handle']): ListenOptions['handle'] =>
    (message, response) => {
      if (!pipelined.begin(message.socket, response)) return;
      malformed.begin(message, response);
      answer(message, response);
    };
  server.on('request', begin(handle));
  server.on(
    'checkContinue',
    begin((message, response) => {
      noteExpected(message, response);
      handle(message, response);
    }),
  );
  server.on(
    'checkExpectation',
    begin((_message, response) => refuseExpectation(response)),
  );
  server.on('clientError', (error, socket: Socket) => malformed.refuse(error, socket));
  server.on('upgrade', (message, stream) => malformed.turnAway(message, stream));
  server.on('connect', (message, stream) => malformed.turnAway(message, stream));
}

function start(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(cannotListen(error, host, port));
    });
    server.listen(port, host, resolve);
  });
}

async function end(server: Server, waitMs: number): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), waitMs);
  await ended;
  clearTimeout(timer);
}

function refuseExpectation(response: ServerResponse): void {
  response.writeHead(417, { Connection: 'close', 'Content-Length': '0' });
  response.end();
}

function cannotListen(error: NodeJS.ErrnoException, host: string, port: number): unknown {
  const details = { host, port };
  switch (error.code) {
    case 'EADDRINUSE':
      return new StrongroomError('address_in_use', `something else listens on ${host}:${port}`, {
        details,
        hint: 'take another port with --port',
      });
    case 'EACCES':
      return new StrongroomError('usage', `port ${port} is not for everybody to listen on`, {
        details,
        hint: 'take one from 1024, or let systemd give the right (CAP_NET_BIND_SERVICE)',
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StrongroomError('usage', `this machine has no address ${host}`, {
        details,
        hint: '127.0.0.1 is for this machine alone, 0.0.0.0 and :: for every network that it is in',
      });
    default:
      return error;
  }
}
