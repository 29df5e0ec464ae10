// What comes to a TLS port and is no handshake as it has to be.
import { rmSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectSocket } from 'node:net';
import { connect } from 'node:tls';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { randomBytes } from '../../src/crypto/random.ts';
import { temporaryDirectory } from '../../src/testing/temporary-vault.ts';
import { makeCertificate } from './certificates.ts';
import {
  EXTENSION,
  hello,
  helloBody,
  hex,
  join,
  message,
  number,
  record,
  serverName,
  sized,
} from './client-hello.ts';
import { startServed, type Served } from './served.ts';

const RECORD_MAX = 2 ** 14;
const ANSWER_MS = 100;
const PATIENT_MS = 10_000;
const SERVER_HELLO = 0x02;

let directory: string;
let served: Served;
beforeAll(async () => {
  directory = temporaryDirectory();
  const tls = makeCertificate(directory, 'server');
  served = await startServed({ tls, tlsMin: 'TLSv1.2', clientCertificates: true });
});
afterAll(async () => {
  await served.close();
  rmSync(directory, { recursive: true, force: true });
});

const named = (body: Uint8Array): Uint8Array =>
  hello({ extensions: [[EXTENSION.serverName, body]] });
const having = (name: number, body: Uint8Array): Uint8Array =>
  hello({ extensions: [[name, body]] });
const ones = (length: number): Uint8Array => Buffer.alloc(length, 'a');
const whole = (): Uint8Array => hello();
/** With other bytes at a place; from the end if it is negative. */
function altered(at: number, bytes: Uint8Array): Uint8Array {
  const out = Buffer.from(whole());
  out.set(bytes, at < 0 ? out.length + at : at);
  return out;
}
/** In records of so many bytes. */
function inRecords(size: number, body: Uint8Array = message(helloBody())): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += size) parts.push(record(body.subarray(at, at + size)));
  return join(...parts);
}

/** Where a hello is cut off. */
const CUTS: readonly number[] = [1, 3, 4, 5, 6, 8, 9, 11, 20, 42, 43, 44, 60, 76, 78, 90, 120];

const NAMES: Readonly<Record<string, () => Uint8Array>> = {
  'an empty name': () => named(serverName('')),
  'an empty list': () => named(sized(2)),
  'no bytes': () => named(new Uint8Array()),
  'one byte': () => named(hex('00')),
  'a name of 255 bytes': () => named(serverName('a'.repeat(255))),
  'a name of 256 bytes': () => named(serverName('a'.repeat(256))),
  'a name of 16,000 bytes': () => named(serverName('a'.repeat(16_000))),
  'a name with a zero': () => named(serverName('local\0host')),
  'a name of zeros': () => named(serverName('\0\0\0')),
  'a name that is no UTF-8': () => named(serverName(hex('c328a0a1ff'))),
  'a name beyond ASCII': () => named(serverName('tresor.日本')),
  'a name with line ends': () => named(serverName('a\r\nHost: b')),
  'a name that is a path': () => named(serverName('../../etc/passwd')),
  'an address': () => named(serverName('127.0.0.1')),
  'an address of IPv6': () => named(serverName('[::1]')),
  'dots alone': () => named(serverName('...')),
  'a dot behind it': () => named(serverName('localhost.')),
  'a word of JavaScript': () => named(serverName('__proto__')),
  'another kind of name': () => named(serverName('localhost', 1)),
  'kind 255': () => named(serverName('localhost', 255)),
  'two names': () => named(sized(2, hex('00'), sized(2, ones(3)), hex('00'), sized(2, ones(4)))),
  'a list that says to be longer': () => named(join(hex('00ff00'), sized(2, ones(3)))),
  'a list that says to be shorter': () => named(join(hex('000100'), sized(2, ones(3)))),
  'a name that says to be longer': () => named(sized(2, hex('00ffff'), ones(3))),
  'bytes behind the list': () => named(join(serverName('localhost'), ones(9))),
  'the extension twice': () =>
    hello({
      extensions: [
        [EXTENSION.serverName, serverName('a')],
        [EXTENSION.serverName, serverName('b')],
      ],
    }),
};

const FORMS: Readonly<Record<string, () => Uint8Array>> = {
  'SSL 2': () => hex('802e0100020015000000100100800200800300800400800500800600400700c0'),
  HTTP: () => Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  'the preface of HTTP/2': () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  SSH: () => Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'),
  'a PROXY line': () => Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n'),
  zeros: () => new Uint8Array(600),
  'bytes of 255': () => Buffer.alloc(600, 0xff),
  'an alert': () => record(hex('0228'), 21),
  'an alert to close': () => record(hex('0100'), 21),
  'a change of ciphers': () => record(hex('01'), 20),
  'data without keys': () => record(randomBytes(64), 23),
  'a heartbeat': () => record(hex('014000'), 24),
  'a record of another kind': () => record(ones(9), 99),
  'an empty record': () => record(new Uint8Array()),
  '300 empty records': () => join(...Array.from({ length: 300 }, () => record(new Uint8Array()))),
  'a record one byte too long': () => record(ones(RECORD_MAX + 1)),
  'a record of 65,535 bytes': () => record(ones(65_535)),
  'a hello in records of one byte': () => inRecords(1),
  'a hello in records of seven bytes': () => inRecords(7),
  'records of other versions': () => join(record(message(helloBody()), 22, 0xffff)),
  'a message of 16 MiB that is announced': () => record(join(hex('01ffffff'), ones(4000))),
  'a message that says to be shorter': () => altered(6, number(60, 3)),
  'a message that says to be longer': () => altered(6, number(900, 3)),
  'a last message at first': () => record(message(randomBytes(32), 20)),
  'a certificate at first': () => record(message(sized(3), 11)),
  'a request to begin anew': () => record(message(new Uint8Array(), 0)),
  'a key update at first': () => record(message(hex('01'), 24)),
  'a message of another kind': () => record(message(ones(40), 254)),
  'two hellos at once': () => join(whole(), whole()),
  'a hello and bytes': () => join(whole(), randomBytes(500)),
  'a session id of 33 bytes': () => hello({ sessionId: ones(33) }),
  'a session id of 255 bytes': () => hello({ sessionId: ones(255) }),
  'no ciphers': () => hello({ ciphers: new Uint8Array() }),
  'half a cipher': () => hello({ ciphers: hex('1301aa') }),
  '30,000 ciphers': () =>
    inRecords(RECORD_MAX, message(helloBody({ ciphers: randomBytes(60_000) }))),
  'unknown ciphers': () => hello({ ciphers: hex('0a0a1a1a') }),
  'weak ciphers': () => hello({ version: 0x0303, ciphers: hex('00000001000a') }),
  'no compression': () => hello({ compression: new Uint8Array() }),
  'deflate alone': () => hello({ compression: hex('01') }),
  'version 0': () => hello({ version: 0 }),
  'version 65,535': () => hello({ version: 0xffff }),
  'no extensions': () => hello({ tail: new Uint8Array() }),
  'extensions that say to be longer': () => hello({ tail: join(hex('ffff'), ones(20)) }),
  'extensions that say to be shorter': () => hello({ tail: join(hex('0002'), ones(20)) }),
  'an extension that says to be longer': () => hello({ tail: sized(2, hex('0000ffff00')) }),
  '9,000 extensions': () =>
    inRecords(
      RECORD_MAX,
      message(
        helloBody({
          tail: sized(2, ...Array.from({ length: 9000 }, (_, n) => number((n + 99) * 65_536, 4))),
        }),
      ),
    ),
  'the same extension 5,000 times': () =>
    inRecords(
      RECORD_MAX,
      message(
        helloBody({ tail: sized(2, ...Array.from({ length: 5000 }, () => hex('00170000'))) }),
      ),
    ),
  'no versions': () => having(EXTENSION.versions, sized(1)),
  'half a version': () => having(EXTENSION.versions, sized(1, hex('03'))),
  'unknown versions': () => having(EXTENSION.versions, sized(1, hex('7f1c0a0a'))),
  'SSL 3 as version': () => having(EXTENSION.versions, sized(1, hex('0300'))),
  'no groups': () => having(EXTENSION.groups, sized(2)),
  'unknown groups': () => having(EXTENSION.groups, sized(2, hex('0a0affff'))),
  'no key': () => having(EXTENSION.keyShare, sized(2)),
  'a key of no bytes': () => having(EXTENSION.keyShare, sized(2, hex('001d'), sized(2))),
  'a key of zeros': () =>
    having(EXTENSION.keyShare, sized(2, hex('001d'), sized(2, new Uint8Array(32)))),
  'a key that is too long': () =>
    having(EXTENSION.keyShare, sized(2, hex('001d'), sized(2, ones(9000)))),
  'a point that is on no curve': () =>
    having(EXTENSION.keyShare, sized(2, hex('0017'), sized(2, hex('04'), ones(64)))),
  'the same key twice': () =>
    having(
      EXTENSION.keyShare,
      sized(2, hex('001d'), sized(2, ones(32)), hex('001d'), sized(2, ones(32))),
    ),
  'no signatures': () => having(EXTENSION.signatures, sized(2)),
  'signatures by MD5 and SHA-1': () => having(EXTENSION.signatures, sized(2, hex('01010201'))),
  'no protocols': () => having(EXTENSION.alpn, sized(2)),
  'an empty protocol': () => having(EXTENSION.alpn, sized(2, sized(1))),
  'HTTP/2 alone': () => having(EXTENSION.alpn, sized(2, sized(1, Buffer.from('h2')))),
  'a protocol that says to be longer': () => having(EXTENSION.alpn, sized(2, hex('ff61'))),
  'a session that is none': () =>
    hello({
      extensions: [
        [EXTENSION.pskModes, sized(1, hex('01'))],
        [
          EXTENSION.preSharedKey,
          join(sized(2, sized(2, randomBytes(200)), number(1, 4)), sized(2, sized(1, ones(32)))),
        ],
      ],
    }),
  'a session before other extensions': () =>
    hello({
      extensions: [
        [EXTENSION.preSharedKey, join(sized(2, sized(2, ones(9)), number(1, 4)), sized(2))],
        [EXTENSION.pskModes, sized(1, hex('01'))],
      ],
    }),
  'early data without a session': () =>
    join(having(EXTENSION.earlyData, new Uint8Array()), record(randomBytes(200), 23)),
  'an encrypted hello of no meaning': () => having(0xfe0d, randomBytes(300)),
};

/** Sends bytes, and gives the first that come back before the connection ends, or nothing does. */
function send(bytes: Uint8Array, waitMs: number = ANSWER_MS): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const parts: Uint8Array[] = [];
    const socket = connectSocket(served.server.port, '127.0.0.1', () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), waitMs);
    socket.on('data', (part: Uint8Array) => {
      parts.push(part);
      // It would wait for what the client has to say next.
      if (part[0] === 22) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(join(...parts));
    });
  });
}

/** Whether somebody with a whole handshake is answered. */
function isLive(): Promise<boolean> {
  return new Promise((resolve) => {
    const { port } = served.server;
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      socket.end('GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    });
    let text = '';
    socket.on('data', (part: Uint8Array) => (text += Buffer.from(part).toString('latin1')));
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(text.startsWith('HTTP/1.1 200')));
  });
}

function metrics(): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${served.token}` };
    const { port } = served.server;
    const options = { host: '127.0.0.1', port, path: '/metrics', headers, agent: false };
    const asked = request({ ...options, rejectUnauthorized: false }, (answer) => {
      let text = '';
      answer.on('data', (part: Uint8Array) => (text += Buffer.from(part).toString()));
      answer.on('end', () => resolve(text));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const isServerHello = (bytes: Uint8Array): boolean => bytes[0] === 22 && bytes[5] === SERVER_HELLO;

describe('A59 a TLS port', () => {
  it('answers a hello as these tests make them', async () => {
    expect(isServerHello(await send(whole(), PATIENT_MS))).toBe(true);
    expect(isServerHello(await send(inRecords(40), PATIENT_MS))).toBe(true);
  });

  it('outlives hellos that are cut off anywhere', async () => {
    const bytes = whole();
    await Promise.all(CUTS.map((length) => send(bytes.subarray(0, length))));
    await Promise.all(CUTS.map((length) => send(bytes.subarray(0, bytes.length - length))));
    expect(await isLive()).toBe(true);
  });

  it.each(Object.entries({ ...NAMES, ...FORMS }))('outlives %s', async (_name, make) => {
    await send(make());
    expect(await isLive()).toBe(true);
  });

  it('outlives 2,000 hellos with bytes that chance altered, and keeps no connection of theirs', async () => {
    for (let round = 0; round < 40; round += 1) {
      await Promise.all(
        Array.from({ length: 50 }, () => {
          const bytes = Buffer.from(whole());
          const [count = 0, ...at] = randomBytes(1 + 2 * 8);
          for (let index = 0; index <= count % 8; index += 1) {
            const place = ((at[index * 2] ?? 0) * 256 + (at[index * 2 + 1] ?? 0)) % bytes.length;
            bytes.set(randomBytes(1), place);
          }
          return send(bytes);
        }),
      );
    }
    expect(await isLive()).toBe(true);
    const connections = async (): Promise<string | undefined> =>
      /^http_connections (\d+)$/m.exec(await metrics())?.[1];
    await expect.poll(connections, { timeout: 10_000 }).toBe('1');
  });
});

it('A61 a handshake that does not come to its end within seconds ends its connection', async () => {
  const begun = performance.now();
  const ended = [new Uint8Array(), whole().subarray(0, 3), whole().subarray(0, 60)].map(
    (bytes) =>
      new Promise<number>((resolve) => {
        const socket = connectSocket(served.server.port, '127.0.0.1', () => socket.write(bytes));
        socket.on('error', () => undefined);
        socket.on('close', () => resolve(performance.now() - begun));
        socket.resume();
      }),
  );
  for (const ms of await Promise.all(ended)) expect(ms).toBeLessThan(11_800);
}, 20_000);
