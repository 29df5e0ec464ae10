/** Bytes that are sent to two servers, or to one in two ways. */
export interface Case {
  readonly bytes: Uint8Array;
  /** What was done to them. */
  readonly kinds: readonly string[];
  /** How many requests at their beginning nothing was done to. */
  readonly pristine: number;
}

/** Numbers that look random and are the same again for the same seed. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below `bound` (mulberry32). */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  /** Whether something happens that happens so often in a hundred. */
  percent(chance: number): boolean {
    return this.below(100) < chance;
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** A request before it is bytes. Its parts are put together as they are, right or wrong. */
interface Draft {
  method: string;
  target: string;
  version: string;
  /** Between the words of the request line. */
  gap: string;
  /** Whole lines, without their end. */
  lines: string[];
  body: string;
  /** What says where the body ends. */
  framing: 'none' | 'length' | 'chunked';
}

/** Does something to a request that one program may read in another way than the next. */
type Mutation = (draft: Draft, dice: Dice) => void;

/** The last request of each case, by which it is seen where the one before it ended. */
export const CANARY = 'GET /health/live HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n';

export const SIGN_IN = '/api/auth/sign-in';
/** Each is answered in its own way, and each piece of one in another: so an answer says what the body was. */
const BODIES = ['{"name":5}', '{"odd":1}', '[]', '{"name":"a","password":5}', '"text"'] as const;
/** Each is answered in its own way. */
const PLAIN = [
  ['GET', '/health/live'],
  ['GET', '/api/auth/who-am-i'],
  ['PUT', '/health/live'],
  ['PUT', SIGN_IN],
] as const;

/** Some of each kind of request that is sent, and the canary. */
export const EVERYTHING: string = [
  `POST ${SIGN_IN} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]`,
  ...PLAIN.map(([method, target]) => `${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`),
  'GET /number/0 HTTP/1.1\r\nHost: a\r\n\r\n',
  CANARY,
].join('');

/** The case of a number, the same for the same seed. */
export function makeCase(seed: number, index: number): Case {
  const dice = new Dice(
    Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35),
  );
  const kinds: string[] = [];
  let text = '';
  let canary = CANARY;
  const requests = dice.one([1, 1, 1, 1, 2, 3]);
  const odd = dice.below(requests);
  let pristine = odd;
  for (let at = 0; at < requests; at += 1) {
    const draft = newDraft(dice, at);
    if (at === odd) mutate(draft, dice, kinds);
    text += written(draft);
  }
  if (dice.percent(15)) {
    text = spoil(text, dice, kinds);
    pristine = 0;
  } else if (dice.percent(4)) {
    kinds.push('ended');
    text = text.slice(0, dice.below(text.length));
    canary = '';
  }
  return { bytes: Buffer.from(text + canary, 'latin1'), kinds, pristine };
}

function newDraft(dice: Dice, at: number): Draft {
  const draft: Draft = {
    method: 'GET',
    target: `/number/${at}`,
    version: 'HTTP/1.1',
    gap: ' ',
    lines: ['Host: localhost'],
    body: '',
    framing: 'none',
  };
  if (dice.percent(45)) addBody(draft, dice);
  else if (dice.percent(60)) [draft.method, draft.target] = dice.one(PLAIN);
  return draft;
}

function addBody(draft: Draft, dice: Dice, framing?: Draft['framing']): void {
  draft.method = 'POST';
  draft.target = SIGN_IN;
  draft.lines.push('Content-Type: application/json');
  draft.body = dice.one(BODIES);
  draft.framing = framing ?? dice.one(['length', 'chunked']);
  if (draft.framing === 'length') draft.lines.push(`Content-Length: ${draft.body.length}`);
  else {
    draft.lines.push('Transfer-Encoding: chunked');
    draft.body = chunked(draft.body, dice);
  }
}

/** A body in chunks, in one or two. */
function chunked(text: string, dice: Dice): string {
  const cut = dice.percent(50) ? text.length : 1 + dice.below(text.length);
  return [text.slice(0, cut), text.slice(cut), '']
    .filter((part, at) => part !== '' || at === 2)
    .map((part) => `${part.length.toString(16)}\r\n${part}\r\n`)
    .join('');
}

function written({ method, target, version, gap, lines, body }: Draft): string {
  const head = [[method, target, version].filter((word) => word !== '').join(gap), ...lines];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** A request that is there only for who ends the body before it too early. */
function smuggled(dice: Dice): string {
  const [method, target] = dice.one(PLAIN);
  return `${method} ${target} HTTP/1.1\r\nHost: inner\r\n\r\n`;
}

/** The draft with a body whose end is said by such a header. */
function requireFraming(draft: Draft, dice: Dice, framing: Draft['framing']): void {
  if (draft.framing === framing) return;
  draft.lines = ['Host: localhost'];
  addBody(draft, dice, framing);
}

function replaceLine(draft: Draft, name: string, line: string): void {
  draft.lines = draft.lines.map((each) => (each.startsWith(`${name}:`) ? line : each));
}

const LENGTHS: readonly ((length: number) => string)[] = [
  (length) => `Content-Length: ${length + 5}`,
  (length) => `Content-Length: ${length - 1}`,
  (length) => `Content-Length: 0x${length.toString(16)}`,
  (length) => `Content-Length: +${length}`,
  (length) => `Content-Length: -${length}`,
  (length) => `Content-Length: 00${length}`,
  (length) => `Content-Length:   ${length}`,
  (length) => `Content-Length:\t${length}`,
  (length) => `Content-Length:${length}`,
  (length) => `Content-Length: ${length}\t `,
  (length) => `Content-Length : ${length}`,
  (length) => `Content-Length\t: ${length}`,
  (length) => ` Content-Length: ${length}`,
  (length) => `Content_Length: ${length}`,
  (length) => `content-LENGTH: ${length}`,
  (length) => `Content-Length: ${length}, ${length}`,
  (length) => `Content-Length: ${length}, ${length + 1}`,
  (length) => `Content-Length: ${length},`,
  (length) => `Content-Length: ,${length}`,
  (length) => `Content-Length: ${length};`,
  (length) => `Content-Length: ${length} 1`,
  (length) => `Content-Length: "${length}"`,
  (length) => `Content-Length: ${length}.0`,
  (length) => `Content-Length: ${length}e0`,
  (length) => `Content-Length: 1_0${length}`,
  (length) => `Content-Length: ${2n ** 32n + BigInt(length)}`,
  (length) => `Content-Length: ${2n ** 63n + BigInt(length)}`,
  (length) => `Content-Length: ${2n ** 64n + BigInt(length)}`,
  () => 'Content-Length: 99999999999999999999999',
  () => 'Content-Length:',
  () => 'Content-Length: ',
  () => 'Content-Length: \u00b2',
  (length) => `Content-Length: ${length}\u0000`,
  (length) => `Content-Length: ${length}\u000b`,
  (length) => `Content-Length:\u00a0${length}`,
  (length) => `Content-Length:\r\n ${length}`,
  (length) => `Content-Length: ${length}\r\n\t`,
  (length) => `X: y\nContent-Length: ${length}`,
  (length) => `X: y\rContent-Length: ${length}`,
  (length) => `\u0000Content-Length: ${length}`,
];

const CODINGS: readonly string[] = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: Chunked',
  'TRANSFER-ENCODING: CHUNKED',
  'Transfer-Encoding:chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding:   chunked \t',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunkedx',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: chunked\r\n , identity',
  'X: y\r\n Transfer-Encoding: chunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  ' Transfer-Encoding: chunked',
  'Transfer_Encoding: chunked',
  'Transfer-Encoding: \u000bchunked',
  'Transfer-Encoding: chunked\u000b',
  'Transfer-Encoding: \u0000chunked',
  'Transfer-Encoding: chunked\u0000',
  'Transfer-Encoding: chun\u0000ked',
  'Transfer\u0000-Encoding: chunked',
  '\u000bTransfer-Encoding: chunked',
  'Transfer-Encoding:\u00a0chunked',
  'Transfer-Encoding: \u00ffchunked',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'X: y\r\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\rX: y',
  'Transfer-Encoding:',
  'Transfer-Encoding: \r\nTE: chunked',
];

/** A chunk of `text`, and what the size line before it may look like. */
const CHUNKS: readonly ((size: number, text: string) => string)[] = [
  (size, text) => `0x${size.toString(16)}\r\n${text}\r\n`,
  (size, text) => `+${size.toString(16)}\r\n${text}\r\n`,
  (size, text) => `-${size.toString(16)}\r\n${text}\r\n`,
  (size, text) => ` ${size.toString(16)}\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)} \r\n${text}\r\n`,
  (size, text) => `${size.toString(16)}\t\r\n${text}\r\n`,
  (size, text) => `0000000000000000000000${size.toString(16)}\r\n${text}\r\n`,
  (size, text) => `1000000000000000${size.toString(16).padStart(1, '0')}\r\n${text}\r\n`,
  (size, text) => `10000000${size.toString(16)}\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)};ext\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)};a=b;c="d"\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)};a="b\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)};a\n${text}\r\n`,
  (size, text) => `${size.toString(16)};a\r${text}\r\n`,
  (size, text) => `${size.toString(16)} ;ext\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)} ext\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)};${'x'.repeat(300)}\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)}\n${text}\r\n`,
  (size, text) => `${size.toString(16)}\r\n${text}\n`,
  (size, text) => `${size.toString(16)}\n${text}\n`,
  (size, text) => `${size.toString(16)}\r${text}\r\n`,
  (size, text) => `${size.toString(16)}\r\n${text}\r`,
  (size, text) => `${size.toString(16)}\r\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)}\r\n${text}`,
  (size, text) => `${size.toString(16)}\r\n${text}XX`,
  (size, text) => `${(size + 2).toString(16)}\r\n${text}\r\n`,
  (size, text) => `${(size - 1).toString(16)}\r\n${text}\r\n`,
  (size, text) => `\r\n${size.toString(16)}\r\n${text}\r\n`,
  (_size, text) => `\r\n${text}\r\n`,
  (size, text) => `g${size.toString(16)}\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)}\u0000\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)},${size}\r\n${text}\r\n`,
  (size, text) => `${size.toString(16)}.0\r\n${text}\r\n`,
];

const LAST_CHUNKS: readonly string[] = [
  '0\r\n\r\n',
  '00000\r\n\r\n',
  '0;ext\r\n\r\n',
  '0\n\n',
  '0\r\n\n',
  '0\n\r\n',
  '0\r\n',
  '0\r\r\n\r\n',
  '-0\r\n\r\n',
  '0x0\r\n\r\n',
  ' 0\r\n\r\n',
  '0 \r\n\r\n',
  '\r\n\r\n',
  '0\r\nX: y\r\n\r\n',
  '0\r\nX: y\nZ: w\r\n\r\n',
  '0\r\nX: y\n\n',
  '0\r\nX\r\n\r\n',
  '0\r\nX : y\r\n\r\n',
  '0\r\n X: y\r\n\r\n',
  '0\r\nX: y\r\n z\r\n\r\n',
  '0\r\nContent-Length: 40\r\n\r\n',
  '0\r\nTransfer-Encoding: chunked\r\n\r\n',
  '0\r\nHost: other\r\n\r\n',
  '0\r\nX: \u0000\r\n\r\n',
  '0\r\n: y\r\n\r\n',
];

const HEADS: Readonly<Record<string, readonly string[]>> = {
  'a name with something in it': [
    'X : y',
    'X\t: y',
    'X\u0000: y',
    'X\u0001Y: z',
    'X Y: z',
    'X(): z',
    'X/Y: z',
    'X_Y: z',
    '\u00e9: y',
    ': y',
    'no colon',
    '\u007f: y',
    'X',
    '"X": y',
  ],
  'a value with something in it': [
    'X: \u0000',
    'X: a\u0000b',
    'X: a\u0001b',
    'X: a\u000bb',
    'X: \u007f',
    'X: \u00e9',
    'X: a\rb',
    'X: a\nb',
    'X: a\nY: b',
    'X: a\rY: b',
    'X: a\r\r\nY: b',
    'X: a\n\rY: b',
    'X: \u001f',
  ],
  'a line that is folded': ['X: a\r\n b', 'X: a\r\n\tb', 'X:\r\n b', 'X: a\r\n \r\n b', 'X: a\n b'],
  'a host that is not one': [
    'Host: localhost',
    'Host: other',
    'host: other',
    'Host : other',
    'Host_: other',
    'HOST: ',
    ' Host: other',
    'X-Forwarded-Host: other',
    'Forwarded: host=other',
  ],
  'hop by hop': [
    'Connection: Content-Length',
    'Connection: Transfer-Encoding',
    'Connection: close, Content-Length',
    'Connection: keep-alive, Transfer-Encoding',
    'Connection: Host',
    'Connection: close',
    'Connection: keep-alive',
    'Connection: close\r\nConnection: keep-alive',
    'Connection: keep-alive, close',
    'Connection: closed',
    'Connection: X\r\nX: y',
    'Connection:',
    'Proxy-Connection: keep-alive',
    'Keep-Alive: timeout=1, max=1',
    'TE: trailers',
    'TE: chunked',
    'Connection: TE\r\nTE: trailers',
    'Trailer: Content-Length',
  ],
  'another protocol': [
    'Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Upgrade: h2c',
    'Connection: Upgrade',
    'Connection: Upgrade\r\nUpgrade: HTTP/1.1',
  ],
  'something expected': [
    'Expect: 100-continue',
    'Expect: 100-Continue',
    'Expect: 100-continue, x',
    'Expect: x',
    'Expect:',
    'Expect: 100-continue\r\nExpect: 100-continue',
  ],
  'a method or an address besides': [
    'X-HTTP-Method-Override: DELETE',
    'X-Original-URL: /health/live',
    'X-Rewrite-URL: /number/9',
    'Content-Encoding: gzip',
    'Content-Encoding: chunked',
  ],
};

const METHODS: readonly string[] = [
  'get',
  'Get',
  'post',
  'GETT',
  'CONNECT',
  'GE\tT',
  'G',
  'LIST',
  'PRI',
  'TRACE',
  'OPTIONS',
  'DELETE',
  'PATCH',
  'QUERY',
  'PROPFIND',
  'M-SEARCH',
  'GET\u0000',
  ' GET',
  '\r\nGET',
  '\nGET',
  '\rGET',
  '\r\n\r\nGET',
  '\t GET',
  'GE(T',
  '\u00c7ET',
];

const TARGETS: readonly string[] = [
  '/a%00b',
  '/a%0d%0ab',
  '/a b',
  '/a\tb',
  '/a\u0000b',
  '/a\u0001b',
  '/a\u007fb',
  '/\u00e9',
  '/a#b',
  '/a\\b',
  '//health/live',
  '/x/../health/live',
  '/./health/live',
  '/%2e%2e/health/live',
  '/health%2flive',
  '/health/live?a',
  '/health/live?',
  '/health/live HTTP/1.1 HTTP/1.1',
  '/number/1 HTTP/1.0',
  '*',
  '',
  'health/live',
  '?a=b',
  'http://localhost/health/live',
  'http://other/health/live',
  'HTTP://localhost/health/live',
  'http://localhost',
  'http://user@localhost/number/3',
  'http:/localhost/number/3',
  'https://localhost/number/3',
  'localhost:80',
  'ftp://localhost/number/3',
  '/<>"^`{|}',
];

const VERSIONS: readonly string[] = [
  'HTTP/1.0',
  'HTTP/1.0',
  'HTTP/0.9',
  '',
  'HTTP/1.2',
  'HTTP/1.9',
  'HTTP/2.0',
  'HTTP/3.0',
  'HTTP/01.1',
  'HTTP/1.01',
  'HTTP/1.10',
  'HTTP/1',
  'HTTP/1,1',
  'http/1.1',
  'HTTP /1.1',
  'HTTPS/1.1',
  'ICE/1.0',
  'RTSP/1.0',
  'HTTP/1.1 ',
  'HTTP/1.1\t',
  'HTTP/1.1 x',
  'HTTP/1.1\u0000',
  'HTTP/1.1\n',
  'HTTP/1.1\r',
];

/** Of each kind, how it is done. They are drawn as often as they are listed. */
const MUTATIONS: readonly (readonly [string, Mutation])[] = [
  ['a length that is odd', oddLength],
  ['a length that is odd', oddLength],
  ['two lengths', twoLengths],
  ['a coding that is odd', oddCoding],
  ['a coding that is odd', oddCoding],
  ['a coding and a length', codingAndLength],
  ['a coding and a length', codingAndLength],
  ['a length within a coding', lengthWithinCoding],
  ['a length within a coding', lengthWithinCoding],
  ['a chunk that is odd', oddChunk],
  ['a chunk that is odd', oddChunk],
  ['a last chunk that is odd', oddLastChunk],
  ['a body that is a request', bodyOfRequest],
  ['a body of a GET', bodyOfGet],
  ['HTTP/1.0 with a coding', codingOfOld],
  ...Object.entries(HEADS).map(([kind, lines]): readonly [string, Mutation] => [
    kind,
    (draft, dice) =>
      void draft.lines.splice(dice.below(draft.lines.length + 1), 0, dice.one(lines)),
  ]),
  [
    'no host',
    (draft) => void (draft.lines = draft.lines.filter((line) => !line.startsWith('Host'))),
  ],
  ['a method', (draft, dice) => void (draft.method = dice.one(METHODS))],
  ['a target', (draft, dice) => void (draft.target = dice.one(TARGETS))],
  ['a version', (draft, dice) => void (draft.version = dice.one(VERSIONS))],
  [
    'a request line',
    (draft, dice) => void (draft.gap = dice.one(['  ', '\t', ' \t', '\u000b', ''])),
  ],
  ['a head of many lines', manyLines],
];

function mutate(draft: Draft, dice: Dice, kinds: string[]): void {
  const count = dice.one([1, 1, 1, 1, 2, 3]);
  for (let at = 0; at < count; at += 1) {
    const [kind, mutation] = dice.one(MUTATIONS);
    kinds.push(kind);
    mutation(draft, dice);
  }
}

function oddLength(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, 'length');
  replaceLine(draft, 'Content-Length', dice.one(LENGTHS)(draft.body.length));
}

function twoLengths(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, 'length');
  const { length } = draft.body;
  const other = dice.one([length, 0, length - 1, length + 7]);
  const line = dice.percent(50) ? `Content-Length: ${other}` : dice.one(LENGTHS)(length);
  draft.lines.splice(dice.below(draft.lines.length + 1), 0, line);
}

function oddCoding(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, 'chunked');
  replaceLine(draft, 'Transfer-Encoding', dice.one(CODINGS));
}

/** Who goes by the length has all for the body; who goes by the coding has another request behind it. */
function codingAndLength(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, 'chunked');
  if (dice.percent(70)) replaceLine(draft, 'Transfer-Encoding', dice.one(CODINGS));
  draft.body += smuggled(dice);
  const line = `Content-Length: ${draft.body.length}`;
  draft.lines.splice(dice.below(draft.lines.length + 1), 0, line);
}

/** Who goes by the coding has all for the body; who goes by the length has another request within it. */
function lengthWithinCoding(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, 'chunked');
  if (dice.percent(70)) replaceLine(draft, 'Transfer-Encoding', dice.one(CODINGS));
  const inner = smuggled(dice);
  const size = `${inner.length.toString(16)}\r\n`;
  draft.body = `${size}${inner}\r\n0\r\n\r\n`;
  const length = dice.one([size.length, 0, size.length + 1]);
  draft.lines.splice(dice.below(draft.lines.length + 1), 0, `Content-Length: ${length}`);
}

function oddChunk(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, 'chunked');
  const text = dice.percent(30) ? smuggled(dice) : dice.one(BODIES);
  const odd = dice.one(CHUNKS)(text.length, text);
  draft.body = dice.percent(30)
    ? `${chunked('  ', dice).replace(/0\r\n\r\n$/, '')}${odd}0\r\n\r\n`
    : `${odd}0\r\n\r\n`;
}

function oddLastChunk(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, 'chunked');
  draft.body = draft.body.replace(/0\r\n\r\n$/, dice.one(LAST_CHUNKS));
}

function bodyOfRequest(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, 'length');
  draft.body = smuggled(dice);
  replaceLine(draft, 'Content-Length', `Content-Length: ${draft.body.length}`);
}

function bodyOfGet(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, dice.one(['length', 'chunked']));
  draft.method = dice.one(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PUT']);
  draft.target = dice.one(['/number/4', '/health/live', SIGN_IN]);
}

function codingOfOld(draft: Draft, dice: Dice): void {
  requireFraming(draft, dice, dice.one(['length', 'chunked']));
  draft.version = 'HTTP/1.0';
  if (dice.percent(60)) draft.lines.push('Connection: keep-alive');
  if (dice.percent(40)) replaceLine(draft, 'Transfer-Encoding', dice.one(CODINGS));
}

/** About as many, or as long, as is let through. */
function manyLines(draft: Draft, dice: Dice): void {
  if (dice.percent(50)) {
    for (let at = 92 + dice.below(12); at > 0; at -= 1) draft.lines.push('A: b');
  } else draft.lines.push(`A: ${'b'.repeat(14_000 + dice.below(3000))}`);
}

/** Changes single bytes, or leaves some out, wherever they are. */
function spoil(text: string, dice: Dice, kinds: string[]): string {
  const how = dice.one(['flipped', 'flipped', 'inserted', 'left out', 'cut short', 'line ends']);
  kinds.push(how);
  const at = dice.below(text.length);
  const odd = String.fromCharCode(
    dice.percent(50) ? dice.below(256) : dice.one([0, 9, 10, 11, 13, 32, 58, 44]),
  );
  switch (how) {
    case 'flipped':
      return text.slice(0, at) + odd + text.slice(at + 1);
    case 'inserted':
      return text.slice(0, at) + odd + text.slice(at);
    case 'left out':
      return text.slice(0, at) + text.slice(at + 1 + dice.below(3));
    case 'cut short':
      return text.slice(0, at);
    default:
      return spoilLineEnds(text, dice);
  }
}

function spoilLineEnds(text: string, dice: Dice): string {
  const end = dice.one(['\n', '\r', '\n\r', '\r\r\n', '\r\n\n', ' \r\n', '\u000b\r\n']);
  if (dice.percent(40)) return text.replaceAll('\r\n', end);
  const ends = [...text.matchAll(/\r\n/g)];
  if (ends.length === 0) return text;
  const at = dice.one(ends).index;
  return text.slice(0, at) + end + text.slice(at + 2);
}
