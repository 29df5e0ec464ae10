// Ten minutes of reads at half of what a server can take: whether memory stays flat, and the tail of latency too.
//
//   npm run bench -- soak
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { median, newDirectory, quantile, report } from './harness.ts';
import { Loader, residentMb, type LoadedServer } from './server-load.ts';
import { fill, serve } from './served-vault.ts';

const MINUTES = 10;
const CONNECTIONS = 64;
const FULL_SECONDS = 5;
/** What fills caches and lets the heap find its size does not count. */
const WARM_MINUTES = 2;
const MINUTE_MS = 60_000;

interface Minute {
  readonly p99Ms: number;
  readonly residentMb: number;
}

let next = 0;

if (process.env['STRONGROOM_BENCH_SOAK'] === '1') {
  await soak();
} else {
  for (const question of ['memory', '99th percentile']) {
    report({
      question: `soak of ${MINUTES} minutes at half load: ${question}`,
      measured: undefined,
      unit: '×',
      note: `it runs only where it is named: npm run bench -- soak`,
    });
  }
}

async function soak(): Promise<void> {
  const root = newDirectory('soak');
  const server = await serve(root, 'vault');
  const loader = new Loader(root);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    const { read } = await fill(loader, 'soak', server);
    const full = loader.run(server.address, read, CONNECTIONS, FULL_SECONDS);
    const perSecond = Math.round(full.perSecond / 2);
    const minutes: Minute[] = [];
    for (let at = 0; at < MINUTES; at += 1) {
      const taken = await minuteOf(server, agent, perSecond);
      minutes.push({ p99Ms: quantile(taken, 0.99), residentMb: residentMb(server.pid) });
    }
    tell(minutes, perSecond);
  } finally {
    agent.destroy();
    await server.stop();
  }
}

/** The end against the beginning: three minutes each, of which the middle one counts. */
function tell(minutes: readonly Minute[], perSecond: number): void {
  const [from, to] = [minutes.slice(WARM_MINUTES, WARM_MINUTES + 3), minutes.slice(-3)];
  const against = (of: keyof Minute): readonly [was: number, is: number] => [
    median(from.map((minute) => minute[of])),
    median(to.map((minute) => minute[of])),
  ];
  for (const [question, of, unit, limit] of [
    ['memory', 'residentMb', 'MB', 1.1],
    ['99th percentile', 'p99Ms', 'ms', 1.5],
  ] as const) {
    const [was, is] = against(of);
    report({
      question: `soak of ${MINUTES} minutes at half load: ${question}`,
      measured: is / was,
      unit: '×',
      limit,
      note: `${perSecond} reads a second; ${was.toFixed(1)} ${unit} in minutes 3 to 5, ${is.toFixed(1)} ${unit} in the last three`,
    });
  }
}

/** A minute of calls, each begun when it is due whatever became of those before it. @returns Milliseconds from when each was due. */
async function minuteOf(
  server: LoadedServer,
  agent: Agent,
  perSecond: number,
): Promise<readonly number[]> {
  const calls = (perSecond * MINUTE_MS) / 1000;
  const taken: number[] = [];
  const asked: Promise<void>[] = [];
  const begun = performance.now();
  while (asked.length < calls) {
    const due = Math.min(calls, ((performance.now() - begun) / 1000) * perSecond);
    while (asked.length < due) {
      const at = begun + (asked.length * 1000) / perSecond;
      asked.push(ask(server, agent).then(() => void taken.push(performance.now() - at)));
    }
    await sleep(1);
  }
  await Promise.all(asked);
  return taken;
}

function ask({ address, said }: LoadedServer, agent: Agent): Promise<void> {
  next = (next + 1) % 1000;
  const path = `/api/secrets/workspaces/default/secrets/by-name/production/s${next}:value`;
  const headers = { Authorization: `Bearer ${String(said['token'])}` };
  return new Promise((resolve, reject) => {
    const sent = request(address + path, { agent, headers }, (answer) => {
      answer.resume();
      if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`));
      else answer.on('end', resolve);
    });
    sent.on('error', reject);
    sent.end();
  });
}
