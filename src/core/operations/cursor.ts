import { KEY_BYTES, NONCE_BYTES, decrypt, encrypt } from '../../crypto/aead.ts';
import { hkdfSha512 } from '../../crypto/hkdf.ts';
import { randomBytes } from '../../crypto/random.ts';
import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { concat, utf8, utf8Decode, wipe } from '../../lib/bytes.ts';
import { uuidBytes, uuidText } from '../../lib/ids.ts';
import type { NextSecret } from '../../domain/secrets/list.ts';
import type { MomentPosition, NextPosition } from '../../domain/secrets/list-by-moment.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { OpeningWork } from '../../domain/work.ts';
import type { Call, Requirement } from '../operation.ts';
import { workspaceOf } from './schema.ts';

const ID_BYTES = 16;
/** Milliseconds since 1970, or before, and an id. */
const POSITION = /^(-?\d{1,16})\.([\w-]{22})$/;
/** What a sealed position is for: part of its key, and its additional data. */
const SEALED = 'strongroom/v1/cursor';
/** Of which list a sealed cursor is: none opens that of another one. */
type SealedKind = 'moment' | 'path' | 'past';

/** A list of secrets of a workspace, or of one of its environments. */
export interface ListPlace {
  readonly workspace?: string | undefined;
  /** Default: all environments of the workspace, in their order. */
  readonly environment?: string | undefined;
}

/** How many secrets one page of a list has if nobody says, and at most. */
export const PAGE_LIMIT = { byDefault: 100, max: 1000 } as const;

/** How many secrets one call of a list looks at. */
export const LOOKS_MAX = 5000;

/** The right to list anything there; what is not to be listed is passed over one by one. */
export function requiresToList(input: ListPlace): readonly Requirement[] {
  const { environment } = input;
  const resource = [workspaceOf(input), ...(environment === undefined ? [] : [environment])];
  return [{ capability: 'list', resource, reach: 'under' }];
}

/** The environments of a list, and who decides what is in it. */
export function listScope(
  call: Call,
  input: ListPlace,
): {
  readonly environments: readonly Environment[];
  readonly mayList: (environment: Environment, path: string) => boolean;
} {
  const workspace = call.directory.workspace(workspaceOf(input));
  const environments =
    input.environment === undefined
      ? call.directory.environments(workspace)
      : [call.directory.environment(workspace.name, input.environment)];
  return {
    environments,
    mayList: (environment, path) =>
      call.may('list', [workspace.name, environment.name, ...path.split('/')]),
  };
}

/** A cursor holds an id: a path might be one that the caller may not know. */
export function encodeCursor(id: string | undefined): string | undefined {
  return id === undefined ? undefined : toBase64Url(uuidBytes(id));
}

/** The cursor of a list by path. Where a hidden secret stands, it is sealed: an id tells a time. */
export function secretCursor(work: OpeningWork, next: NextSecret | undefined): string | undefined {
  if (next?.isHidden !== true) return encodeCursor(next?.id);
  return sealCursor(work, 'path', uuidBytes(next.id));
}

/**
 * The id in a cursor of a list by path.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function decodeSecretCursor(
  work: OpeningWork,
  cursor: string | undefined,
): string | undefined {
  if (cursor === undefined) return undefined;
  const plain = idOf(cursor);
  if (plain !== undefined) return plain;
  const bytes = unsealCursor(work, 'path', cursor);
  if (bytes.length === ID_BYTES) return uuidText(bytes);
  throw notOurs();
}

/** A position in a list by a moment, for who may know of the secret there. */
export function encodePosition({ moment, id }: MomentPosition): string {
  return `${moment}.${toBase64Url(uuidBytes(id))}`;
}

/** The cursor of a list by a moment. Where a hidden secret stands, it is sealed. */
export function positionCursor(
  work: OpeningWork,
  next: NextPosition | undefined,
): string | undefined {
  if (next?.isHidden !== true) return next && encodePosition(next);
  return sealCursor(work, 'moment', utf8(encodePosition(next)));
}

/**
 * The position in a cursor of a list by a moment.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function decodePosition(
  work: OpeningWork,
  cursor: string | undefined,
): MomentPosition | undefined {
  if (cursor === undefined) return undefined;
  const [, moment, text = ''] =
    POSITION.exec(cursor) ?? POSITION.exec(unsealText(work, cursor)) ?? [];
  const id = idOf(text);
  if (id !== undefined) return { moment: Number(moment), id };
  throw notOurs();
}

/** A cursor that says nothing to whoever has it. */
export function sealCursor(work: OpeningWork, kind: SealedKind, content: Uint8Array): string {
  const nonce = randomBytes(NONCE_BYTES);
  const sealed = withCursorKey(work, (key) => encrypt(key, nonce, content, boundTo(kind)));
  return toBase64Url(concat([nonce, sealed]));
}

/**
 * What was sealed in a cursor.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function unsealCursor(work: OpeningWork, kind: SealedKind, cursor: string): Uint8Array {
  const bytes = fromBase64Url(cursor);
  if (bytes === undefined) throw notOurs();
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const sealed = bytes.subarray(NONCE_BYTES);
  try {
    return withCursorKey(work, (key) => decrypt(key, nonce, sealed, boundTo(kind)));
  } catch (cause) {
    if (cause instanceof StrongroomError && cause.code === 'decryption_failed') throw notOurs();
    throw cause;
  }
}

function unsealText(work: OpeningWork, cursor: string): string {
  return utf8Decode(unsealCursor(work, 'moment', cursor));
}

function boundTo(kind: SealedKind): Uint8Array {
  return utf8(`${SEALED}/${kind}`);
}

function withCursorKey({ keyring }: OpeningWork, use: (key: Uint8Array) => Uint8Array): Uint8Array {
  const key = hkdfSha512(keyring.fingerprintKey().key, new Uint8Array(0), SEALED, KEY_BYTES);
  try {
    return use(key);
  } finally {
    wipe(key);
  }
}

function idOf(text: string): string | undefined {
  const bytes = fromBase64Url(text);
  return bytes?.length === ID_BYTES ? uuidText(bytes) : undefined;
}

function notOurs(): StrongroomError {
  return new StrongroomError('invalid_input', 'the cursor is not one of ours');
}
