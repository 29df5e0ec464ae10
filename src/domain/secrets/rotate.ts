import type { VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { utf8, utf8Decode, wipe } from '../../lib/bytes.ts';
import { SecretValue } from '../../secret-value.ts';
import { SECRETS, VERSIONS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { ComplexityRules } from '../settings/known-settings.ts';
import type { Work } from '../work.ts';
import { dueAgain } from './rotation-columns.ts';
import { casMismatch } from './secret-errors.ts';
import { isSingleValue, toRecord, wipeRecord, type SingleValue, type ValueInput } from './value.ts';
import {
  insertVersion,
  openVersion,
  readVersion,
  readVersionRow,
  sealVersion,
} from './versions.ts';
import { nextVersion } from './write.ts';

/** The new value of a rotation. */
export interface NextValue {
  readonly value: ValueInput;
  /**
   * `given`: as a caller would set it. `generated`: must not take the place of fields.
   * `password`: takes the place of the password in fields or in a URL, and the user stays.
   */
  readonly as: 'given' | 'generated' | 'password';
  readonly complexity: ComplexityRules | 'strong' | null;
}

/** What a rotation or a rollback came to. */
export interface Rotated {
  readonly row: SecretRow;
  /** The new envelope's commitment. */
  readonly commit: string;
}

/**
 * Gives a secret a new value. The one that was current is its previous one
 * from now on, and can be read as that until it is retired.
 *
 * @param row - As it was read and checked.
 * @throws {@link StrongroomError} `invalid_input` if the value does not fit what is there,
 * `too_weak`, `secret_deleted`, `value_too_large`.
 */
export async function rotateSecret(work: Work, row: SecretRow, next: NextValue): Promise<Rotated> {
  const { value, isOwn } = await fittingValue(work, row, next);
  try {
    const change = { mode: 'update', path: row.path, value, complexity: next.complexity } as const;
    const made = await nextVersion(work, row, change);
    if (made === undefined) throw new TypeError('a change with a value makes a version');
    return await moveOn(work, row, made);
  } finally {
    if (isOwn) value.wipe();
  }
}

/**
 * Gives a secret the value of an earlier version again, as a new version.
 *
 * @param version - Default: the previous one.
 * @throws {@link StrongroomError} `version_not_found`, `secret_deleted`, `invalid_input` if it is current.
 */
export async function rollBack(
  work: Work,
  row: SecretRow,
  version: number = requirePrevious(row),
): Promise<Rotated> {
  if (version === row.current_version) {
    throw new StrongroomError('invalid_input', `version ${version} is the current one already`, {
      details: { version },
      hint: 'see `strongroom history`',
    });
  }
  const old = await readVersionRow(work, row.id, version);
  const record = openVersion(work, row, version, old);
  const next = row.current_version + 1;
  const sealed = await sealVersion(work, row, next, record).finally(() => wipeRecord(record));
  // The same text has the same meaning.
  await insertVersion(work, row.id, next, { ...sealed, has_references: old.has_references });
  return moveOn(work, row, { version: next, commit: sealed.commit });
}

/**
 * Ends the stage of the previous version.
 *
 * @param isDeleted - Also deletes that version, so that nobody reads it by its number.
 * @throws {@link StrongroomError} `version_not_found` if there is no previous version.
 */
export async function retirePrevious(
  work: Work,
  row: SecretRow,
  isDeleted: boolean,
): Promise<{ readonly row: SecretRow; readonly version: number }> {
  const version = requirePrevious(row);
  if (isDeleted) await deleteVersion(work, row, version);
  const set = { previous_version: null };
  const from = row;
  return { row: await updateRow(work.transaction, work.mac, SECRETS, { from, set }), version };
}

/**
 * The version of stage `previous`.
 *
 * @throws {@link StrongroomError} `version_not_found` if there is none.
 */
export function requirePrevious(row: SecretRow): number {
  if (row.previous_version !== null) return row.previous_version;
  throw new StrongroomError('version_not_found', `${row.path} has no previous version`, {
    details: { path: row.path },
    hint: 'there is one after `strongroom rotate`, until it is retired; see `strongroom history`',
  });
}

/**
 * Requires that nobody changed the value meanwhile.
 *
 * @throws {@link StrongroomError} `cas_mismatch`.
 */
export function requireVersion(row: SecretRow, cas: number | undefined): void {
  if (cas !== undefined && cas !== row.current_version) throw casMismatch(row.current_version, cas);
}

/** Makes a stored version the current one, and what was current the previous one. */
async function moveOn(
  work: Work,
  row: SecretRow,
  { version, commit }: { readonly version: number; readonly commit: Uint8Array },
): Promise<Rotated> {
  const changed = await updateRow(work.transaction, work.mac, SECRETS, {
    from: row,
    set: {
      current_version: version,
      current_commit: commit,
      // A current version that was deleted has no value that anyone could go back to.
      previous_version: row.current_commit === null ? row.previous_version : row.current_version,
      rotated_at: work.now,
      rotation_due_at: dueAgain(row, work.now),
      updated_at: work.now,
      updated_by: work.actor,
    },
  });
  return { row: changed, commit: toBase64Url(commit) };
}

type FittingValue =
  | { readonly value: ValueInput; readonly isOwn: false }
  | { readonly value: SecretValue; readonly isOwn: true };

/** What to write so that a value takes the place that it is meant for. */
async function fittingValue(work: Work, row: SecretRow, next: NextValue): Promise<FittingValue> {
  const { value, as } = next;
  if (as === 'given' || row.current_commit === null) return { value, isOwn: false };
  const current = await readVersion(work, row, row.current_version);
  try {
    if (as === 'password') return withPassword(current, value as SingleValue, row.path);
    requireNoFields(current, value, row.path);
    return { value, isOwn: false };
  } finally {
    wipeRecord(current);
  }
}

function requireNoFields(current: VersionRecord, value: ValueInput, path: string): void {
  if (current.kind !== 'fields' || !isSingleValue(value)) return;
  const names = current.fields.map(({ name }) => name);
  throw new StrongroomError('invalid_input', `${path} has fields, and the generator names none`, {
    details: { path },
    hint: `name one after @, such as password:24@${names[0] ?? 'password'}`,
  });
}

const PASSWORD_FIELDS: readonly string[] = ['password', 'PASSWORD', 'pass', 'pwd'];
/** Up to the password, and what comes after it, of a URL with a user. */
const URL_PARTS = /^([a-z][a-z0-9+.:-]*:\/\/[^:@/?#]*:)[^@/?#]*(@.*)$/is;

function withPassword(current: VersionRecord, password: SingleValue, path: string): FittingValue {
  if (current.kind === 'fields') {
    const names = current.fields.map(({ name }) => name);
    const name = PASSWORD_FIELDS.find((each) => names.includes(each)) ?? 'password';
    return { value: { [name]: password }, isOwn: false };
  }
  const url = current.fields[0]?.kind === 'text' ? utf8Decode(current.fields[0].bytes) : '';
  const [, head, tail] = URL_PARTS.exec(url) ?? [];
  if (head !== undefined && tail !== undefined) {
    return { value: joined(utf8(head), password, utf8(tail)), isOwn: true };
  }
  throw new StrongroomError(
    'invalid_input',
    `${path} is neither a URL with a password nor has it fields`,
    { details: { path }, hint: 'give it another generator, such as password:24' },
  );
}

function joined(head: Uint8Array, password: SingleValue, tail: Uint8Array): SecretValue {
  const record = toRecord(password);
  const middle = record.fields[0]?.bytes ?? new Uint8Array();
  const bytes = new Uint8Array(head.length + middle.length + tail.length);
  bytes.set(head);
  bytes.set(middle, head.length);
  bytes.set(tail, head.length + middle.length);
  wipe(tail);
  wipeRecord(record);
  return SecretValue.fromUtf8(bytes);
}

async function deleteVersion(work: Work, secret: SecretRow, version: number): Promise<void> {
  const from = await readVersionRow(work, secret.id, version);
  const set = { deleted_at: work.now };
  await updateRow(work.transaction, work.mac, VERSIONS, { from, set });
}
