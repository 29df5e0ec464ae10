import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { firstDocument } from './first-document.ts';
import { Sandbox, type Outcome } from './sandbox.ts';

/** The same commands for a vault of this machine and for one on a server, in this order. */
const LINES: readonly string[] = [
  'printf hunter2 | strongroom set API_KEY -e production --type api_key --tag shop',
  'strongroom get API_KEY -e production',
  'strongroom get API_KEY -e production --json',
  'printf again | strongroom set API_KEY -e production',
  'strongroom get API_KEY -e production --version 1',
  'strongroom get API_KEY -e production --version 3',
  'printf third | strongroom set API_KEY -e production --cas 1',
  'printf mine | strongroom set API_KEY -e production --personal',
  'strongroom get API_KEY -e production',
  'printf "\\000\\377" | strongroom set BYTES -e production',
  'strongroom get BYTES -e production | od -An -tx1',
  'printf shop | strongroom set db -e production --field user',
  'printf hunter2 | strongroom set db -e production --field password',
  'strongroom get db -e production --field password',
  'strongroom get db -e production',
  "printf 'postgres://shop:${db#password}@db/shop' | strongroom set DATABASE_URL -e production --references",
  'strongroom get DATABASE_URL -e production',
  'strongroom get DATABASE_URL -e production --raw',
  'strongroom get NOT_THERE -e production',
  'strongroom get API_KEY',
  'strongroom list -e production',
  'strongroom list -e production --json',
  'strongroom describe API_KEY -e production',
  'strongroom history API_KEY -e production',
  'strongroom update API_KEY -e production --description "of the shop" --rotation auto_90_days',
  'strongroom update API_KEY -e production --rotation "every 45d"',
  'strongroom update API_KEY -e nowhere --description x',
  'printf again | strongroom verify API_KEY -e production',
  'strongroom rename API_KEY shop/API_KEY -e production',
  'strongroom copy shop/API_KEY staging -e production',
  'strongroom move shop/API_KEY testing -e staging',
  'strongroom diff production testing',
  'strongroom promote testing staging --yes',
  'strongroom rotate shop/API_KEY -e production --generator password:24',
  'strongroom due -e production',
  'strongroom rollback shop/API_KEY -e production',
  'strongroom retire shop/API_KEY -e production',
  'strongroom inherit add qa --from production',
  'strongroom inherit add testing --from production',
  'strongroom list -e testing --effective',
  'printf "A=1\\nB=two\\n" > .env.sample && strongroom import .env.sample -e development',
  'strongroom export -e development',
  'strongroom run -e development -- sh -c "echo $A \\$B"',
  'strongroom search shop',
  'strongroom expiring',
  'strongroom statistics -e production',
  'strongroom delete A -e development --yes',
  'strongroom trash list',
  'strongroom undelete A -e development',
  'strongroom user create bob',
  'strongroom user disable bob',
  'strongroom user enable bob',
  'strongroom user list',
  'strongroom machine create ci',
  'strongroom group create ops',
  'strongroom group add ops user:bob',
  'strongroom role assign reader group:ops',
  'strongroom access grant machine:ci read development',
  'strongroom access who-can read development/A',
  'strongroom access explain bob read production/shop/API_KEY',
  'strongroom access list',
  'strongroom approle create ci',
  'strongroom approle list',
  'strongroom trust list',
  'strongroom settings set complexity strong',
  'printf short | strongroom set WEAK --type password -e production',
  'strongroom settings list',
  'strongroom settings reset complexity',
  'strongroom workspace create billing',
  'strongroom workspace list',
  'printf v | strongroom set X -w billing -e production',
  'strongroom get X -w billing -e production',
  'strongroom environment create qa',
  'strongroom environment list',
  'strongroom health',
  'strongroom keys status',
  'strongroom keys rotate',
  'strongroom audit list --action secrets.create',
  'strongroom audit checkpoint',
  'strongroom destroy B -e development --all --yes',
];

/** What is another one on a server, by its nature, in the lines named. */
const OWN: readonly (readonly [string, RegExp])[] = [
  // The client's changes have idempotency keys, whose answers are kept under the same key.
  ['strongroom keys status', /(?<=^(?:default|billing) .* )\d+(?= *$)/gm],
  ['strongroom keys rotate', /(?<=wrapped )\d+(?= data keys)/g],
  // A vault of this machine is opened and closed by each command, on record.
  ['strongroom audit list --action secrets.create', /^ *\d+/gm],
  ['strongroom audit checkpoint', /^\d+$/gm],
  // For both reasons.
  ['strongroom health', /^(?:database|audit entries) .*$/gm],
];

let local: Sandbox;
let remote: Sandbox;
let server: ChildProcess;
beforeAll(async () => {
  local = new Sandbox();
  remote = new Sandbox();
  expect(local.run('strongroom init --yes --path vault').code).toBe(0);
  const args = ['serve', '--path', 'vault', '--port', '0', '--json'];
  server = remote.start('strongroom', ...args);
  const first = await firstDocument(server);
  const token = String(first['token']);
  const login = `strongroom login ${String(first['address'])} --token-file -`;
  expect(
    remote.run(`printf %s ${token} > token && ${login.replace('-file -', '-file token')}`),
  ).toMatchObject({ code: 0 });
});
afterAll(async () => {
  server.kill('SIGTERM');
  await once(server, 'exit');
  local[Symbol.dispose]();
  remote[Symbol.dispose]();
});

describe('a command', () => {
  it.each(LINES)('does the same on a server as here: %s', (line) => {
    const here = local.run(line, { env: { STRONGROOM_PATH: 'vault' } });
    const there = remote.run(line);
    const own = OWN.find(([command]) => line === command)?.[1] ?? /(?!)/g;
    expect(plain(there, own)).toEqual(plain(here, own));
    expect(here.code).not.toBe(70);
  });

  it('tells who commands act as', () => {
    const { stdout } = remote.run('strongroom whoami');
    expect(stdout).toMatch(/^user:\S+, an owner of the vault\n/);
    expect(local.run('strongroom whoami --path vault').stdout).toMatch(/^user:/);
  });

  it('that works on the vault itself is refused on a server, with a way out', () => {
    for (const line of [
      'strongroom jobs run',
      'strongroom keys drill',
      'strongroom init --profile default',
      'strongroom serve --port 0 --profile default',
    ]) {
      const { code, stderr } = remote.run(line);
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('hint: '),
      });
    }
  });

  it('that takes a proof of just now is refused with a token', () => {
    const line = 'strongroom workspace delete billing --yes';
    expect(remote.run(line)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('a sign-in of the last five minutes'),
    });
    expect(local.run(`${line} --path vault`)).toMatchObject({ code: 0 });
  });

  it('goes to no server any more after `logout`', () => {
    expect(remote.run('strongroom logout')).toMatchObject({ code: 0 });
    expect(remote.run('strongroom list').stderr).not.toContain('127.0.0.1');
  });
});

/** What is another one in each vault is left out: ids, moments, hashes. */
function plain({ stdout, stderr, code }: Outcome, own: RegExp): Outcome {
  const settle = (text: string): string =>
    text
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
      .replaceAll(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g, 'TIME')
      .replaceAll(/\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?/g, 'TIME')
      .replaceAll(/just now|\d+ minutes? ago/g, 'TIME')
      .replaceAll(own, 'OWN')
      .replaceAll(/[A-Za-z0-9+/]{40,}={0,2}/g, 'HASH')
      .replaceAll(/ +$/gm, '')
      .replaceAll(/ {2,}/g, '  ');
  return { stdout: settle(stdout), stderr: settle(stderr), code };
}
