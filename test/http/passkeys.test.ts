// Passkeys over a real server: the JSON of the standard goes through as it is, and no request says what the site is.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { AssertionJson, RequestOptionsJson } from '../../src/auth/passkey-json.ts';
import { connect } from '../../src/client/client.ts';
import { startTestServer, type TestServer } from '../../src/testing/http-server.ts';
import { PASSWORD } from '../../src/testing/remote-session.ts';
import { SoftwareAuthenticator } from '../../src/testing/software-authenticator.ts';

const ORIGIN = 'https://vault.example';

let server: TestServer;
let authenticator: SoftwareAuthenticator;

interface Begun {
  readonly challenge: string;
  readonly options: RequestOptionsJson;
}

const post = async (
  target: string,
  body: unknown,
  headers: readonly string[] = ['Host: vault.example'],
): Promise<{ readonly status: number; readonly json: unknown }> => {
  const text = JSON.stringify(body);
  const lines = [
    `POST /api/auth/${target} HTTP/1.1`,
    ...headers,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
  ];
  const answer = await server.request(lines, text);
  return { status: answer.status, json: JSON.parse(answer.body) };
};

/** As browsers have it, with members that nobody asked for. */
const asBrowser = (credential: AssertionJson): object => ({
  ...credential,
  authenticatorAttachment: 'platform',
  clientExtensionResults: { credProps: { rk: true } },
});

beforeAll(async () => {
  server = await startTestServer();
  await server.owner.settings.write({ name: 'public_url', value: ORIGIN });
  await server.owner.users.create({ name: 'bob' });
  const { invite } = await server.owner.users.invite({ name: 'bob' });
  const { address } = server;
  const { session } = await connect({ address }).auth.acceptInvite({ invite, password: PASSWORD });
  authenticator = new SoftwareAuthenticator({ origin: ORIGIN });
  const { auth } = connect({ address, token: session ?? undefined });
  const { challenge, options } = await auth.enrollPasskey();
  const made = authenticator.create(options);
  const credential = {
    ...made,
    authenticatorAttachment: 'platform',
    clientExtensionResults: {},
    response: { ...made.response, publicKeyAlgorithm: -7, publicKey: 'AA' },
  };
  await auth.confirmPasskey({ challenge, credential, label: 'desk' });
});
afterAll(() => server.close());

describe('a passkey over HTTP', () => {
  it('signs in', async () => {
    const { status, json } = await post('passkey', {});
    expect(status).toBe(200);
    const { challenge, options } = json as Begun;
    const credential = asBrowser(authenticator.get(options));
    const signed = await post('verify-passkey', { challenge, credential });
    expect(signed).toMatchObject({ status: 200, json: { challenge: null, must_enroll: false } });
    const again = await post('verify-passkey', { challenge, credential });
    expect(again).toMatchObject({ status: 401, json: { code: 'unauthenticated' } });
  });

  it('A44 is of the site that is set, whatever a request says of where it went', async () => {
    for (const headers of [
      ['Host: evil.example'],
      ['Host: vault.example', 'X-Forwarded-Host: evil.example'],
      ['Host: vault.example', 'Forwarded: host=evil.example'],
      ['Host: vault.example', 'Origin: https://evil.example'],
    ]) {
      const begun = await post('passkey', {}, headers);
      expect(begun).toMatchObject({ status: 200, json: { options: { rpId: 'vault.example' } } });
      const { json } = await post('passkey', {});
      const { challenge, options } = json as Begun;
      const credential = authenticator.get(options, { origin: 'https://evil.example' });
      const signed = await post('verify-passkey', { challenge, credential }, headers);
      expect(signed.status).toBeGreaterThanOrEqual(400);
    }
  });

  it('is refused without the parts that the standard has', async () => {
    const { json } = await post('passkey', {});
    const { challenge, options } = json as Begun;
    const credential = authenticator.get(options);
    for (const wrong of [
      {},
      { ...credential, type: 'password' },
      { ...credential, rawId: undefined },
      { ...credential, response: {} },
      { ...credential, response: { ...credential.response, signature: 'not base64url!' } },
      { ...credential, response: { ...credential.response, signature: 'A'.repeat(3000) } },
    ]) {
      const answer = await post('verify-passkey', { challenge, credential: wrong });
      expect(answer).toMatchObject({ status: 400, json: { code: 'invalid_input' } });
    }
  });
});
