const PATTERN_MAX = 200;
const STARS_MAX = 8;
/** Whether a longer text fits cannot be told: no pattern is tried on it. */
const TEXT_MAX = 1024;

/** Texts, held against patterns in which `*` stands for any text. */
export interface TextGlobs {
  /** Whether a text fits one of them; `undefined` if it is too long to be tried. */
  fits(text: string): boolean | undefined;
}

/** Makes patterns ready of which {@link programPatternFault} says nothing. */
export function toTextGlobs(patterns: readonly string[]): TextGlobs {
  const parts = patterns.map((pattern) => pattern.split('*'));
  return {
    fits: (text) =>
      text.length > TEXT_MAX ? undefined : parts.some((each) => matchesGlob(each, text)),
  };
}

/** Why a text is no pattern for user agents; `undefined` if it is one. */
export function programPatternFault(pattern: unknown): string | undefined {
  if (typeof pattern !== 'string' || !/^[\x20-\x7e]+$/.test(pattern)) {
    return 'a user agent is printable ASCII text';
  }
  if (pattern.length > PATTERN_MAX || pattern.split('*').length - 1 > STARS_MAX) {
    return `a user agent has at most ${PATTERN_MAX} characters and ${STARS_MAX} stars`;
  }
  return undefined;
}

/** Whether a text is what stands between the stars, in order: the first place of each will do. */
function matchesGlob(parts: readonly string[], text: string): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
