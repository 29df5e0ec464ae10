// Somebody signs in at a terminal to a server that is another process.
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connect } from '../src/client/client.ts';
import { totpCode, totpStep } from '../src/crypto/totp.ts';
import { fromBase32 } from '../src/lib/base32.ts';
import { ended, Sandbox, written } from './sandbox.ts';
import { firstDocument } from './first-document.ts';

const PASSWORD = 'seven quiet herons by the weir';

let sandbox: Sandbox;
let server: ChildProcess;
let address: string;
let recoveryCodes: readonly string[];
let totp: Uint8Array;

beforeAll(async () => {
  sandbox = new Sandbox();
  const invites: Record<string, string> = {};
  expect(sandbox.run('strongroom init --yes --path vault').code).toBe(0);
  for (const name of ['ada', 'bob', 'eve']) {
    if (name !== 'ada') sandbox.run(`strongroom user create ${name} --path vault`);
    const { code, stdout } = sandbox.run(`strongroom user invite ${name} --path vault`);
    expect(code).toBe(0);
    invites[name] = stdout.trim();
  }
  server = sandbox.start('strongroom', 'serve', '--path', 'vault', '--port', '0', '--json');
  address = String((await firstDocument(server))['address']);
  const { auth } = connect({ address });
  for (const name of ['ada', 'bob']) {
    await auth.acceptInvite({ invite: invites[name] ?? '', password: PASSWORD });
  }
  const { session } = await auth.acceptInvite({ invite: invites['eve'] ?? '', password: PASSWORD });
  const eve = connect({ address, token: session?.reveal() ?? '' });
  const { factor, secret } = await eve.auth.enrollTotp({});
  totp = fromBase32(secret.reveal()) ?? new Uint8Array();
  // The code of the step before: that of the present one is for the sign-in.
  const code = totpCode(totp, totpStep(Date.now()) - 1);
  const confirmed = await eve.auth.confirmTotp({ factor, code });
  recoveryCodes = (confirmed.recoveryCodes ?? []).map((each) => each.reveal());
});
afterAll(async () => {
  server.kill('SIGTERM');
  await once(server, 'exit');
  sandbox[Symbol.dispose]();
});

/** Answers each question at a terminal; gives the exit code and all that was written. */
async function atTerminal(
  command: string,
  answers: readonly (readonly [asked: string, typed: string])[],
): Promise<string> {
  const child = sandbox.start('script', '-qec', `exec ${command}`, '/dev/null');
  let output = '';
  child.stdout?.on('data', (chunk: Uint8Array) => (output += Buffer.from(chunk).toString()));
  const end = ended(child);
  for (const [asked, typed] of answers) {
    await written(child, asked);
    child.stdin?.write(`${typed}\r`);
  }
  return `${await end} ${output}`;
}

/** Every file below a directory, as one text. */
function filesBelow(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

describe('a sign-in at a terminal', () => {
  it('takes a password, shows it nowhere, and keeps no session in clear', async () => {
    const out = await atTerminal(`strongroom login ${address} --name bob`, [
      ['Password of bob', PASSWORD],
    ]);
    expect(out).toMatch(/^0 [^]*signed in to http:\/\/127\.0\.0\.1:\d+ as user:bob/);
    expect(out).not.toContain('herons');
    expect(sandbox.run('strongroom whoami').stdout).toMatch(/^user:bob\non http:[^\n]*\nuntil /);
    const kept = filesBelow(join(sandbox.home, '.config', 'strongroom', 'client'));
    expect(kept).not.toMatch(/sr_(?:session|known)_|herons/);
  });

  it('says what is wrong with nothing of a wrong password', async () => {
    const out = await atTerminal(`strongroom login ${address} --name bob --profile wrong`, [
      ['Password of bob', 'eight quiet herons by the weir'],
    ]);
    expect(out).toMatch(/^(?!0 )\d+ [^]*strongroom: /);
    expect(out).not.toContain('eight');
    expect(sandbox.run('strongroom whoami --profile wrong')).toMatchObject({ code: 2 });
  });

  it('asks for the code of whoever has a second factor', async () => {
    const command = `strongroom login ${address} --name eve --profile eve`;
    const code = totpCode(totp, totpStep(Date.now()));
    const out = await atTerminal(command, [
      ['Password of eve', PASSWORD],
      ['Code of your app', code],
    ]);
    expect(out).toMatch(/^0 [^]*as user:eve/);
    expect(out).not.toContain(code);
  });

  it('takes a recovery code in the place of one', async () => {
    const out = await atTerminal(`strongroom login ${address} --name eve --profile eve2`, [
      ['Password of eve', PASSWORD],
      ['Code of your app', recoveryCodes[0] ?? ''],
    ]);
    expect(out).toMatch(/^0 [^]*as user:eve/);
    expect(sandbox.run('strongroom whoami --profile eve2').stdout).toMatch(/^user:eve\n/);
  });

  it('keeps several, and ends one here and on the server', async () => {
    expect(sandbox.run('strongroom whoami --profile default').stdout).toMatch(/^user:bob\n/);
    expect(sandbox.run('strongroom logout --profile eve2')).toMatchObject({ code: 0 });
    expect(sandbox.run('strongroom whoami --profile eve2')).toMatchObject({ code: 2 });
    expect(sandbox.run('strongroom whoami --profile eve').stdout).toMatch(/^user:eve\n/);
    expect(sandbox.run('strongroom logout --profile eve --everywhere')).toMatchObject({ code: 0 });
  });
});

describe('a sign-in without a terminal', () => {
  it('takes the password from a file, and does not wait for one', () => {
    sandbox.write('password', `${PASSWORD}\n`);
    const login = `strongroom login ${address} --name ada --profile file`;
    expect(sandbox.run(login)).toMatchObject({ code: 2 });
    expect(sandbox.run(`${login} --password-file password`)).toMatchObject({ code: 0 });
    expect(sandbox.run('strongroom whoami --profile file').stdout).toContain('an owner');
  });

  it('cannot give a second factor, and says what can be done', () => {
    const login = `strongroom login ${address} --name eve --profile eve3`;
    const { code, stderr } = sandbox.run(`${login} --password-file password`);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('hint: ') });
  });
});
