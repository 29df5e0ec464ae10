// Somebody signs in at a terminal to a server that is another process.
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connect } from '../src/client/client.ts';
import { totpCode, totpStep } from '../src/crypto/totp.ts';
import { fromBase32 } from '../src/lib/base32.ts';
import { ended, Sandbox } from './sandbox.ts';
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
  // The code of the next step is for the sign-in.
  const code = totpCode(totp, totpStep(Date.now()));
  const confirmed = await eve.auth.confirmTotp({ factor, code });
  recoveryCodes = (confirmed.recoveryCodes ?? []).map((each) => each.reveal());
});
afterAll(async () => {
  server.kill('SIGTERM');
  await once(server, 'exit');
  sandbox[Symbol.dispose]();
});

/** Every file below a directory, as one text. */
function filesBelow(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

describe('a sign-in at a terminal', () => {
  it('takes a password, shows it nowhere, and keeps no session in clear', async () => {
    const out = await sandbox.atTerminal(`strongroom login ${address} --name bob`, [
      ['Password of bob', PASSWORD],
    ]);
    expect(out).toMatch(/^0 [^]*signed in to http:\/\/127\.0\.0\.1:\d+ as user:bob/);
    expect(out).not.toContain('herons');
    expect(sandbox.run('strongroom whoami').stdout).toMatch(/^user:bob\non http:[^\n]*\nuntil /);
    const kept = filesBelow(join(sandbox.home, '.config', 'strongroom', 'client'));
    expect(kept).not.toMatch(/sr_(?:session|known)_|herons/);
    const denied = sandbox.run('strongroom user list');
    expect(denied).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`; this is the profile default, bob at ${address}\n`),
    });
    expect(sandbox.run('strongroom user list --profile default').stderr).not.toContain(
      'this is the',
    );
  });

  it('that was ended leaves the others to be named', () => {
    using other = new Sandbox();
    const profiles = { alice: { address, user: 'alice' } };
    const directory = join(other.home, '.config', 'strongroom', 'client');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, 'profiles.json'), JSON.stringify({ profiles }), { mode: 0o600 });
    const { code, stderr } = other.run('strongroom list');
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining('or use that of a server: --profile alice\n'),
    ]);
  });

  it('asks for a password that is to come from the file -', async () => {
    const login = `strongroom login ${address} --name bob --password-file - --profile dash`;
    const out = await sandbox.atTerminal(login, [['Password of bob', PASSWORD]]);
    expect(out).toMatch(/^0 [^]*as user:bob/);
    expect(out).not.toContain('herons');
    expect(sandbox.run(login)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no terminal to ask at'),
    });
  });

  it('says what is wrong with nothing of a wrong password', async () => {
    const out = await sandbox.atTerminal(`strongroom login ${address} --name bob --profile wrong`, [
      ['Password of bob', 'eight quiet herons by the weir'],
      ['Password of bob', 'nine quiet herons by the weir'],
      ['Password of bob', 'ten quiet herons by the weir'],
    ]);
    expect(out).toMatch(/^4 [^]*strongroom: /);
    expect(out.match(/was not accepted; once more/g)).toHaveLength(2);
    expect(out).not.toContain('quiet');
    expect(sandbox.run('strongroom whoami --profile wrong')).toMatchObject({ code: 2 });
  });

  it('asks once more for a password that was mistyped, and a file no second time', async () => {
    const login = `strongroom login ${address} --name bob --profile slip`;
    const out = await sandbox.atTerminal(login, [
      ['Password of bob', 'eight quiet herons by the weir'],
      ['Password of bob', PASSWORD],
    ]);
    expect(out).toMatch(/^0 [^]*was not accepted; once more[^]*as user:bob/);
    sandbox.write('mistyped', 'eight quiet herons by the weir');
    const once = await sandbox.atTerminal(`${login} --password-file mistyped`, []);
    expect(once).toMatch(/^4 (?![^]*once more)/);
  });

  it('takes an invite and a new password, typed twice, and the invite no second time', async () => {
    sandbox.write('ada.password', PASSWORD);
    for (const line of [
      `strongroom login ${address} --name ada --password-file ada.password --profile ada`,
      'strongroom user create fay --profile ada',
    ]) {
      expect(sandbox.run(line)).toMatchObject({ code: 0 });
    }
    const { stdout } = sandbox.run('strongroom user invite fay --ttl 1h --profile ada');
    const invite = stdout.trim();
    const command = `strongroom login ${address} --invite-file - --profile fay`;
    const typed = (passwords: readonly string[], options = ''): Promise<string> => {
      const questions = ['New password', 'The same password again'];
      const answers = passwords.map((each, at) => [questions[at % 2] ?? '', each] as const);
      return sandbox.atTerminal(command + options, [['Invite', invite], ...answers]);
    };
    const differing = [PASSWORD, `${PASSWORD}s`];
    const refused = await typed([...differing, ...differing, ...differing]);
    expect(refused).toMatch(/^2 [^]*differ; once more[^]*differ\r\n[^]*hint: nothing was changed/);
    const weak = ['herons', 'herons'];
    const out = await typed([...differing, ...weak, PASSWORD, PASSWORD], ' --password-file -');
    expect(out).toMatch(/^0 [^]*differ; once more[^]*15 characters; once more[^]*as user:fay/);
    expect(out).not.toContain('herons');
    expect(out).not.toContain('sr_invite_');
    expect(await typed([PASSWORD, PASSWORD])).toMatch(/^4 /);
    expect(sandbox.run('strongroom whoami --profile fay').stdout).toMatch(/^user:fay\n/);
  });

  it('asks for the code of whoever has a second factor', async () => {
    const command = `strongroom login ${address} --name eve --profile eve`;
    const code = totpCode(totp, totpStep(Date.now()) + 1);
    const out = await sandbox.atTerminal(command, [
      ['Password of eve', PASSWORD],
      ['Code of your app', code],
    ]);
    expect(out).toMatch(/^0 [^]*as user:eve/);
    expect(out).not.toContain(code);
  });

  it('takes a recovery code in the place of one', async () => {
    const out = await sandbox.atTerminal(`strongroom login ${address} --name eve --profile eve2`, [
      ['Password of eve', PASSWORD],
      // A slip costs no password.
      ['Code of your app', '12345'],
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

  it('takes a code of a second factor from a file, or from standard input', () => {
    sandbox.write('eve.password', PASSWORD);
    sandbox.write('eve.code', `${recoveryCodes[1] ?? ''}\n`);
    const login = `strongroom login ${address} --name eve --password-file eve.password`;
    expect(sandbox.run(`${login} --code-file eve.code --profile e4`)).toMatchObject({ code: 0 });
    // A code is good once.
    expect(sandbox.run(`${login} --code-file eve.code --profile e5`)).toMatchObject({ code: 4 });
    const piped = sandbox.run(`${login} --code-file - --profile e5`, {
      stdin: recoveryCodes[2] ?? '',
    });
    expect(piped).toMatchObject({ code: 0, stderr: expect.stringContaining('as user:eve') });
    expect(sandbox.run('strongroom whoami --profile e5').stdout).toMatch(/^user:eve\n/);
  });

  it('cannot give a second factor, and says what can be done', () => {
    const login = `strongroom login ${address} --name eve --profile eve3`;
    const { code, stderr } = sandbox.run(`${login} --password-file password`);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('hint: ') });
  });
});

describe('a machine without a browser', () => {
  /** A machine of its own, with nothing on it. */
  let other: Sandbox;
  beforeAll(() => {
    other = new Sandbox();
    sandbox.write('password', `${PASSWORD}\n`);
    const login = `strongroom login ${address} --name bob --password-file password --profile desk`;
    expect(sandbox.run(login)).toMatchObject({ code: 0 });
  });
  afterAll(() => other[Symbol.dispose]());

  /** Begins to sign the other machine in; gives its code, and what comes of it. */
  async function begin(profile = 'default'): Promise<{
    readonly code: string;
    readonly end: Promise<{ readonly code: number | string; readonly stderr: string }>;
  }> {
    const child = other.start('strongroom', 'login', address, '--device', '--profile', profile);
    let stderr = '';
    child.stderr?.on('data', (chunk: Uint8Array) => (stderr += Buffer.from(chunk).toString()));
    const end = ended(child).then((code) => ({ code, stderr }));
    for (;;) {
      const code = /--confirm ([A-Z]{4}-[A-Z]{4})\n/.exec(stderr)?.[1];
      if (code !== undefined) return { code, end };
      await once(child.stderr as NonNullable<typeof child.stderr>, 'data');
    }
  }

  it('signs in with a code that somebody looks at and confirms on another one', async () => {
    const { code, end } = await begin();
    const out = await sandbox.atTerminal(`strongroom login --profile desk --confirm ${code}`, [
      ['is it to be let in?', 'y'],
    ]);
    expect(out).toMatch(/^0 [^]*begun 20\S+ at 127\.0\.0\.1 with strongroom-cli/);
    expect(out).toMatch(/it could do as user:bob: whatever you may[^]*signed in as user:bob/);
    const { code: exit, stderr } = await end;
    expect([exit, stderr]).toEqual([0, expect.stringContaining('as user:bob')]);
    expect(stderr).not.toContain('sr_');
    expect(other.run('strongroom whoami').stdout).toMatch(/^user:bob\non http:/);
    const kept = filesBelow(join(other.home, '.config', 'strongroom', 'client'));
    expect(kept).not.toMatch(/sr_(?:session|known|device)_/);
    // What was confirmed elsewhere is no proof of who is there.
    const { stderr: refused } = other.run('strongroom token create');
    expect(refused).toContain('sign in again with `strongroom login`');
    // Confirming another one asks for that proof, and goes on with what it gives.
    other.write('mistyped', 'eight quiet herons by the weir');
    const next = await begin('next');
    const confirm = `strongroom login --profile default --confirm ${next.code} --yes`;
    expect(other.run(confirm)).toMatchObject({ code: 2 });
    expect(other.run(`${confirm} --password-file mistyped`)).toMatchObject({ code: 4 });
    const proven = await other.atTerminal(confirm, [
      ['Password of bob', 'eight quiet herons by the weir'],
      ['Password of bob', PASSWORD],
    ]);
    expect(proven).toMatch(/^0 [^]*was not accepted; once more/);
    expect(await next.end).toMatchObject({ code: 0 });
    expect(other.run('strongroom token create --profile default')).toMatchObject({ code: 0 });
  }, 60_000);

  it('is turned away by a no, and not let in without somebody who is asked', async () => {
    const { code, end } = await begin();
    const unasked = sandbox.run(`strongroom login --profile desk --confirm ${code}`);
    expect(unasked).toMatchObject({ code: 2, stderr: expect.stringContaining('no terminal') });
    const out = await sandbox.atTerminal(`strongroom login --profile desk --confirm ${code}`, [
      ['is it to be let in?', 'n'],
    ]);
    expect(out).toMatch(/^0 [^]*turned away/);
    expect(await end).toMatchObject({ code: 4, stderr: expect.stringContaining('turned away') });
    const again = sandbox.run(`strongroom login --profile desk --confirm ${code} --yes`);
    expect(again).toMatchObject({ code: 3, stderr: expect.stringContaining('no sign-in waits') });
  }, 60_000);
});

describe('a machine', () => {
  it('signs in with a role id and a secret id in a file, or one that is asked for', async () => {
    const role = sandbox.run(
      'strongroom machine create ci --profile file > ci.log && strongroom approle create ci --profile file',
    );
    expect(role).toMatchObject({ code: 0 });
    const secretId = 'strongroom approle secret-id ci --profile file > ci.secret-id';
    expect(sandbox.run(secretId)).toMatchObject({ code: 0 });
    const login = `strongroom login ${address} --role-id ${role.stdout.trim()} --profile ci`;
    expect(sandbox.run(`${login} --secret-id-file ci.secret-id`)).toMatchObject({ code: 0 });
    expect(sandbox.run('strongroom whoami --profile ci').stdout).toMatch(/^machine:ci\n/);
    expect(sandbox.run(`${login} --secret-id-file password`)).toMatchObject({ code: 4 });
    const typed = sandbox.run('cat ci.secret-id').stdout.trim();
    const out = await sandbox.atTerminal(`${login} --secret-id-file -`, [['Secret id', typed]]);
    expect(out).toMatch(/^0 [^]*as machine:ci/);
    expect(out).not.toContain(typed);
  });

  it('signs in with a token that is asked for', async () => {
    const made = sandbox.run('strongroom token create --profile file');
    expect(made).toMatchObject({ code: 0 });
    const login = `strongroom login ${address} --token-file - --profile typed`;
    const out = await sandbox.atTerminal(login, [['Token', made.stdout.trim()]]);
    expect(out).toMatch(/^0 [^]*as user:ada/);
    expect(out).not.toContain('sr_token_');
  });

  it('signs in with a token that is piped in', () => {
    const made = sandbox.run('strongroom token create --profile file');
    const login = `strongroom login ${address} --token-file - --profile piped`;
    const piped = sandbox.run(login, { stdin: made.stdout });
    expect([piped.code, piped.stderr]).toEqual([0, expect.stringContaining('as user:ada')]);
  });

  it('signs in with a token of an issuer that is trusted', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' };
    sandbox.write('jwks.json', JSON.stringify({ keys: [jwk] }));
    const trust = 'strongroom trust jwt https://idp.example --audience strongroom';
    const made = sandbox.run(
      `${trust} --claim sub=job-7 --machine nightly --jwks jwks.json --profile file`,
    );
    expect(made).toMatchObject({ code: 0 });
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: 'https://idp.example', aud: 'strongroom', sub: 'job-7' };
    const signed = [
      { alg: 'RS256', kid: 'one' },
      { ...claims, iat: now, exp: now + 600 },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(signed), privateKey).toString('base64url');
    sandbox.write('job.jwt', `${signed}.${signature}\n`);
    const login = `strongroom login ${address} --profile job --jwt-file job.jwt`;
    expect(sandbox.run(login)).toMatchObject({ code: 0 });
    expect(sandbox.run('strongroom whoami --profile job').stdout).toMatch(/^machine:nightly\n/);
    expect(sandbox.run(`${login} --trust none-such`)).toMatchObject({ code: 4 });
    const asked = `strongroom login ${address} --profile job --jwt-file -`;
    const out = await sandbox.atTerminal(asked, [
      ['Token of the issuer', `${signed}.${signature}`],
    ]);
    expect(out).toMatch(/^0 [^]*as machine:nightly/);
    expect(out).not.toContain(signature);
  });
});

describe('what is wrong with the options of a sign-in', () => {
  it.each([
    ['--device --token-file t', 'more than one way'],
    ['--confirm BBBB-BBBB --name bob', 'more than one way'],
    ['--role-id 1', 'go together'],
    ['--secret-id-file f', 'go together'],
    ['--trust t', 'goes with --jwt-file'],
  ])('%s', (options, told) => {
    const { code, stderr } = sandbox.run(`strongroom login ${address} ${options}`);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(told) });
  });
});

describe('somebody else, who is to act on a server', () => {
  it.each([
    ['login', () => `strongroom login ${address} --name bob`],
    ['login --confirm', () => `strongroom login ${address} --confirm BBBB-BBBB`],
    ['logout', () => 'strongroom logout'],
    ['seal', () => 'strongroom seal'],
    ['sso link', () => 'strongroom sso link corp'],
  ])('is refused by %s, which leaves everything as it is', (_what, line) => {
    const { code, stderr } = sandbox.run(`${line()} --principal eve`);
    expect([code, stderr]).toEqual([2, expect.stringContaining('who acts is who signed in')]);
    expect(sandbox.run('strongroom whoami').stdout).toMatch(/^machine:nightly\n/);
  });
});

describe('a sign-out', () => {
  it('says that commands go nowhere now, and where they could', () => {
    expect(sandbox.run('strongroom whoami').stdout).toMatch(/^machine:nightly\n/);
    const { code, stderr } = sandbox.run('strongroom logout');
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/--profile names one of these: .*file \(http/),
    ]);
    expect(stderr).toContain('commands go to no server now');
  });
});
