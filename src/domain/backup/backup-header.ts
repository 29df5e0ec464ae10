import { createSecretKey, type KeyObject } from 'node:crypto';

import { unwrapKey, wrapKey } from '../../crypto/aead.ts';
import { hkdfSha512 } from '../../crypto/hkdf.ts';
import { hmacSha256 } from '../../crypto/mac.ts';
import { StrongroomError } from '../../errors.ts';
import { fromBase64, toBase64 } from '../../lib/base64.ts';
import { concat, tuple, utf8, utf8Decode, wipe } from '../../lib/bytes.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { equalBytes } from '../../lib/compare.ts';
import { isUuid, uuidBytes } from '../../lib/ids.ts';
import { parseVerifierKeys, type VerifierKey } from '../../merkle/verifier-key.ts';
import type { SlotRow } from '../../store/tables.ts';
import { damaged } from './backup-errors.ts';

/** A slot as a backup copies it; its MAC is the slot's own. */
export type BackupSlot = Pick<SlotRow, 'id' | 'kind' | 'params' | 'root_key_id' | 'wrapped'>;

/** What a backup says about itself before anything is decrypted. */
export interface BackupHeader {
  readonly id: string;
  readonly vault: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly schema: number;
  readonly rootKeyId: string;
  readonly generation: number;
  readonly auditLog: string;
  readonly auditSize: number;
  /** The verifier keys of the audit log, as a verifier key file has them. */
  readonly auditKeys: string;
  readonly secrets: number;
  readonly versions: number;
  /** The verifier key of the signature, as a line of a verifier key file. */
  readonly signedBy: string;
  readonly slots: readonly BackupSlot[];
  /** The wrapped file key. */
  readonly fileKey: Uint8Array;
}

/** The keys that one backup is encrypted and authenticated with. */
export interface BackupKeys {
  readonly header: KeyObject;
  readonly body: KeyObject;
}

const FORMAT_LINE = /^strongroom\.backup\/([1-9]\d{0,8})$/;
const FORMAT = 1;
const MAC_PREFIX = 'mac ';

/** No header is longer. */
export const HEADER_BYTES_MAX: number = 1024 * 1024 + 256;

/** Writes a header, with its MAC. */
export function formatHeader(header: BackupHeader, keys: BackupKeys): Uint8Array {
  const lines = utf8(`strongroom.backup/${FORMAT}\n${canonicalJson(toJson(header))}\n`);
  return concat([lines, utf8(`${MAC_PREFIX}${toBase64(hmacSha256(keys.header, lines))}\n`)]);
}

/** A header that was taken apart. Its MAC is not checked yet. */
export interface ParsedHeader {
  readonly header: BackupHeader;
  /** What the MAC is over. */
  readonly lines: Uint8Array;
  readonly mac: Uint8Array;
  /** Where the body begins. */
  readonly length: number;
}

/**
 * Takes the header off the beginning of a file.
 *
 * @param start - The file up to the end of its third line or farther, {@link HEADER_BYTES_MAX} bytes, or all of it.
 * @throws {@link StrongroomError} `backup_damaged`; `schema_too_new` for a later format.
 */
export function parseHeader(start: Uint8Array): ParsedHeader {
  const first = start.indexOf(0x0a);
  const second = start.indexOf(0x0a, first + 1);
  const third = start.indexOf(0x0a, second + 1);
  if (first < 0 || second < 0 || third < 0) throw noBackup();
  const [format, json, mac] = [
    textOf(start.subarray(0, first)),
    textOf(start.subarray(first + 1, second)),
    textOf(start.subarray(second + 1, third)),
  ];
  requireFormat(format);
  const header = fromJson(parseCanonicalJson(json));
  const macBytes = mac.startsWith(MAC_PREFIX)
    ? fromBase64(mac.slice(MAC_PREFIX.length))
    : undefined;
  if (header === undefined || macBytes?.length !== 32) throw damaged('its header is malformed');
  return { header, lines: start.slice(0, second + 1), mac: macBytes, length: third + 1 };
}

/** The key that a header says the file is signed with. */
export function signerOf(header: BackupHeader): VerifierKey {
  try {
    const [key, ...more] = parseVerifierKeys(header.signedBy);
    if (key !== undefined && more.length === 0 && key.name === signerName(header.vault)) return key;
  } catch (cause) {
    throw damaged('its header names no key', cause);
  }
  throw damaged('its header names no key');
}

/** The name of a vault's signing key for backups. */
export function signerName(vaultId: string): string {
  return `strongroom-backup/${vaultId}`;
}

/** Wraps a file key for a header. */
export function wrapFileKey(backupKey: KeyObject, fileKey: Uint8Array, of: FileKeyOf): Uint8Array {
  return wrapKey(backupKey, fileKey, fileKeyContext(of));
}

/**
 * Unwraps the file key and checks the header's MAC.
 *
 * @throws {@link StrongroomError} `backup_damaged`.
 */
export function unlockHeader(parsed: ParsedHeader, backupKey: KeyObject): BackupKeys {
  const { header, lines, mac } = parsed;
  let fileKey: Uint8Array;
  try {
    fileKey = unwrapKey(backupKey, header.fileKey, fileKeyContext(header));
  } catch (cause) {
    throw damaged('its key was altered, or is under another root key', cause);
  }
  try {
    const keys = keysOf(fileKey, header.id);
    if (!equalBytes(hmacSha256(keys.header, lines), mac)) throw damaged('its header was altered');
    return keys;
  } finally {
    wipe(fileKey);
  }
}

/** The keys that a file key gives. */
export function keysOf(fileKey: Uint8Array, backupId: string): BackupKeys {
  return {
    header: derived(fileKey, backupId, 'strongroom/v1/backup/header'),
    body: derived(fileKey, backupId, 'strongroom/v1/backup/body'),
  };
}

function derived(fileKey: Uint8Array, backupId: string, info: string): KeyObject {
  const bytes = hkdfSha512(fileKey, uuidBytes(backupId), info, 32);
  try {
    return createSecretKey(bytes);
  } finally {
    wipe(bytes);
  }
}

type FileKeyOf = Pick<BackupHeader, 'id' | 'vault' | 'rootKeyId'>;

function fileKeyContext({ id, vault, rootKeyId }: FileKeyOf): Uint8Array {
  const ids = [vault, id, rootKeyId].map((each) => uuidBytes(each));
  return tuple(['strongroom/v1/backup/file-key', ...ids]);
}

function toJson(header: BackupHeader): object {
  return {
    id: header.id,
    vault: header.vault,
    created_at: header.createdAt,
    schema: header.schema,
    root_key_id: header.rootKeyId,
    generation: header.generation,
    audit_log: header.auditLog,
    audit_size: header.auditSize,
    audit_keys: header.auditKeys,
    secrets: header.secrets,
    versions: header.versions,
    signed_by: header.signedBy,
    slots: header.slots.map(({ id, kind, params, root_key_id, wrapped }) => ({
      id,
      kind,
      params,
      root_key_id,
      wrapped: toBase64(wrapped),
    })),
    file_key: toBase64(header.fileKey),
  };
}

type Json = Readonly<Record<string, unknown>>;

const MEMBERS = 14;
/** The last moment that ECMAScript has a date for, in milliseconds since 1970. */
const TIME_MAX = 8.64e15;
/** More slots than a vault is ever given. */
const SLOTS_MAX = 1024;
const KIND = /^[a-z][a-z0-9-]{0,31}$/;

function fromJson(json: unknown): BackupHeader | undefined {
  if (!isObject(json) || Object.keys(json).length !== MEMBERS) return undefined;
  const ids = ['id', 'vault', 'root_key_id', 'audit_log'].map((name) => json[name]);
  const numbers = ['created_at', 'schema', 'generation', 'audit_size', 'secrets', 'versions'];
  const texts = ['audit_keys', 'signed_by', 'file_key'].map((name) => json[name]);
  const slots = Array.isArray(json['slots']) ? json['slots'].map(slotOf) : [undefined];
  const fileKey = fromBase64(String(json['file_key']));
  const isWhole =
    ids.every((id) => typeof id === 'string' && isUuid(id)) &&
    numbers.every((name) => Number.isSafeInteger(json[name]) && Number(json[name]) >= 0) &&
    Number(json['created_at']) <= TIME_MAX &&
    slots.length <= SLOTS_MAX &&
    texts.every((text) => typeof text === 'string') &&
    slots.every((slot) => slot !== undefined) &&
    fileKey !== undefined;
  if (!isWhole) return undefined;
  const text = (name: string): string => String(json[name]);
  return {
    id: text('id'),
    vault: text('vault'),
    createdAt: Number(json['created_at']),
    schema: Number(json['schema']),
    rootKeyId: text('root_key_id'),
    generation: Number(json['generation']),
    auditLog: text('audit_log'),
    auditSize: Number(json['audit_size']),
    auditKeys: text('audit_keys'),
    secrets: Number(json['secrets']),
    versions: Number(json['versions']),
    signedBy: text('signed_by'),
    slots: slots.filter((slot) => slot !== undefined),
    fileKey,
  };
}

function slotOf(json: unknown): BackupSlot | undefined {
  if (!isObject(json) || Object.keys(json).length !== 5) return undefined;
  const { id, kind, params, root_key_id: root, wrapped } = json;
  if (![id, kind, params, root, wrapped].every((each) => typeof each === 'string')) {
    return undefined;
  }
  const bytes = fromBase64(String(wrapped));
  // The kind is shown to people before anything is known to be true.
  const isSlot = isUuid(String(id)) && isUuid(String(root)) && KIND.test(String(kind));
  if (bytes === undefined || !isSlot) return undefined;
  return {
    id: String(id),
    kind: String(kind),
    params: String(params),
    root_key_id: String(root),
    wrapped: bytes,
  };
}

function isObject(json: unknown): json is Json {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function requireFormat(line: string): void {
  const [, version] = FORMAT_LINE.exec(line) ?? [];
  if (version === undefined) throw noBackup();
  if (Number(version) === FORMAT) return;
  throw new StrongroomError(
    'schema_too_new',
    `the backup has format ${version}, and this Strongroom knows ${FORMAT}`,
    { details: { found: Number(version), known: FORMAT }, hint: 'install a newer Strongroom' },
  );
}

function noBackup(): StrongroomError {
  return damaged('its beginning is not that of a backup');
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    throw damaged('its header is no text', cause);
  }
}
