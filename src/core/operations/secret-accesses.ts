import { z } from 'zod';

import { catchUpIndex } from '../../domain/audit/entry-index.ts';
import type { AuditEntry } from '../../domain/audit/entry.ts';
import { queryEntries, type AuditPage } from '../../domain/audit/query.ts';
import { statesOf } from '../../domain/secrets/at.ts';
import { requireSecretOrTrash } from '../../domain/secrets/find.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { onSecret } from '../rest-binding.ts';
import { maySeeEntry } from './audit-access.ts';
import * as schema from './schema.ts';
import { environmentOf, secretSubject, type SecretAddress } from './secret-address.ts';

export interface SecretAccessesInput extends SecretAddress {
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly before?: number | undefined;
}

/** One thing that was done with a secret, or that somebody tried to do. */
export interface AccessToSecret {
  /** The number of the entry in the audit log. */
  readonly id: number;
  readonly secretId: string;
  /** An operation's name, such as `secrets.read`. */
  readonly action: string;
  /** Principal id; `null` if it was not known who called. */
  readonly userId: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  /** What the entry says besides, by the names of its members. */
  readonly details: Readonly<Record<string, string | number>>;
  readonly success: boolean;
  readonly createdAt: string;
}

/** Entries about one secret, newest first. */
export interface SecretAccesses {
  readonly entries: readonly AccessToSecret[];
  /** Set if there may be more: pass it as `before`. */
  readonly next: number | undefined;
}

/** The schema of {@link SecretAccesses}. */
export const secretAccessesSchema: z.ZodType<SecretAccesses> = schema.answer<SecretAccesses>({
  entries: z.array(
    schema.answer<AccessToSecret>({
      id: z.int(),
      secretId: z.uuid(),
      action: z.string(),
      userId: z.string().nullable(),
      ipAddress: z.string().nullable(),
      userAgent: z.string().nullable(),
      details: z.record(z.string(), z.union([z.string(), z.number()])),
      success: z.boolean(),
      createdAt: schema.instant,
    }),
  ),
  next: z.int().optional(),
});

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 1000;

/** Members of an entry that are told as details. */
const DETAILS = [
  'workspace',
  'environment',
  'path',
  'version',
  'outcome',
  'reason',
  'decision',
  'rule',
  'detail',
  'actor_name',
  'actor_kind',
  'credential',
  'face',
  'request',
  'count',
] as const satisfies readonly (keyof AuditEntry)[];

export const secretAccesses: Operation<SecretAccessesInput, SecretAccesses> = {
  name: 'secrets.accesses',
  summary: 'Lists what was done with a secret, wherever it was then, and by whom; newest first.',
  errors: ['environment_not_found', 'secret_not_found'],
  input: z.strictObject({
    ...schema.address,
    limit: z.int().min(1).max(LIMIT_MAX).optional(),
    before: z.int().min(0).optional(),
  }),
  output: secretAccessesSchema,
  rest: onSecret('GET', 'audit'),
  secretMembers: [],
  mutates: false,
  requires: (input) => [
    { capability: 'read', resource: ['sys', 'audit', schema.workspaceOf(input)] },
  ],
  subject: secretSubject,
  prepare: (_input, { store, log }) => catchUpIndex(store, log),
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const { path, limit = LIMIT_DEFAULT, before } = input;
    const secret = await requireSecretOrTrash(call, environment, { path, isLive: false });
    call.about({ secretId: secret.id });
    const options = { limit, before, maySee: seeing(call, secret) };
    const { entries, next } = await entriesOf(call, await pathsOf(call, secret), options);
    return { entries: entries.map((entry) => toAccess(entry, secret.id)), next };
  },
};

/** The path that a secret has, and those that it had. */
async function pathsOf(call: Call, secret: SecretRow): Promise<ReadonlySet<string>> {
  return new Set([secret, ...(await statesOf(call, secret))].map(({ path }) => path));
}

/** The newest entries that name one of the paths. What lies before the end of a search is left to the next page. */
async function entriesOf(
  call: Call,
  paths: ReadonlySet<string>,
  options: Parameters<typeof queryEntries>[3],
): Promise<AuditPage> {
  const found: AuditEntry[] = [];
  let searched = -1;
  for (const path of paths) {
    const page = await queryEntries(call.transaction, call.log, { path }, options);
    found.push(...page.entries);
    searched = Math.max(searched, page.next ?? -1);
  }
  const sorted = found.filter(({ seq }) => seq >= searched).toSorted((a, b) => b.seq - a.seq);
  const entries = sorted.slice(0, options.limit);
  if (sorted.length > entries.length) return { entries, next: entries.at(-1)?.seq };
  return { entries, next: searched === -1 ? undefined : searched };
}

/**
 * Entries of the secret that the caller may see. Who was turned away is on
 * record with the name alone; that counts where the secret is now.
 */
function seeing(call: Call, secret: SecretRow): (entry: AuditEntry) => boolean {
  const maySee = maySeeEntry(call);
  const since = new Date(secret.created_at).toISOString();
  return (entry) => {
    const isNamed =
      entry.secret_id === undefined &&
      entry.path === secret.path &&
      entry.environment_id === secret.environment_id &&
      entry.time >= since;
    return (entry.secret_id === secret.id || isNamed) && maySee(entry);
  };
}

function toAccess(entry: AuditEntry, secretId: string): AccessToSecret {
  const details = DETAILS.flatMap((name) => {
    const member = entry[name];
    return member === undefined ? [] : [[name, member] as const];
  });
  return {
    id: entry.seq,
    secretId,
    action: entry.action,
    userId: entry.actor ?? null,
    ipAddress: entry.ip ?? null,
    userAgent: entry.user_agent ?? null,
    details: Object.fromEntries(details),
    success: entry.outcome === 'ok',
    createdAt: entry.time,
  };
}
