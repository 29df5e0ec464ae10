import { KEY_BYTES, NONCE_BYTES, decrypt, encrypt } from '../../crypto/aead.ts';
import { hkdfSha512 } from '../../crypto/hkdf.ts';
import { randomBytes } from '../../crypto/random.ts';
import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { concat, utf8, utf8Decode, wipe } from '../../lib/bytes.ts';
import { uuidBytes, uuidText } from '../../lib/ids.ts';
import type { NextSecret } from '../../domain/secrets/list.ts';
import type { MomentPosition, NextPosition } from '../../domain/secrets/list-by-moment.ts';
import type { Directory, Environment } from '../../domain/workspaces/directory.ts';
import type { OpeningWork } from '../../domain/work.ts';
import type { Call, Requirement } from '../operation.ts';
import { workspaceOf } from './schema.ts';

const ID_BYTES = 16;
/** Milliseconds since 1970, or before, and an id. */
const POSITION = /^(-?\d{1,16})\.([\w-]{22})$/;
/** What is not of the list itself: one page's part of it, and names, of which the ids count. */
const OF_ONE_PAGE: ReadonlySet<string> = new Set([
  'workspace',
  'environment',
  'cursor',
  'limit',
  'offset',
]);
/** What a sealed position is for: part of its key, and its additional data. */
const SEALED = 'strongroom/v1/cursor';
/** Of which list a sealed cursor is: none opens that of another one. */
type SealedKind = 'moment' | 'path' | 'past';

/** What a cursor is sealed for. */
interface SealedFor {
  readonly kind: SealedKind;
  readonly binding: ListBinding;
}

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

/** Which list a sealed cursor is of, down to what it is narrowed to: it opens in no other. */
export type ListBinding = string & { readonly __of: 'list' };

/**
 * Binds sealed cursors to a list: where a hidden secret stands could be found
 * by going on with them in narrower and narrower ones.
 *
 * @param list - Name of the operation.
 * @param input - All of its input; what is of one page alone is left out.
 */
export function listBinding(
  { directory }: { readonly directory: Directory },
  list: string,
  input: ListPlace,
): ListBinding {
  const { id: workspace, name } = directory.workspace(workspaceOf(input));
  const environment =
    input.environment === undefined ? null : directory.environment(name, input.environment).id;
  const filter = Object.entries(input)
    .filter(([key, value]) => value !== undefined && !OF_ONE_PAGE.has(key))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([list, workspace, environment, filter]) as ListBinding;
}

/** A cursor holds an id: a path might be one that the caller may not know. */
export function encodeCursor(id: string | undefined): string | undefined {
  return id === undefined ? undefined : toBase64Url(uuidBytes(id));
}

/** The cursor of a list by path. Where a hidden secret stands, it is sealed: an id tells a time. */
export function secretCursor(
  work: OpeningWork,
  next: NextSecret | undefined,
  binding: ListBinding,
): string | undefined {
  if (next?.isHidden !== true) return encodeCursor(next?.id);
  return sealCursor(work, { kind: 'path', binding }, uuidBytes(next.id));
}

/**
 * What a cursor of a list by path says. One that is not sealed may be made up
 * of any id: it says nothing of a secret that may not be listed.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function decodeSecretCursor(
  work: OpeningWork,
  cursor: string | undefined,
  binding: ListBinding,
): NextSecret | undefined {
  if (cursor === undefined) return undefined;
  const plain = idOf(cursor);
  if (plain !== undefined) return { id: plain, isHidden: false };
  const bytes = unsealCursor(work, { kind: 'path', binding }, cursor);
  if (bytes.length === ID_BYTES) return { id: uuidText(bytes), isHidden: true };
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
  binding: ListBinding,
): string | undefined {
  if (next?.isHidden !== true) return next && encodePosition(next);
  return sealCursor(work, { kind: 'moment', binding }, utf8(encodePosition(next)));
}

/**
 * The position in a cursor of a list by a moment.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function decodePosition(
  work: OpeningWork,
  cursor: string | undefined,
  binding: ListBinding,
): MomentPosition | undefined {
  if (cursor === undefined) return undefined;
  const [, moment, text = ''] =
    POSITION.exec(cursor) ?? POSITION.exec(unsealText(work, cursor, binding)) ?? [];
  const id = idOf(text);
  if (id !== undefined) return { moment: Number(moment), id };
  throw notOurs();
}

/** A cursor that says nothing to whoever has it, and is taken by the list alone that it is of. */
export function sealCursor(work: OpeningWork, of: SealedFor, content: Uint8Array): string {
  const nonce = randomBytes(NONCE_BYTES);
  const sealed = withCursorKey(work, (key) => encrypt(key, nonce, content, boundTo(of)));
  return toBase64Url(concat([nonce, sealed]));
}

/**
 * What was sealed in a cursor.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function unsealCursor(work: OpeningWork, of: SealedFor, cursor: string): Uint8Array {
  const bytes = fromBase64Url(cursor);
  if (bytes === undefined) throw notOurs();
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const sealed = bytes.subarray(NONCE_BYTES);
  try {
    return withCursorKey(work, (key) => decrypt(key, nonce, sealed, boundTo(of)));
  } catch (cause) {
    if (cause instanceof StrongroomError && cause.code === 'decryption_failed') throw notOurs();
    throw cause;
  }
}

function unsealText(work: OpeningWork, cursor: string, binding: ListBinding): string {
  return utf8Decode(unsealCursor(work, { kind: 'moment', binding }, cursor));
}

function boundTo({ kind, binding }: SealedFor): Uint8Array {
  return utf8(`${SEALED}/${kind}/${binding}`);
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
