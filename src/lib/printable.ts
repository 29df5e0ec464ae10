/**
 * Text that others chose, for a terminal: it must not move the cursor, change
 * colours, begin a line or turn the reading direction. Such characters come out
 * as `\u` and four hexadecimal digits.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** The same of text of several lines, which it leaves. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
