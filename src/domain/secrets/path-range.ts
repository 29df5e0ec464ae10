/** A character after every one that a path can have. */
export const AFTER_ALL = '~';

/** A text just before every path that begins with the prefix. */
export function beforePrefix(prefix: string): string {
  if (prefix === '') return '';
  const last = prefix.charCodeAt(prefix.length - 1);
  return `${prefix.slice(0, -1)}${String.fromCharCode(last - 1)}${AFTER_ALL}`;
}
