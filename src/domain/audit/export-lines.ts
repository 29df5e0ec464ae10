import { fromBase64, toBase64 } from '../../lib/base64.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { HASH_BYTES } from '../../merkle/hash.ts';
import { hasEntryMembersOnly } from './entry-members.ts';
import { logIdOf } from './log-origin.ts';

/** 256^7 leaves are more than any size that a number holds exactly. */
const LEVEL_MAX = 6;

/** The first line of an export. */
export interface HeaderLine {
  /** `strongroom/<log id>`. */
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
}

/** A line in place of entries that are not shown. */
export interface HiddenLine {
  /** The line stands for `256 ** level` entries; 0 for one. */
  readonly level: number;
  /** The first entry's index is `index × 256 ** level`. */
  readonly index: number;
  /** Root of the subtree over them, 32 bytes. */
  readonly hash: Uint8Array;
}

/** The line after the entries of a tile. */
export interface TileLine {
  /** Position among the tiles of level 0. */
  readonly index: number;
  /** Joined leaf hashes: 256 of them, or fewer in the last tile. */
  readonly hashes: Uint8Array;
}

/** A line of an export, told apart. Of an entry only what places it is given. */
export type ExportLine =
  | ({ readonly kind: 'header' } & HeaderLine)
  | ({ readonly kind: 'hidden' } & HiddenLine)
  | ({ readonly kind: 'tile' } & TileLine)
  | { readonly kind: 'checkpoint'; readonly note: string }
  | { readonly kind: 'entry'; readonly log: unknown; readonly seq: unknown };

/** The export's first line, without a newline. */
export function formatHeaderLine({ origin, size }: HeaderLine): string {
  return canonicalJson({ kind: 'strongroom-audit-export', v: 1, origin, size });
}

/** A line in place of hidden entries, without a newline. */
export function formatHiddenLine({ level, index, hash }: HiddenLine): string {
  return canonicalJson({ kind: 'hidden', level, index, hash: toBase64(hash) });
}

/**
 * The line after the last entry of a tile, without a newline. It is due after
 * each entry or single hidden entry whose index is 255 mod 256, and after the
 * last of the log.
 */
export function formatTileLine({ index, hashes }: TileLine): string {
  return canonicalJson({ kind: 'tile', level: 0, index, hashes: toBase64(hashes) });
}

/** The export's last line, without a newline. */
export function formatCheckpointLine(note: string): string {
  return canonicalJson({ kind: 'checkpoint', note });
}

/**
 * Reads one line of an export.
 *
 * @returns The line, or `undefined` if it is not canonical JSON of one of the five forms, with
 * exactly that form's members (of an entry, none but those of the list). Whether it belongs where it stands is not looked at.
 */
export function parseExportLine(line: string): ExportLine | undefined {
  const value = parseCanonicalJson(line);
  if (!isObject(value)) return undefined;
  if (!Object.hasOwn(value, 'kind')) {
    if (!hasEntryMembersOnly(value)) return undefined;
    return { kind: 'entry', log: value['log'], seq: value['seq'] };
  }
  switch (value['kind']) {
    case 'strongroom-audit-export':
      return parseHeader(value, line);
    case 'hidden':
      return parseHidden(value, line);
    case 'tile':
      return parseTile(value, line);
    case 'checkpoint': {
      const note = value['note'];
      if (typeof note !== 'string' || formatCheckpointLine(note) !== line) return undefined;
      return { kind: 'checkpoint', note };
    }
    default:
      return undefined;
  }
}

// Writing a line again and comparing refuses further members, other types and other spellings.

function parseHeader(value: Record<string, unknown>, line: string): ExportLine | undefined {
  const { origin, size } = value;
  if (typeof origin !== 'string' || logIdOf(origin) === undefined || !isCount(size)) {
    return undefined;
  }
  return formatHeaderLine({ origin, size }) === line ? { kind: 'header', origin, size } : undefined;
}

function parseHidden(value: Record<string, unknown>, line: string): ExportLine | undefined {
  const { level, index } = value;
  const hash = bytesOf(value['hash']);
  if (!isCount(level) || level > LEVEL_MAX || !isCount(index)) return undefined;
  if (hash?.length !== HASH_BYTES) return undefined;
  const hidden = { level, index, hash };
  return formatHiddenLine(hidden) === line ? { kind: 'hidden', ...hidden } : undefined;
}

function parseTile(value: Record<string, unknown>, line: string): ExportLine | undefined {
  const { index } = value;
  const hashes = bytesOf(value['hashes']);
  if (!isCount(index) || hashes === undefined) return undefined;
  return formatTileLine({ index, hashes }) === line ? { kind: 'tile', index, hashes } : undefined;
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return typeof value === 'string' ? fromBase64(value) : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
