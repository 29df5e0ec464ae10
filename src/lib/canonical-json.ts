const DEPTH_MAX = 64;

/**
 * Writes a value as canonical JSON (RFC 8785): members sorted by UTF-16 code
 * units, no white space, numbers and strings as ECMAScript writes them. Two
 * texts of one value are never different. Members that are `undefined` are left out.
 *
 * @param value - What `JSON.parse` can return: text, finite numbers, booleans, null, arrays, objects.
 * @throws TypeError if it holds anything else, a lone surrogate, or is nested more than 64 deep.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

/**
 * Reads canonical JSON, and nothing else: a text that its value would not be
 * written as is refused, so duplicate members, white space and other escapes are.
 *
 * @returns The value, or `undefined` if the text is not canonical JSON.
 */
export function parseCanonicalJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return canonicalJson(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

function write(value: unknown, depth: number): string {
  if (depth > DEPTH_MAX) throw new TypeError('nested too deeply for canonical JSON');
  if (typeof value === 'string') return writeText(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  }
  if (typeof value === 'object') return writeObject(value, depth);
  throw new TypeError(`canonical JSON has no ${typeof value}`);
}

function writeObject(value: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError('canonical JSON has plain objects only');
  }
  const members: string[] = [];
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, member] of entries) {
    if (member === undefined) continue;
    members.push(`${writeText(name)}:${write(member, depth + 1)}`);
  }
  return `{${members.join(',')}}`;
}

function writeText(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('canonical JSON has no lone surrogates');
  return JSON.stringify(text);
}
