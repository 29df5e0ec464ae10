import { hmacSha256 } from '../../crypto/mac.ts';
import { tuple } from '../../lib/bytes.ts';
import { uuidBytes } from '../../lib/ids.ts';
import { networkOfClient } from '../../lib/ip-networks.ts';
import { toBase64Url } from '../../lib/base64.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { ATTEMPTS } from '../../store/protected-tables.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { AttemptsRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';

/** A way of proving something that can be guessed at. */
export type Channel = 'password' | 'totp' | 'recovery' | 'secret_id' | 'device';

/** Who is guessed at: somebody who is known, or whatever was given as a name, folded. */
export type Guessed = { readonly principalId: string } | { readonly foldedName: string };

/**
 * Where guesses come from: an address, which may be that of a session of the same principal, or a
 * client that signed in as the same principal before.
 */
export type GuessSource =
  | { readonly address: string | undefined; readonly inSession?: boolean }
  | { readonly knownClient: string };

/** One attempt to prove something. */
export interface Attempt {
  readonly channel: Channel;
  readonly who: Guessed;
  readonly from: GuessSource;
}

/** How many wrong guesses are borne, and what follows. */
export interface AttemptLimits {
  /** Failures from one source before it has to wait. */
  readonly failuresMax: number;
  /** The longest wait of one source, in milliseconds. */
  readonly waitMsMax: number;
}

/** An attempt that was counted: what {@link takeBack} needs to know of it. */
export interface CountedAttempt {
  readonly source: string;
  readonly all: string;
}

/** The numbers of `docs/spec/identities.md`. */
export const ATTEMPT_LIMITS: AttemptLimits = { failuresMax: 5, waitMsMax: 15 * 60_000 };

const ALL_FAILURES_MAX = 100;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const SEEN_MAX = 10_000;
const PURGE_MAX = 1000;

/** What a person proves things by: a lock of one is a lock of all. */
const OF_PEOPLE: readonly Channel[] = ['password', 'totp', 'recovery'];

/** The first wait. A time-based code that was guessed right while waiting must be over then. */
const FIRST_WAIT_MS: Readonly<Record<Channel, number>> = {
  password: 1000,
  totp: 30_000,
  recovery: 1000,
  secret_id: 1000,
  device: 1000,
};

const byId = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('attempts').selectAll().where('id', '=', p('id')),
);

const restedSince = statement((db, p: Parameters<{ before: number; limit: number }>) =>
  db
    .selectFrom('attempts')
    .selectAll()
    .where('last_at', '<=', p('before'))
    .orderBy('last_at')
    .limit(p('limit')),
);

/** What a row says, besides its id. */
type Count = Pick<AttemptsRow, 'since' | 'failures' | 'last_at' | 'locked_until'>;

/**
 * What this process saw of counts: whoever can write to the database could take
 * them back there. Of one open vault, which its keyring stands for.
 */
const seenBy = new WeakMap<Keyring, Map<string, Count>>();

/**
 * Counts an attempt before its proof is looked at. It has to be durable before
 * that: so it is done in a transaction of its own.
 *
 * @returns `undefined` if whoever tries has to wait: then it counts nowhere, and the proof must not be looked at.
 */
export async function countAttempt(
  work: Work,
  attempt: Attempt,
  limits: AttemptLimits = ATTEMPT_LIMITS,
): Promise<CountedAttempt | undefined> {
  const { channel } = attempt;
  if (await hasToWait(work, attempt, limits)) return undefined;
  const counted = idsOf(work.keyring, attempt);
  await raise(work, counted.source, (failures) => {
    const over = failures - limits.failuresMax;
    if (over < 0) return null;
    const first = FIRST_WAIT_MS[channel];
    return work.now + Math.min(first * 2 ** Math.min(over, 30), Math.max(limits.waitMsMax, first));
  });
  await raise(
    work,
    counted.all,
    (failures, since) => (failures < ALL_FAILURES_MAX ? null : since + HOUR_MS),
    HOUR_MS,
  );
  return counted;
}

/** Whether whoever tries has to wait, without counting anything. */
export async function hasToWait(
  work: Work,
  attempt: Attempt,
  limits: AttemptLimits = ATTEMPT_LIMITS,
): Promise<boolean> {
  const { channel } = attempt;
  for (const each of OF_PEOPLE.includes(channel) ? OF_PEOPLE : [channel]) {
    if (await isLocked(work, { ...attempt, channel: each }, limits)) return true;
  }
  return false;
}

/**
 * Takes an attempt back whose proof was right: its source begins anew, and of
 * all sources it is as if it had not been.
 */
export async function takeBack(work: Work, { source, all }: CountedAttempt): Promise<void> {
  const row = await findRow(work, source);
  seen(work.keyring).delete(source);
  if (row !== undefined) await removeRow(work.transaction, work.mac, ATTEMPTS, row);
  await lower(work, all, ALL_FAILURES_MAX);
}

/** Takes an attempt back whose proof was not looked at. */
export async function cancelAttempt(work: Work, { source, all }: CountedAttempt): Promise<void> {
  await lower(work, source);
  await lower(work, all, ALL_FAILURES_MAX);
}

/**
 * Removes counts of which nothing was heard for a day.
 *
 * @returns How many; as many as that are done at a time may be left.
 */
export async function purgeAttempts(work: Work): Promise<number> {
  const given = { before: work.now - DAY_MS, limit: PURGE_MAX };
  const rows = await work.transaction.all(restedSince, given);
  for (const row of rows) {
    work.mac.check(ATTEMPTS, row);
    seen(work.keyring).delete(row.id);
    await removeRow(work.transaction, work.mac, ATTEMPTS, row);
  }
  return rows.length;
}

async function isLocked(work: Work, attempt: Attempt, limits: AttemptLimits): Promise<boolean> {
  const { source, all } = idsOf(work.keyring, attempt);
  if (isAhead(work.now, await countOf(work, source), limits.waitMsMax)) return true;
  // Whoever locks somebody out from everywhere must not lock out where they sign in from.
  if ('knownClient' in attempt.from) return false;
  return isAhead(work.now, await countOf(work, all), HOUR_MS);
}

/** A wait that is longer than any is one of a clock that was set back since. */
function isAhead(now: number, count: Count | undefined, longest: number): boolean {
  const wait = (count?.locked_until ?? 0) - now;
  return wait > 0 && wait <= Math.max(longest, FIRST_WAIT_MS.totp);
}

async function raise(
  work: Work,
  id: string,
  lockedUntil: (failures: number, since: number) => number | null,
  windowMs: number = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { now } = work;
  const count = await countOf(work, id);
  const isOver = count === undefined || now - count.since >= windowMs;
  const since = isOver ? now : Math.min(count.since, now);
  const failures = (isOver ? 0 : count.failures) + 1;
  const set = { since, failures, last_at: now, locked_until: lockedUntil(failures, since) };
  await store(work, id, set);
}

async function lower(work: Work, id: string, lockedFrom = Number.POSITIVE_INFINITY): Promise<void> {
  const count = await countOf(work, id);
  if (count === undefined) return;
  const failures = Math.max(0, count.failures - 1);
  // One that was right says nothing of those that were wrong: what these locked stays so.
  const locked_until = failures >= lockedFrom ? count.locked_until : null;
  seen(work.keyring).delete(id);
  await store(work, id, { ...count, failures, locked_until });
}

async function store(work: Work, id: string, set: Count): Promise<void> {
  const { transaction, mac, keyring } = work;
  const row = await findRow(work, id);
  const fingerprint_key = keyring.fingerprintKey().number;
  if (row === undefined)
    await insertRow(transaction, mac, ATTEMPTS, { id, fingerprint_key, ...set });
  else await updateRow(transaction, mac, ATTEMPTS, { from: row, set });
  const known = seen(keyring);
  if (known.size >= SEEN_MAX) known.delete(known.keys().next().value ?? '');
  known.delete(id);
  known.set(id, set);
}

/** The higher of what is stored and what this process saw. */
async function countOf(work: Work, id: string): Promise<Count | undefined> {
  const row = await findRow(work, id);
  const known = seen(work.keyring).get(id);
  if (known === undefined || (row !== undefined && row.failures >= known.failures)) return row;
  return work.now - known.last_at >= DAY_MS ? row : known;
}

async function findRow(work: Work, id: string): Promise<AttemptsRow | undefined> {
  const row = await work.transaction.get(byId, { id });
  if (row !== undefined) work.mac.check(ATTEMPTS, row);
  return row;
}

function seen(keyring: Keyring): Map<string, Count> {
  const known = seenBy.get(keyring) ?? new Map<string, Count>();
  seenBy.set(keyring, known);
  return known;
}

function idsOf(keyring: Keyring, { channel, who, from }: Attempt): CountedAttempt {
  const { key } = keyring.fingerprintKey();
  const vaultId = uuidBytes(keyring.vaultId);
  const label = 'strongroom/v1/attempts';
  // For whoever is known too: how long it takes does not say which.
  const name = 'principalId' in who ? who.principalId : who.foldedName;
  const bucket = hmacSha256(key, tuple([`${label}-name`, vaultId, name])).subarray(0, 2);
  const whom =
    'principalId' in who
      ? ['principal', uuidBytes(who.principalId)]
      : // Few enough that made-up names cannot fill the disk.
        ['name', bucket];
  const id = (...source: readonly (Uint8Array | string)[]): string =>
    toBase64Url(
      hmacSha256(key, tuple([label, vaultId, channel, ...whom, ...source])).subarray(0, 16),
    );
  const source =
    'knownClient' in from
      ? id('client', uuidBytes(from.knownClient))
      : id('network', networkOfClient(from.address ?? '') ?? '');
  // Nor may they keep somebody from proving once more who they are in a session: guesses within
  // sessions are counted by themselves. Codes of devices are nobody's own.
  const isOwn = 'inSession' in from && from.inSession && OF_PEOPLE.includes(channel);
  return { source, all: id(isOwn ? 'all in sessions' : 'all') };
}
