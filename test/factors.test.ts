// Somebody looks after what they sign in with, on a server that is another process.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connect } from '../src/client/client.ts';
import { totpCode, totpStep } from '../src/crypto/totp.ts';
import { fromBase32 } from '../src/lib/base32.ts';
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
  // Codes are mistyped here more often than is borne.
  sandbox.run('strongroom settings set max_failed_attempts 50 --path vault');
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

function factorsOf(options: string): readonly { readonly id: string; readonly kind: string }[] {
  const { stdout } = sandbox.run(`strongroom factor list ${options} --json`);
  return (JSON.parse(stdout) as { factors: readonly { id: string; kind: string }[] }).factors;
}

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

  it('are set up at a terminal, with recovery codes, and the password is changed', async () => {
    const login = `strongroom login ${address} --name bob --password-file password`;
    expect(sandbox.run(login).code).toBe(0);
    expect(sandbox.run('strongroom factor add').stderr).toContain('no terminal to ask at');
    const given = Array.from({ length: 3 }, () => ['The code that it shows', 'abcdef'] as const);
    const refused = await sandbox.atTerminal('strongroom factor add --label lost', given);
    expect(refused).toMatch(/^4 [^]*what was given to sign in was not accepted/);
    let key = new Uint8Array();
    const added = await sandbox.atTerminal('strongroom factor add --label phone', [
      // Mistyped twice, it is asked for again: with the key that the app has by then.
      ['The code that it shows', '12345'],
      ['The code that it shows', 'abcdef'],
      [
        'The code that it shows',
        (output) => {
          const secret = /[?&]secret=([A-Z2-7]+)/.exec(output)?.[1] ?? '';
          key = new Uint8Array(fromBase32(secret) ?? []);
          return totpCode(key, totpStep(Date.now()));
        },
      ],
    ]);
    expect(added).toMatch(/^0 [^]*from now on a sign-in asks for a code/);
    expect(added.match(/that is not the code of this moment; once more/g)).toHaveLength(2);
    expect(added.match(/\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b/g)).toHaveLength(10);
    // The session goes on, and has the second factor.
    expect(sandbox.run('strongroom whoami --json').stdout).toMatch(/"mfa":\s*true/);
    const codes = sandbox.run('strongroom factor codes');
    expect(codes.stdout.trim().split('\n')).toHaveLength(10);
    // Somebody who may not call at all is not asked for a password.
    const nobody = `env STRONGROOM_TOKEN=sr_token_${'A'.repeat(50)} strongroom factor password`;
    expect(await sandbox.atTerminal(nobody, [])).toMatch(/^4 (?![^]*password)/);
    const changed = await sandbox.atTerminal('strongroom factor password', [
      ['Your password as it is', `${PASSWORD}s`],
      ['New password', `${PASSWORD} again`],
      ['The same password again', `${PASSWORD} again`],
      ['Your password as it is', PASSWORD],
      ['New password', `${PASSWORD} again`],
      ['The same password again', `${PASSWORD} again`],
    ]);
    expect(changed).toMatch(/^0 [^]*not your password; once more[^]*the password is changed/);
    expect(changed).not.toContain('herons');
    expect(sandbox.run('strongroom whoami').stdout).toMatch(/^user:bob\n/);
    expect(sandbox.run(login).code).not.toBe(0);
    for (const { id, kind } of factorsOf('')) {
      if (kind === 'totp') expect(sandbox.run(`strongroom factor remove ${id}`).code).toBe(0);
    }
  });

  it('of somebody else are looked after where the vault is', async () => {
    server.kill('SIGTERM');
    await once(server, 'exit');
    const factors = factorsOf('user:bob --path vault');
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
