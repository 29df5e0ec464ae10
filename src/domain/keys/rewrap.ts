import type { KeyObject } from 'node:crypto';

import {
  envelopeCommitment,
  openEnvelope,
  rewrapEnvelope,
  sealEnvelope,
  type EnvelopeContext,
  type WrappingKey,
} from '../../crypto/envelope.ts';
import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { wipe } from '../../lib/bytes.ts';
import {
  LAYOUTS,
  PERSONAL_VALUES,
  SECRET_STATES,
  SECRETS,
  VERSIONS,
} from '../../store/protected-tables.ts';
import type { ProtectedTable } from '../../store/row-mac.ts';
import { updateRow } from '../../store/rows.ts';
import { statement, type Parameters, type Statement } from '../../store/statement.ts';
import type {
  IdempotencyRow,
  LayoutRow,
  PersonalValueRow,
  ProtectedColumns,
  SecretRow,
  SecretStateRow,
  VersionRow,
} from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { answerContext } from './answer-context.ts';
import {
  ENVELOPE_LAYOUTS,
  ENVELOPE_TABLES,
  envelopesAfter,
  type EnvelopeAt,
  type EnvelopeKey,
  type EnvelopeTable,
} from './envelope-pages.ts';

/** One batch to do. */
export interface RewrapBatch {
  readonly workspaceId: string;
  /** Where the batch before ended; `null` is the beginning. */
  readonly position: string | null;
  /** How many envelopes to wrap at most. */
  readonly limit: number;
  /** Gives values new data keys too. */
  readonly reencrypt: boolean;
}

/** What a batch came to. */
export interface RewrapDone {
  /** Where to go on; `null`: everything was looked at. */
  readonly position: string | null;
  readonly done: number;
  /** Envelopes that cannot be opened, and stay as they are. */
  readonly failed: number;
  /** Where the first of them is. */
  readonly failedAt: string | undefined;
  /** Secrets whose rows changed, as they are now; `commit` of a current value that was encrypted anew. */
  readonly changed: readonly { readonly row: SecretRow; readonly commit: string | undefined }[];
}

type Changed = Map<string, { readonly row: SecretRow; readonly commit: string | undefined }>;

/** What a batch has come to so far. */
interface Tally {
  lookedAt: number;
  done: number;
  failed: number;
  failedAt: string | undefined;
  readonly changed: Changed;
}

/** How many envelopes are looked at in one batch, also of other workspaces. */
const LOOKED_AT_MAX = 1024;

/**
 * Wraps the data keys of a workspace that are under old keys under the active
 * one. What is under the active key already is passed over, so a batch may be
 * repeated, and what is written meanwhile needs none.
 */
export async function rewrapBatch(work: Work, batch: RewrapBatch): Promise<RewrapDone> {
  const tally: Tally = { lookedAt: 0, done: 0, failed: 0, failedAt: undefined, changed: new Map() };
  let { table, after } = parsePosition(batch.position);
  for (;;) {
    const left = batch.limit - tally.done - tally.failed;
    const limit = Math.min(left, Math.max(LOOKED_AT_MAX, batch.limit) - tally.lookedAt);
    if (table === undefined || limit <= 0) break;
    const page: readonly EnvelopeAt[] = await envelopesAfter(work.transaction, table, after, limit);
    for (const at of page) await lookAt(work, batch, at, tally);
    after = page.at(-1)?.key ?? after;
    if (page.length === limit) continue;
    table = ENVELOPE_TABLES[ENVELOPE_TABLES.indexOf(table) + 1];
    after = undefined;
  }
  const position = table === undefined ? null : formatPosition(table, after);
  const { done, failed, failedAt, changed } = tally;
  return { position, done, failed, failedAt, changed: [...changed.values()] };
}

/** Renews one envelope if it is of the workspace and under an old key. */
async function lookAt(
  work: Work,
  { workspaceId, reencrypt }: RewrapBatch,
  at: EnvelopeAt,
  tally: Tally,
): Promise<void> {
  tally.lookedAt += 1;
  if (at.workspaceId !== workspaceId || at.keyId === undefined) return;
  const active = work.keyring.activeWorkspaceKey(workspaceId);
  if (at.keyId === active.id) return;
  if (await renew(work, at, active, reencrypt ? tally.changed : undefined)) {
    tally.done += 1;
    return;
  }
  tally.failed += 1;
  tally.failedAt ??= nameOf(at);
}

/** Wraps or encrypts one envelope anew; resolves to `false` if it cannot be opened. */
async function renew(
  work: Work,
  at: EnvelopeAt,
  active: WrappingKey,
  changed: Changed | undefined,
): Promise<boolean> {
  const found = await work.transaction.get(rowOf(at.table), keyParameters(at));
  if (found === undefined) return true;
  let envelope: Uint8Array;
  try {
    const held = heldEnvelope(work, at, found);
    const keyById = (id: string): KeyObject => work.keyring.workspaceKey(id);
    envelope =
      changed === undefined
        ? rewrapEnvelope(held.envelope, held.context, keyById, active)
        : encryptAnew(held, keyById, active);
  } catch (error) {
    if (error instanceof StrongroomError && DAMAGE.includes(error.code)) return false;
    throw error;
  }
  await work.keyUses.count(active.id);
  if (changed === undefined) {
    await work.transaction.run(writeBack(at.table), {
      ...keyParameters(at),
      envelope,
      was: (found as ProtectedColumns).row_revision,
    });
  } else {
    await store(work, { at, found, envelope }, changed);
  }
  return true;
}

const DAMAGE: readonly string[] = ['decryption_failed', 'integrity_error'];

interface HeldEnvelope {
  readonly envelope: Uint8Array;
  readonly context: EnvelopeContext;
}

function encryptAnew(
  { envelope, context }: HeldEnvelope,
  keyById: (id: string) => KeyObject,
  active: WrappingKey,
): Uint8Array {
  const plaintext = openEnvelope(envelope, context, keyById);
  try {
    return sealEnvelope(active, context, plaintext);
  } finally {
    wipe(plaintext);
  }
}

const PROTECTED: Readonly<Partial<Record<EnvelopeTable, ProtectedTable<'secrets'>>>> = {
  versions: VERSIONS as never,
  secrets: SECRETS,
  secret_states: SECRET_STATES as never,
  layouts: LAYOUTS as never,
  personal_values: PERSONAL_VALUES as never,
};

/** What of a row its envelope is bound to, besides workspace and environment. */
type Bound = Pick<EnvelopeContext, 'domain' | 'subjectId' | 'number'> & {
  readonly envelope: Uint8Array | null;
};

const BOUND: Readonly<Record<Exclude<EnvelopeTable, 'idempotency'>, (found: object) => Bound>> = {
  versions: (found) => {
    const { envelope, secret_id: subjectId, version: number } = found as VersionRow;
    return { domain: 'value', envelope, subjectId, number };
  },
  secrets: (found) => {
    const { metadata, id: subjectId, metadata_revision: number } = found as SecretRow;
    return { domain: 'metadata', envelope: metadata, subjectId, number };
  },
  secret_states: (found) => {
    const { metadata, secret_id: subjectId, metadata_revision: number } = found as SecretStateRow;
    return { domain: 'metadata', envelope: metadata, subjectId, number };
  },
  layouts: (found) => {
    const { envelope, environment_id: subjectId, revision: number } = found as LayoutRow;
    return { domain: 'layout', envelope, subjectId, number };
  },
  personal_values: (found) => {
    const { envelope, id: subjectId, revision: number } = found as PersonalValueRow;
    return { domain: 'personal', envelope, subjectId, number };
  },
};

/** The envelope of a row, and where it belongs, once the row was checked. */
function heldEnvelope(work: Work, at: EnvelopeAt, found: object): HeldEnvelope {
  if (at.table === 'idempotency') {
    const row = found as IdempotencyRow;
    return { envelope: row.answer, context: answerContext(work.keyring, row) };
  }
  const table = PROTECTED[at.table];
  if (table !== undefined) work.mac.check(table, found as ProtectedColumns);
  const { envelope, ...bound } = BOUND[at.table](found);
  const { vaultId } = work.keyring;
  const { workspaceId, environmentId } = at;
  return {
    envelope: envelope ?? new Uint8Array(),
    context: { ...bound, vaultId, workspaceId, environmentId },
  };
}

const secretById = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('secrets').selectAll().where('id', '=', p('id')),
);

/** Stores an envelope with another data key: its row has another MAC then. */
async function store(
  work: Work,
  {
    at,
    found,
    envelope,
  }: { readonly at: EnvelopeAt; readonly found: object; readonly envelope: Uint8Array },
  changed: Changed,
): Promise<void> {
  const { transaction, mac } = work;
  const column = ENVELOPE_LAYOUTS[at.table].envelope;
  const table = PROTECTED[at.table];
  if (table === undefined) {
    await transaction.run(writeBack(at.table), { ...keyParameters(at), envelope });
    return;
  }
  const from = found as SecretRow;
  const row = await updateRow(transaction, mac, table, { from, set: { [column]: envelope } });
  if (at.table === 'secrets') {
    changed.set(row.id, { row, commit: changed.get(row.id)?.commit });
    return;
  }
  if (at.table !== 'versions') return;
  const { secret_id: id, version } = found as VersionRow;
  const secret = await transaction.get(secretById, { id });
  if (secret === undefined) return;
  mac.check(SECRETS, secret);
  if (secret.current_version !== version || secret.current_commit === null) return;
  const commit = envelopeCommitment(envelope).slice();
  const moved = await updateRow(transaction, mac, SECRETS, {
    from: secret,
    set: { current_commit: commit },
  });
  changed.set(id, { row: moved, commit: toBase64Url(commit) });
}

const rows = new Map<EnvelopeTable, Statement<object, object>>();
const writes = new Map<EnvelopeTable, Statement<object, unknown>>();

function rowOf(table: EnvelopeTable): Statement<object, object> {
  const known = rows.get(table);
  if (known !== undefined) return known;
  const made = statement<object>((db, parameter) => {
    const p = parameter as (name: string) => never;
    let one = db.selectFrom(table as 'secrets').selectAll();
    for (const column of Object.keys(ENVELOPE_LAYOUTS[table].key)) {
      one = one.where(column as 'id', '=', p(column));
    }
    return one;
  });
  rows.set(table, made);
  return made;
}

/** Replaces an envelope by one with the same commitment, which is what the row's MAC covers. */
function writeBack(table: EnvelopeTable): Statement<object, unknown> {
  const known = writes.get(table);
  if (known !== undefined) return known;
  const { key, envelope } = ENVELOPE_LAYOUTS[table];
  const made = statement<unknown>((db, parameter) => {
    const p = parameter as (name: string) => never;
    let write = db.updateTable(table as 'secrets').set({ [envelope]: p('envelope') } as never);
    for (const column of Object.keys(key)) write = write.where(column as 'id', '=', p(column));
    if (PROTECTED[table] !== undefined) write = write.where('row_revision', '=', p('was'));
    return write;
  });
  writes.set(table, made);
  return made;
}

function keyParameters({ table, key }: EnvelopeAt): Readonly<Record<string, unknown>> {
  const columns = Object.keys(ENVELOPE_LAYOUTS[table].key);
  return Object.fromEntries(columns.map((column, index) => [column, key[index]]));
}

/** Names a row for people; what is in bytes says nothing to them. */
function nameOf({ table, key }: EnvelopeAt): string {
  return [table, ...key.filter((part) => !(part instanceof Uint8Array))].join(' ');
}

function formatPosition(table: EnvelopeTable, after: EnvelopeKey | undefined): string {
  const key = after?.map((part) =>
    part instanceof Uint8Array ? { bytes: toBase64Url(part) } : part,
  );
  return JSON.stringify({ table, after: key ?? null });
}

interface Position {
  readonly table: EnvelopeTable | undefined;
  readonly after: EnvelopeKey | undefined;
}

/** Under the MAC of the job's row, so its form is known. */
function parsePosition(position: string | null): Position {
  if (position === null) return { table: ENVELOPE_TABLES[0], after: undefined };
  const { table, after } = JSON.parse(position) as {
    readonly table: EnvelopeTable;
    readonly after: readonly (string | number | { readonly bytes: string })[] | null;
  };
  const key = after?.map((part) =>
    typeof part === 'object' ? (fromBase64Url(part.bytes) ?? new Uint8Array()) : part,
  );
  return { table, after: key };
}
