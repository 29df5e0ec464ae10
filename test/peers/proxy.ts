import { randomInt } from 'node:crypto';

import { Rounds, type Heard } from './conversation.ts';
import { isOfWholeBody, isRefusal, type Forwarded } from './framing.ts';
import { haproxyVersion, startHaproxy } from './haproxy.ts';
import { startLaxServer } from './lax-server.ts';
import { Relay } from './relay.ts';
import type { Report } from './report.ts';
import { startServer, type RunningServer } from './running-server.ts';
import { CANARY, makeCase, type Case } from './smuggling.ts';
import { compare, type Verdict } from './verdict.ts';

const CASES = numberOf('STRONGROOM_PROXY_CASES') ?? 100_000;
/** So many of them for the server that gets it wrong. */
const LAX_CASES = 300;
const SEED = numberOf('STRONGROOM_PROXY_SEED') ?? randomInt(2 ** 31);
const AT_ONCE = 128;
/** How often a case is tried again that came out different, in case that something only took long. */
const AGAIN = 2;
const SHOWN_MAX = 5;

/** A number of the environment, if it is there. */
function numberOf(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new RangeError(`${name} has to be a number`);
  return Number(text);
}

/** The two ways to a server. */
interface Ways {
  readonly direct: number;
  readonly proxied: number;
  readonly rounds: Rounds;
  readonly record: ForwardedRecord;
}

/** What a case came to. */
interface Outcome {
  readonly verdict: Verdict;
  readonly direct: Heard;
  readonly proxied: Heard;
  readonly forwarded: readonly Forwarded[];
}

/**
 * The same bytes to the server and to haproxy before it. Both have to see the
 * same requests with the same ends in them, or to refuse them: what one takes
 * for a body and the other for a request would be somebody else's next.
 */
export async function proxy(directory: string, report: Report): Promise<void> {
  const version = haproxyVersion();
  if (version === undefined) {
    report.leaveOut('haproxy', 'no package to install');
    return;
  }
  process.stdout.write(`        haproxy ${version}, seed ${SEED}\n`);
  try {
    await exercise(directory, report);
  } catch (error) {
    report.check('L9 requests are framed alike', false, String(error));
  }
}

async function exercise(directory: string, report: Report): Promise<void> {
  await using started = new AsyncDisposableStack();
  const server = await startServer(directory, ['--address-limit', 'none']);
  started.defer(() => server.stop());
  const lax = await startLaxServer();
  started.defer(() => lax.close());
  const direct = Number(new URL(server.address).port);
  const [record, laxRecord] = [new ForwardedRecord(), new ForwardedRecord()];
  const relays = [new Relay(direct, record), new Relay(lax.port, laxRecord)];
  for (const relay of relays) started.defer(() => relay.close());
  const to = await Promise.all(relays.map((relay) => relay.listen()));
  const haproxy = await startHaproxy(directory, to);
  started.defer(() => haproxy.stop());
  const [proxied = 0, laxProxied = 0] = haproxy.ports;
  const rounds = new Rounds([direct, proxied]);
  rounds.begin();
  started.defer(() => rounds.end());
  await holdServer({ direct, proxied, rounds, record }, report);
  await holdLax({ direct: lax.port, proxied: laxProxied, rounds, record: laxRecord }, report);
  report.check('the server answers afterwards', await isWell(server));
}

async function holdServer(ways: Ways, report: Report): Promise<void> {
  const counts: Map<string, number> = new Map();
  const different: string[] = [];
  const errors: string[] = [];
  await forEach(CASES, async (index) => {
    const each = makeCase(SEED, index);
    const { verdict, ...seen } = await settle(ways, each);
    counts.set(verdict.kind, (counts.get(verdict.kind) ?? 0) + 1);
    if (verdict.kind === 'different') different.push(`${index} (${each.kinds.join(', ')})`);
    const statuses = [...seen.direct.answers, ...seen.proxied.answers].map(({ status }) => status);
    if (statuses.some((status) => status >= 500 && status !== 501)) errors.push(String(index));
  });
  for (const [kind, count] of [...counts].toSorted((a, b) => b[1] - a[1])) {
    process.stdout.write(`        ${kind}: ${count}\n`);
  }
  const { faults, odd } = ways.record;
  const name = `L9 ${CASES} cases are framed alike by way of haproxy and directly`;
  report.check(name, different.length === 0, listOf('cases', different));
  const met = counts.get('the same') ?? 0;
  report.check(`L9 enough of them were carried out to say so (${met})`, met > CASES / 20);
  report.check('L9 each request that haproxy hands on is one', faults.length === 0, faults[0]);
  const taken = odd.filter(({ answer }) => answer !== undefined && !isRefusal(answer));
  report.check('L9 what it hands on and is odd is refused', taken.length === 0, taken[0]?.oddity);
  report.check('L9 no case is a failure of the server', errors.length === 0, listOf('', errors));
}

/** That a server which frames otherwise is found out, by what is compared and by what lies between. */
async function holdLax(ways: Ways, report: Report): Promise<void> {
  const inner = 'GET /number/1 HTTP/1.1\r\nHost: inner\r\n\r\n';
  const head = 'POST /number/0 HTTP/1.1\r\nHost: outer\r\n';
  const chunks = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;
  const within = `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}${CANARY}`;
  const bytes = Buffer.from(within, 'latin1');
  const { verdict } = await attempt(ways, { bytes, kinds: [], pristine: 0 });
  report.check('L9 another framing would be noticed', verdict.kind === 'different', verdict.kind);
  const { faults } = ways.record;
  report.check('L9 and a request that haproxy does not know of', faults.length > 0);
  let found = 0;
  await forEach(LAX_CASES, async (index) => {
    const { verdict } = await attempt(ways, makeCase(SEED, index));
    if (verdict.kind === 'different') found += 1;
  });
  report.check(`L9 and ${LAX_CASES} cases are enough for that (${found})`, found > 0);
}

/** Does something for each number below another one, for many at a time. */
async function forEach(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** What a case comes to; what is different has to be so each time. */
async function settle(ways: Ways, each: Case): Promise<Outcome> {
  let outcome = await attempt(ways, each);
  for (let again = 0; again < AGAIN && outcome.verdict.kind === 'different'; again += 1) {
    outcome = await attempt(ways, each);
  }
  return outcome;
}

async function attempt(ways: Ways, each: Case): Promise<Outcome> {
  const outcome = await bothWays(ways, each.bytes);
  if (!isOpen(each, outcome) || (await isCutAlike(ways, each, outcome))) return outcome;
  return { ...outcome, verdict: { ...outcome.verdict, kind: 'different' } };
}

async function bothWays(
  { direct, proxied, rounds, record }: Ways,
  bytes: Uint8Array,
): Promise<Outcome> {
  const forwarded: Forwarded[] = [];
  const [own, other] = await Promise.all([
    rounds.talk(direct, bytes),
    rounds.talk(proxied, bytes, (port) => record.expect(port, forwarded)),
  ]);
  return { verdict: compare(own, other), direct: own, proxied: other, forwarded };
}

/**
 * Whether it is open where the last request ended that both carried out: what
 * follows was refused or not taken, maybe since it began at another place for
 * each, and the answer says nothing of the body.
 */
function isOpen({ pristine }: Case, { verdict: { kind, alike }, direct }: Outcome): boolean {
  const last = direct.answers[alike - 1];
  if (last === undefined || last.isLast || alike <= pristine || isOfWholeBody(last)) return false;
  return kind.startsWith('refused') || kind === 'ended by the proxy';
}

/** Whether there is a place where the last request that both carried out ends for both. */
async function isCutAlike(ways: Ways, { bytes }: Case, outcome: Outcome): Promise<boolean> {
  const { kind, alike } = outcome.verdict;
  const text = Buffer.from(bytes).toString('latin1');
  // After that one haproxy takes no more: how much of the body it handed on has to do.
  const isEnd = kind === 'ended by the proxy';
  const cuts = cutsOf(text, outcome.forwarded[alike - 1]?.bodyLength ?? 0);
  for (const cut of isEnd ? cuts.likely : cuts.all) {
    const shorter = Buffer.from(text.slice(0, cut) + CANARY, 'latin1');
    const { verdict, direct } = await bothWays(ways, shorter);
    const isLive = direct.answers[alike]?.said.includes('"live"') === true;
    const isAlike = verdict.alike === (isEnd ? alike : alike + 1);
    // The server may go on after what it refuses, which is then the one before.
    const isFit = isEnd ? verdict.kind === kind : FITTING.has(verdict.kind);
    if (isLive && isAlike && isFit) return true;
  }
  return false;
}

const FITTING: ReadonlySet<Verdict['kind']> = new Set(['the same', 'refused by the server']);

/** Where a request may end: so far behind the end of a head, which is likely, or at the end of a line. */
function cutsOf(
  text: string,
  bodyLength: number,
): { readonly likely: ReadonlySet<number>; readonly all: ReadonlySet<number> } {
  const ends = (pattern: RegExp): readonly number[] =>
    [...text.matchAll(pattern)].map(({ 0: { length }, index }) => index + length);
  const likely = ends(/\r?\n\r?\n/g).map((end) => end + bodyLength);
  return { likely: new Set(likely), all: new Set([...likely, ...ends(/\n/g)]) };
}

function listOf(what: string, cases: readonly string[]): string {
  const more = cases.length > SHOWN_MAX ? ` and ${cases.length - SHOWN_MAX} more` : '';
  return `${what} ${cases.slice(0, SHOWN_MAX).join('; ')}${more} of seed ${SEED}`.trim();
}

async function isWell({ address, token }: RunningServer): Promise<boolean> {
  const headers = { Authorization: `Bearer ${token}` };
  return (await fetch(`${address}/api/auth/who-am-i`, { headers })).status === 200;
}

/** What a proxy handed on, by whom it is from. */
class ForwardedRecord {
  readonly faults: string[] = [];
  /** Requests that others might read in another way. */
  readonly odd: Forwarded[] = [];
  readonly #byPort: Map<number, Forwarded[]> = new Map();

  /** From now on what comes from this port is kept in a list. */
  expect(port: number, list: Forwarded[]): void {
    this.#byPort.set(port, list);
  }

  forwarded(request: Forwarded): void {
    if (request.oddity !== '') this.odd.push(request);
    if (request.mark !== undefined) this.#byPort.get(request.mark)?.push(request);
  }

  fault(what: string): void {
    this.faults.push(what);
  }
}
