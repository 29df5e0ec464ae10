/** How a value is quoted in a `.env` file. */
export type DotenvQuote = 'none' | 'single' | 'double' | 'backtick';

/** Where a quoted value ends, or why that cannot be said. */
export type ClosingQuote =
  | {
      readonly kind: 'closed';
      /** Offset of the closing quote. */
      readonly close: number;
      /** Offset of the closing quote for the npm package dotenv; -1 if it finds none. */
      readonly npmClose: number;
      /** Whether text after this line could move the end. */
      readonly fragile: boolean;
    }
  | { readonly kind: 'unterminated' }
  | {
      readonly kind: 'followed';
      /** Offset of the first character that may not be there. */ readonly at: number;
    };

/** What to know to write a value into a `.env` file. */
export interface DotenvQuoting {
  /** How the value is quoted now; kept where that serves every reader. */
  readonly present: DotenvQuote;
  /** What to write for a line feed inside quotes. */
  readonly lineEnd: string;
  /** Whether the text must end the value whatever lines follow. */
  readonly robust: boolean;
}

const KINDS: Readonly<Record<string, DotenvQuote>> = {
  "'": 'single',
  '"': 'double',
  '`': 'backtick',
};
const MARKS: Readonly<Record<DotenvQuote, string>> = {
  none: '',
  single: "'",
  double: '"',
  backtick: '`',
};
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

const TRAIL = /[^\S\r\n]*(?:#|\r|\n|$)/y;
// zsh expands a leading = and ~, also after a colon, even in an assignment.
const PLAIN = /^(?![=~])(?!.*:[=~])[A-Za-z0-9_./:@%+,=-]+$/;
const ACTIVE_BACKSLASH = /\\(?:[nrt"\\$`]|$)/;
const NOT_BARE = /^['"`]|[#\p{Cc}\u2028\u2029]/u;

/** The kind of quote that a character opens; `none` for any other character. */
export function quoteKindOf(character: string): DotenvQuote {
  return KINDS[character] ?? 'none';
}

/** Resolves the escapes that count inside double quotes; every other backslash stays. */
export function unescapeDouble(inner: string): string {
  return inner.replaceAll(/\\([nrt"\\$`])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}

/**
 * Finds the end of a quoted value. Inside double quotes a backslash takes the next
 * character along. As with npm dotenv, a quote after a backslash closes after all
 * if nothing later can, so that `"C:\dir\"` is a value.
 *
 * @param text - The whole file.
 * @param open - Offset of the opening quote.
 */
export function findClosingQuote(text: string, open: number): ClosingQuote {
  const npmClose = findNpmClose(text, open);
  const plain = text.charAt(open) === '"' ? nextUnescaped(text, open) : nextUnpreceded(text, open);
  if (plain !== -1 && endsValue(text, plain)) {
    return { kind: 'closed', close: plain, npmClose, fragile: false };
  }
  const fallback = lastEscaped(text, open, plain === -1 ? text.length : plain);
  if (fallback !== -1) return { kind: 'closed', close: fallback, npmClose, fragile: true };
  if (plain === -1) return { kind: 'unterminated' };
  const spaces = /[^\S\r\n]*/y;
  spaces.lastIndex = plain + 1;
  return { kind: 'followed', at: plain + 1 + (spaces.exec(text)?.[0].length ?? 0) };
}

/**
 * Writes a value so that {@link unescapeDouble} and the reader of `.env` files give it
 * back exactly, and as many other readers as can: npm dotenv, Node's `util.parseEnv`
 * and POSIX `sh`, in this order where they cannot all agree.
 *
 * @param value - Any text without NUL.
 */
export function quoteDotenvValue(value: string, quoting: DotenvQuoting): string {
  const { present, lineEnd, robust } = quoting;
  const kind = forEveryReader(value, present, robust) ?? forJavaScript(value, present);
  if (kind !== undefined) return `${MARKS[kind]}${value.replaceAll('\n', lineEnd)}${MARKS[kind]}`;
  // A raw carriage return reads as a line feed, so it needs an escape; npm dotenv knows only \n and \r.
  if (!value.includes('\r')) return `"${escapeAll(value).replaceAll('\n', lineEnd)}"`;
  const npmReadsIt = !/"|\\[\r\n]/.test(value) && !ACTIVE_BACKSLASH.test(value);
  const escaped = npmReadsIt ? value : escapeAll(value);
  return `"${escaped.replaceAll('\n', '\\n').replaceAll('\r', '\\r')}"`;
}

function escapeAll(value: string): string {
  return value.replaceAll(/["\\$`]/g, '\\$&');
}

/** The quoting that all four readers understand, if there is one. */
function forEveryReader(
  value: string,
  present: DotenvQuote,
  robust: boolean,
): DotenvQuote | undefined {
  const kinds: DotenvQuote[] = [];
  if (PLAIN.test(value) || value === '') kinds.push('none');
  if (!/['\r]/.test(value) && !value.endsWith('\\')) kinds.push('single');
  // A shell alone drops a backslash before a line feed; then no kind of quotes serves all.
  if (!/["$`\r]/.test(value) && !ACTIVE_BACKSLASH.test(value)) kinds.push('double');
  if (!robust && !/['\r]/.test(value) && value.endsWith('\\')) kinds.push('single');
  return kinds.includes(present) ? present : kinds[0];
}

/** The quoting that every reader but a shell understands, if there is one. */
function forJavaScript(value: string, present: DotenvQuote): DotenvQuote | undefined {
  const kinds: DotenvQuote[] = [];
  if (!/["\r]/.test(value) && !ACTIVE_BACKSLASH.test(value)) kinds.push('double');
  if (!/[`\r]/.test(value) && !value.endsWith('\\')) kinds.push('backtick');
  // A shell that reads quotes in a bare value can lose the rest of the file, so this comes last.
  if (value === value.trim() && !NOT_BARE.test(value)) kinds.push('none');
  return kinds.includes(present) && present !== 'none' ? present : kinds[0];
}

/** The end as npm dotenv 16 to 18 find it: the last quote with nothing but a comment behind it, up to the first without a backslash before it. */
function findNpmClose(text: string, open: number): number {
  const stop = nextUnpreceded(text, open);
  if (stop !== -1 && endsValue(text, stop)) return stop;
  return lastEscaped(text, open, stop === -1 ? text.length : stop);
}

function nextUnescaped(text: string, open: number): number {
  const quoteOrBackslash = /["\\]/g;
  quoteOrBackslash.lastIndex = open + 1;
  for (let match = quoteOrBackslash.exec(text); match; match = quoteOrBackslash.exec(text)) {
    if (match[0] === '"') return match.index;
    quoteOrBackslash.lastIndex = match.index + 2;
  }
  return -1;
}

function nextUnpreceded(text: string, open: number): number {
  const mark = text.charAt(open);
  let at = text.indexOf(mark, open + 1);
  while (at !== -1 && text.charAt(at - 1) === '\\') at = text.indexOf(mark, at + 1);
  return at;
}

/** The last quote before `stop` that follows a backslash and could end the value; -1 if none. */
function lastEscaped(text: string, open: number, stop: number): number {
  const mark = text.charAt(open);
  let last = -1;
  for (let at = text.indexOf(mark, open + 1); at !== -1 && at < stop;) {
    if (text.charAt(at - 1) === '\\' && endsValue(text, at)) last = at;
    at = text.indexOf(mark, at + 1);
  }
  return last;
}

function endsValue(text: string, close: number): boolean {
  TRAIL.lastIndex = close + 1;
  return TRAIL.test(text);
}
