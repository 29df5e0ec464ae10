// What a call over HTTP costs: the server on one core, the load on the other.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setDefaultCACertificates } from 'node:tls';

import { makeCertificate } from '../test/http/certificates.ts';
import { median, newDirectory, report, type Row } from './harness.ts';
import { Loader, processorUs, startServer, type Load } from './server-load.ts';
import { BATCH, fill, SECRETS, serve } from './served-vault.ts';

const CONNECTIONS = 64;
const SECONDS = 4;
const ROUNDS = 3;
const WARM_SECONDS = 5;
/** As long as the answer to a read. */
const BARE_BYTES = 700;

const root = newDirectory('http');
const loader = new Loader(root);
const plain = await serve(root, 'plain');
const files = makeCertificate(root, 'localhost');
setDefaultCACertificates([readFileSync(files.certificate, 'utf8')]);
const tls = await serve(root, 'tls', [`--tls-cert=${files.certificate}`, `--tls-key=${files.key}`]);
const bare = await startServer(join(import.meta.dirname, 'children', 'bare-http.js'), [
  String(BARE_BYTES),
]);
try {
  await measure();
} finally {
  for (const server of [plain, tls, bare]) await server.stop();
}

async function measure(): Promise<void> {
  const scripts = await fill(loader, 'plain', plain);
  const overTls = (await fill(loader, 'tls', tls)).read;
  const of = (script: string, connections = CONNECTIONS, seconds = SECONDS): Load =>
    loader.run(plain.address, script, connections, seconds);
  const bareLoad = (): Load => loader.run(bare.address, scripts.read, CONNECTIONS, SECONDS);
  const tlsLoad = (): Load => loader.run(tls.address, overTls, CONNECTIONS, SECONDS);
  for (const script of Object.values(scripts)) of(script, CONNECTIONS, WARM_SECONDS);
  for (const load of [bareLoad, tlsLoad]) load();

  const loads: Record<Kind, Load[]> = {
    bare: [],
    read: [],
    write: [],
    batch: [],
    unchanged: [],
    who: [],
    tls: [],
  };
  const before = processorUs(plain.pid);
  let whoUs = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    loads.bare.push(bareLoad());
    loads.read.push(of(scripts.read));
    loads.unchanged.push(of(scripts.unchanged));
    loads.batch.push(of(scripts.batch));
    loads.write.push(of(scripts.write));
    loads.tls.push(tlsLoad());
    const spent = processorUs(plain.pid);
    const who = of(scripts.who);
    whoUs += (processorUs(plain.pid) - spent) / (who.perSecond * SECONDS) / ROUNDS;
    loads.who.push(who);
  }
  if (processorUs(plain.pid) === before) throw new Error('the processor time cannot be read');
  const alone = of(scripts.read, 1);
  const failed = [...Object.values(loads).flat(), alone].reduce(
    (sum, load) => sum + load.failed,
    0,
  );
  if (failed > 0) throw new Error(`${failed} requests failed`);
  for (const row of rows(loads, { alone, whoUs })) report(row);
}

type Kind = 'bare' | 'read' | 'write' | 'batch' | 'unchanged' | 'who' | 'tls';

function rows(
  loads: Readonly<Record<Kind, readonly Load[]>>,
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
