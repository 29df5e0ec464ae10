/**
 * Every member that an entry can have (`docs/spec/audit-log.md`): what is
 * written, and all that a verifier accepts. A further one needs a new `v`.
 */
export const ENTRY_MEMBERS = [
  'action',
  'actor',
  'actor_kind',
  'actor_name',
  'checkpoint',
  'commit',
  'count',
  'decision',
  'detail',
  'environment',
  'environment_id',
  'face',
  'ip',
  'log',
  'outcome',
  'path',
  'reason',
  'request',
  'revision',
  'rule',
  'salt',
  'secret_id',
  'seq',
  'session',
  'state',
  'time',
  'user_agent',
  'v',
  'version',
  'workspace',
  'workspace_id',
] as const;

/** The name of a member of an entry. */
export type EntryMember = (typeof ENTRY_MEMBERS)[number];

const KNOWN: ReadonlySet<string> = new Set(ENTRY_MEMBERS);

/** Whether an object has members of entries alone, each of text or a number. */
export function hasEntryMembersOnly(value: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(value).every(
    ([name, member]) =>
      KNOWN.has(name) && (typeof member === 'string' || typeof member === 'number'),
  );
}
