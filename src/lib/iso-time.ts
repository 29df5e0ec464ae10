const KEPT_MAX = 1024;
const texts = new Map<number, string>();

/** A time in milliseconds as RFC 3339, in UTC. The same few times are asked for again and again. */
export function isoTime(ms: number): string {
  const known = texts.get(ms);
  if (known !== undefined) return known;
  if (texts.size >= KEPT_MAX) texts.clear();
  const text = new Date(ms).toISOString();
  texts.set(ms, text);
  return text;
}
