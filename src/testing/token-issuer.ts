import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

/** An issuer of tokens on this machine, with a discovery document and keys. */
export interface TokenIssuer {
  readonly issuer: string;
  /** Its host, with the port. */
  readonly host: string;
  /** Addresses that were asked for, with the headers of the request. */
  readonly asked: { readonly path: string; readonly headers: Readonly<Record<string, unknown>> }[];
  readonly privateKey: CryptoKey;
  readonly publicKey: JWK;
  /** What it answers by path, besides; a number is a status, a text a place that it sends to. */
  readonly answers: Map<string, unknown>;
  /** A token of the issuer, valid for ten minutes unless the claims say otherwise. */
  sign(claims: object, header?: object): Promise<string>;
  /** Makes a new key the only one. */
  rotate(kid: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts an issuer. */
export async function startIssuer(now: () => number): Promise<TokenIssuer> {
  const asked: TokenIssuer['asked'] = [];
  const answers = new Map<string, unknown>();
  let pair = await makeKey('one');
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push({ path, headers: request.headers });
    const answer = answers.get(path);
    if (typeof answer === 'number') response.writeHead(answer).end();
    else if (typeof answer === 'string') response.writeHead(302, { location: answer }).end();
    else if (answer instanceof Uint8Array) response.writeHead(200).end(answer);
    else if (answer === undefined) response.writeHead(404).end();
    else
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer = `http://${host}`;
  answers.set('/.well-known/openid-configuration', { issuer, jwks_uri: `${issuer}/keys` });
  answers.set('/keys', { keys: [pair.publicKey] });
  return {
    issuer,
    host,
    asked,
    answers,
    get privateKey() {
      return pair.privateKey;
    },
    get publicKey() {
      return pair.publicKey;
    },
    sign: (claims, header = {}) => {
      const seconds = Math.floor(now() / 1000);
      return new SignJWT({ iss: issuer, iat: seconds, exp: seconds + 600, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: pair.publicKey.kid ?? '', ...header })
        .sign(pair.privateKey);
    },
    rotate: async (kid) => {
      pair = await makeKey(kid);
      answers.set('/keys', { keys: [pair.publicKey] });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function makeKey(kid: string): Promise<{ privateKey: CryptoKey; publicKey: JWK }> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const { kty, n, e } = await exportJWK(publicKey);
  return { privateKey, publicKey: { kty, n, e, kid } as JWK };
}
