import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { connect } from '../../src/client/client.ts';
import { StrongroomError } from '../../src/errors.ts';
import { firstDocument } from '../first-document.ts';
import type { Report } from './report.ts';
import { startServer, type RunningServer } from './running-server.ts';
import { PROJECT } from './tools.ts';
import { Visitor } from './visit.ts';

const CLIENT = { id: 'strong room', secret: 'a secret + of: the client%' } as const;
const NAME = 'corp';
const at = { environment: 'production', path: 'db/password' };

interface Place {
  readonly directory: string;
  readonly server: RunningServer;
  /** Says who is in which group at the provider. */
  readonly setGroups: (groups: Readonly<Record<string, readonly string[]>>) => void;
}

/** People sign in by way of npm `oidc-provider`: with the command line, and over REST. */
export async function sso(directory: string, report: Report): Promise<void> {
  const file = join(directory, 'groups.json');
  const setGroups: Place['setGroups'] = (groups) => writeFileSync(file, JSON.stringify(groups));
  setGroups({});
  const program = join(import.meta.dirname, 'sso-provider.js');
  const provider = spawn(process.execPath, [program, file, CLIENT.id, CLIENT.secret], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const server = await startServer(directory);
  try {
    const issuer = await issuerOf(provider);
    await prepare(server, issuer);
    await exercise({ directory, server, setGroups }, report);
  } catch (error) {
    report.check('people sign in by way of oidc-provider', false, String(error));
  } finally {
    const ended = once(provider, 'exit');
    provider.kill('SIGTERM');
    await Promise.all([server.stop(), ended]);
  }
}

async function issuerOf(provider: ChildProcess): Promise<string> {
  const { issuer } = await firstDocument(provider);
  return String(issuer);
}

async function prepare({ address, token }: RunningServer, issuer: string): Promise<void> {
  const owner = connect({ address, token });
  await owner.settings.write({ name: 'outbound_hosts', value: [new URL(issuer).host] });
  await owner.secrets.write({ ...at, value: 'v' });
  await owner.groups.create({ name: 'ops', wholeVault: true });
  await owner.access.grant({
    subject: 'group:ops',
    can: ['read'],
    pattern: 'default/production/**',
  });
  await owner.sso.create({
    name: NAME,
    issuer,
    clientId: CLIENT.id,
    clientSecret: CLIENT.secret,
    scopes: ['profile', 'groups'],
    groups: [{ value: 'Ops Team', group: 'ops' }],
    createsUsers: true,
  });
}

async function exercise(place: Place, report: Report): Promise<void> {
  const { server, setGroups } = place;
  setGroups({ bob: ['Ops Team', 'others'] });
  const inside = await overRest(place, 'bob');
  report.check('a code with PKCE gives a session', inside.name === 'bob');
  report.check('a group of the provider is one of the vault', await inside.mayRead());

  setGroups({ bob: ['others'] });
  const outside = await overRest(place, 'bob');
  report.check('who left it at the provider left it here', !(await outside.mayRead()));
  report.check('the session of before has lost it too', !(await inside.mayRead()));
  report.check('it is the same user', outside.id === inside.id);

  const again = await outside.replay();
  report.check('A14 what was brought back is taken once', again === 'unauthenticated', again);

  const cli = await byCommand(place, 'carol');
  report.check('`login --sso` signs in', cli.code === 0, cli.output);
  report.check('and says as whom', cli.output.includes('as user:carol'), cli.output);
  report.check('the page says nothing of the provider’s', cli.page.startsWith('You can close'));
  report.check('another state is turned away, and waited on', cli.strange === 404);

  const owner = connect({ address: server.address, token: server.token });
  await owner.methods.disable({ kind: 'oidc', name: NAME });
  const ended = await outside.mayRead().catch((error: StrongroomError) => error.code);
  report.check('disabling the way ends its sessions', ended === 'unauthenticated', String(ended));
}

interface SignedIn {
  readonly id: string;
  readonly name: string;
  mayRead(): Promise<boolean>;
  /** Brings the same back again; the code of what it fails with. */
  replay(): Promise<string>;
}

async function overRest({ server: { address } }: Place, login: string): Promise<SignedIn> {
  const { auth } = connect({ address });
  const { challenge, address: page } = await auth.beginSso({ name: NAME, port: 45_678 });
  const back = new URL(await new Visitor(login).go(page)).searchParams;
  const given = {
    challenge,
    state: back.get('state') ?? '',
    code: back.get('code') ?? '',
    iss: back.get('iss') ?? undefined,
  };
  const { session } = await auth.finishSso(given);
  const client = connect({ address, token: session ?? '' });
  const { id, name } = await client.auth.whoAmI();
  return {
    id,
    name,
    mayRead: () =>
      client.secrets.read(at).then(
        () => true,
        (error: unknown) => {
          if (error instanceof StrongroomError && error.code === 'denied') return false;
          throw error;
        },
      ),
    replay: () =>
      auth.finishSso(given).then(
        () => 'ok',
        (error: StrongroomError) => error.code,
      ),
  };
}

async function byCommand(
  { directory, server }: Place,
  login: string,
): Promise<{ code: unknown; output: string; page: string; strange: number }> {
  const home = join(directory, 'home');
  const program = join(PROJECT, 'bin', 'strongroom.js');
  const child = spawn(process.execPath, [program, 'login', server.address, '--sso', NAME], {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME: join(home, '.config') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const page = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Uint8Array) => {
      output += Buffer.from(chunk).toString();
      const found = /who you are at (\S+)\n/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(output)));
  });
  const ended = once(child, 'exit');
  const back = new URL(await new Visitor(login).go(page));
  const stranger = new URL(back);
  stranger.searchParams.set('state', 'another');
  const strange = (await fetch(stranger)).status;
  const text = await (await fetch(back)).text();
  const [code] = (await ended) as [unknown];
  return { code, output, page: text, strange };
}
