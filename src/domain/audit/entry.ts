import { randomBytes } from '../../crypto/random.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { hasEntryMembersOnly, type EntryMember } from './entry-members.ts';

/** How an operation ended. */
export type Outcome = 'ok' | 'denied' | 'failed';

/** What an operation was about. Members that do not apply are absent. */
export interface EntrySubject {
  readonly workspace?: string | undefined;
  readonly workspaceId?: string | undefined;
  readonly environment?: string | undefined;
  readonly environmentId?: string | undefined;
  readonly path?: string | undefined;
  readonly secretId?: string | undefined;
  readonly version?: number | undefined;
  /** The secret's row revision after a change. */
  readonly revision?: number | undefined;
  /** The commitment of a new envelope, base64url. */
  readonly commit?: string | undefined;
  /** An id, a kind or a size, for events of the log, slots and keys. */
  readonly detail?: string | undefined;
  /** Id of a credential or factor that was made, revoked or used. */
  readonly target?: string | undefined;
  /** Id of the way to sign in. */
  readonly method?: string | undefined;
  /** How many uses a credential has left. */
  readonly usesLeft?: number | undefined;
}

/**
 * What goes on record about one operation: an allow-list
 * (`docs/spec/audit-log.md`). There is no member for a value, and none may be added.
 */
export interface EntryFields extends EntrySubject {
  readonly request: string;
  readonly action: string;
  readonly outcome: Outcome;
  readonly actor?: string | undefined;
  readonly actorName?: string | undefined;
  readonly actorKind?: string | undefined;
  /** HMAC of the caller's session id. */
  readonly session?: string | undefined;
  /** Id of the credential that the call was made with. */
  readonly credential?: string | undefined;
  readonly ip?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly face?: string | undefined;
  readonly decision?: 'allow' | 'deny' | undefined;
  readonly rule?: string | undefined;
  readonly reason?: string | undefined;
  readonly count?: number | undefined;
  /** The tables' integrity state (`docs/spec/keyring.md`). */
  readonly state?: string | undefined;
  /** Of a new log: the checkpoints that it follows. */
  readonly checkpoint?: string | undefined;
}

/** Where an entry stands, added when it is written. */
export interface EntryPlace {
  readonly log: string;
  readonly seq: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
}

const TEXT_MAX = 1024;
const CHECKPOINT_MAX = 32_768;
const SALT_BYTES = 16;

/**
 * The entry's line: canonical JSON (RFC 8785), put together by hand because
 * one is written for every request. Members are in the order of their names.
 */
export function formatEntry(fields: EntryFields, place: EntryPlace): string {
  const salt = toBase64Url(randomBytes(SALT_BYTES));
  return (
    '{"action":' +
    text(fields.action) +
    member('actor', fields.actor) +
    member('actor_kind', fields.actorKind) +
    member('actor_name', fields.actorName) +
    member('checkpoint', fields.checkpoint, CHECKPOINT_MAX) +
    member('commit', fields.commit) +
    numberMember('count', fields.count) +
    member('credential', fields.credential) +
    member('decision', fields.decision) +
    member('detail', fields.detail) +
    member('environment', fields.environment) +
    member('environment_id', fields.environmentId) +
    member('face', fields.face) +
    member('ip', fields.ip) +
    `,"log":"${place.log}"` +
    member('method', fields.method) +
    `,"outcome":"${fields.outcome}"` +
    member('path', fields.path) +
    member('reason', fields.reason) +
    `,"request":"${fields.request}"` +
    numberMember('revision', fields.revision) +
    member('rule', fields.rule) +
    `,"salt":"${salt}"` +
    member('secret_id', fields.secretId) +
    `,"seq":${place.seq}` +
    member('session', fields.session) +
    member('state', fields.state) +
    member('target', fields.target) +
    `,"time":"${place.time}"` +
    member('user_agent', fields.userAgent) +
    numberMember('uses_left', fields.usesLeft) +
    `,"v":${versionOf(fields)}` +
    numberMember('version', fields.version) +
    member('workspace', fields.workspace) +
    member('workspace_id', fields.workspaceId) +
    '}'
  );
}

/** Entries that say nothing of credentials are those of before. */
function versionOf({ credential, method, target, usesLeft }: EntryFields): 1 | 2 {
  return (credential ?? method ?? target ?? usesLeft) === undefined ? 1 : 2;
}

/** An entry as it was written. Members that did not apply are absent. */
export interface AuditEntry extends Partial<Readonly<Record<EntryMember, string | number>>> {
  readonly v: 1 | 2;
  readonly salt: string;
  readonly log: string;
  readonly seq: number;
  readonly time: string;
  readonly request: string;
  readonly action: string;
  readonly outcome: Outcome;
  readonly actor?: string;
  readonly actor_name?: string;
  readonly actor_kind?: string;
  readonly session?: string;
  readonly credential?: string;
  readonly ip?: string;
  readonly user_agent?: string;
  readonly face?: string;
  readonly workspace?: string;
  readonly workspace_id?: string;
  readonly environment?: string;
  readonly environment_id?: string;
  readonly path?: string;
  readonly secret_id?: string;
  readonly version?: number;
  readonly revision?: number;
  readonly commit?: string;
  readonly decision?: 'allow' | 'deny';
  readonly rule?: string;
  readonly reason?: string;
  readonly count?: number;
  readonly state?: string;
  readonly checkpoint?: string;
  readonly detail?: string;
  readonly target?: string;
  readonly method?: string;
  readonly uses_left?: number;
}

/**
 * Reads a stored entry. That it is one says nothing about who wrote it.
 *
 * @param index - Where it is stored, to be named if it is damaged.
 * @throws {@link StrongroomError} `audit_tampered` if it is not an entry.
 */
export function parseEntry(line: string, index: number): AuditEntry {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry === 'object' && entry !== null && hasEntryMembersOnly({ ...entry })) {
      return entry as AuditEntry;
    }
  } catch {
    // It is told like any other that is no entry.
  }
  throw new StrongroomError('audit_tampered', 'an audit entry is not the one that was written', {
    details: { index },
    hint: DAMAGED_HINT,
  });
}

function member(name: EntryMember, value: string | undefined, lengthMax = TEXT_MAX): string {
  return value === undefined ? '' : `,"${name}":${text(value, lengthMax)}`;
}

function numberMember(name: EntryMember, value: number | undefined): string {
  return value === undefined ? '' : `,"${name}":${String(value)}`;
}

const PLAIN = /^[\w ./:@+,;()=-]*$/;

/** RFC 8785 writes strings as `JSON.stringify` does, given well-formed text. */
function text(value: string, lengthMax = TEXT_MAX): string {
  const bounded = value.length > lengthMax ? value.slice(0, lengthMax) : value;
  return PLAIN.test(bounded) ? `"${bounded}"` : JSON.stringify(bounded.toWellFormed());
}
