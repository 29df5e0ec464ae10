// Somebody signs in by way of a provider: the command line, a server and the provider are three processes' worth.
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { request } from 'node:http';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connect } from '../src/client/client.ts';
import { CLIENT, startProvider, type SignInProvider } from '../src/testing/sign-in-provider.ts';
import { firstDocument } from './first-document.ts';
import { ended, Sandbox } from './sandbox.ts';

const PASSWORD = 'seven quiet herons by the weir';

let sandbox: Sandbox;
let server: ChildProcess;
let address: string;
let provider: SignInProvider;

beforeAll(async () => {
  provider = await startProvider(Date.now);
  sandbox = new Sandbox();
  const at = '--path vault';
  const run = (line: string): string => {
    const { code, stdout, stderr } = sandbox.run(line);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    return stdout.trim();
  };
  run('strongroom init --yes --path vault');
  run(`strongroom settings set outbound_hosts '["${provider.host}"]' ${at}`);
  sandbox.write('client-secret', `${CLIENT.secret}\n`);
  const client = `--client-id '${CLIENT.id}' --client-secret-file client-secret`;
  run(`strongroom sso create corp --issuer ${provider.issuer} ${client} --create-users ${at}`);
  run(`strongroom user create dave ${at}`);
  sandbox.write('invite', run(`strongroom user invite dave ${at}`));
  run(`strongroom user create carol ${at}`);
  const invite = run(`strongroom user invite carol ${at}`);
  server = sandbox.start('strongroom', 'serve', '--path', 'vault', '--port', '0', '--json');
  address = String((await firstDocument(server))['address']);
  await connect({ address }).auth.acceptInvite({ invite, password: PASSWORD });
});
afterAll(async () => {
  server.kill('SIGTERM');
  await once(server, 'exit');
  await provider.close();
  sandbox[Symbol.dispose]();
});

interface Went {
  readonly code: number | string;
  readonly output: string;
}

/** Runs a command that sends somebody to the provider, and lets `visit` bring them back. */
async function goes(
  args: readonly string[],
  visit: (page: string) => Promise<void>,
): Promise<Went> {
  const child = sandbox.start('strongroom', ...args);
  let output = '';
  const shown = new Promise<string | undefined>((resolve) => {
    child.stderr?.on('data', (chunk: Uint8Array) => {
      output += Buffer.from(chunk).toString();
      const page = /who you are at (\S+)\n/.exec(output)?.[1];
      if (page !== undefined) resolve(page);
    });
    child.once('close', () => resolve(undefined));
  });
  const end = ended(child);
  const page = await shown;
  if (page !== undefined) await visit(page);
  return { code: await end, output };
}

const callback = (page: string): string => new URL(page).searchParams.get('redirect_uri') ?? '';

/** Comes back as a browser does, with what the provider gave. */
async function comeBack(page: string, claims: object): Promise<Response> {
  const query = new URLSearchParams({ ...provider.visit(page, claims) });
  return fetch(`${callback(page)}?${query.toString()}`);
}

const login = (...more: readonly string[]): readonly string[] => [
  'login',
  address,
  '--sso',
  'corp',
  ...more,
];

describe('a sign-in by way of a provider', () => {
  it('waits for a browser to come back, and keeps the session', async () => {
    const { code, output } = await goes(login(), async (page) => {
      const answer = await comeBack(page, { preferred_username: 'bob' });
      expect(await answer.text()).toBe('You can close this page and go back to the terminal.\n');
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    });
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain('as user:bob');
    expect(output).not.toMatch(/sr_|code-\d/);
    expect(sandbox.run('strongroom whoami').stdout).toMatch(/^user:bob\n/);
  });

  it('A25 turns away what it did not begin, and waits on', async () => {
    const { code } = await goes(login('--profile', 'again'), async (page) => {
      const back = callback(page);
      const { port } = new URL(back);
      const brought = provider.visit(page, { preferred_username: 'bob' });
      const wrong = new URLSearchParams({ ...brought, state: 'another' }).toString();
      const right = new URLSearchParams({ ...brought }).toString();
      const refused = [
        `${back}?${wrong}`,
        back,
        `${back}?${right}&state=${brought.state}`,
        `http://127.0.0.1:${port}/other?${right}`,
      ];
      for (const each of refused) expect((await fetch(each)).status).toBe(404);
      expect((await fetch(`${back}?${right}`, { method: 'POST' })).status).toBe(404);
      const named = request({
        port,
        path: `/callback?${right}`,
        headers: { host: 'evil.example' },
      });
      const [answer] = (await once(named.end(), 'response')) as [{ statusCode: number }];
      expect(answer.statusCode).toBe(404);
      expect((await fetch(`${back}?${right}`)).status).toBe(200);
    });
    expect(code).toBe(0);
  });

  it('A50 A84 says that the provider refused, and nothing in its words', async () => {
    const words = '<script>alert(1)</script>';
    const { code, output } = await goes(login(), async (page) => {
      const state = new URL(page).searchParams.get('state') ?? '';
      const query = new URLSearchParams({ error: words, error_description: words, state });
      const answer = await fetch(`${callback(page)}?${query.toString()}`);
      expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(await answer.text()).not.toContain('script');
    });
    expect(code).not.toBe(0);
    expect(output).toContain('the provider refused the sign-in');
    expect(output).not.toContain('script');
  });

  it('takes an invite on the first sign-in of a user who is there', async () => {
    const claims = { sub: 'sub-of-dave', preferred_username: 'whoever' };
    const invited = login('--profile', 'dave', '--invite-file', 'invite');
    const { output } = await goes(invited, async (page) => {
      await comeBack(page, claims);
    });
    expect(output).toContain('as user:dave');
  });

  it('links the user who is signed in, and asks for their password where it is due', async () => {
    sandbox.write('password', `${PASSWORD}\n`);
    const at = `strongroom login ${address} --name carol --profile carol --password-file password`;
    expect(sandbox.run(at)).toMatchObject({ code: 0 });
    const claims = { sub: 'sub-of-carol', preferred_username: 'carol' };
    const strange = await goes(login('--profile', 'x'), async (page) => {
      await comeBack(page, claims);
    });
    expect(strange.output).toContain('does not let you in');
    expect(strange.code).not.toBe(0);
    const linked = await goes(['sso', 'link', 'corp', '--profile', 'carol'], async (page) => {
      await comeBack(page, claims);
    });
    expect(linked).toMatchObject({ code: 0 });
    const again = await goes(login('--profile', 'x'), async (page) => {
      await comeBack(page, claims);
    });
    expect(again.output).toContain('as user:carol');
  });

  it('says what does not go together', () => {
    const { code, stderr } = sandbox.run(`strongroom login ${address} --fresh`);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--sso') });
    expect(sandbox.run(`strongroom login ${address} --sso corp --device`)).toMatchObject({
      code: 2,
    });
    const none = sandbox.run(`strongroom login ${address} --sso none`);
    expect(none.stderr).toContain('no way to sign in of that name');
  });
});
