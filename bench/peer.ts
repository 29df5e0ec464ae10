// Reads and writes beside a Vault-compatible server that is running already, in the same run:
//
//   VAULT_TOKEN=… npm run bench -- peer --peer http://127.0.0.1:8300
//
// It is asked for KV version 2 at secret/, and for logins by a role `bench` of auth/approle/ whose secret ids
// have no limit of uses. Whoever starts it decides about its core and its audit device.
import { median, newDirectory, report } from './harness.ts';
import { Loader, type Load } from './server-load.ts';
import { fill, SECRETS, serve } from './served-vault.ts';
import { ourLogin, ourMix, peerLogin, peerMix } from './peer-loads.ts';

const CONNECTIONS = 64;
const SECONDS = 4;
const ROUNDS = 3;

/** What is compared, and how many times as much as the peer is the least. */
const QUESTIONS = [
  { question: 'reads against the peer, 64 connections', kind: 'read', at: CONNECTIONS, least: 8 },
  {
    question: 'writes against the peer, 64 connections',
    kind: 'write',
    at: CONNECTIONS,
    least: 20,
  },
  { question: 'writes against the peer, one connection', kind: 'write', at: 1, least: 5 },
  {
    question: 'mix of 90 reads, 9 writes and a list against the peer, 64 connections',
    kind: 'mix',
    at: CONNECTIONS,
    least: 10,
  },
  {
    question: 'logins by AppRole against the peer, 64 connections',
    kind: 'login',
    at: CONNECTIONS,
    least: 4,
  },
] as const;

/** What is not compared yet. */
const OPEN = [
  { question: 'list of 10,000 names against the peer', least: 4 },
  { question: 'list of 100,000 names against the peer', least: 20 },
] as const;
/** Of a token that may do everything the peer asks no policy, so reads are held to less. */
const ROOT_READS_LEAST = 3;

const peer = process.env['STRONGROOM_BENCH_PEER'];
const token = process.env['VAULT_TOKEN'] ?? '';
if (peer === undefined) {
  for (const { question, least } of QUESTIONS) {
    report({ question, measured: undefined, unit: '×', least, note: 'no --peer was given' });
  }
} else {
  await compare(new URL(peer).origin);
}
for (const { question, least } of OPEN) {
  report({
    question,
    measured: undefined,
    unit: '×',
    least,
    note: 'the peer lists names alone, and all at once; here a list is of secrets, page by page',
  });
}

async function compare(address: string): Promise<void> {
  const root = newDirectory('peer');
  const loader = new Loader(root);
  const isRoot = await isRootToken(address);
  const theirs = await fillPeer(loader, address);
  const server = await serve(root, 'ours');
  try {
    const filled = await fill(loader, 'ours', server);
    const ours = {
      ...filled,
      mix: ourMix(loader, server),
      login: await ourLogin(loader, server),
    };
    for (const { question, kind, at, least } of QUESTIONS) {
      const both: { ours: Load; theirs: Load }[] = [];
      for (let round = 0; round <= ROUNDS; round += 1) {
        both.push({
          ours: loader.run(server.address, ours[kind], at, SECONDS),
          theirs: loader.run(address, theirs[kind], at, SECONDS),
        });
      }
      // The first is for warming up.
      const counted = both.slice(1);
      const failed = counted.reduce((sum, each) => sum + each.ours.failed + each.theirs.failed, 0);
      if (failed > 0) throw new Error(`${failed} requests failed`);
      const rate = (whose: 'ours' | 'theirs'): number =>
        median(counted.map((each) => each[whose].perSecond));
      report({
        question,
        measured: rate('ours') / rate('theirs'),
        unit: '×',
        least: isRoot && kind === 'read' ? ROOT_READS_LEAST : least,
        note: `the peer: ${Math.round(rate('theirs'))}/s in the same run, ${isRoot ? 'with a root token' : 'with a token that has policies'}`,
      });
    }
  } finally {
    await server.stop();
  }
}

/** Whether the token may do everything there. */
async function isRootToken(address: string): Promise<boolean> {
  const response = await fetch(`${address}/v1/auth/token/lookup-self`, {
    headers: { 'X-Vault-Token': token },
  });
  if (response.status !== 200) throw new Error(`the peer answered ${response.status}`);
  const { data } = (await response.json()) as {
    readonly data?: { readonly policies?: readonly string[] };
  };
  return data?.policies?.includes('root') ?? false;
}

async function fillPeer(
  loader: Loader,
  address: string,
): Promise<Readonly<Record<'read' | 'write' | 'mix' | 'login', string>>> {
  for (let at = 0; at < SECRETS; at += 1) {
    const { status } = await fetch(`${address}/v1/secret/data/bench/s${at}`, {
      method: 'POST',
      headers: { 'X-Vault-Token': token, 'Content-Type': 'application/json' },
      body: JSON.stringify({ data: { value: `correct horse battery staple ${at}` } }),
    });
    if (status !== 200) throw new Error(`the peer answered ${status}`);
  }
  const head = `wrk.headers["X-Vault-Token"] = "${token}"\nlocal n = 0\n`;
  const inTurn = (lua: string): string =>
    `${head}function request()\nn = (n + 1) % ${SECRETS}\n${lua}\nend\n`;
  return {
    read: loader.script(
      'peer-read',
      inTurn('return wrk.format("GET", "/v1/secret/data/bench/s" .. n)'),
    ),
    write: loader.script(
      'peer-write',
      inTurn(
        `return wrk.format("POST", "/v1/secret/data/bench/s" .. n, nil, '{"data":{"value":"correct horse ' .. n .. '"}}')`,
      ),
    ),
    mix: peerMix(loader, token),
    login: await peerLogin(loader, address, token),
  };
}
