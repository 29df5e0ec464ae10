import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';

import { sha256 } from '../crypto/hash.ts';
import { toBase64Url } from '../lib/base64.ts';

/** What somebody brings back from a provider. */
export interface BroughtBack {
  readonly code: string;
  readonly state: string;
  readonly iss: string;
}

/** A code that was given and not exchanged yet. */
interface Given {
  readonly address: URLSearchParams;
  readonly claims: object;
}

/** A provider of OpenID Connect on loopback, of which each answer can be made wrong. */
export interface SignInProvider {
  readonly issuer: string;
  /** Host and port. */
  readonly host: string;
  /** Forms that came to the token endpoint, and what was in `Authorization`. */
  readonly asked: { form: Record<string, string>; authorization: string | undefined }[];
  /** Members of the discovery document that are another's. */
  readonly document: Record<string, unknown>;
  readonly privateKey: CryptoKey;
  /** Makes the answer of the token endpoint another one. */
  answer: ((tokens: Record<string, unknown>) => unknown) | undefined;
  /** Makes the ID token another one. */
  token: ((claims: Record<string, unknown>) => Promise<string>) | undefined;
  /** Somebody goes to an address and proves who they are there. */
  visit(address: string, claims?: object): BroughtBack;
  /** An ID token. */
  sign(claims: object, header?: object): Promise<string>;
  close(): Promise<void>;
}

/** The client that the provider knows. Its secret has what a form encodes. */
export const CLIENT = { id: 'strong room', secret: 'a secret + of: the client%' } as const;

/** Starts a provider. */
export async function startProvider(now: () => number): Promise<SignInProvider> {
  const pair = await generateKeyPair('RS256', { extractable: true });
  const { kty, n, e } = await exportJWK(pair.publicKey);
  const codes = new Map<string, Given>();
  const asked: SignInProvider['asked'] = [];
  const document: Record<string, unknown> = {};
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writeHead(500).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer = `http://${host}`;
  const sign: SignInProvider['sign'] = (claims, header = {}) => {
    const seconds = Math.floor(now() / 1000);
    return new SignJWT({ iss: issuer, iat: seconds, exp: seconds + 300, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'one', ...header })
      .sign(pair.privateKey);
  };
  const provider: SignInProvider = {
    issuer,
    host,
    asked,
    document,
    privateKey: pair.privateKey,
    sign,
    answer: undefined,
    token: undefined,
    visit: (text, claims = {}) => {
      const address = new URL(text).searchParams;
      const code = `code-${codes.size}-${Math.random()}`;
      codes.set(code, { address, claims });
      return { code, state: address.get('state') ?? '', iss: issuer };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url === '/.well-known/openid-configuration') {
      return send(200, { ...discovery(issuer), ...document });
    }
    if (request.url === '/keys') {
      return send(200, { keys: [{ kty, n, e, kid: 'one' } as JWK] });
    }
    if (request.url !== '/token' || request.method !== 'POST') return send(404, {});
    let text = '';
    for await (const part of request as AsyncIterable<Uint8Array>) text += Buffer.from(part);
    const form = Object.fromEntries(new URLSearchParams(text));
    asked.push({ form, authorization: request.headers.authorization });
    const given = codes.get(form['code'] ?? '');
    codes.delete(form['code'] ?? '');
    if (given === undefined || !isRight(given, form, request.headers.authorization)) {
      return send(400, { error: 'invalid_grant', error_description: '<script>no</script>' });
    }
    const nonce = given.address.get('nonce');
    const auth_time = Math.floor(now() / 1000);
    const claims = { sub: 'sub-of-bob', aud: CLIENT.id, nonce, auth_time, ...given.claims };
    const idToken = await (provider.token?.(claims) ?? sign(claims));
    const tokens = { token_type: 'Bearer', access_token: 'an-access-token', id_token: idToken };
    return send(200, provider.answer?.(tokens) ?? tokens);
  }

  return provider;
}

function discovery(issuer: string): object {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize?tenant=1`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
  };
}

/** RFC 6749 §4.1.3, RFC 7636 §4.6. */
function isRight(
  { address }: Given,
  form: Readonly<Record<string, string>>,
  authorization: string | undefined,
): boolean {
  const encoded = [CLIENT.id, CLIENT.secret].map((each) =>
    new URLSearchParams({ a: each }).toString().slice(2),
  );
  const basic = `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`;
  const isClient =
    authorization === basic ||
    (form['client_id'] === CLIENT.id && form['client_secret'] === CLIENT.secret);
  return (
    isClient &&
    form['grant_type'] === 'authorization_code' &&
    form['redirect_uri'] === address.get('redirect_uri') &&
    toBase64Url(sha256(form['code_verifier'] ?? '')) === address.get('code_challenge')
  );
}
