/** An answer, without what is another one each time. */
export interface Answer {
  readonly status: number;
  /** Status, body and methods: what it says of the request that it is an answer to. */
  readonly said: string;
  /** Whether it is the last one of its connection. */
  readonly isLast: boolean;
  /** Whether a proxy made it up. */
  readonly isProxys: boolean;
  /** The id that the server gave the request; empty where it gave none. */
  readonly id: string;
}

/** What a proxy hands on. */
export interface Forwarded {
  /** The number that the proxy gave to whoever it is from; `undefined` if it gave none, or two. */
  readonly mark: number | undefined;
  readonly method: string;
  readonly target: string;
  /** Why others might read it in another way; empty where nobody can. */
  readonly oddity: string;
  bodyLength: number;
  isWhole: boolean;
  answer?: Answer;
}

/** The header by which a proxy marks what it hands on. */
export const MARK = 'x-mark';
/** The header by which a proxy marks answers that it did not make up. */
export const FROM_SERVER = 'x-from-server';

const END_OF_HEAD = '\r\n\r\n';
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?(.*)$/;

/** Name and value of each line of a head, names in small letters. */
function fieldsOf(head: string): readonly (readonly [name: string, value: string])[] {
  return head
    .split('\r\n')
    .slice(1)
    .map((line) => {
      const [, name = '', value = ''] = FIELD.exec(line) ?? [];
      return [name.toLowerCase(), value] as const;
    });
}

/** How the end of a body is found. */
type Framing = { readonly kind: 'length'; readonly length: number } | { readonly kind: 'chunked' };

interface Head {
  readonly forwarded: Forwarded;
  readonly framing: Framing;
}

/** Reads a request's head by the letter of RFC 9112; what is not to the letter is odd. */
function readRequestHead(head: string): Head {
  const fields = fieldsOf(head);
  const all = (name: string): readonly string[] =>
    fields.filter((field) => field[0] === name).map((field) => field[1]);
  const [method = '', target = ''] = head.split(' ', 2);
  const lengths = all('content-length');
  const codings = all('transfer-encoding');
  const marks = all(MARK);
  const oddity = [
    /^[A-Z-]+ [^\s]+ HTTP\/1\.[01]\r\n/.test(`${head}\r\n`) ? '' : 'request line',
    // oxlint-disable-next-line no-control-regex
    /[\n\r\u0000]/.test(head.replaceAll('\r\n', '')) ? 'control character' : '',
    fields.some(([name]) => name === '') ? 'line of the head' : '',
    lengths.length + codings.length > 1 ? 'two framings' : '',
    lengths.every((length) => /^\d+$/.test(length)) ? '' : 'length',
    codings.every((coding) => coding.toLowerCase() === 'chunked') ? '' : 'coding',
    marks.length === 1 ? '' : 'mark',
  ].find((each) => each !== '');
  return {
    forwarded: {
      mark: marks.length === 1 ? Number(marks[0]) : undefined,
      method,
      target,
      oddity: oddity ?? '',
      bodyLength: 0,
      isWhole: false,
    },
    framing:
      codings.length > 0
        ? { kind: 'chunked' }
        : { kind: 'length', length: Number(lengths[0] ?? 0) },
  };
}

/** Reads requests that a proxy hands on over one connection, as they come. */
export class ForwardedReader {
  readonly #began: (forwarded: Forwarded) => void;
  #text = '';
  #head: Head | undefined;
  /** Bytes of the body that are still to come; of a body in chunks, of this chunk and its line end. */
  #left = 0;

  /** @param began - Told of each request, once its head is there. */
  constructor(began: (forwarded: Forwarded) => void) {
    this.#began = began;
  }

  push(bytes: Buffer): void {
    this.#text += bytes.toString('latin1');
    while (this.#head === undefined ? this.#readHead() : this.#readBody(this.#head));
  }

  /** Whether there was something to read. */
  #readHead(): boolean {
    const end = this.#text.indexOf(END_OF_HEAD);
    if (end === -1) return false;
    const head = readRequestHead(this.#text.slice(0, end));
    this.#text = this.#text.slice(end + END_OF_HEAD.length);
    this.#head = head;
    this.#left = head.framing.kind === 'length' ? head.framing.length : 0;
    this.#began(head.forwarded);
    if (head.framing.kind === 'length' && this.#left === 0) this.#end(head);
    return true;
  }

  #readBody(head: Head): boolean {
    if (head.framing.kind === 'chunked' && this.#left === 0) return this.#readSize(head);
    const taken = Math.min(this.#left, this.#text.length);
    if (taken === 0) return false;
    head.forwarded.bodyLength += taken;
    this.#left -= taken;
    this.#text = this.#text.slice(taken);
    if (this.#left === 0 && head.framing.kind === 'length') this.#end(head);
    return true;
  }

  #readSize(head: Head): boolean {
    const [line, digits = ''] = /^([0-9A-Fa-f]{1,8})\r\n/.exec(this.#text) ?? [];
    if (line === undefined) return false;
    const size = Number.parseInt(digits, 16);
    if (size > 0) {
      this.#text = this.#text.slice(line.length);
      this.#left = size + 2;
      return true;
    }
    const end = this.#text.indexOf(END_OF_HEAD);
    if (end === -1) return false;
    this.#text = this.#text.slice(end + END_OF_HEAD.length);
    this.#end(head);
    return true;
  }

  #end(head: Head): void {
    head.forwarded.isWhole = true;
    this.#head = undefined;
  }
}

const ID = /,?"request_id":"[^"]*"/;

/**
 * The answer that a text begins with, if it is there as a whole.
 *
 * @param isOfHead - Whether it is one to `HEAD`. Default: as the text looks like.
 */
export function readAnswer(
  text: string,
  isOfHead?: boolean,
): { readonly answer: Answer | undefined; readonly rest: string } | undefined {
  const end = text.indexOf(END_OF_HEAD);
  if (end === -1) return undefined;
  const head = text.slice(0, end);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  const after = text.slice(end + END_OF_HEAD.length);
  // What comes before the answer itself.
  if (status >= 100 && status < 200) return { answer: undefined, rest: after };
  const fields = new Map(fieldsOf(head));
  const body = bodyOf(after, fields, isOfHead);
  if (body === undefined) return undefined;
  const said = `${status} ${fields.get('allow') ?? ''} ${body.text.replace(ID, '')}`;
  const answer = {
    status,
    said,
    isLast: fields.get('connection') === 'close',
    isProxys: !fields.has(FROM_SERVER),
    id: fields.get('x-request-id') ?? '',
  };
  return { answer, rest: body.rest };
}

function bodyOf(
  text: string,
  fields: ReadonlyMap<string, string>,
  isOfHead: boolean | undefined,
): { readonly text: string; readonly rest: string } | undefined {
  if (fields.get('transfer-encoding') === 'chunked') {
    // What is answered in chunks here has none.
    return text.startsWith('0\r\n\r\n') ? { text: '', rest: text.slice(5) } : undefined;
  }
  const length = Number(fields.get('content-length') ?? 0);
  const hasNone = isOfHead ?? (text === '' || text.startsWith('HTTP/1.'));
  if (hasNone) return { text: '', rest: text };
  return text.length < length
    ? undefined
    : { text: text.slice(0, length), rest: text.slice(length) };
}

/** All answers of a connection that is over. */
export function readAnswers(text: string): readonly Answer[] {
  const answers: Answer[] = [];
  let rest = text;
  for (let read = readAnswer(rest); read !== undefined; read = readAnswer(rest)) {
    if (read.answer !== undefined) answers.push(read.answer);
    rest = read.rest;
  }
  return answers;
}

/** What the server says of requests that it took to the end: also of those whose input it did not like. */
const CARRIED_OUT: readonly RegExp[] = [
  /^(?:200|401|404|405) /,
  /^400 .*"code":"invalid_input"/,
  /^400 .*"detail":"(?:the body is not JSON|the connection ended within the body)"/,
  /^415 .*"detail":"the body has to be JSON"/,
];

/** Whether an answer says that the request is none, or none that is looked at. */
export function isRefusal({ said }: Answer): boolean {
  return !CARRIED_OUT.some((pattern) => pattern.test(said));
}

/** Whether an answer shows that the body was one of those that are sent, whole and with nothing behind it. */
export function isOfWholeBody({ said }: Answer): boolean {
  return said.includes('"code":"invalid_input"');
}
