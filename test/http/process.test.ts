import { spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { canRun, isRoot } from '../faults/places.ts';
import { ended, Sandbox } from '../sandbox.ts';
import { ask } from './served.ts';

const SECRETS = '/api/secrets/workspaces/default/secrets';
const NOBODY = 65_534;
/** Only root can become somebody else. */
const canBeOthers = canRun(isRoot, 'with the eyes of another user', 'root');

/** What `strongroom serve --json` says once it stands. */
interface Said {
  readonly address: string;
  readonly path: string;
  readonly sealed: boolean;
  readonly keyFiles?: readonly string[];
  readonly token?: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly said: Said;
  readonly port: number;
  /** What it wrote to standard error. */
  log(): string;
  /** Ends it with a signal. Resolves to the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | string>;
}

const running: ChildProcess[] = [];
const sandboxes: Sandbox[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  for (const sandbox of sandboxes.splice(0)) sandbox[Symbol.dispose]();
});

function place(): Sandbox {
  const sandbox = new Sandbox();
  sandboxes.push(sandbox);
  return sandbox;
}

/** Starts the server with a line of shell before it. */
async function start(sandbox: Sandbox, options = '', before = ''): Promise<Running> {
  const line = `${before} exec strongroom serve --port 0 --json ${options}`;
  const child = sandbox.start('sh', '-c', line);
  running.push(child);
  let log = '';
  child.stderr?.on('data', (part: Uint8Array) => (log += Buffer.from(part).toString()));
  const said = await new Promise<Said>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (part: Uint8Array) => {
      text += Buffer.from(part).toString();
      try {
        resolve(JSON.parse(text) as Said);
      } catch {
        // Not all of it is there yet.
      }
    });
    child.on('exit', () => reject(new Error(`it ended: ${log}`)));
  });
  return {
    child,
    said,
    port: Number(new URL(said.address).port),
    log: () => log,
    end: async (signal = 'SIGTERM') => {
      const end = ended(child);
      child.kill(signal);
      return end;
    },
  };
}

const body = { name: 'db/password', value: 'not-a-real-value-1' };

describe('strongroom serve', () => {
  it('makes a vault where there is none, and gives a token that puts the first secret', async () => {
    const sandbox = place();
    const server = await start(sandbox);
    expect(server.said).toMatchObject({
      sealed: false,
      path: join(sandbox.directory, '.strongroom'),
    });
    const { token } = server.said;
    const made = await ask(server.port, SECRETS, { token, json: body });
    expect(made.status).toBe(201);
    expect(await server.end()).toBe(0);
    expect(server.log()).not.toMatch(/sr_(?:token|invite)/);

    // It is a vault like any other, and its log is whole and signed.
    const got = sandbox.run('strongroom get db/password -e development');
    expect(got.stdout).toBe('not-a-real-value-1');
    expect(sandbox.run('strongroom audit verify').code).toBe(0);
  });

  it('shows people the lines that put the first secret and sign in, which work as they are', async () => {
    const sandbox = place();
    const child = sandbox.start('sh', '-c', 'exec strongroom serve --port 0');
    running.push(child);
    let text = '';
    child.stdout?.on('data', (part: Uint8Array) => (text += Buffer.from(part).toString()));
    while (!/sr_invite_\S+\n/.test(text)) await sleep(50);
    const [, lines = ''] = /To put the first secret:\n([^]*)\n\nTo sign in as /.exec(text) ?? [];
    const done = sandbox.run(`${lines}\n`);
    expect(JSON.parse(done.stdout)).toMatchObject({ name: 'db/password', version: 1 });
    const [, login = '', invite = ''] =
      /(strongroom login .*)\n[^]*: (sr_invite_\S+)/.exec(text) ?? [];
    sandbox.write('invite', invite);
    sandbox.write('password', 'seven quiet herons by the weir');
    const signIn = `${login.replace('-file -', '-file invite')} --password-file password`;
    expect(sandbox.run(signIn)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('unless they have --profile default'),
    });
    // The vault of this directory comes before the server that was signed in to last.
    expect(sandbox.run('strongroom whoami')).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(
        /\(strongroom serve\)[^]*login ADDRESS`, then --profile default/,
      ),
    });
    const who = sandbox.run('strongroom whoami --profile default');
    expect(who.stdout).toMatch(/, an owner of the vault\n/);
    expect(sandbox.run(signIn).code).not.toBe(0);
    child.kill('SIGINT');
    expect(await ended(child)).toBe(0);
  });

  it('opens the vault that there is, and gives no token then unless it is asked for one', async () => {
    const sandbox = place();
    await (await start(sandbox)).end();
    const again = await start(sandbox);
    expect(again.said).toMatchObject({ sealed: false });
    expect(again.said).not.toHaveProperty('token');
    expect(again.said).not.toHaveProperty('invite');
    expect(await again.end('SIGINT')).toBe(0);
    const asked = await start(sandbox, '--owner-token');
    const { status } = await ask(asked.port, SECRETS, { token: asked.said.token, json: body });
    expect(status).toBe(201);
    await asked.end();
  });

  it('does not stand without the token that it was asked for', async () => {
    const sandbox = place();
    await (await start(sandbox)).end();
    const { code, stdout, stderr } = sandbox.run(
      'strongroom serve --port 0 --owner nobody --owner-token',
    );
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toContain('the vault has no user nobody to give a token to');
    expect(stderr).toContain('--owner NAME');
  });

  it('says what opens a vault that is sealed, and that no token is made for it', async () => {
    const sandbox = place();
    const server = await start(sandbox);
    await server.end();
    const [key = ''] = server.said.keyFiles ?? [];
    const child = sandbox.start(
      'bash',
      '-c',
      `mv '${key}' away; exec strongroom serve --port 0 --owner-token`,
    );
    let text = '';
    child.stderr?.on('data', (bytes: Buffer) => (text += bytes.toString()));
    await expect.poll(() => text, { timeout: 10_000 }).toContain('"listening"');
    expect(text).toContain('a restart opens it once that is there');
    expect(text).toContain('there is no token, because the vault is sealed');
    expect(text).not.toContain('strongroom unseal');
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(0);
  });

  it('A67 makes files for nobody else, whatever the umask', async () => {
    const sandbox = place();
    const server = await start(sandbox, `--security-events events.jsonl`, 'umask 000;');
    const { token, path, keyFiles = [] } = server.said;
    await ask(server.port, SECRETS, { token, json: body });
    const modes = new Map<string, string>();
    for (const name of readdirSync(path)) {
      modes.set(name, (statSync(join(path, name)).mode & 0o777).toString(8));
    }
    for (const file of [...keyFiles, join(sandbox.directory, 'events.jsonl')]) {
      modes.set(file, (statSync(file).mode & 0o777).toString(8));
    }
    expect([...modes].filter(([, mode]) => mode !== '600')).toEqual([]);
    expect(modes.size).toBeGreaterThan(3);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await server.end();
  });

  it('A67 does not begin with a key that others can read', async () => {
    const sandbox = place();
    const server = await start(sandbox);
    await server.end();
    const [key = ''] = server.said.keyFiles ?? [];
    const { code, stderr } = sandbox.run(`chmod 644 '${key}'; strongroom serve --port 0`);
    expect([code, stderr]).toEqual([5, expect.stringContaining('other users')]);
  });

  it('A92 opens no port for a debugger, and leaves nothing of its memory in a core dump', async () => {
    const server = await start(place());
    const { pid = 0 } = server.child;
    expect(readFileSync(`/proc/${pid}/coredump_filter`, 'utf8').trim()).toBe('00000000');
    server.child.kill('SIGUSR1');
    await sleep(500);
    expect(server.log()).not.toContain('Debugger');
    await expect(ask(9229, '/json')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await ask(server.port, '/health/live')).status).toBe(200);
    await server.end();
  });

  it('A92 writes a report, where somebody has it do that, without its variables', async () => {
    const sandbox = place();
    const reports = join(sandbox.directory, 'reports');
    mkdirSync(reports);
    const options = `--report-on-signal --report-signal=SIGUSR2 --report-directory=${reports}`;
    const before = `export NODE_OPTIONS='${options}' STRONGROOM_MARKER=mark3r-92;`;
    const server = await start(sandbox, '', before);
    // It is there: what is not in the report was left out.
    const { pid = 0 } = server.child;
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toContain('mark3r-92');
    server.child.kill('SIGUSR2');
    const written = (): string => {
      const [name] = readdirSync(reports);
      return name === undefined ? '' : readFileSync(join(reports, name), 'utf8');
    };
    await expect.poll(() => written().endsWith('}\n'), { timeout: 10_000 }).toBe(true);
    const report = JSON.parse(written()) as { readonly header: object };
    expect(report.header).toMatchObject({ processId: pid });
    expect(report).not.toHaveProperty('environmentVariables');
    expect(written()).not.toContain('mark3r-92');
    await server.end();
  });

  it.runIf(canBeOthers)('A92 has memory that no other user can read', async () => {
    const server = await start(place());
    const { pid = 0 } = server.child;
    const [, from = ''] = /^([0-9a-f]+)-[0-9a-f]+ rw/m.exec(
      readFileSync(`/proc/${pid}/maps`, 'utf8'),
    ) ?? [''];
    const readAs = (user: number): { readonly bytes: number; readonly said: string } => {
      const at = ['bs=64', 'count=1', 'iflag=skip_bytes', `skip=${BigInt(`0x${from}`)}`];
      const { stdout, stderr } = spawnSync('dd', [`if=/proc/${pid}/mem`, 'status=none', ...at], {
        uid: user,
        gid: user,
        env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      });
      return { bytes: stdout.length, said: stderr.toString() };
    };
    expect(readAs(0)).toEqual({ bytes: 64, said: '' });
    expect(readAs(NOBODY)).toEqual({
      bytes: 0,
      said: expect.stringContaining('Permission denied'),
    });
    await server.end();
  });

  it('F12 goes on where it may open few files', async () => {
    const server = await start(place(), '', 'ulimit -n 256;');
    const { token } = server.said;
    const sockets = Array.from({ length: 400 }, () => {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      return socket;
    });
    await sleep(500);
    expect(sockets.filter((socket) => socket.closed).length).toBeGreaterThan(150);
    for (const socket of sockets) socket.destroy();
    let status = 0;
    for (let tries = 0; tries < 20 && status !== 201; tries += 1) {
      await sleep(100);
      status = await ask(server.port, SECRETS, { token, json: body }).then(
        (answer) => answer.status,
        () => 0,
      );
    }
    expect(status).toBe(201);
    expect(await server.end()).toBe(0);
  });

  it('makes nothing where it cannot begin, and says what to do', async () => {
    const sandbox = place();
    const { code, stderr } = sandbox.run('strongroom serve --host 0.0.0.0 --port 0');
    expect(code).toBe(2);
    expect(stderr).toContain('--tls-cert');
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const taken = sandbox.run(`strongroom serve --port ${port}`);
    other.close();
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining('--port')]);
    // Nothing was made for a server that does not begin.
    expect(readdirSync(sandbox.directory)).toEqual([]);
  });

  it('keeps what is under way until it is done when a signal comes', async () => {
    const sandbox = place();
    const server = await start(sandbox);
    const { token } = server.said;
    const writes = Array.from({ length: 50 }, (_, index) =>
      ask(server.port, SECRETS, { token, json: { name: `many/${index}`, value: 'v' } }),
    );
    await writes[0];
    const code = server.end();
    const answers = await Promise.allSettled(writes);
    expect(await code).toBe(0);
    const acknowledged = answers.flatMap((answer, index) =>
      answer.status === 'fulfilled' && answer.value.status === 201 ? [index] : [],
    );
    const listed = sandbox.run('strongroom list -e development --json').stdout;
    for (const index of acknowledged) expect(listed).toContain(`many/${index}"`);
  });
});

describe('strongroom unseal and seal', () => {
  it('seal and open a server over the network', async () => {
    const sandbox = place();
    sandbox.write('pass', 'correct horse battery staple\n');
    const server = await start(sandbox, '--passphrase-file pass');
    const at = `--address ${server.said.address}`;
    const env = { STRONGROOM_TOKEN: server.said.token ?? '' };
    expect(sandbox.run(`strongroom seal ${at}`, { env }).code).toBe(0);
    expect((await ask(server.port, '/health/ready')).status).toBe(503);
    sandbox.write('wrong', 'incorrect horse battery staple\n');
    const wrong = sandbox.run(`strongroom unseal ${at} --passphrase-file wrong`);
    expect(wrong.code).toBe(5);
    expect(wrong.stderr).not.toContain('horse');
    await sleep(1100);
    const opened = sandbox.run(`strongroom unseal ${at} --passphrase-file pass`);
    expect([opened.code, opened.stderr]).toEqual([0, 'strongroom: the vault is open\n']);
    expect((await ask(server.port, '/health/ready')).status).toBe(200);
    expect(await server.end()).toBe(0);
  });

  it('take a share after the other, from several people', async () => {
    const sandbox = place();
    sandbox.run('mkdir kept && strongroom init --yes --shamir 2/3 --share-directory kept');
    const shares = readdirSync(join(sandbox.directory, 'kept')).toSorted();
    const server = await start(sandbox);
    expect(server.said.sealed).toBe(true);
    const at = `--address ${server.said.address}`;
    const first = sandbox.run(`strongroom unseal ${at} --share-file kept/${shares[0]} --json`);
    const { round } = JSON.parse(first.stdout) as { round: { nonce: string; needed: number } };
    expect(round.needed).toBe(2);
    await sleep(1100);
    const second = sandbox.run(
      `strongroom unseal ${at} --share-file kept/${shares[1]} --round ${round.nonce}`,
    );
    expect([second.code, second.stderr]).toEqual([0, 'strongroom: the vault is open\n']);
    await server.end();
  });
});
