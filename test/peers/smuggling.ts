import {
  CHUNKS,
  CODINGS,
  HEADS,
  LAST_CHUNKS,
  LENGTHS,
  METHODS,
  TARGETS,
  VERSIONS,
} from './smuggling-words.ts';

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
