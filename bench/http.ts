// What a call over HTTP costs: the server on one core, the load on the other.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { requireTool } from '../test/faults/tools.ts';
import { median, newDirectory, report, type Row } from './harness.ts';

const CONNECTIONS = 64;
const SECONDS = 4;
const ROUNDS = 3;
const SECRETS = 1000;
const BATCH = 50;
const IDLE_CONNECTIONS_NOTE = 'no connection, nothing read';

requireTool('wrk', 'wrk');
const root = newDirectory('http');
const here = join(import.meta.dirname, '..');
const env = { ...process.env, STRONGROOM_CONFIG_HOME: join(root, 'config') };

interface Started {
  readonly child: ChildProcess;
  readonly first: Readonly<Record<string, unknown>>;
}

interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

const server = await start(join(here, 'bin', 'strongroom.js'), [
  'serve',
  '--path',
  join(root, 'vault'),
  '--port=0',
  '--owner=ada',
  '--json',
  '--default-environment=production',
  '--address-limit=none',
  '--principal-limit=none',
]);
const address = String(server.first['address']);
const token = String(server.first['token']);
const pid = server.child.pid ?? 0;
const bare = await start(join(import.meta.dirname, 'children', 'bare-http.js'), ['700']);
const bareAddress = `http://127.0.0.1:${String(bare.first['port'])}`;
try {
  await measure();
} finally {
  for (const { child } of [server, bare]) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

async function measure(): Promise<void> {
  const idle = residentMb(pid);
  const ids = await fill();
  const base = `${address}/api/secrets/workspaces/default/secrets`;
  const scripts = join(root, 'scripts');
  mkdirSync(scripts);
  const script = (name: string, text: string): string => {
    const file = join(scripts, name);
    writeFileSync(file, text);
    return file;
  };
  const head = `wrk.headers["Authorization"] = "Bearer ${token}"\n`;
  const pick = `local ids = {${ids.map((id) => `"${id}"`).join(',')}}\nlocal n = 0\n`;
  const next = 'n = n % #ids + 1\n';
  const read = script(
    'read.lua',
    `${head}${pick}function request()\n${next}return wrk.format("GET", "/api/secrets/workspaces/default/secrets/" .. ids[n] .. "/value")\nend\n`,
  );
  const write = script(
    'write.lua',
    `${head}wrk.headers["Content-Type"] = "application/json"\n${pick}function request()\n${next}return wrk.format("PATCH", "/api/secrets/workspaces/default/secrets/" .. ids[n], nil, '{"value":"correct horse ' .. n .. '"}')\nend\n`,
  );
  const names = Array.from({ length: BATCH }, (_, at) => `"s${at}"`).join(',');
  const batch = script(
    'batch.lua',
    `${head}wrk.headers["Content-Type"] = "application/json"\nfunction request()\nreturn wrk.format("POST", "/api/secrets/workspaces/default/secrets/batch-read", nil, '{"names":[${names}]}')\nend\n`,
  );
  const etag = await tagOf(`${base}/${ids[0] ?? ''}/value`);
  const unchanged = script(
    'unchanged.lua',
    `${head}wrk.headers["If-None-Match"] = '${etag}'\nfunction request()\nreturn wrk.format("GET", "/api/secrets/workspaces/default/secrets/${ids[0] ?? ''}/value")\nend\n`,
  );
  const who = script(
    'who.lua',
    `${head}function request()\nreturn wrk.format("GET", "/api/nowhere")\nend\n`,
  );
  for (const each of [read, write, batch]) run(address, each, CONNECTIONS, 2);
  run(bareAddress, undefined, CONNECTIONS, 2);

  const reads: Load[] = [];
  const bares: Load[] = [];
  const writes: Load[] = [];
  const batches: Load[] = [];
  const unchangeds: Load[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    bares.push(run(bareAddress, undefined, CONNECTIONS, SECONDS));
    reads.push(run(address, read, CONNECTIONS, SECONDS));
    writes.push(run(address, write, CONNECTIONS, SECONDS));
    batches.push(run(address, batch, CONNECTIONS, SECONDS));
    unchangeds.push(run(address, unchanged, CONNECTIONS, SECONDS));
  }
  const alone = run(address, read, 1, SECONDS);
  const nowhere = run(address, who, CONNECTIONS, SECONDS);
  const bareRate = middle(bares, (load) => load.perSecond);
  const readRate = middle(reads, (load) => load.perSecond);
  const failed = [...reads, ...writes, ...batches, ...unchangeds, alone].reduce(
    (sum, load) => sum + load.failed,
    0,
  );
  if (failed > 0) throw new Error(`${failed} requests failed`);
  const note = `bare node:http: ${Math.round(bareRate)}/s in the same run`;
  const rows: readonly Row[] = [
    least('read over HTTP, 64 connections', readRate, 12_000, note),
    ratio('the same against bare node:http', readRate / bareRate, 0.25, note),
    {
      question: 'the same (99th percentile)',
      measured: middle(reads, (l) => l.p99Ms),
      unit: 'ms',
      limit: 20,
    },
    {
      question: 'read over HTTP, one connection (median)',
      measured: alone.p50Ms,
      unit: 'ms',
      limit: 1.5,
    },
    least(
      'durable write over HTTP, 64 connections',
      middle(writes, (l) => l.perSecond),
      4000,
      'a new version each',
    ),
    {
      question: 'the same (99th percentile)',
      measured: middle(writes, (l) => l.p99Ms),
      unit: 'ms',
      limit: 50,
    },
    ratio(
      'the same against bare node:http',
      middle(writes, (l) => l.perSecond) / bareRate,
      0.12,
      note,
    ),
    ratio(
      '304 of an unchanged secret against the read',
      middle(unchangeds, (l) => l.perSecond) / readRate,
      1.3,
      'authorised and on record as a read',
    ),
    ratio(
      `batch of ${BATCH}, secrets a second against single reads`,
      (middle(batches, (l) => l.perSecond) * BATCH) / readRate,
      4,
      'each secret with an entry of its own',
    ),
    {
      question: 'an address that there is not, against bare node:http',
      measured: nowhere.perSecond / bareRate,
      unit: '×',
      note: 'taken apart, counted, refused',
    },
    {
      question: 'memory (RSS) of an idle server',
      measured: idle,
      unit: 'MB',
      limit: 95,
      note: IDLE_CONNECTIONS_NOTE,
    },
  ];
  for (const row of rows) report(row);
}

async function fill(): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let at = 0; at < SECRETS; at += 1) {
    const response = await fetch(`${address}/api/secrets/workspaces/default/secrets`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: `s${at}`, value: `correct horse battery staple ${at}` }),
    });
    if (response.status !== 201) throw new Error(`status ${response.status}`);
    ids.push(((await response.json()) as { readonly id: string }).id);
  }
  return ids;
}

async function tagOf(url: string): Promise<string> {
  const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
  return response.headers.get('etag') ?? '';
}

function run(url: string, lua: string | undefined, connections: number, seconds: number): Load {
  const { stdout } = spawnSync(
    'wrk',
    [
      '-t1',
      `-c${connections}`,
      `-d${seconds}`,
      '--latency',
      '--timeout',
      '10',
      ...(lua === undefined ? [] : ['-s', lua]),
      url,
    ],
    { encoding: 'utf8' },
  );
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0);
  return {
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: milliseconds(/50%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    failed: lua?.endsWith('who.lua') === true ? 0 : number(/Non-2xx or 3xx responses: (\d+)/),
  };
}

function milliseconds(match: RegExpExecArray | null): number {
  const [, value = '0', unit = 'ms'] = match ?? [];
  return Number(value) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? 1);
}

async function start(file: string, args: readonly string[]): Promise<Started> {
  const child = spawn(process.execPath, [file, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  for await (const line of createInterface({ input: child.stdout })) {
    text += line;
    try {
      return { child, first: JSON.parse(text) as Started['first'] };
    } catch {
      // It goes on over several lines.
    }
  }
  throw new Error(`${file} did not start`);
}

function residentMb(process: number): number {
  const status = readFileSync(`/proc/${process}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1000;
}

function middle(loads: readonly Load[], of: (load: Load) => number): number {
  return median(loads.map(of));
}

function least(question: string, measured: number, limit: number, note: string): Row {
  return { question, measured, unit: '/s', least: limit, note };
}

function ratio(question: string, measured: number, limit: number, note: string): Row {
  return { question, measured, unit: '×', least: limit, note };
}
