// What deploy/ promises, as far as it can be seen without a container engine or
// systemd; test/peers/deploy.ts holds it against their own tools.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { PASSWORD } from '../src/testing/remote-session.ts';
import { firstDocument } from './first-document.ts';

const root = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** Instructions of a Dockerfile, with the lines that go on put together. */
const instructions: readonly Instruction[] = read('deploy/Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [name = '', ...rest] = line.split(' ');
    return { name, text: rest.join(' ') };
  });
const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
const texts = (name: string): readonly string[] =>
  lastStage.filter((each) => each.name === name).map(({ text }) => text);
const list = (text: string | undefined): readonly string[] =>
  JSON.parse(text ?? '[]') as readonly string[];
const isSecret = (name: string): boolean => /token|passw|secret|master_key/i.test(name);

/** Paths of the build that come into the image, and where to. */
const copied = texts('COPY').map((text) => {
  const [, from = '', to = ''] = /^--from=build \/build\/(\S+) (\S+)$/.exec(text) ?? [];
  return { from, to: to.endsWith('/') ? join(to, from) : to };
});

/** Where the vault, what opens it, and its backups are. */
const PLACES = ['STRONGROOM_PATH', 'STRONGROOM_CONFIG_HOME', 'STRONGROOM_BACKUP_PATH'];

const OF_THE_BUILD: readonly string[] = ['package.json', 'bin', 'dist/bundle'];

/** Packages that the image has besides the bundle, each with what it needs. */
const optional: readonly string[] = instructions.flatMap(
  ({ text }) => /optional-packages\.js optional (.+)$/.exec(text)?.[1]?.split(' ') ?? [],
);

interface Service {
  readonly read_only?: boolean;
  readonly user?: string;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ulimits?: Readonly<Record<string, number>>;
}

const compose = parse(read('deploy/compose.yaml')) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};

/** Options of the unit, each as often as it is given. */
const unit = new Map<string, readonly string[]>();
for (const line of read('deploy/strongroom.service').split('\n')) {
  const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
  if (name !== undefined) unit.set(name, [...(unit.get(name) ?? []), value ?? '']);
}

describe('the image', () => {
  it('runs as a user without rights, and has no secret in it', () => {
    expect(texts('USER')).toEqual(['8200:8200']);
    const env = texts('ENV').flatMap((text) => text.match(/\w+(?==)/g) ?? []);
    expect(env.length).toBeGreaterThan(2);
    expect(env.filter(isSecret)).toEqual([]);
    expect(env).toEqual(expect.arrayContaining(PLACES));
    expect(instructions.filter(({ name }) => ['ADD', 'ARG', 'SHELL'].includes(name))).toEqual([]);
  });

  it('is built from a release that is named, and without scripts of packages', () => {
    const from = instructions.filter(({ name }) => name === 'FROM').map(({ text }) => text);
    for (const each of from) expect(each).toMatch(/^node:\d+-bookworm-slim(?: AS build)?$/);
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    const [, least = '99'] = /(\d+)/.exec(engines.node) ?? [];
    for (const each of from) expect(Number(/\d+/.exec(each)?.[0])).toBeGreaterThanOrEqual(+least);
    const runs = instructions.filter(({ name }) => name === 'RUN').map(({ text }) => text);
    const installs = runs.filter((text) => /npm (?:ci|install|i)\b/.test(text));
    expect(installs).toEqual(['npm ci --ignore-scripts']);
    expect(optional).toEqual(['@simplewebauthn/server']);
  });

  it('is built from nothing that may be a secret', () => {
    const ignored = read('.dockerignore').trim().split('\n');
    for (const each of ['.git', '.strongroom', '.env', '.env.*', 'node_modules', 'dist']) {
      expect(ignored).toContain(each);
    }
  });

  it('begins as the package itself does', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: { start: string } };
    const entry = list(texts('ENTRYPOINT')[0]);
    expect(scripts.start.startsWith(`exec ${entry.join(' ')} `)).toBe(true);
    expect(unit.get('ExecStart')?.[0]).toContain(entry.slice(1, -1).join(' '));
    expect(texts('STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  it('has all that the server needs, and its check of health tells whether it lives', async () => {
    const place = mkdtempSync(join(tmpdir(), 'strongroom-image-'));
    let server: ChildProcess | undefined;
    try {
      expect(copied.map(({ from }) => from)).toEqual([...OF_THE_BUILD, 'optional']);
      for (const { from, to } of copied) {
        if (from === 'optional') {
          const script = join(root, 'scripts', 'optional-packages.js');
          const args = [script, join(place, 'app', to), ...optional];
          expect(spawnSync(process.execPath, args).status).toBe(0);
          continue;
        }
        mkdirSync(dirname(join(place, 'app', to)), { recursive: true });
        cpSync(join(root, from), join(place, 'app', to), { recursive: true });
      }
      const [, ...entry] = list(texts('ENTRYPOINT')[0]);
      const command = list(texts('CMD')[0]).map((word) =>
        word === '0.0.0.0' ? '127.0.0.1' : word,
      );
      const env = {
        PATH: process.env['PATH'],
        NODE_DISABLE_COMPILE_CACHE: '1',
        STRONGROOM_PATH: join(place, 'vault'),
        STRONGROOM_CONFIG_HOME: join(place, 'keys'),
        STRONGROOM_BACKUP_PATH: join(place, 'backups'),
      };
      const cwd = join(place, 'app');
      for (const name of optional) {
        const args = ['--input-type=module', '-e', `await import('${name}')`];
        expect(spawnSync(process.execPath, args, { cwd, env }).status).toBe(0);
      }
      const started = [...entry, ...command, '--port', '0', '--json'];
      server = spawn(process.execPath, started, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] });
      const { address, token, invite } = await firstDocument(server);
      expect(String(token)).toMatch(/^sr_/);
      const [check = ''] = texts('HEALTHCHECK');
      const [, ...asks] = list(check.slice(check.indexOf('[')));
      const healthOf = (at: string): number | null => {
        const args = asks.map((word) => word.replaceAll('http://127.0.0.1:8200', at));
        expect(args.join(' ')).toContain(at);
        return spawnSync(process.execPath, args, { cwd, env, timeout: 20_000 }).status;
      };
      expect(healthOf(String(address))).toBe(0);
      const post = async (path: string, body: object, session?: string): Promise<Response> =>
        fetch(`${String(address)}${path}`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...(session === undefined ? {} : { authorization: `Bearer ${session}` }),
          },
          body: JSON.stringify(body),
        });
      const signedIn = await post('/api/auth/accept-invite', { invite, password: PASSWORD });
      const { session } = (await signedIn.json()) as { readonly session: string };
      expect((await post('/api/secrets/admin/backups', {}, session)).status).toBe(201);
      expect(readdirSync(join(place, 'backups')).some((name) => name.endsWith('.backup'))).toBe(
        true,
      );
      server.kill('SIGTERM');
      expect(await once(server, 'exit')).toEqual([0, null]);
      expect(healthOf(String(address))).toBe(1);
    } finally {
      server?.kill('SIGKILL');
      rmSync(place, { recursive: true, force: true });
    }
  });
});

describe('the Compose file', () => {
  const { strongroom } = compose.services;

  it('lets the container have nothing but its volumes, and only this machine reach it', () => {
    expect(Object.keys(compose.services)).toEqual(['strongroom']);
    expect(strongroom).toMatchObject({
      read_only: true,
      user: texts('USER')[0],
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      ulimits: { core: 0 },
    });
    expect(strongroom?.ports).toEqual([`127.0.0.1:8200:${texts('EXPOSE')[0]}`]);
    const paths = strongroom?.volumes?.map((each) => each.split(':')[1]);
    expect(paths).toEqual(list(texts('VOLUME')[0]));
    expect(strongroom?.volumes?.map((each) => each.split(':')[0])).toEqual(
      Object.keys(compose.volumes),
    );
    for (const each of ['privileged', 'network_mode', 'pid', 'devices', 'cap_add', 'environment']) {
      expect(strongroom).not.toHaveProperty(each);
    }
  });
});

describe('the systemd unit', () => {
  it('gives the process no rights and no directory but its own', () => {
    const wanted = {
      User: 'strongroom',
      NoNewPrivileges: 'yes',
      CapabilityBoundingSet: '',
      AmbientCapabilities: '',
      ProtectSystem: 'strict',
      ProtectHome: 'yes',
      PrivateTmp: 'yes',
      PrivateDevices: 'yes',
      RestrictNamespaces: 'yes',
      LimitCORE: '0',
      UMask: '0077',
      StateDirectoryMode: '0700',
    };
    for (const [name, value] of Object.entries(wanted)) {
      expect([name, unit.get(name)]).toEqual([name, [value]]);
    }
    expect(unit.has('ReadWritePaths')).toBe(false);
    const directories = unit.get('StateDirectory')?.[0]?.split(' ');
    const env = Object.fromEntries(unit.get('Environment')?.map((each) => each.split('=')) ?? []);
    expect(PLACES.map((name) => env[name])).toEqual(directories?.map((name) => `/var/lib/${name}`));
    expect(Object.keys(env).filter(isSecret)).toEqual([]);
  });
});
