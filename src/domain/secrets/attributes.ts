import { StrongroomError } from '../../errors.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { TAGS_MAX } from './limits.ts';
import {
  firstMetadata,
  nextMetadata,
  openMetadata,
  sealMetadata,
  type MetadataPatch,
  type SealedMetadata,
} from './metadata.ts';
import {
  rotationColumns,
  type RotationAttributes,
  type RotationColumns,
} from './rotation-columns.ts';
import type { SecretPlace } from './versions.ts';

/** What may be said about a secret besides its value. Absent members stay as they are. */
export interface SecretAttributes extends MetadataPatch, RotationAttributes {
  readonly type?: SecretType | undefined;
  /** Up to 128 tags of 1 to 64 characters, in place of those that are there. */
  readonly tags?: readonly string[] | undefined;
  readonly addTags?: readonly string[] | undefined;
  readonly removeTags?: readonly string[] | undefined;
  /** Milliseconds since 1970; `null` takes the expiry away. */
  readonly expiresAt?: number | null | undefined;
  /** Whether it is given out. */
  readonly active?: boolean | undefined;
  /** Principal id; `null` for nobody. */
  readonly owner?: string | null | undefined;
}

type AttributeColumns = SealedMetadata &
  RotationColumns &
  Pick<SecretRow, 'type' | 'tags' | 'expires_at' | 'inactive_at' | 'owner'>;

/** The columns of a new secret. */
export async function firstAttributes(
  work: Work,
  secret: SecretPlace,
  given: SecretAttributes & { readonly typeIfNew?: SecretType | undefined },
): Promise<AttributeColumns> {
  return {
    type: given.type ?? given.typeIfNew ?? 'generic',
    tags: encodeTags(nextTags([], given)),
    expires_at: given.expiresAt ?? null,
    inactive_at: given.active === false ? work.now : null,
    owner: given.owner ?? null,
    ...rotationColumns(work, undefined, given),
    ...(await firstMetadata(work, secret, given)),
  };
}

/** The columns of a secret after a change, and whether they say anything else than before. */
export async function nextAttributes(
  work: Work,
  row: SecretRow,
  given: SecretAttributes,
): Promise<{ readonly columns: AttributeColumns; readonly isNew: boolean }> {
  const { active } = given;
  const columns = {
    type: given.type ?? row.type,
    tags: encodeTags(nextTags(JSON.parse(row.tags) as readonly string[], given)),
    expires_at: given.expiresAt === undefined ? row.expires_at : given.expiresAt,
    inactive_at:
      active === undefined ? row.inactive_at : active ? null : (row.inactive_at ?? work.now),
    owner: given.owner === undefined ? row.owner : given.owner,
    ...rotationColumns(work, row, given),
    ...(await nextMetadata(work, row, given)),
  };
  const isNew = Object.entries(columns).some(
    ([name, value]) => row[name as keyof AttributeColumns] !== value,
  );
  return { columns, isNew };
}

/** The attributes of another row as columns of this secret's own. */
export async function attributesAs(
  work: Work,
  secret: SecretRow,
  as: SecretRow,
): Promise<
  Pick<
    SecretRow,
    | 'type'
    | 'tags'
    | 'expires_at'
    | 'owner'
    | 'inactive_at'
    | 'generator'
    | 'metadata'
    | 'metadata_revision'
  >
> {
  const isSame = secret.id === as.id && secret.metadata_revision === as.metadata_revision;
  const isEmpty = secret.metadata === null && as.metadata === null;
  const revision = isSame || isEmpty ? secret.metadata_revision : secret.metadata_revision + 1;
  return {
    type: as.type,
    tags: as.tags,
    expires_at: as.expires_at,
    owner: as.owner,
    inactive_at: as.inactive_at,
    generator: as.generator,
    metadata_revision: revision,
    metadata:
      revision === secret.metadata_revision
        ? secret.metadata
        : await sealMetadata(work, secret, revision, openMetadata(work, as)),
  };
}

function nextTags(
  before: readonly string[],
  { tags, addTags = [], removeTags = [] }: SecretAttributes,
): readonly string[] {
  const next = new Set([...(tags ?? before), ...addTags]);
  for (const tag of removeTags) next.delete(tag);
  if (next.size <= TAGS_MAX) return [...next];
  throw new StrongroomError('invalid_input', `a secret has at most ${TAGS_MAX} tags`);
}

/** Tags as canonical JSON: sorted, each once. */
function encodeTags(tags: readonly string[]): string {
  return JSON.stringify(tags.toSorted());
}
