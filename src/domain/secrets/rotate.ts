import type { VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { utf8Decode } from '../../lib/bytes.ts';
import { SecretValue } from '../../secret-value.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import type { ComplexityRules } from '../settings/known-settings.ts';
import type { Work } from '../work.ts';
import { dueAgain } from './rotation-columns.ts';
import { casMismatch } from './secret-errors.ts';
import { isSingleValue, toRecord, wipeRecord, type SingleValue, type ValueInput } from './value.ts';
import { deleteVersion } from './version-trash.ts';
import {
  insertVersion,
  listVersions,
  openVersion,
  readVersionRow,
  sealVersion,
} from './versions.ts';
import { nextVersion } from './write.ts';

/** The new value of a rotation. */
export interface NextValue {
  readonly value: ValueInput;
  /**
   * `given`: as a caller would set it. `generated`: must not take the place of fields; fields
   * merge into them. `password`: takes the place of the password in fields or in a URL, and the
   * user stays. What was made has its place in the newest version that has a value.
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
 * `too_weak`, `secret_deleted` if no version has a value that it could take its place in, `value_too_large`.
 */
export async function rotateSecret(work: Work, row: SecretRow, next: NextValue): Promise<Rotated> {
  const { complexity, as } = next;
  const base = await baseOf(work, row, as);
  const { value, own, references } = fittingValue(work, row, { ...next, base });
  try {
    const change = { mode: 'update', path: row.path, value, references, complexity, base } as const;
    const made = await nextVersion(work, row, change);
    if (made === undefined) throw new TypeError('a change with a value makes a version');
    return await moveOn(work, row, made);
  } finally {
    own?.wipe();
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
 * @param isDeleted - Also deletes that version, if it is not deleted yet, so that nobody reads it by its number.
 * @throws {@link StrongroomError} `version_not_found` if there is no previous version.
 */
export async function retirePrevious(
  work: Work,
  row: SecretRow,
  isDeleted: boolean,
): Promise<{ readonly row: SecretRow; readonly version: number }> {
  const version = requirePrevious(row);
  const from = isDeleted ? await deleteVersion(work, row, version) : row;
  const set = { previous_version: null };
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
export function requireUnchanged(row: SecretRow, cas: number | undefined): void {
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

/** What to write so that a value takes the place that it is meant for. */
interface FittingValue {
  readonly value: ValueInput;
  /** Made here, to be wiped. */
  readonly own?: SecretValue | undefined;
  /** The same text around a password has the same meaning. */
  readonly references?: true | undefined;
}

/** The version that a made value takes its place in: the newest that has a value, if there is one. */
async function baseOf(
  work: Work,
  row: SecretRow,
  as: NextValue['as'],
): Promise<VersionRow | undefined> {
  if (as === 'given') return undefined;
  if (row.current_commit !== null) return readVersionRow(work, row.id, row.current_version);
  const versions = await listVersions(work, row);
  return versions.find((each) => each.deleted_at === null && each.destroyed_at === null);
}

function fittingValue(
  work: Work,
  row: SecretRow,
  { value, as, base }: NextValue & { readonly base: VersionRow | undefined },
): FittingValue {
  if (base === undefined) {
    if (as === 'password') throw noPlace(row.path);
    return { value };
  }
  const present = openVersion(work, row, base.version, base);
  try {
    if (as !== 'password') {
      requireNoFields(present, value, row.path);
      return { value };
    }
    const fitting = withPassword(present, value as SingleValue, row.path);
    return base.has_references === 1 && fitting.own !== undefined
      ? { ...fitting, references: true }
      : fitting;
  } finally {
    wipeRecord(present);
  }
}

function requireNoFields(present: VersionRecord, value: ValueInput, path: string): void {
  if (present.kind !== 'fields' || !isSingleValue(value)) return;
  const names = present.fields.map(({ name }) => name);
  throw new StrongroomError('invalid_input', `${path} has fields, and the generator names none`, {
    details: { path },
    hint: `name one after @, such as password:24@${names[0] ?? 'password'}`,
  });
}

const PASSWORD_FIELDS: readonly string[] = ['password', 'PASSWORD', 'pass', 'pwd'];

function withPassword(present: VersionRecord, password: SingleValue, path: string): FittingValue {
  if (present.kind === 'fields') {
    const names = present.fields.map(({ name }) => name);
    const name = PASSWORD_FIELDS.find((each) => names.includes(each)) ?? 'password';
    return { value: { [name]: password } };
  }
  const url = present.kind === 'text' ? present.fields[0]?.bytes : undefined;
  const span = url && passwordSpan(url);
  if (url !== undefined && span !== undefined) {
    const own = joined(url.subarray(0, span.start), password, url.subarray(span.end));
    return { value: own, own };
  }
  throw new StrongroomError(
    'invalid_input',
    `${path} is neither a URL with a password nor has it fields`,
    { details: { path }, hint: 'give it another generator, such as password:24' },
  );
}

function noPlace(path: string): StrongroomError {
  return new StrongroomError(
    'secret_deleted',
    `no version of ${path} has a value that the password could take its place in`,
    {
      details: { path },
      hint: `restore one with \`strongroom undelete ${path} --version N\`, or set the whole value`,
    },
  );
}

const SCHEME = /^[a-z][a-z0-9+.:-]*$/i;
const SCHEME_MAX = 64;
const [COLON, SLASH, QUESTION, HASH, AT] = [0x3a, 0x2f, 0x3f, 0x23, 0x40];

/**
 * Where the password of a URL with a user is (RFC 3986, 3.2). It may have an
 * `@` as it stands: the last one ends it, as programs that connect read it.
 */
function passwordSpan(
  url: Uint8Array,
): { readonly start: number; readonly end: number } | undefined {
  const slashes = url.findIndex((byte, at) => byte === SLASH && url[at + 1] === SLASH);
  const scheme = slashes > 1 && slashes <= SCHEME_MAX ? url.subarray(0, slashes - 1) : undefined;
  if (scheme === undefined || url[slashes - 1] !== COLON) return undefined;
  if (!SCHEME.test(utf8Decode(scheme))) return undefined;
  const from = slashes + 2;
  const length = url
    .subarray(from)
    .findIndex((byte) => byte === SLASH || byte === QUESTION || byte === HASH);
  const authority = url.subarray(from, length < 0 ? undefined : from + length);
  const [colon, at] = [authority.indexOf(COLON), authority.lastIndexOf(AT)];
  const isUser = colon >= 0 && colon < at && !authority.subarray(0, colon).includes(AT);
  return isUser ? { start: from + colon + 1, end: from + at } : undefined;
}

function joined(head: Uint8Array, password: SingleValue, tail: Uint8Array): SecretValue {
  const record = toRecord(password);
  const middle = record.fields[0]?.bytes ?? new Uint8Array();
  const bytes = new Uint8Array(head.length + middle.length + tail.length);
  bytes.set(head);
  bytes.set(middle, head.length);
  bytes.set(tail, head.length + middle.length);
  wipeRecord(record);
  return SecretValue.fromUtf8(bytes);
}
