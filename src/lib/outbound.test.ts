import { createServer, type Server } from 'node:http';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
} from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isPublicAddress } from './addresses.ts';
import { fetchOutside, parseOutside, postOutside, type Resolve } from './outbound.ts';

let server: Server;
let host = '';
let port = 0;
/** Connections that were made to this machine. */
let connections = 0;
let answer: (path: string) => { status?: number; headers?: object; body?: Uint8Array | 'slow' };

beforeAll(async () => {
  server = createServer((request, response) => {
    const { status = 200, headers = {}, body = new Uint8Array() } = answer(request.url ?? '');
    response.writeHead(status, headers as Record<string, string>);
    if (body === 'slow') response.write('{');
    else response.end(body);
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  host = `127.0.0.1:${port}`;
});
afterAll(
  () =>
    new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    }),
);

const PRIVATE: readonly string[] = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.168.0.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:0:4136:e378:8000:63bf:3fff:fdd2',
  '2001:20::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  'fc00::1',
  'fd12:3456::1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '2606:4700::1%1',
  'localhost',
  '',
];

describe('an address', () => {
  it.each(PRIVATE)('A52 such as %s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '192.0.1.1',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('such as %s is', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

/** How the address of this machine, and others like it, can be written. */
const FORMS = (): readonly string[] => [
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f.1',
  '0x7f000001',
  '0177.0.0.1',
  '017700000001',
  '127.0.0.1.',
  '127.000.000.001',
  '１２７.0.0.1',
  '127。0。0。1',
  '①②⑦.0.0.1',
  '0',
  '0.0.0.0',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:ffff:127.0.0.1]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '[fc00::1]',
  '[fd00::1]',
  '[fe80::1]',
  '[ff02::1]',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '0251.0376.0251.0376',
  '[::ffff:169.254.169.254]',
  '[fd00:ec2::254]',
  '100.100.100.200',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'ip6-localhost',
  'sub.localhost',
];

/** What is not even an address that is asked. */
const NEVER = (): readonly string[] => [
  `http://${host}/`,
  `https://user@127.0.0.1:${port}/`,
  `https://a:b@127.0.0.1:${port}/`,
  `http://a@127.0.0.1:${port}/`,
  `https://127.0.0.1:${port}#@1.1.1.1/`,
  `https://127.0.0.1:${port}\\@1.1.1.1/`,
  'unix:/var/run/docker.sock',
  'http+unix://%2Fvar%2Frun%2Fdocker.sock/',
  'file:///etc/passwd',
  'ftp://127.0.0.1/',
  'gopher://127.0.0.1/',
  'data:application/json,{}',
  'ws://127.0.0.1/',
  'javascript:1',
  '//127.0.0.1/',
  '/etc/passwd',
  'https://',
  'https:///',
  '',
  'https://[::1',
  'https://127.0.0.1:99999/',
];

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'got',
    (error: unknown) => (error as { code: string }).code,
  );

describe('the address of an outside document', () => {
  it.each([
    'https://user@idp.example/',
    'https://:secret@idp.example/',
    'https://idp.example/#part',
    'https://idp.example/keys#',
    'http://idp.example/',
    'http://[::1]/',
    'ftp://idp.example/',
    'idp.example',
  ])('is not such as %s', (address) => {
    expect(() => parseOutside(address)).toThrow(
      expect.objectContaining({ code: 'invalid_input' }) as Error,
    );
  });

  it('is HTTPS, or one of this machine that is listed', () => {
    expect(parseOutside('https://idp.example/keys?a=b').host).toBe('idp.example');
    expect(parseOutside('http://[::1]:8080/', ['[::1]:8080']).host).toBe('[::1]:8080');
  });
});

describe('A52 an outside document', () => {
  it('is asked of no form of an address in a network of our own', async () => {
    answer = () => ({ body: Buffer.from('{}') });
    const forms = FORMS();
    expect(forms.length + NEVER().length).toBeGreaterThan(60);
    const before = connections;
    for (const form of forms) {
      const resolve: Resolve = async () => [{ address: '127.0.0.1', family: 4 }];
      const code = await codeOf(fetchOutside(`https://${form}:${port}/`, { resolve }));
      expect(['unreachable', 'invalid_input'], form).toContain(code);
    }
    for (const form of NEVER()) {
      const code = await codeOf(fetchOutside(form));
      expect(['unreachable', 'invalid_input'], form).toContain(code);
    }
    expect(connections).toBe(before);
  });

  it('is judged by where the connection goes: names that lead inside, and change, are refused', async () => {
    const before = connections;
    let count = 0;
    const changing: Resolve = async () => {
      count += 1;
      return [{ address: count === 1 ? '192.168.0.1' : '127.0.0.1', family: 4 }];
    };
    const resolvers: readonly Resolve[] = [
      async () => [{ address: '127.0.0.1', family: 4 }],
      async () => [{ address: '::1', family: 6 }],
      async () => [{ address: '::ffff:127.0.0.1', family: 6 }],
      // One for the judge, and one for the connection.
      async () => [
        { address: '1.1.1.1', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ],
      async () => [
        { address: '127.0.0.1', family: 4 },
        { address: '1.1.1.1', family: 4 },
      ],
      async () => [],
      changing,
      changing,
    ];
    for (const resolve of resolvers) {
      const asked = fetchOutside(`https://rebinding.example:${port}/`, { resolve });
      expect(await codeOf(asked)).toBe('unreachable');
    }
    expect(connections).toBe(before);
  });

  it('is asked of a host that is listed, and of that one alone', async () => {
    answer = () => ({ body: Buffer.from('{"a":1}') });
    const given = { allowedHosts: [host] };
    expect(Buffer.from(await fetchOutside(`http://${host}/`, given)).toString()).toBe('{"a":1}');
    const other = `http://127.0.0.2:${port}/`;
    expect(await codeOf(fetchOutside(other, given))).toBe('invalid_input');
    const elsewhere = `http://127.0.0.1:${port + 1}/`;
    expect(await codeOf(fetchOutside(elsewhere, given))).toBe('invalid_input');
    const plain = { allowedHosts: ['idp.example'] };
    expect(await codeOf(fetchOutside('http://idp.example/', plain))).toBe('invalid_input');
  });

  it('is not looked for where a redirect leads', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const asked: string[] = [];
      answer = (path) => {
        asked.push(path);
        return { status, headers: { location: `http://${host}/inside` } };
      };
      const work = fetchOutside(`http://${host}/`, { allowedHosts: [host] });
      expect(await codeOf(work)).toBe('unreachable');
      expect(asked).toEqual(['/']);
    }
  });

  it('has a bound in size and time, and comes as it is', async () => {
    const from = (options: object = {}): Promise<unknown> =>
      codeOf(fetchOutside(`http://${host}/`, { allowedHosts: [host], ...options }));
    answer = () => ({ body: new Uint8Array(1024 * 1024) });
    expect(await from()).toBe('got');
    answer = () => ({ body: new Uint8Array(1024 * 1024 + 1) });
    expect(await from()).toBe('unreachable');
    answer = () => ({ headers: { 'content-encoding': 'gzip' } });
    expect(await from()).toBe('unreachable');
    answer = () => ({ status: 204 });
    expect(await from()).toBe('unreachable');
    answer = () => ({ body: 'slow' });
    expect(await from({ timeoutMs: 200 })).toBe('unreachable');
  });

  it('is not waited for when it comes without end', async () => {
    // An answer without end, byte by byte.
    const dripping: TcpServer = createTcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearInterval(timer);
      });
    });
    await new Promise<void>((resolve) => dripping.listen(0, '127.0.0.1', resolve));
    const place = `127.0.0.1:${(dripping.address() as AddressInfo).port}`;
    const began = Date.now();
    const work = fetchOutside(`http://${place}/`, { allowedHosts: [place], timeoutMs: 300 });
    expect(await codeOf(work)).toBe('unreachable');
    expect(Date.now() - began).toBeLessThan(3000);
    await new Promise<void>((resolve) => {
      dripping.close(() => {
        resolve();
      });
    });
  });
});

describe('A52 a form that is sent outside', () => {
  const form = { body: 'code=a+secret', authorization: 'Basic c2VjcmV0' };

  it('is sent to no form of an address in a network of our own', async () => {
    answer = () => ({ body: Buffer.from('{}') });
    const before = connections;
    for (const each of [...FORMS().map((text) => `https://${text}:${port}/`), ...NEVER()]) {
      const resolve: Resolve = async () => [{ address: '127.0.0.1', family: 4 }];
      const code = await codeOf(postOutside(each, form, { resolve }));
      expect(['unreachable', 'invalid_input'], each).toContain(code);
    }
    expect(connections).toBe(before);
  });

  it('is sent once, and nowhere that the answer leads to', async () => {
    const asked: string[] = [];
    answer = (path) => {
      asked.push(path);
      return { status: 307, headers: { location: `http://${host}/other` } };
    };
    const given = { allowedHosts: [host] };
    const { status } = await postOutside(`http://${host}/token`, form, given);
    expect({ status, asked }).toEqual({ status: 307, asked: ['/token'] });
    answer = () => ({ status: 400, body: Buffer.from('{"error":"a"}') });
    const refused = await postOutside(`http://${host}/token`, form, given);
    expect(Buffer.from(refused.body).toString()).toBe('{"error":"a"}');
  });
});
