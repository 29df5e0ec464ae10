import type { KeyObject } from 'node:crypto';

import { findSecret } from '../../domain/secrets/find.ts';
import { isExpired } from '../../domain/secrets/is-expired.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { hmacSha256 } from '../../crypto/mac.ts';
import { StrongroomError } from '../../errors.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { tuple, u64 } from '../../lib/bytes.ts';
import { uuidBytes } from '../../lib/ids.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';

/** What is given of a value: JSON with it, or its bytes alone. */
export type Representation = 'json' | 'bytes';

/** A value that is given, as far as its tag goes. */
export interface TaggedValue {
  readonly version: number;
  /** Without one, the whole value. */
  readonly field?: string | undefined;
  readonly representation?: Representation | undefined;
}

/** What a tag is of, besides the secret. */
interface Tagged {
  readonly version: number;
  readonly field: string;
  readonly representation: Representation | 'description';
  /** Of the row, where the tag is of more than a value. */
  readonly revision?: number | undefined;
}

/** The tags that were made of a row. */
interface MadeTags {
  readonly key: KeyObject;
  readonly restoreId: string;
  readonly tags: Map<string, string>;
}

const TAG_BYTES = 16;
/** Of one row: whoever asks for each of its fields shall not fill the memory. */
const TAGS_MAX = 16;
/** Rows of secrets that are read again and again are the same objects each time. */
const made: WeakMap<SecretRow, MadeTags> = new WeakMap();
const ANY = '*';

/**
 * The entity tag of a value (RFC 9110 §8.8.3). It says nothing of the value
 * itself: two secrets with one value have different tags.
 */
export function valueTag(
  call: Call,
  secret: SecretRow,
  { version, field = '', representation = 'json' }: TaggedValue,
): string {
  return tagOf(call, secret, { version, field, representation });
}

/**
 * The entity tag of all that is said of a secret. Some of it changes without the secret: whether it
 * expired, and what people are called.
 */
export function descriptionTag(call: Call, secret: SecretRow): string {
  const { current_version: version, row_revision: revision } = secret;
  const people = [secret.created_by, secret.updated_by, secret.owner];
  const names = people.map((id) => (id === null ? '' : call.policy.nameOf(id)));
  const field = JSON.stringify([isExpired(secret, call.now), ...names]);
  return tagOf(call, secret, { version, field, representation: 'description', revision });
}

/** Whether one of the tags of a header is this one. */
export function hasTag(header: string, tag: string): boolean {
  return header === tag || header.split(',').some((each) => each.trim() === tag);
}

/**
 * Refuses to change a secret that is not what it was when its tag was given.
 *
 * @param header - Tags of its present value or description, or `*` for any; `undefined`: no matter.
 * @throws {@link StrongroomError} `cas_mismatch`, also if there is no such secret.
 */
export async function requireTag(
  call: Call,
  { environment, path }: { readonly environment: Environment; readonly path: string },
  header: string | undefined,
): Promise<void> {
  if (header === undefined) return;
  const row = await findSecret(call, environment, path);
  if (row !== undefined && (header === ANY || tagsOf(call, row).some((tag) => hasTag(header, tag))))
    return;
  throw new StrongroomError('cas_mismatch', 'the secret is not the one that the tag is of', {
    hint: 'read it again, then decide',
  });
}

function tagsOf(call: Call, row: SecretRow): readonly string[] {
  const version = row.current_version;
  return [
    valueTag(call, row, { version }),
    valueTag(call, row, { version, representation: 'bytes' }),
    descriptionTag(call, row),
  ];
}

/** After a restore, versions are counted again from an earlier one: so its generation is part of it. */
function tagOf(call: Call, secret: SecretRow, tagged: Tagged): string {
  const { version, field, representation, revision } = tagged;
  const { key } = call.keyring.fingerprintKey();
  const { restoreId } = call.standing;
  let known = made.get(secret);
  if (known?.key !== key || known.restoreId !== restoreId || known.tags.size >= TAGS_MAX) {
    known = { key, restoreId, tags: new Map() };
    made.set(secret, known);
  }
  const name = `${version} ${representation} ${revision ?? ''} ${field}`;
  const before = known.tags.get(name);
  if (before !== undefined) return before;
  const message = tuple([
    'strongroom/v1/etag',
    uuidBytes(secret.id),
    u64(version),
    field,
    representation,
    revision === undefined ? '' : u64(revision),
    restoreId,
  ]);
  const tag = `"${toBase64Url(hmacSha256(key, message).subarray(0, TAG_BYTES))}"`;
  known.tags.set(name, tag);
  return tag;
}
