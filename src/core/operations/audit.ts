import { z } from 'zod';

import { catchUpIndex } from '../../domain/audit/entry-index.ts';
import type { AuditEntry, Outcome } from '../../domain/audit/entry.ts';
import { exportPart, proveEntry, type ExportPart } from '../../domain/audit/export.ts';
import { newestCheckpoint } from '../../domain/audit/log-queries.ts';
import { queryEntries } from '../../domain/audit/query.ts';
import { verifyLog, type LogVerified } from '../../domain/audit/verify-log.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import { StrongroomError } from '../../errors.ts';
import { verifyCheckpoint } from '../../merkle/verify-checkpoint.ts';
import { checkIntegrity } from '../../store/integrity.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN, IN_WORKSPACE } from '../rest-binding.ts';
import { maySeeEntry, READS_AUDIT } from './audit-access.ts';
import { auditEntry } from './audit-entry-schema.ts';
import * as schema from './schema.ts';

export interface QueryAuditInput {
  /** Entries that name this path, in whatever environment. */
  readonly path?: string | undefined;
  readonly environment?: string | undefined;
  readonly workspace?: string | undefined;
  /** An operation's name, such as `secrets.read`. */
  readonly action?: string | undefined;
  /** A principal's name or id. */
  readonly actor?: string | undefined;
  readonly outcome?: Outcome | undefined;
  /** RFC 3339. */
  readonly since?: string | undefined;
  /** RFC 3339. */
  readonly until?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly before?: number | undefined;
}

/** Entries, newest first. */
export interface AuditEntries {
  readonly entries: readonly AuditEntry[];
  /** Set if there is more: pass it as `before`. */
  readonly next: number | undefined;
}

export interface ExportAuditInput {
  /** `next` of the part before; the first part has none. */
  readonly from?: number | undefined;
  /** The checkpoint of the first part, given to all further ones. */
  readonly checkpoint?: string | undefined;
}

/** A part of an export, and what the next part needs. */
export interface AuditExportPart extends ExportPart {
  readonly checkpoint: string;
}

export interface ProveEntryInput {
  /** Sequence number of the entry. */
  readonly seq: number;
}

const NOTHING = z.strictObject({});
const checkpointText = z.string().max(32_768);
const ENTRIES_MAX = 1000;
const TILES_PER_PART = 32;

export const queryAudit: Operation<QueryAuditInput, AuditEntries> = {
  name: 'audit.query',
  summary: 'Finds audit entries, newest first.',
  errors: [],
  input: z.strictObject({
    path: schema.path.optional(),
    environment: schema.environment.optional(),
    workspace: schema.workspace,
    action: z.string().max(64).optional(),
    actor: z.string().max(128).optional(),
    outcome: z.enum(['ok', 'denied', 'failed']).optional(),
    since: schema.time.optional(),
    until: schema.time.optional(),
    limit: z.int().min(1).max(ENTRIES_MAX).optional(),
    before: z.int().min(0).optional(),
  }),
  output: schema.answer<AuditEntries>({ entries: z.array(auditEntry), next: z.int().optional() }),
  rest: [
    { method: 'GET', path: `${ADMIN}/audit` },
    { method: 'GET', path: `${IN_WORKSPACE}/audit` },
  ],
  secretMembers: [],
  // It brings the index of paths up to date, which is no change that anyone asked for.
  mutates: false,
  requires: () => READS_AUDIT,
  subject: ({ workspace, environment, path }) => ({ workspace, environment, path }),
  prepare: async ({ path }, { store, log }) => {
    if (path !== undefined) await catchUpIndex(store, log);
  },
  apply: (input, call) =>
    queryEntries(
      call.transaction,
      call.log,
      { ...input, since: toUtc(input.since), until: toUtc(input.until) },
      { limit: input.limit ?? 100, before: input.before, maySee: maySeeEntry(call) },
    ),
};

export const exportAudit: Operation<ExportAuditInput, AuditExportPart> = {
  name: 'audit.export',
  summary: 'Gives the audit log in parts, for verification without the vault.',
  errors: [],
  input: z.strictObject({
    from: z.int().min(0).optional(),
    checkpoint: checkpointText.optional(),
  }),
  output: schema.answer<AuditExportPart>({
    lines: schema.texts,
    next: z.int().optional(),
    checkpoint: checkpointText,
  }),
  rest: [{ method: 'POST', path: `${ADMIN}/audit/export` }],
  secretMembers: [],
  mutates: false,
  requires: () => READS_AUDIT,
  subject: () => ({}),
  apply: async ({ from = 0, checkpoint }, call) => {
    if (checkpoint !== undefined) requireOwnCheckpoint(call, checkpoint);
    const note = checkpoint ?? (await presentCheckpoint(call));
    const options = { from, tiles: TILES_PER_PART, maySee: maySeeEntry(call) };
    return { ...(await exportPart(call.transaction, call.log, note, options)), checkpoint: note };
  },
};

export const verifyAudit: Operation<Record<string, never>, LogVerified, LogVerified> = {
  name: 'audit.verify',
  summary:
    'Computes the whole log again and holds checkpoints, secrets and credentials against it.',
  errors: [],
  input: NOTHING,
  output: schema.answer<LogVerified>({
    checkpointSize: z.int(),
    size: z.int(),
    secrets: z.int(),
  }),
  rest: [{ method: 'POST', path: `${ADMIN}/audit/verify` }],
  secretMembers: [],
  mutates: false,
  requires: () => READS_AUDIT,
  subject: () => ({}),
  prepare: async (_input, { store, log, mac }) => {
    await store.read(async (transaction) => {
      const { principals } = await checkIntegrity(transaction, mac);
      for (const principal of principals) await FactorSet.of({ transaction, mac }, principal);
    });
    return verifyLog(store, log, mac);
  },
  apply: async (_input, _call, verified) => verified,
};

export const proveAudit: Operation<ProveEntryInput, { readonly proof: string }> = {
  name: 'audit.proof',
  summary: 'Proves that one entry is in the log, for anyone who has the verifier key.',
  errors: ['entry_not_found'],
  input: z.strictObject({ seq: z.int().min(0) }),
  output: schema.answer<{ readonly proof: string }>({ proof: z.string() }),
  rest: [{ method: 'GET', path: `${ADMIN}/audit/proof` }],
  secretMembers: [],
  mutates: false,
  requires: () => READS_AUDIT,
  subject: ({ seq }) => ({ detail: `entry ${seq}` }),
  apply: async ({ seq }, call) => {
    const note = await presentCheckpoint(call);
    const options = { index: seq, maySee: maySeeEntry(call) };
    return { proof: await proveEntry(call.transaction, call.log, note, options) };
  },
};

/** Errors: `audit_tampered` if the stored log is not what was written. */
export const checkpointAudit: Operation<Record<string, never>, { readonly checkpoint: string }> = {
  name: 'audit.checkpoint',
  summary: 'Signs the present state of the log.',
  errors: [],
  input: NOTHING,
  output: schema.answer<{ readonly checkpoint: string }>({ checkpoint: checkpointText }),
  rest: [{ method: 'POST', path: `${ADMIN}/audit/checkpoint` }],
  secretMembers: [],
  mutates: false,
  requires: () => READS_AUDIT,
  subject: () => ({}),
  apply: async (_input, call) => ({ checkpoint: await presentCheckpoint(call) }),
};

export const auditKey: Operation<Record<string, never>, { readonly verifierKeys: string }> = {
  name: 'audit.key',
  summary: "Gives the log's verifier keys.",
  errors: [],
  input: NOTHING,
  output: schema.answer<{ readonly verifierKeys: string }>({ verifierKeys: z.string() }),
  rest: [{ method: 'GET', path: `${ADMIN}/audit/key` }],
  secretMembers: [],
  mutates: false,
  requires: () => READS_AUDIT,
  subject: () => ({}),
  apply: async (_input, { log }) => ({ verifierKeys: log.verifierKeys }),
};

/** A checkpoint over every entry that is durable. */
async function presentCheckpoint(call: Call): Promise<string> {
  const signed = await call.log.checkpoint(call.transaction, call.now);
  const note =
    signed ?? (await call.transaction.get(newestCheckpoint, { log: call.log.number }))?.note;
  if (note === undefined) throw new StrongroomError('entry_not_found', 'the log has no entry yet');
  return note;
}

/** The parts of one export are under one checkpoint, which the caller carries from part to part. */
function requireOwnCheckpoint({ log }: Call, note: string): void {
  try {
    verifyCheckpoint(note, log.keys);
  } catch (cause) {
    throw new StrongroomError('invalid_input', 'the checkpoint is not one of this log', { cause });
  }
}

function toUtc(time: string | undefined): string | undefined {
  const ms = schema.toMs(time);
  return ms === undefined || ms === null ? undefined : new Date(ms).toISOString();
}
