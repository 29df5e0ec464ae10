// What a call over HTTP costs: the server on one core, the load on the other.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setDefaultCACertificates } from 'node:tls';

import { makeCertificate } from '../test/http/certificates.ts';
import { median, newDirectory, report, type Row } from './harness.ts';
import { Loader, processorUs, startServer, type Load, type LoadedServer } from './server-load.ts';
import { BATCH, fill, SECRETS, serve } from './served-vault.ts';

const CONNECTIONS = 64;
const SECONDS = 4;
const ROUNDS = 3;
const WARM_SECONDS = 20;
/** As long as the answer to a read. */
const BARE_BYTES = 700;

const root = newDirectory('http');
const loader = new Loader(root);
// What one load leaves behind is not to be measured as part of another.
const reading = await serve(root, 'reading');
const writing = await serve(root, 'writing');
const batching = await serve(root, 'batching');
const files = makeCertificate(root, 'localhost');
setDefaultCACertificates([readFileSync(files.certificate, 'utf8')]);
const tls = await serve(root, 'tls', [`--tls-cert=${files.certificate}`, `--tls-key=${files.key}`]);
const bare = await startServer(join(import.meta.dirname, 'children', 'bare-http.js'), [
  String(BARE_BYTES),
]);
try {
  await measure();
} finally {
  for (const server of [reading, writing, batching, tls, bare]) await server.stop();
}

async function measure(): Promise<void> {
  const { read, unchanged, who } = await fill(loader, 'reading', reading);
  const { write } = await fill(loader, 'writing', writing);
  const { batch } = await fill(loader, 'batching', batching);
  const { read: overTls } = await fill(loader, 'tls', tls);
  /** Who is asked what. What writes most comes last, and the bare server, which writes nothing, after it. */
  const asked: Readonly<Record<Kind, readonly [LoadedServer, script: string]>> = {
    read: [reading, read],
    tls: [tls, overTls],
    unchanged: [reading, unchanged],
    who: [reading, who],
    write: [writing, write],
    batch: [batching, batch],
    bare: [bare, read],
  };
  const kinds = Object.keys(asked) as readonly Kind[];
  const load = (kind: Kind, seconds = SECONDS, connections = CONNECTIONS): Load => {
    const [{ address }, script] = asked[kind];
    return loader.run(address, script, connections, seconds);
  };
  for (const kind of kinds) load(kind, WARM_SECONDS);
  const loads = Object.fromEntries(kinds.map((kind) => [kind, [] as Load[]])) as Loads;
  let whoUs = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const kind of kinds) {
      const before = processorUs(reading.pid);
      const came = load(kind);
      loads[kind].push(came);
      if (kind !== 'who') continue;
      whoUs += (processorUs(reading.pid) - before) / (came.perSecond * SECONDS) / ROUNDS;
    }
  }
  if (!(whoUs > 0)) throw new Error('the processor time cannot be read');
  const alone = load('read', SECONDS, 1);
  const all = [...Object.values(loads).flat(), alone];
  const failed = all.reduce((sum, each) => sum + each.failed, 0);
  if (failed > 0) throw new Error(`${failed} requests failed`);
  for (const row of rows(loads, { alone, whoUs })) report(row);
}

type Kind = 'bare' | 'read' | 'write' | 'batch' | 'unchanged' | 'who' | 'tls';
type Loads = Readonly<Record<Kind, Load[]>>;

function rows(
  loads: Loads,
  { alone, whoUs }: { readonly alone: Load; readonly whoUs: number },
): readonly Row[] {
  const rate = (kind: Kind): number => median(loads[kind].map((load) => load.perSecond));
  const p99 = (kind: Kind): number => median(loads[kind].map((load) => load.p99Ms));
  const note = `bare node:http, asked by the same script: ${Math.round(rate('bare'))}/s in the same run`;
  const ratio = (question: string, measured: number, least: number, remark = note): Row => ({
    question,
    measured,
    unit: '×',
    least,
    note: remark,
  });
  const perSecond = (question: string, kind: Kind, least: number, remark: string): Row => ({
    question,
    measured: rate(kind),
    unit: '/s',
    least,
    note: remark,
  });
  const slowest = (kind: Kind, limit: number): Row => ({
    question: 'the same (99th percentile)',
    measured: p99(kind),
    unit: 'ms',
    limit,
  });
  return [
    perSecond('read over HTTP, 64 connections', 'read', 12_000, `of ${SECRETS} secrets in turn`),
    slowest('read', 20),
    ratio('the same against bare node:http', rate('read') / rate('bare'), 0.25),
    {
      question: 'read over HTTP, one connection (median)',
      measured: alone.p50Ms,
      unit: 'ms',
      limit: 1.5,
    },
    perSecond('durable write over HTTP, 64 connections', 'write', 4000, 'a new version each'),
    slowest('write', 50),
    ratio('the same against bare node:http', rate('write') / rate('bare'), 0.12),
    ratio(
      '304 of an unchanged secret against the read',
      rate('unchanged') / rate('read'),
      1.3,
      'authorised and on record as a read',
    ),
    ratio(
      `batch of ${BATCH}, secrets a second against single reads`,
      (rate('batch') * BATCH) / rate('read'),
      4,
      'each secret with an entry of its own',
    ),
    ratio(
      'who am I (token, limits, rights, no secret) against bare node:http',
      rate('who') / rate('bare'),
      0.75,
      'on record like every call, which the gate does not count in',
    ),
    {
      question: 'processor time of the same: HTTP, token, limits, rights, record',
      measured: whoUs / 1000,
      unit: 'ms',
      limit: 0.1,
      note: 'the gate is for the checks of token, limits, grants and networks alone',
    },
    ratio(
      'reads over TLS 1.3 against plain HTTP',
      rate('tls') / rate('read'),
      0.7,
      'connections are kept',
    ),
  ];
}
