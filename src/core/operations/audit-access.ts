import type { AuditEntry } from '../../domain/audit/entry.ts';
import type { Call, Requirement } from '../operation.ts';

/** The right to see some of the audit log; which entries is decided for each. */
export const READS_AUDIT: readonly Requirement[] = [
  { capability: 'read', resource: ['sys', 'audit'], reach: 'under' },
];

/** Whether the caller may see an entry: that of a workspace by `sys/audit/<workspace>`, else `sys/audit`. */
export function maySeeEntry(call: Call): (entry: AuditEntry) => boolean {
  const known = new Map<string | undefined, boolean>();
  return ({ workspace }) => {
    const decided = known.get(workspace);
    if (decided !== undefined) return decided;
    const resource = workspace === undefined ? ['sys', 'audit'] : ['sys', 'audit', workspace];
    const allowed = call.may('read', resource);
    known.set(workspace, allowed);
    return allowed;
  };
}
