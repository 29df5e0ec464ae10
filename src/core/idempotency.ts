import type { KeyObject } from 'node:crypto';

import { openEnvelope, sealEnvelope, type EnvelopeContext } from '../crypto/envelope.ts';
import { hmacSha256 } from '../crypto/mac.ts';
import { StrongroomError } from '../errors.ts';
import { concat, tuple, utf8, utf8Decode, wipe } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';
import { SecretValue } from '../secret-value.ts';
import { statement, type Parameters } from '../store/statement.ts';
import type { IdempotencyRow } from '../store/tables.ts';
import { answerContext, type AnswerKey } from '../domain/keys/answer-context.ts';
import type { Work } from '../domain/work.ts';
import type { Call } from './operation.ts';

const KEPT_MS = 24 * 60 * 60 * 1000;
const PER_PRINCIPAL_MAX = 10_000;
/** How many make room at once. */
const ROOM = 1000;
/** One of so many calls looks whether there is room. */
const LOOKS_ONE_IN = 64;
const PURGE_MAX = 1000;

type RowKey = Pick<IdempotencyRow, 'principal_id' | 'workspace_id' | 'operation' | 'key_mac'>;

const find = statement((db, p: Parameters<RowKey>) =>
  db
    .selectFrom('idempotency')
    .selectAll()
    .where('principal_id', '=', p('principal_id'))
    .where('workspace_id', '=', p('workspace_id'))
    .where('operation', '=', p('operation'))
    .where('key_mac', '=', p('key_mac')),
);

const insert = statement((db, p: Parameters<IdempotencyRow>) =>
  db.insertInto('idempotency').values({
    principal_id: p('principal_id'),
    workspace_id: p('workspace_id'),
    operation: p('operation'),
    fingerprint_key: p('fingerprint_key'),
    key_mac: p('key_mac'),
    input_mac: p('input_mac'),
    answer: p('answer'),
    created_at: p('created_at'),
  }),
);

const removeOld = statement((db, p: Parameters<{ principalId: string; before: number }>) =>
  db
    .deleteFrom('idempotency')
    .where('principal_id', '=', p('principalId'))
    .where('created_at', '<', p('before')),
);

const principalAfter = statement((db, p: Parameters<{ principalId: string }>) =>
  db
    .selectFrom('idempotency')
    .select(['principal_id'])
    .where('principal_id', '>', p('principalId'))
    .orderBy('principal_id')
    .limit(1),
);

const timeOf = statement((db, p: Parameters<{ principalId: string; offset: number }>) =>
  db
    .selectFrom('idempotency')
    .select(['created_at'])
    .where('principal_id', '=', p('principalId'))
    .orderBy('created_at')
    .limit(1)
    .offset(p('offset')),
);

const countOf = statement((db, p: Parameters<{ principalId: string }>) =>
  db
    .selectFrom('idempotency')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('principal_id', '=', p('principalId')),
);

/** A call that may be a repetition. */
export interface RepeatableCall {
  readonly key: string;
  readonly operation: string;
  /** The workspace that the call is about; its key protects the kept answer. */
  readonly workspaceId: string;
  readonly input: unknown;
  /** The secret that the call was addressed to by its id, whatever it is called by now. */
  readonly secretId?: string | undefined;
}

/** What a call needs of its kind to be run once. */
type RunningOnce = Work & Pick<Call, 'about'>;

/**
 * Runs a change once for each idempotency key: a repetition gets the first
 * answer, in the change's own transaction.
 *
 * Kept for 24 hours, and at most some 10,000 of a principal: the oldest make room.
 *
 * @throws {@link StrongroomError} `idempotency_mismatch` if the key was used with other input.
 */
export async function runOnce<T>(
  work: RunningOnce,
  call: RepeatableCall,
  apply: () => Promise<T>,
): Promise<T> {
  const fingerprint = work.keyring.fingerprintKey();
  const label = (name: string, parts: readonly (Uint8Array | string)[]): Uint8Array =>
    macOfTuple(fingerprint.key, [`strongroom/v1/idempotency/${name}`, ...parts]);
  const row: AnswerKey = {
    principal_id: work.actor,
    workspace_id: call.workspaceId,
    operation: call.operation,
    fingerprint_key: fingerprint.number,
    key_mac: label('key', [call.key]),
    input_mac: macOfInput(addressed(call), (encoded) => label('input', [encoded])),
  };
  const context = answerContext(work.keyring, row);
  await work.transaction.run(removeOld, {
    principalId: work.actor,
    before: work.now - KEPT_MS,
  });
  const known = await work.transaction.get(find, row);
  if (known !== undefined) {
    const answer = openAnswer(work, known, row.input_mac, context) as T;
    if (call.secretId !== undefined) work.about({ secretId: call.secretId });
    return answer;
  }
  if ((row.key_mac[0] ?? 0) % LOOKS_ONE_IN === 0) await makeRoom(work);
  const answer = await apply();
  await work.transaction.run(insert, {
    ...row,
    answer: await sealAnswer(work, context, answer),
    created_at: work.now,
  });
  return answer;
}

/** A secret that is addressed by its id may have another name when the call is repeated: it may be the call that gave it. */
function addressed({ input, secretId }: RepeatableCall): unknown {
  if (secretId === undefined) return input;
  return { ...(input as object), environment: undefined, path: undefined, secretId };
}

function openAnswer(
  work: Work,
  known: IdempotencyRow,
  inputMac: Uint8Array,
  context: EnvelopeContext,
): unknown {
  if (!equalBytes(known.input_mac, inputMac)) {
    throw new StrongroomError(
      'idempotency_mismatch',
      'this idempotency key was used with other input',
      { hint: 'use a new key for a new change' },
    );
  }
  const plaintext = openEnvelope(known.answer, context, (id) => work.keyring.workspaceKey(id));
  try {
    return JSON.parse(utf8Decode(plaintext));
  } finally {
    wipe(plaintext);
  }
}

async function sealAnswer(
  work: Work,
  context: EnvelopeContext,
  answer: unknown,
): Promise<Uint8Array> {
  const key = work.keyring.activeWorkspaceKey(context.workspaceId);
  const plaintext = utf8(JSON.stringify(answer ?? null));
  try {
    await work.keyUses.count(key.id);
    return sealEnvelope(key, context, plaintext);
  } finally {
    wipe(plaintext);
  }
}

/** Counting takes longer than keeping, so only some calls do; which ones, the MACs of their keys say. */
async function makeRoom(work: Work): Promise<void> {
  const principalId = work.actor;
  const kept = await work.transaction.get(countOf, { principalId });
  if ((kept?.count ?? 0) < PER_PRINCIPAL_MAX) return;
  const last = await work.transaction.get(timeOf, { principalId, offset: ROOM - 1 });
  const before = (last?.created_at ?? work.now) + 1;
  await work.transaction.run(removeOld, { principalId, before });
}

/**
 * Forgets answers whose time is over, of whomever: of one principal after the other, by the index,
 * until there were enough for one transaction. Resolves to how many.
 */
export async function purgeAnswers({ transaction, now }: Work): Promise<number> {
  let removed = 0;
  for (let principalId = ''; removed < PURGE_MAX;) {
    const next = await transaction.get(principalAfter, { principalId });
    if (next === undefined) break;
    principalId = next.principal_id;
    removed += await transaction.run(removeOld, { principalId, before: now - KEPT_MS });
  }
  return removed;
}

function macOfTuple(key: KeyObject, parts: readonly (Uint8Array | string)[]): Uint8Array {
  const message = tuple(parts);
  try {
    return hmacSha256(key, message);
  } finally {
    wipe(message);
  }
}

/** The MAC of an input's encoding. No copy of a value stays behind. */
function macOfInput(input: unknown, mac: (encoded: Uint8Array) => Uint8Array): Uint8Array {
  const made: Uint8Array[] = [];
  try {
    return mac(encodeInput(input, made));
  } finally {
    for (const bytes of made) wipe(bytes);
  }
}

/**
 * Encodes an input injectively, values included, without making text of them.
 *
 * @param made - Takes every array that is made on the way, for the caller to wipe.
 */
function encodeInput(value: unknown, made: Uint8Array[]): Uint8Array {
  const kept = (bytes: Uint8Array): Uint8Array => {
    made.push(bytes);
    return bytes;
  };
  const tagged = (tag: string, content: Uint8Array): Uint8Array =>
    kept(concat([utf8(tag), content]));
  if (value instanceof SecretValue) {
    return tagged(value.kind === 'text' ? 's' : 'b', kept(value.revealBytes()));
  }
  if (typeof value === 'string') return tagged('s', kept(utf8(value)));
  if (value instanceof Uint8Array) return tagged('b', value);
  if (Array.isArray(value)) {
    return tagged('a', kept(tuple(value.map((member) => encodeInput(member, made)))));
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    const parts = members.flatMap(([name, member]) => [utf8(name), encodeInput(member, made)]);
    return tagged('o', kept(tuple(parts)));
  }
  return utf8(`v${String(value)}`);
}
