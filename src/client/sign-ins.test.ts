import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startTestServer, type TestServer } from '../testing/http-server.ts';
import { startIssuer, type TokenIssuer } from '../testing/token-issuer.ts';
import { connect } from './client.ts';
import { appRole, jwt } from './sign-ins.ts';

const at = { environment: 'production', path: 'db/password' };

let server: TestServer;
let issuer: TokenIssuer;
beforeAll(async () => {
  server = await startTestServer();
  issuer = await startIssuer(Date.now);
  const { owner } = server;
  await owner.secrets.write({ ...at, value: 'hunter2' });
  await owner.machines.create({ name: 'ci' });
  const pattern = 'default/production/**';
  await owner.access.grant({ subject: 'machine:ci', can: ['read', 'list'], pattern });
});
afterAll(async () => {
  await issuer.close();
  await server.close();
});

describe('a machine with a role id and a secret id', () => {
  it('is signed in once for calls at the same time', async () => {
    const { address, owner } = server;
    await owner.approle.create({ machine: 'ci' });
    const { roleId, secretId } = await owner.approle.newSecretId({ role: 'ci', uses: 1 });
    const client = connect({ address, signIn: appRole({ address, roleId, secretId }) });
    const read = await Promise.all([1, 2, 3].map(async () => client.secrets.read(at)));
    expect(read.map(({ value }) => value?.reveal())).toEqual(['hunter2', 'hunter2', 'hunter2']);
    expect(await client.auth.whoAmI()).toMatchObject({ kind: 'machine', name: 'ci' });
  });

  it('signs in once more for calls that were refused at the same time', async () => {
    const { address, owner } = server;
    const { roleId, secretId } = await owner.approle.newSecretId({ role: 'ci', uses: 2 });
    let signedIn = 0;
    const first = appRole({ address, roleId, secretId });
    const signIn: typeof first = async () => {
      signedIn += 1;
      return first();
    };
    const client = connect({ address, signIn, retries: 0 });
    const { credential } = await client.auth.whoAmI();
    await owner.tokens.revoke({ token: credential?.id ?? '' });
    const read = await Promise.all([1, 2, 3].map(async () => client.secrets.read(at)));
    expect(read.map(({ value }) => value?.reveal())).toEqual(['hunter2', 'hunter2', 'hunter2']);
    expect(signedIn).toBe(2);
  });

  it('is told that it was refused', async () => {
    const { address } = server;
    const signIn = appRole({ address, roleId: 'none', secretId: 'none' });
    const client = connect({ address, signIn });
    await expect(client.secrets.read(at)).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});

describe('a machine with a token of an issuer', () => {
  it('is signed in with the token that is there then, a file with its line feed', async () => {
    const { address, owner } = server;
    await owner.settings.write({ name: 'outbound_hosts', value: [issuer.host] });
    await owner.trusts.create({
      trust: {
        kind: 'jwt',
        issuer: issuer.issuer,
        audiences: ['strongroom'],
        claims: { sub: ['job:deploy'] },
      },
      name: 'deploy',
      machine: 'deployer',
      environment: 'production',
    });
    let read = 0;
    const token = async (): Promise<string> => {
      read += 1;
      return `${await issuer.sign({ aud: 'strongroom', sub: 'job:deploy' })}\n`;
    };
    const client = connect({ address, signIn: jwt({ address, token, method: 'deploy' }) });
    expect(read).toBe(0);
    expect((await client.secrets.read(at)).value?.reveal()).toBe('hunter2');
    expect(await client.auth.whoAmI()).toMatchObject({ kind: 'machine', name: 'deployer' });
    expect(read).toBe(1);
  });
});
