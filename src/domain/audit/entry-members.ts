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
  'credential',
  'decision',
  'detail',
  'environment',
  'environment_id',
  'face',
  'ip',
  'log',
  'method',
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
  'target',
  'time',
  'user_agent',
  'uses_left',
  'v',
  'version',
  'workspace',
  'workspace_id',
] as const;

/** The name of a member of an entry. */
export type EntryMember = (typeof ENTRY_MEMBERS)[number];

const KNOWN: ReadonlySet<string> = new Set(ENTRY_MEMBERS);

/** What only an entry with `v` 2 has, and at least one of them. */
const SINCE_2: readonly EntryMember[] = ['credential', 'method', 'target', 'uses_left'];

/** Whether an object has members of entries alone, each of text or a number, and those of its `v`. */
export function hasEntryMembersOnly(value: Readonly<Record<string, unknown>>): boolean {
  const isLater = SINCE_2.some((name) => Object.hasOwn(value, name));
  if (value['v'] !== (isLater ? 2 : 1)) return false;
  return Object.entries(value).every(
    ([name, member]) =>
      KNOWN.has(name) && (typeof member === 'string' || typeof member === 'number'),
  );
}
