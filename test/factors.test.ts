// Somebody looks after what they sign in with, on a server that is another process.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connect } from '../src/client/client.ts';
import { firstDocument } from './first-document.ts';
import { Sandbox } from './sandbox.ts';

const PASSWORD = 'seven quiet herons by the weir';

let sandbox: Sandbox;
let server: ChildProcess;
let address: string;
let factor: string;

beforeAll(async () => {
  sandbox = new Sandbox();
  expect(sandbox.run('strongroom init --yes --path vault').code).toBe(0);
  sandbox.run('strongroom user create bob --path vault');
  const invite = sandbox.run('strongroom user invite bob --path vault').stdout.trim();
  server = sandbox.start('strongroom', 'serve', '--path', 'vault', '--port', '0', '--json');
  address = String((await firstDocument(server))['address']);
  const { session } = await connect({ address }).auth.acceptInvite({ invite, password: PASSWORD });
  const { auth } = connect({ address, token: session ?? undefined });
  ({ factor } = await auth.enrollTotp({ label: 'phone' }));
  sandbox.write('password', `${PASSWORD}\n`);
});
afterAll(async () => {
  if (server.exitCode === null) {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
  sandbox[Symbol.dispose]();
});

describe('factors on the command line', () => {
  it('are listed, and taken away in a session that goes on', () => {
    const login = `strongroom login ${address} --name bob --password-file password`;
    expect(sandbox.run(login).code).toBe(0);
    const listed = sandbox.run('strongroom factor list');
    expect(listed.stdout).toMatch(/^KIND +LABEL +SINCE +USED +ID\npassword +20[^\n]*\ntotp +phone/);
    expect(listed.stdout).toContain(factor);
    const removed = sandbox.run(`strongroom factor remove ${factor}`);
    expect(removed).toMatchObject({ code: 0, stdout: '' });
    expect(removed.stderr).toBe(`strongroom: took factor ${factor} away\n`);
    expect(sandbox.run('strongroom whoami').stdout).toMatch(/^user:bob\n/);
    expect(sandbox.run('strongroom factor list --json').stdout).not.toContain(factor);
    expect(sandbox.run(`strongroom factor remove ${factor}`).code).toBe(3);
  });

  it('of somebody else are looked after where the vault is', async () => {
    server.kill('SIGTERM');
    await once(server, 'exit');
    const listed = sandbox.run('strongroom factor list user:bob --path vault --json');
    const { factors } = JSON.parse(listed.stdout) as { factors: readonly { id: string }[] };
    expect(factors).toMatchObject([{ kind: 'password', label: null, left: null }]);
    const id = factors[0]?.id ?? '';
    expect(sandbox.run(`strongroom factor remove ${id} user:bob --path vault`).code).toBe(0);
    const none = sandbox.run('strongroom factor list user:bob --path vault');
    expect(none).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'strongroom: no factors: there is nothing to sign in with\n',
    });
  });
});
