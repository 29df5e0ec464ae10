import { once } from 'node:events';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';

import { addStrongroom, installed } from './packages.ts';
import type { Report } from './report.ts';
import { startServer } from './running-server.ts';
import { run } from './tools.ts';

/** A runtime that comes as a package with nothing but its program. */
interface Runtime {
  readonly name: string;
  readonly version: string;
  /** Packages by platform. */
  readonly packages: Readonly<Record<string, string>>;
  /** Where the program lies in its package. */
  readonly program: string;
  readonly args: readonly string[];
}

const RUNTIMES: readonly Runtime[] = [
  {
    name: 'Bun',
    version: '1.4.5',
    packages: {
      'linux-x64': '@oven/bun-linux-x64-baseline',
      'linux-arm64': '@oven/bun-linux-aarch64',
      'darwin-arm64': '@oven/bun-darwin-aarch64',
    },
    program: 'bin/bun',
    args: ['run'],
  },
  {
    name: 'Deno',
    version: '2.9.6',
    packages: {
      'linux-x64': '@deno/linux-x64-glibc',
      'linux-arm64': '@deno/linux-arm64-glibc',
      'darwin-arm64': '@deno/darwin-arm64',
    },
    program: 'deno',
    // Nothing but the network of this machine: no files, no environment, no programs.
    args: ['run', '--no-prompt', '--allow-net=127.0.0.1', '--node-modules-dir=manual'],
  },
];

const MARKER = 'mArKeR-c11e';
const PROGRAM = `
import { connect, SecretValue, StrongroomError } from 'strongroom/client';
import { exercise } from './client-program.js';
import { at } from './at.js';

const found = await exercise({ connect, SecretValue, StrongroomError }, at);
console.log(JSON.stringify({ found }));
`;

/** Lets Bun and Deno call a server with the client as it is installed. */
export async function otherRuntimes(directory: string, report: Report): Promise<void> {
  const platform = `${process.platform}-${process.arch}`;
  const packages = RUNTIMES.map(({ packages: of, version }) => `${of[platform]}@${version}`);
  const got =
    RUNTIMES[0]?.packages[platform] === undefined
      ? { missing: `none for ${platform}` }
      : installed('runtimes', packages);
  if ('missing' in got) {
    report.leaveOut('Bun and Deno', got.missing);
    return;
  }
  const silent = await listenSilently();
  try {
    for (const runtime of RUNTIMES) {
      const program = join(
        got.directory,
        'node_modules',
        runtime.packages[platform] ?? '',
        runtime.program,
      );
      await exerciseIn({ ...runtime, program }, join(directory, runtime.name), { silent, report });
    }
  } finally {
    silent.close();
  }
}

async function exerciseIn(
  { name, program, args }: Runtime,
  directory: string,
  { silent, report }: { readonly silent: Server; readonly report: Report },
): Promise<void> {
  mkdirSync(directory);
  const server = await startServer(directory);
  try {
    const { port } = silent.address() as AddressInfo;
    const at = {
      address: server.address,
      token: server.token,
      silent: `http://127.0.0.1:${port}`,
    };
    const project = join(directory, 'project');
    mkdirSync(project);
    addStrongroom(project);
    cpSync(join(import.meta.dirname, 'client-program.js'), join(project, 'client-program.js'));
    writeFileSync(join(project, 'package.json'), '{"private":true,"type":"module"}\n');
    writeFileSync(join(project, 'main.js'), PROGRAM);
    writeFileSync(join(project, 'at.js'), `export const at = ${JSON.stringify(at)};\n`);
    const env = { PATH: process.env['PATH'], HOME: directory, NO_COLOR: '1' };
    const ran = run(program, [...args, 'main.js'], { cwd: project, env });
    const last = ran.stdout.trim().split('\n').at(-1) ?? '';
    const found = parse(last);
    report.check(`${name} runs the client`, Object.keys(found).length > 10, ran.stderr.trim());
    for (const [what, holds] of Object.entries(found)) {
      report.check(`in ${name}, the client ${what}`, holds);
    }
    const text = ran.stdout + ran.stderr;
    report.check(`${name} prints no value`, !text.includes(MARKER));
  } finally {
    await server.stop();
  }
}

/** A port where connections are taken, and nothing is ever said. */
async function listenSilently(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function parse(line: string): Readonly<Record<string, boolean>> {
  try {
    return (JSON.parse(line) as { readonly found: Readonly<Record<string, boolean>> }).found;
  } catch {
    return {};
  }
}
