import {
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  type Document,
  type ScalarTag,
  type YAMLMap,
} from 'yaml';
import { StrongroomError } from '../errors.ts';
import { fromBase64, toBase64 } from '../lib/base64.ts';
import type { FieldContent, SecretContent } from './secret-content.ts';

const BINARY = 'tag:yaml.org,2002:binary';
const TEXT = 'tag:yaml.org,2002:str';
const NO_VALUE = 'there is no value here; write "" for empty text';

/** Keeps the text of a `!!binary`, so that it is decoded strictly here. */
const BINARY_AS_TEXT: ScalarTag = { tag: BINARY, resolve: (text) => text };

/** Names that no reader of YAML 1.1 or 1.2 takes for anything but text. */
const PLAIN_NAME = /^(?!(?:y|n|yes|no|on|off|true|false|null)$)[A-Za-z_][A-Za-z0-9_]*$/i;
/** Two lines or more that a literal block carries unchanged through every reader. */
const LITERAL = /^[!-~](?:[ -~]*[!-~])?(?:\n[!-~](?:[ -~]*[!-~])?)+\n?$/;
/** What JSON leaves raw and YAML does not count as printable, or reads as a line break or a mark. */
const ESCAPED_IN_YAML = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Where messages about a document get their positions from. */
interface Source {
  readonly lines: LineCounter;
}

/**
 * Writes secrets as one YAML mapping. All text is in double quotes or a literal block, so
 * that `no`, `1e3` and `null` stay text for readers of YAML 1.1 too; bytes are `!!binary`,
 * fields a mapping.
 *
 * @param values - Name or path to content, in the order to be written.
 * @returns YAML from which {@link parseYaml} gives back the same.
 */
export function renderYaml(values: ReadonlyMap<string, SecretContent>): string {
  if (values.size === 0) return '{}\n';
  return [...values].map(([name, content]) => entryText(name, content, '')).join('');
}

/**
 * Reads what {@link renderYaml} writes, and mappings of the same shape written by hand.
 * An unquoted value reads as the text that stands there: `no` is `no` and `1e3` is `1e3`.
 *
 * @param text - One YAML document.
 * @throws {@link StrongroomError} `invalid_input` with `line` and `column` (from 1) if it is not
 *   YAML or not of this shape; aliases, anchors, names that stand twice, values that are not
 *   there (`null`, `~`) and tags other than `!!binary` and `!!str` are refused.
 */
export function parseYaml(text: string): Map<string, SecretContent> {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'failsafe',
    customTags: [BINARY_AS_TEXT],
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  return readSecrets(document, { lines });
}

function entryText(name: string, content: SecretContent, indent: string): string {
  const key = `${indent}${PLAIN_NAME.test(name) ? name : quoted(name)}:`;
  if (typeof content === 'string') return `${key} ${scalarText(content, indent)}\n`;
  if (content instanceof Uint8Array) return `${key} !!binary "${toBase64(content)}"\n`;
  if (content.size === 0) return `${key} {}\n`;
  const entries = [...content].map(([field, value]) => entryText(field, value, `${indent}  `));
  return `${key}\n${entries.join('')}`;
}

function scalarText(text: string, indent: string): string {
  if (!isLiteral(text)) return quoted(text);
  const body = text.endsWith('\n') ? text.slice(0, -1) : text;
  const lines = body.split('\n').map((line) => `\n${indent}  ${line}`);
  return `${text.endsWith('\n') ? '|' : '|-'}${lines.join('')}`;
}

/** Long texts are quoted: the pattern's steps are bounded by its length. */
function isLiteral(text: string): boolean {
  return text.length <= 65_536 && LITERAL.test(text);
}

function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    ESCAPED_IN_YAML,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function readSecrets(document: Document.Parsed, source: Source): Map<string, SecretContent> {
  const problem = document.errors[0] ?? document.warnings[0];
  // The parser's own messages can quote the text, which may be a secret.
  if (problem !== undefined) throw refused(source, problem.pos[0], 'not well-formed here');
  if (!isMap(document.contents)) {
    throw refused(source, 0, 'the document must be a mapping of names to values');
  }
  return readMap(document.contents, source, (node) => {
    if (!isMap(node)) return readScalar(node, source);
    return readMap(node, source, (field) => readScalar(field, source));
  });
}

function readMap<T>(map: YAMLMap, source: Source, readValue: (node: unknown) => T): Map<string, T> {
  if (map.anchor !== undefined) throw refused(source, offsetOf(map), 'anchors are not read');
  if (map.tag !== undefined && map.tag !== 'tag:yaml.org,2002:map') {
    throw refused(source, offsetOf(map), 'this tag is not read');
  }
  const members = new Map<string, T>();
  for (const { key, value } of map.items) {
    const name = readScalar(key, source);
    if (typeof name !== 'string') throw refused(source, offsetOf(key), 'a name must be text');
    if (members.has(name)) {
      throw refused(source, offsetOf(key), 'the same name stands twice in one mapping');
    }
    if (value === null) throw refused(source, offsetOf(key), NO_VALUE);
    members.set(name, readValue(value));
  }
  return members;
}

function readScalar(node: unknown, source: Source): FieldContent {
  const offset = offsetOf(node);
  if (isAlias(node)) throw refused(source, offset, 'aliases are not read');
  if (!isScalar(node) || typeof node.value !== 'string') {
    throw refused(source, offset, 'text or !!binary is expected here');
  }
  if (node.anchor !== undefined) throw refused(source, offset, 'anchors are not read');
  if (node.tag === BINARY) {
    const bytes = fromBase64(node.value.replaceAll(/\s/g, ''));
    if (bytes === undefined) throw refused(source, offset, 'this is not valid base64');
    return bytes;
  }
  if (node.tag !== undefined && node.tag !== TEXT) {
    throw refused(source, offset, 'this tag is not read');
  }
  if (node.type === 'PLAIN' && /^(?:|~|null|Null|NULL)$/.test(node.value) && node.tag !== TEXT) {
    throw refused(source, offset, NO_VALUE);
  }
  return node.value;
}

function offsetOf(node: unknown): number {
  if (typeof node !== 'object' || node === null || !('range' in node)) return 0;
  const { range } = node;
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : 0;
}

function refused({ lines }: Source, offset: number, what: string): StrongroomError {
  const { line, col } = lines.linePos(offset);
  const details = { line: Math.max(line, 1), column: Math.max(col, 1) };
  return new StrongroomError(
    'invalid_input',
    `not the YAML that is expected: line ${details.line}, column ${details.column}: ${what}`,
    { details },
  );
}
