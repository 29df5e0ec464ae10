// A server that is newer than the command line, broken, or somebody else's.

import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Sandbox, type Outcome } from './sandbox.ts';

/** Answers everything with a status and a document, as it is told. */
const SERVER = `
import { createServer } from 'node:http';
const [, status, body] = process.argv;
const server = createServer((_, response) => {
  response.writeHead(Number(status), { 'content-type': 'application/json', 'retry-after': '-5' });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

let sandbox: Sandbox;
const servers: ChildProcess[] = [];
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => {
  for (const server of servers.splice(0)) server.kill('SIGKILL');
  sandbox[Symbol.dispose]();
});

/** Runs a command against a server that gives one answer to everything. */
async function against(status: number, body: unknown, line: string): Promise<Outcome> {
  const args = ['--input-type=module', '-e', SERVER, String(status), JSON.stringify(body)];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  servers.push(server);
  if (server.stdout === null) throw new TypeError('it has one');
  for await (const port of createInterface({ input: server.stdout })) {
    const env = { STRONGROOM_ADDR: `http://127.0.0.1:${port}`, STRONGROOM_TOKEN: TOKEN };
    return sandbox.run(line, { env });
  }
  throw new TypeError('it did not start');
}

const TOKEN = `sr_token_${'A'.repeat(50)}`;
const problem = (more: object): object => ({ status: 400, detail: 'it went wrong', ...more });

describe('a server that says what is not known here', () => {
  it.each([
    ['a code of a newer one', { code: 'teapot_found' }],
    ['a hint that is no text', { code: 'denied', hint: 5 }],
    ['details that are none', { code: 'denied', details: null }],
  ])('ends a command with a failure that is told: %s', async (_, more) => {
    const { code, stderr } = await against(400, problem(more), 'strongroom get A -e production');
    expect(code).toBeGreaterThan(0);
    expect(code).toBeLessThan(70);
    expect(stderr).toContain('it went wrong');
  });

  it('is none of ours with a code that is no code', async () => {
    const body = problem({ code: '__proto__' });
    const { code, stderr } = await against(400, body, 'strongroom list -e production');
    expect(code).toBeGreaterThan(0);
    expect(code).toBeLessThan(70);
    expect(stderr).toContain('no Strongroom');
  });
});

describe('a server that writes to the terminal', () => {
  it('has its control characters shown, and not obeyed', async () => {
    const who = {
      id: '01890000-0000-7000-8000-000000000000',
      kind: 'user',
      name: '\u001B]0;mine\u0007\u001B[2Jroot\u202E',
      is_owner: false,
      must_enroll: false,
      roles: ['\u001B[31mred'],
      credential: null,
    };
    const { code, stdout } = await against(200, who, 'strongroom whoami');
    expect(code).toBe(0);
    expect(stdout).toContain('\\u001b[2Jroot');
    expect(stdout).toContain('\\u001b[31mred');
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u202E]/);
  });
});

describe('a server whose lists do not end', () => {
  it.each([
    ['user list', { principals: [], next: 'again' }],
    ['access list', { grants: [], next: 'again' }],
    ['trust list', { methods: [], next: 'again' }],
    ['trash list', { secrets: [], next: 'again' }],
    ['due', { secrets: [], next: 'again' }],
    ['list -e production', { secrets: [], next: 'again' }],
    ['group list', { kind: 'group', sets: [], next: 'again' }],
    ['audit list --all', { entries: [], next: 7 }],
    ['audit export', { lines: [], next: 7, checkpoint: 'x' }],
  ])('is left after a page that there was: %s', async (words, page) => {
    const { code, stderr } = await against(200, page, `strongroom ${words}`);
    expect(stderr).toContain('the list that the server gives does not end');
    expect(code).toBe(5);
  });

  it('has them shown in what is printed for other programs too', async () => {
    const escape = '\u001B[31m\u009B31m\u202Ered';
    const role = {
      id: '01890000-0000-7000-8000-000000000000',
      kind: 'approle',
      name: escape,
      subject: escape,
      config: {},
      disabled_at: null,
      created_at: '2026-03-01T12:00:00.000Z',
      created_by: null,
      role_id: escape,
    };
    for (const line of ['strongroom approle create x', 'strongroom approle create x --json']) {
      const { code, stdout, stderr } = await against(200, role, line);
      expect([line, code]).toEqual([line, 0]);
      expect(stdout).toMatch(/\\u001b\[31m\\u009b31m\\u202ered/);
      // eslint-disable-next-line no-control-regex
      expect(stdout + stderr).not.toMatch(/[\u001B\u009B\u202E]/);
      if (line.endsWith('--json')) expect(JSON.parse(stdout)).toMatchObject({ roleId: escape });
    }
  });
});
