import { StrongroomError } from '../errors.ts';
import {
  findClosingQuote,
  quoteKindOf,
  unescapeDouble,
  type DotenvQuote,
} from './dotenv-quotes.ts';

/** A piece of the file that sets nothing: a byte order mark, a comment line or a blank line. */
export interface DotenvFiller {
  readonly kind: 'bom' | 'comment' | 'blank';
  /** The exact text, with its line end. */
  readonly raw: string;
  /** Line number of its first character, from 1. */
  readonly line: number;
}

/** One `NAME=value`, over one line or several. */
export interface DotenvAssignment {
  readonly kind: 'assignment';
  /** The exact text from the start of the line, with its last line end if it has one. */
  readonly raw: string;
  /** Line number of its first character, from 1. */
  readonly line: number;
  readonly name: string;
  /** The value as it reads, with line ends as `\n`. */
  readonly value: string;
  /** How the value is quoted. */
  readonly quote: DotenvQuote;
  /** Whether the line begins with `export`. */
  readonly exported: boolean;
  /** Where the value's text begins in `raw`, its opening quote included, in UTF-16 units. */
  readonly valueStart: number;
  /** Where the value's text ends in `raw`, after its closing quote, in UTF-16 units. */
  readonly valueEnd: number;
  /** Whether a later line could change where this value ends (its closing quote follows a backslash). */
  readonly fragile: boolean;
}

/** One piece of a `.env` file. */
export type DotenvSegment = DotenvFiller | DotenvAssignment;

/** Something worth telling a person about a line that was read without error. */
export interface DotenvNote {
  /** Line number, from 1. */
  readonly line: number;
  /** The variable's name. */
  readonly name: string;
  /** What to know; holds no part of the value. */
  readonly message: string;
}

/** A `.env` file as a list of pieces whose `raw` texts, joined, are exactly the file. */
export interface DotenvDocument {
  readonly text: string;
  readonly segments: readonly DotenvSegment[];
  readonly notes: readonly DotenvNote[];
  /** The line end that most lines have; `\n` if there is none. */
  readonly lineEnd: '\n' | '\r\n' | '\r';
}

/** Where reading stands. */
interface Cursor {
  readonly text: string;
  readonly at: number;
  readonly line: number;
  readonly notes: DotenvNote[];
}

/** What the head of a line gave. */
interface Head {
  readonly name: string;
  readonly exported: boolean;
  /** Offset in the text of the first character after the separator. */
  readonly end: number;
}

/** The value's text and meaning; offsets are offsets in the whole text. */
interface Value {
  readonly value: string;
  readonly quote: DotenvQuote;
  readonly start: number;
  readonly end: number;
  readonly fragile: boolean;
}

const HEAD = /[^\S\r\n]*(export[^\S\r\n]+)?([\w.-]+)(?:[^\S\r\n]*=|:[^\S\r\n])/y;
const HEAD_SO_FAR = /[^\S\r\n]*(?:export[^\S\r\n]+)?([\w.-]*)[^\S\r\n]*/y;
const SPACES = /[^\S\r\n]*/y;
const NOT_FOR_BARE_VALUES = /(?!\t)\p{Cc}/u;

/**
 * Reads a `.env` file. Values read as the npm package `dotenv` reads them, with the
 * differences that docs/guide/dotenv.md lists; `$` is never expanded.
 *
 * @param text - The whole file, decoded, with its byte order mark if it has one.
 * @returns Pieces that join to exactly `text`. Of two assignments to a name the last counts.
 * @throws {@link StrongroomError} `malformed_dotenv` with `line` and `column` (from 1, in characters).
 *
 * @example
 * const document = parseDotenv(await readFile('.env', 'utf8'));
 * for (const [name, value] of dotenvValues(document)) await write(name, value);
 */
export function parseDotenv(text: string): DotenvDocument {
  const nul = text.indexOf('\0');
  if (nul !== -1) {
    throw malformed(text, nul, 'a NUL character cannot stand in a .env file', {
      hint: 'if the file is UTF-16, save it as UTF-8 first',
    });
  }
  const segments: DotenvSegment[] = [];
  const notes: DotenvNote[] = [];
  let at = 0;
  let line = 1;
  if (text.startsWith('\uFEFF')) {
    segments.push({ kind: 'bom', raw: '\uFEFF', line });
    at = 1;
  }
  while (at < text.length) {
    const segment = readSegment({ text, at, line, notes });
    segments.push(segment);
    at += segment.raw.length;
    line += countLineEnds(segment.raw);
  }
  return { text, segments, notes, lineEnd: prevailingLineEnd(text) };
}

/**
 * The variables of a document.
 *
 * @returns Name to value in the order in which names first appear; of duplicates the last value.
 */
export function dotenvValues(document: DotenvDocument): Map<string, string> {
  const values = new Map<string, string>();
  for (const segment of document.segments) {
    if (segment.kind === 'assignment') values.set(segment.name, segment.value);
  }
  return values;
}

function readSegment(cursor: Cursor): DotenvSegment {
  const { text, at, line } = cursor;
  const end = lineEndAt(text, at);
  const content = text.slice(at, end.start).trimStart();
  if (content === '') return { kind: 'blank', raw: text.slice(at, end.end), line };
  if (content.startsWith('#')) return { kind: 'comment', raw: text.slice(at, end.end), line };

  const head = readHead(text, at, end.start);
  const first = matchAt(SPACES, text, head.end);
  const opening = text.charAt(head.end + first.length);
  const quote = quoteKindOf(opening);
  const value =
    quote === 'none'
      ? readBareValue(cursor, head, end.start)
      : readQuotedValue(cursor, head, head.end + first.length);
  return {
    kind: 'assignment',
    raw: text.slice(at, lineEndAt(text, value.end).end),
    line,
    name: head.name,
    value: value.value,
    quote: value.quote,
    exported: head.exported,
    valueStart: value.start - at,
    valueEnd: value.end - at,
    fragile: value.fragile,
  };
}

function readHead(text: string, at: number, lineStop: number): Head {
  HEAD.lastIndex = at;
  const match = HEAD.exec(text);
  const name = match?.[2];
  if (match !== null && name !== undefined) {
    return { name, exported: match[1] !== undefined, end: HEAD.lastIndex };
  }
  // The text of such a line may be a piece of a value that lost its quotes, so nothing of it is quoted.
  const wrong = at + matchAt(HEAD_SO_FAR, text, at).length;
  if (!text.slice(at, lineStop).includes('=')) {
    throw malformed(text, wrong, 'a line that is no comment needs a name and a = sign', {
      hint: 'a value of several lines needs quotes around it; a comment begins with #',
    });
  }
  throw malformed(text, wrong, 'a name may hold only letters, digits, _ . and - before its = sign');
}

function readBareValue(cursor: Cursor, head: Head, lineStop: number): Value {
  const { text, line, notes } = cursor;
  const rest = text.slice(head.end, lineStop);
  const comment = /(?:^|\s)#/.exec(rest);
  const beforeComment = comment === null ? rest : rest.slice(0, comment.index);
  const value = beforeComment.trim();
  if (value === '') {
    return { value, quote: 'none', start: head.end, end: head.end, fragile: false };
  }
  const start = head.end + (beforeComment.length - beforeComment.trimStart().length);
  const control = NOT_FOR_BARE_VALUES.exec(value);
  if (control !== null) {
    const what = `the value of ${shownName(head.name)} holds a control character outside quotes`;
    throw malformed(text, start + control.index, what, { hint: 'put the value in quotes' });
  }
  if (value.includes('#')) {
    notes.push({
      line,
      name: head.name,
      message: 'the # belongs to the value here, but some programs stop reading there; quotes help',
    });
  }
  return { value, quote: 'none', start, end: start + value.length, fragile: false };
}

function readQuotedValue(cursor: Cursor, head: Head, open: number): Value {
  const { text, line, notes } = cursor;
  const found = findClosingQuote(text, open);
  if (found.kind === 'unterminated') {
    throw malformed(text, open, `the quote that begins ${shownName(head.name)} is never closed`);
  }
  if (found.kind === 'followed') {
    const what = `only a comment may follow the closing quote of ${shownName(head.name)}`;
    throw malformed(text, found.at, what, {
      hint: 'to have quotes inside a value, use another kind of quote around it',
    });
  }
  const quote = quoteKindOf(text.charAt(open));
  const inner = text.slice(open + 1, found.close).replaceAll(/\r\n?/g, '\n');
  const value = quote === 'double' ? unescapeDouble(inner) : inner;
  const elsewhere = inner.replaceAll('\\n', '\n').replaceAll('\\r', '\r');
  if (quote === 'double' && (found.npmClose !== found.close || elsewhere !== value)) {
    notes.push({
      line,
      name: head.name,
      message: 'the npm package dotenv reads the backslashes of this value in another way',
    });
  }
  return { value, quote, start: open, end: found.close + 1, fragile: found.fragile };
}

/** A name as an error may show it: what does not look like one could be part of a value. */
function shownName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/.test(name) ? name : 'the variable';
}

function malformed(
  text: string,
  offset: number,
  what: string,
  options: { readonly hint?: string } = {},
): StrongroomError {
  const before = text.slice(0, offset);
  const line = countLineEnds(before) + 1;
  const lineStart = Math.max(before.lastIndexOf('\n'), before.lastIndexOf('\r')) + 1;
  const column = Array.from(before.slice(lineStart).replace(/^\uFEFF/, '')).length + 1;
  return new StrongroomError('malformed_dotenv', `line ${line}, column ${column}: ${what}`, {
    details: { line, column },
    ...options,
  });
}

function matchAt(sticky: RegExp, text: string, at: number): string {
  sticky.lastIndex = at;
  return sticky.exec(text)?.[0] ?? '';
}

function lineEndAt(text: string, from: number): { readonly start: number; readonly end: number } {
  const pattern = /\r\n?|\n/g;
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  if (match === null) return { start: text.length, end: text.length };
  return { start: match.index, end: match.index + match[0].length };
}

function countLineEnds(text: string): number {
  return text.match(/\r\n?|\n/g)?.length ?? 0;
}

function prevailingLineEnd(text: string): DotenvDocument['lineEnd'] {
  const both = text.match(/\r\n/g)?.length ?? 0;
  const feeds = (text.match(/\n/g)?.length ?? 0) - both;
  const returns = (text.match(/\r/g)?.length ?? 0) - both;
  if (both > feeds && both >= returns) return '\r\n';
  return returns > feeds ? '\r' : '\n';
}
