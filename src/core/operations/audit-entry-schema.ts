import { z } from 'zod';

import { ENTRY_MEMBERS, type EntryMember } from '../../domain/audit/entry-members.ts';
import type { AuditEntry } from '../../domain/audit/entry.ts';

const NUMBERS: readonly EntryMember[] = ['count', 'revision', 'seq', 'uses_left', 'v', 'version'];

/** Members that every entry has; the others are there where they apply. */
const ALWAYS: readonly EntryMember[] = [
  'action',
  'log',
  'outcome',
  'request',
  'salt',
  'seq',
  'time',
  'v',
];

/** An entry of the audit log. Its members are called as in the log, over HTTP too. */
export const auditEntry: z.ZodType<AuditEntry> = z.strictObject(
  Object.fromEntries(ENTRY_MEMBERS.map((name) => [name, member(name)])),
) as unknown as z.ZodType<AuditEntry>;

function member(name: EntryMember): z.ZodType {
  const kind = NUMBERS.includes(name) ? z.int() : z.string();
  return ALWAYS.includes(name) ? kind : kind.optional();
}
