import { chmodSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { randomBytes } from '../../src/crypto/random.ts';
import { temporaryDirectory } from '../../src/testing/temporary-vault.ts';
import type { TlsFiles } from '../../src/http/tls-files.ts';
import { makeCertificate } from './certificates.ts';
import { startServed, type Served } from './served.ts';

let directory: string;
let tls: TlsFiles;
let next: TlsFiles;
let served: Served;
beforeAll(async () => {
  directory = temporaryDirectory();
  tls = makeCertificate(directory, 'first');
  next = makeCertificate(directory, 'second');
  served = await startServed({ tls });
});
afterAll(async () => {
  await served.close();
  rmSync(directory, { recursive: true, force: true });
});

/** The name in the certificate that a new connection gets, and its version of TLS. */
function handshake(maxVersion?: 'TLSv1.2'): Promise<readonly [name: unknown, version: unknown]> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect(
      {
        port: served.server.port,
        host: '127.0.0.1',
        // The certificate is the one just made, signed by itself.
        rejectUnauthorized: false,
        ...(maxVersion === undefined ? {} : { maxVersion }),
      },
      () => {
        resolve([socket.getPeerCertificate().subject.CN, socket.getProtocol()]);
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}

async function untilLogged(event: string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (served.lines.some((line) => line.includes(`"${event}"`))) return;
    await sleep(100);
  }
  throw new Error(`the log never had ${event}`);
}

describe('a server with TLS', () => {
  it('speaks TLS 1.3, and nothing older or in the clear', async () => {
    expect(await handshake()).toEqual(['first', 'TLSv1.3']);
    await expect(handshake('TLSv1.2')).rejects.toThrow();
    expect(served.server.address).toMatch(/^https:/);
    const answer = await new Promise<string>((resolve) => {
      const socket = connectSocket(served.server.port, '127.0.0.1');
      let text = '';
      socket.on('data', (part: Uint8Array) => (text += Buffer.from(part).toString('latin1')));
      socket.on('close', () => resolve(text));
      socket.on('error', () => undefined);
      socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    });
    expect(answer).not.toContain('live');
  });

  it('speaks TLS 1.2 too where that was said', async () => {
    const older = await startServed({ tls, tlsMin: 'TLSv1.2' });
    const port = older.server.port;
    const version = await new Promise((resolve, reject) => {
      const options = { port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' } as const;
      const socket = connect(options, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(version).toBe('TLSv1.2');
    await older.close();
  });

  it('gives new connections another certificate once its files change, and keeps the old one if they are broken', async () => {
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
    const live = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const port = served.server.port;
        const asked = request({ port, path: '/health/live', agent }, (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode ?? 0));
        });
        asked.on('error', reject);
        asked.end();
      });
    expect(await live()).toBe(200);

    writeFileSync(tls.certificate, '-----BEGIN CERTIFICATE-----\nnone\n');
    await untilLogged('certificate_not_renewed');
    expect(await handshake()).toEqual(['first', 'TLSv1.3']);

    copyFileSync(next.key, tls.key);
    copyFileSync(next.certificate, tls.certificate);
    await untilLogged('certificate_renewed');
    expect(await handshake()).toEqual(['second', 'TLSv1.3']);
    // The connection from before goes on.
    expect(await live()).toBe(200);
    agent.destroy();
  });

  it('does not begin with a key that everybody can read, or files that are no pair', async () => {
    const own = makeCertificate(directory, 'own');
    chmodSync(own.key, 0o644);
    await expect(startServed({ tls: own })).rejects.toMatchObject({ code: 'key_file_exposed' });
    chmodSync(own.key, 0o600);
    const mixed = { certificate: next.certificate, key: own.key };
    await expect(startServed({ tls: mixed })).rejects.toMatchObject({ code: 'invalid_input' });
    const none = { certificate: join(directory, 'none.pem'), key: own.key };
    await expect(startServed({ tls: none })).rejects.toMatchObject({ code: 'file_not_found' });
  });

  it('A59 outlives handshakes that are none', async () => {
    const hello = Buffer.from('160301004a010000460303', 'hex');
    const send = (bytes: Uint8Array): Promise<void> =>
      new Promise((resolve) => {
        const socket = connectSocket(served.server.port, '127.0.0.1', () => socket.end(bytes));
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
        socket.resume();
      });
    for (let round = 0; round < 40; round += 1) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          send(Buffer.concat([hello.subarray(0, index % 12), randomBytes(index * 7)])),
        ),
      );
    }
    expect((await handshake())[1]).toBe('TLSv1.3');
  });

  // An empty one is none at all: it is left out of the hello.
  it.each(['', 'a'.repeat(255), 'x..y', '\u0001'])(
    'A59 answers whoever asks for it by the name %j',
    async (servername) => {
      const name = await new Promise<unknown>((resolve, reject) => {
        const port = served.server.port;
        const socket = connect({ port, servername, rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().subject.CN);
          socket.destroy();
        });
        socket.on('error', reject);
      });
      expect(name).toBe((await handshake())[0]);
    },
  );
});
