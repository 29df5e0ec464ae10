// Machines that sign in with a client certificate, over real connections.
import { readFileSync, rmSync, utimesSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect, type SecureContextOptions, type TLSSocket } from 'node:tls';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { keyDigestOf } from '../../src/auth/client-certificate.ts';
import { toBase64 } from '../../src/lib/base64.ts';
import type { TlsFiles } from '../../src/http/tls-files.ts';
import {
  AUTHORITY,
  CertificateWorkshop,
  CLIENT,
  type Issued,
} from '../../src/testing/certificates.ts';
import { temporaryDirectory } from '../../src/testing/temporary-vault.ts';
import { makeCertificate } from './certificates.ts';
import { firstDocument } from '../first-document.ts';
import { ended, Sandbox } from '../sandbox.ts';
import { startServed, type Answer, type Served, type ServedOptions } from './served.ts';

const DAY_MS = 86_400_000;
const SIGN_IN = '/api/auth/sign-in/certificate';
const SECRET = '/api/secrets/workspaces/default/secrets/by-name/production/db/password:value';
const LEAF = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature'];
const NAMES = 'subjectAltName=DNS:app.example';

let workshop: CertificateWorkshop;
let authority: Issued;
let client: Issued;
let directory: string;
let tls: TlsFiles;
let served: Served;
let now = 0;

beforeAll(() => {
  workshop = new CertificateWorkshop();
  authority = workshop.make({ name: 'root', extensions: AUTHORITY });
  client = workshop.make({ by: authority, serial: 4711 });
  directory = temporaryDirectory();
  tls = makeCertificate(directory, 'server');
});
afterAll(() => {
  workshop.remove();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  now = Date.now() + 60_000;
  served = await start();
});
afterEach(() => served.close());

async function start(options: ServedOptions = {}): Promise<Served> {
  const own = await startServed({
    tls,
    clientCertificates: true,
    now: () => now,
    rateLimits: { clock: () => now, address: null, principal: null },
    ...options,
  });
  await own.owner().secrets.write({
    environment: 'production',
    path: 'db/password',
    value: 'not-a-real-one',
  });
  return own;
}

/** Which certificates are taken: those of the authority with the name, unless another way is said. */
const trust = (more: object = {}): Promise<unknown> =>
  served.owner().trusts.create({
    trust: { kind: 'certificate', authorities: authority.pem, names: ['dns:app.example'], ...more },
    machine: 'app',
    environment: 'production',
  });

/** What a connection brings: a certificate with its key, and those that lead to its authority. */
function brought(leaf: Issued | undefined, ...chain: readonly Issued[]): SecureContextOptions {
  if (leaf === undefined) return {};
  const cert = [leaf, ...chain].map(({ pem }) => pem).join('\n');
  return { cert, key: readFileSync(leaf.keyFile) };
}

interface Asked {
  readonly method?: 'POST';
  readonly token?: string | undefined;
  readonly agent?: Agent;
  /** Default: that of the server of the test. */
  readonly port?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks over a connection of its own, unless an agent has one. */
function ask(target: string, context: SecureContextOptions, asked: Asked = {}): Promise<Answer> {
  const { token, agent, headers, method, port = served.server.port } = asked;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path: target,
        method,
        // The server's certificate is the one just made, signed by itself.
        rejectUnauthorized: false,
        agent: agent ?? false,
        ...context,
        headers: {
          ...headers,
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        },
      },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => (body += part));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
        );
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

const signIn = (context: SecureContextOptions, asked: Asked = {}): Promise<Answer> =>
  ask(SIGN_IN, context, { ...asked, method: 'POST' });

const tokenOf = ({ body }: Answer): string => (JSON.parse(body) as { token: string }).token;

/** What becomes of connections that must all be refused alike. */
async function statusesOf(
  given: Readonly<Record<string, SecureContextOptions>>,
): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const [name, context] of Object.entries(given)) {
    const { status, body } = await signIn(context);
    const { code, detail } = JSON.parse(body) as { code: string; detail: string };
    found[name] = `${status} ${code} ${detail}`;
  }
  return found;
}

const REFUSED = '401 unauthenticated ';

describe('A19 a client certificate on a connection', () => {
  it('signs in, and what it gives is good on connections with its key alone', async () => {
    await trust();
    const own = brought(client);
    const signedIn = await signIn(own);
    expect(signedIn.status).toBe(200);
    const token = tokenOf(signedIn);
    expect(await ask(SECRET, own, { token })).toMatchObject({ status: 200 });
    const renewed = workshop.make({ by: authority, keyFile: client.keyFile });
    expect(await ask(SECRET, brought(renewed), { token })).toMatchObject({ status: 200 });
    const sibling = workshop.make({ by: authority, serial: 4711 });
    const others = [
      {},
      brought(sibling),
      brought(workshop.make({ serial: 4711 })),
      brought(workshop.make({ name: 'root', extensions: AUTHORITY })),
    ];
    for (const other of others) {
      expect(await ask(SECRET, other, { token })).toMatchObject({ status: 401 });
    }
    // Who stands before a server may say so in words: they are not a proof.
    const pem = encodeURIComponent(client.pem);
    const headers = {
      'X-Client-Cert': pem,
      'X-SSL-Client-Cert': pem,
      'X-Forwarded-Client-Cert': pem,
    };
    expect(await ask(SECRET, {}, { token, headers })).toMatchObject({ status: 401 });
    expect(await signIn({}, { headers })).toMatchObject({ status: 401 });
  });

  it('is refused in the same words, whatever is wrong with it', async () => {
    await trust();
    const stranger = workshop.make({ name: 'root', extensions: AUTHORITY });
    const middle = workshop.make({ name: 'middle', by: authority, extensions: AUTHORITY });
    const eku = 'extendedKeyUsage=clientAuth';
    const given = {
      'no certificate': {},
      'same name and serial number, another key': brought(workshop.make({ serial: 4711 })),
      'of another authority of the name': brought(
        workshop.make({ by: stranger, serial: 4711 }),
        stranger,
      ),
      'signed by a client': brought(workshop.make({ by: client }), client, authority),
      'of an authority between that is not listed': brought(
        workshop.make({ by: middle }),
        middle,
        authority,
      ),
      'the authority itself': brought(authority),
      'an authority with the name': brought(
        workshop.make({ by: authority, extensions: [...AUTHORITY, NAMES, eku] }),
      ),
      'for servers': brought(
        workshop.make({
          by: authority,
          extensions: [...LEAF, NAMES, 'extendedKeyUsage=serverAuth'],
        }),
      ),
      'for anything': brought(workshop.make({ by: authority, extensions: [...LEAF, NAMES] })),
      'of another name': brought(
        workshop.make({
          by: authority,
          extensions: [...LEAF, eku, 'subjectAltName=DNS:app.example.com'],
        }),
      ),
      'with the name as common name': brought(
        workshop.make({ name: 'app.example', by: authority, extensions: [...LEAF, eku] }),
      ),
    };
    const statuses = new Set(Object.values(await statusesOf(given)));
    expect([...statuses]).toEqual([expect.stringContaining(REFUSED)]);
    expect(await signIn(brought(client))).toMatchObject({ status: 200 });
    for (const [word, days] of [
      ['expired', 31],
      ['not valid yet', -62],
    ] as const) {
      now += days * DAY_MS;
      expect(Object.values(await statusesOf({ [word]: brought(client) }))).toEqual([...statuses]);
    }
  });

  it('that is named by its key is told from another of the same name and number', async () => {
    const own = workshop.make({ serial: 1 });
    const pin = toBase64(keyDigestOf(own.der) ?? new Uint8Array());
    await trust({ authorities: undefined, names: undefined, keys: [pin] });
    expect(await signIn(brought(workshop.make({ serial: 1 })))).toMatchObject({ status: 401 });
    expect(await signIn(brought(client))).toMatchObject({ status: 401 });
    expect(await signIn(brought(own))).toMatchObject({ status: 200 });
  });

  it('counts for the connection that brought it, not for the one beside it', async () => {
    await trust();
    const options = { keepAlive: true, maxSockets: 1, rejectUnauthorized: false };
    const [own, bare] = [new Agent({ ...options, ...brought(client) }), new Agent(options)];
    try {
      const token = tokenOf(await signIn({}, { agent: own }));
      for (let round = 0; round < 3; round += 1) {
        const [good, refused] = await Promise.all([
          ask(SECRET, {}, { agent: own, token }),
          ask(SECRET, {}, { agent: bare, token }),
        ]);
        expect([good.status, refused.status]).toEqual([200, 401]);
        expect((await signIn({}, { agent: bare })).status).toBe(401);
      }
    } finally {
      own.destroy();
      bare.destroy();
    }
  });

  it('is not asked for where that was not said', async () => {
    await served.close();
    served = await start({ clientCertificates: false });
    await trust();
    expect(await signIn(brought(client))).toMatchObject({ status: 401 });
  });
});

/** A connection, and the sessions that the server lets it resume later. */
function open(
  context: SecureContextOptions,
  more: { readonly session?: Buffer; readonly maxVersion?: 'TLSv1.2' } = {},
): Promise<{ readonly socket: TLSSocket; readonly sessions: readonly Buffer[] }> {
  return new Promise((resolve, reject) => {
    const sessions: Buffer[] = [];
    const { port } = served.server;
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false, ...context, ...more };
    const socket = connect(options, () => resolve({ socket, sessions }));
    socket.on('session', (session) => sessions.push(session));
    socket.on('error', reject);
  });
}

/** Sends one request over a connection, and reads its answer to the end. */
function over(socket: TLSSocket, target: string, token?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (part: Uint8Array) => (text += Buffer.from(part).toString('latin1')));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
    const method = target === SIGN_IN ? 'POST' : 'GET';
    const who = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
    const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
    socket.write(
      `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${who}${length}Connection: close\r\n\r\n`,
    );
  });
}

describe.each(['TLSv1.3', 'TLSv1.2'] as const)(
  'A19 a connection that is resumed in %s',
  (version) => {
    const how = version === 'TLSv1.2' ? ({ maxVersion: version } as const) : {};

    it('proves the key again, or has no certificate', async () => {
      await served.close();
      served = await start({ tlsMin: 'TLSv1.2' });
      await trust();
      const first = await open(brought(client), how);
      expect(first.socket.getProtocol()).toBe(version);
      const early = first.socket.getSession();
      const answer = await over(first.socket, SIGN_IN);
      expect(answer).toContain('200 OK');
      const [, token = ''] = /"token":"([^"]+)"/.exec(answer) ?? [];
      const kept = [...first.sessions, ...(early === undefined ? [] : [early])];
      expect(kept.length).toBeGreaterThan(0);
      for (const each of kept) {
        const again = await open({}, { ...how, session: each });
        expect(await over(again.socket, SECRET, token)).toContain('HTTP/1.1 401');
        const withKey = await open(brought(client), { ...how, session: each });
        expect(await over(withKey.socket, SECRET, token)).toContain('HTTP/1.1 200');
      }
    });

    it('has no certificate if the first one had none', async () => {
      await served.close();
      served = await start({ tlsMin: 'TLSv1.2' });
      await trust();
      const token = tokenOf(await signIn(brought(client)));
      const bare = await open({}, how);
      await over(bare.socket, '/health/live');
      const session = bare.sessions[0] ?? bare.socket.getSession();
      const again = await open({}, { ...how, ...(session === undefined ? {} : { session }) });
      expect(await over(again.socket, SECRET, token)).toContain('HTTP/1.1 401');
    });
  },
);

it('A19 a connection proves its key anew also once the server has another certificate', async () => {
  await trust();
  utimesSync(tls.certificate, new Date(), new Date(Date.now() - 5000));
  await expect
    .poll(() => served.lines.join(''), { timeout: 10_000 })
    .toContain('certificate_renewed');
  const first = await open(brought(client));
  const token = tokenOf(await signIn(brought(client)));
  await over(first.socket, '/health/live');
  for (const session of first.sessions) {
    const again = await open({}, { session });
    expect(await over(again.socket, SECRET, token)).toContain('HTTP/1.1 401');
  }
});

describe('A20 a revocation list, over a connection', () => {
  it('is there, is of the authority and is valid, or nobody signs in', async () => {
    const lasting = { hours: 48 };
    await trust({ crls: workshop.list(authority, lasting) });
    expect(await signIn(brought(client))).toMatchObject({ status: 200 });
    const other = workshop.make({ name: 'other', extensions: AUTHORITY });
    const renew = (crls: string): Promise<unknown> =>
      served.owner().trusts.renew({ name: 'app', crls });
    for (const crls of [
      workshop.list(other, lasting),
      workshop.list(authority, { from: now - 2 * DAY_MS }),
      workshop.list(authority, { from: now + DAY_MS }),
    ]) {
      await renew(crls);
      expect(await signIn(brought(client))).toMatchObject({ status: 401 });
    }
    await renew(workshop.list(authority, lasting));
    expect(await signIn(brought(client))).toMatchObject({ status: 200 });
    const cut = workshop.list(authority, lasting).slice(0, 200);
    await expect(renew(cut)).rejects.toMatchObject({ code: 'invalid_input' });
    expect(await signIn(brought(client))).toMatchObject({ status: 200 });
    now += 3 * DAY_MS;
    expect(await signIn(brought(client))).toMatchObject({ status: 401 });
  });

  it('ends the session of who is on it, also on the connection that it was made on', async () => {
    await trust({ crls: workshop.list(authority, { hours: 48 }) });
    const agent = new Agent({
      keepAlive: true,
      maxSockets: 1,
      rejectUnauthorized: false,
      ...brought(client),
    });
    const token = tokenOf(await signIn({}, { agent }));
    expect(await ask(SECRET, {}, { agent, token })).toMatchObject({ status: 200 });
    const crls = workshop.list(authority, { hours: 48, revoked: [4711] });
    await served.owner().trusts.renew({ name: 'app', crls });
    expect(await ask(SECRET, {}, { agent, token })).toMatchObject({ status: 401 });
    expect(await signIn({}, { agent })).toMatchObject({ status: 401 });
    expect(await signIn(brought(workshop.make({ by: authority })))).toMatchObject({ status: 200 });
    agent.destroy();
  });

  it('is still held against everybody after a start', async () => {
    const root = temporaryDirectory();
    await served.close();
    served = await start({ root });
    await trust({ crls: workshop.list(authority, { hours: 48, revoked: [4711] }) });
    const { directory: vault, configDirectory } = served;
    await served.server.close();
    const { serve } = await import('../../src/http/serve.ts');
    const { ServerLog } = await import('../../src/http/server-log.ts');
    const { QueuedSink } = await import('../../src/http/line-sink.ts');
    const server = await serve({
      directory: vault,
      configDirectory,
      port: 0,
      tls,
      clientCertificates: true,
      now: () => now,
      log: new ServerLog(new QueuedSink(() => Promise.resolve())),
    });
    served = { ...served, server, close: () => server.close() };
    expect(await signIn(brought(client))).toMatchObject({ status: 401 });
    const sound = brought(workshop.make({ by: authority, extensions: CLIENT }));
    expect(await signIn(sound)).toMatchObject({ status: 200 });
    now += 3 * DAY_MS;
    expect(await signIn(sound)).toMatchObject({ status: 401 });
    await server.close();
    rmSync(root, { recursive: true, force: true });
  });
});

it('A19 a client certificate signs in as the commands of the guide set it up', async () => {
  using sandbox = new Sandbox();
  sandbox.write('ca.pem', authority.pem);
  sandbox.write('ca.crl.pem', workshop.list(authority, { revoked: [666] }));
  const paths = `--tls-cert '${tls.certificate}' --tls-key '${tls.key}'`;
  const named = '--authorities ca.pem --crl ca.crl.pem --san dns:app.example';
  for (const line of [
    'strongroom init --yes',
    'echo not-a-real-one | strongroom set db/password -e production',
    `strongroom trust certificate api ${named} --environment production`,
  ]) {
    expect(sandbox.run(line)).toMatchObject({ code: 0 });
  }
  expect(sandbox.run('timeout 20 strongroom serve --port 0 --client-certificates').code).toBe(2);
  const serve = `exec strongroom serve --port 0 --json ${paths} --client-certificates`;
  const server = sandbox.start('sh', '-c', serve);
  const end = ended(server);
  try {
    const { address } = await firstDocument(server);
    const port = Number(new URL(String(address)).port);
    const own = brought(client);
    const token = tokenOf(await signIn(own, { port }));
    expect(await ask(SECRET, own, { port, token })).toMatchObject({ status: 200 });
    expect(await ask(SECRET, {}, { port, token })).toMatchObject({ status: 401 });
    const revoked = brought(workshop.make({ by: authority, serial: 666 }));
    expect(await signIn(revoked, { port })).toMatchObject({ status: 401 });
    expect(await signIn({}, { port })).toMatchObject({ status: 401 });
  } finally {
    server.kill('SIGTERM');
    await end;
  }
});
