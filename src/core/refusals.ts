import type { EntryFields } from '../domain/audit/entry.ts';
import { uuidv7 } from '../lib/ids.ts';
import { networkOfClient } from '../lib/ip-networks.ts';

const MINUTE_MS = 60_000;
const SOURCES_MAX = 1024;
const OTHERS = 'others';

interface Tally {
  readonly minute: number;
  readonly fields: EntryFields;
  readonly unrecorded: number;
}

/** What one transaction does to the counts: it counts only once that is durable. */
export interface StagedRefusals {
  /** Takes a refusal; gives the entries that are due now. */
  take(fields: EntryFields, now: number): readonly EntryFields[];
  /** The counts that no entry has told yet of minutes that are over, or (`all`) of every minute. */
  drain(now: number, all?: boolean): readonly EntryFields[];
  /** Takes the counts over once the transaction is durable. */
  accept(): void;
}

/**
 * Requests that were refused before a principal was known, or because there
 * were too many. The first from a source for a reason goes on record at once,
 * the rest of that minute as one entry with a count, so that nobody can fill the disk.
 */
export class Refusals {
  #tallies: ReadonlyMap<string, Tally> = new Map();
  /** By key, how many were counted outside of any transaction and are not told yet. */
  readonly #noted: Map<string, number> = new Map();

  /**
   * Counts a refusal without a transaction, if an entry of this minute tells of one like it.
   * Otherwise it has to be taken in one, and this is false.
   */
  note(fields: Source, now: number): boolean {
    const key = keyOf(this.#tallies, fields);
    if (this.#tallies.get(key)?.minute !== Math.floor(now / MINUTE_MS)) return false;
    this.#noted.set(key, (this.#noted.get(key) ?? 0) + 1);
    return true;
  }

  /** Begins to count for a transaction. One at a time: the last that is accepted stands. */
  stage(): StagedRefusals {
    const before = this.#tallies;
    let changed: Map<string, Tally> | undefined;
    // Most transactions refuse nobody, so the copy waits for the first change.
    const toChange = (): Map<string, Tally> => (changed ??= new Map(before));
    const told = new Map<string, number>();
    const tell = (key: string, tally: Tally | undefined): readonly EntryFields[] => {
      if (tally === undefined) return [];
      const noted = (this.#noted.get(key) ?? 0) - (told.get(key) ?? 0);
      told.set(key, (told.get(key) ?? 0) + noted);
      return summary(tally, tally.unrecorded + noted);
    };
    return {
      take: (fields, now) => {
        const tallies = changed ?? before;
        const key = keyOf(tallies, fields);
        const minute = Math.floor(now / MINUTE_MS);
        const tally = tallies.get(key);
        if (tally?.minute === minute) {
          toChange().set(key, { ...tally, unrecorded: tally.unrecorded + 1 });
          return [];
        }
        toChange().set(key, { minute, fields, unrecorded: 0 });
        return [...tell(key, tally), { ...fields, count: 1 }];
      },
      drain: (now, all = false) => {
        const minute = Math.floor(now / MINUTE_MS);
        const due: EntryFields[] = [];
        for (const [key, tally] of changed ?? before) {
          if (!all && tally.minute === minute) continue;
          due.push(...tell(key, tally));
          toChange().delete(key);
        }
        return due;
      },
      accept: () => {
        this.#tallies = changed ?? before;
        for (const [key, count] of told) this.#forget(key, count);
      },
    };
  }

  #forget(key: string, count: number): void {
    const rest = (this.#noted.get(key) ?? 0) - count;
    if (rest > 0) this.#noted.set(key, rest);
    else this.#noted.delete(key);
  }
}

/** What tells the source and the reason of a refusal from others. */
export type Source = Pick<EntryFields, 'ip' | 'reason' | 'actor' | 'target' | 'detail'>;

function keyOf(
  tallies: ReadonlyMap<string, Tally>,
  { ip, reason, actor, target, detail }: Source,
): string {
  const client = (ip === undefined ? undefined : networkOfClient(ip)) ?? ip;
  // Attempts at several people from one address are not one thing: only who exists is a target. Nor is
  // a wrong password and a lock: the detail of who is not known is a word of ours.
  const source = `${actor ?? client ?? ''} ${reason ?? ''} ${target ?? ''} ${detail ?? ''}`;
  return tallies.size >= SOURCES_MAX && !tallies.has(source) ? OTHERS : source;
}

/** It stands for many requests, so it has an id of its own. */
function summary({ fields }: Tally, count: number): readonly EntryFields[] {
  return count === 0 ? [] : [{ ...fields, request: uuidv7(), count }];
}
