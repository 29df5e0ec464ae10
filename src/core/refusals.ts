import type { EntryFields } from '../domain/audit/entry.ts';
import { uuidv7 } from '../lib/ids.ts';
import { networkOfClient } from '../lib/ip-networks.ts';

const MINUTE_MS = 60_000;
/** Of one client, and of all: what nobody can fill alone hides nobody else's. */
const OF_ONE_MAX = 64;
const TALLIES_MAX = 4096;
const OTHERS = 'others';

interface Tally {
  /** The client, or the principal. */
  readonly source: string;
  readonly minute: number;
  readonly fields: EntryFields;
  readonly unrecorded: number;
}

/** What one transaction does to the counts: it counts only once that is durable. */
export interface StagedRefusals {
  /**
   * Takes a refusal; gives the entries that are due now.
   *
   * @param kind - What it is counted with. Default: what the entry says.
   */
  take(fields: EntryFields, now: number, kind?: Refusal): readonly EntryFields[];
  /** The counts that no entry has told yet of minutes that are over, or (`all`) of every minute. */
  drain(now: number, all?: boolean): readonly EntryFields[];
  /** Takes the counts over once the transaction is durable. */
  accept(): void;
}

/**
 * Requests of nobody in particular, most of which were refused, and those that
 * were too many. The first of a kind from a client goes on record at once, the
 * rest of that minute as one entry with a count, so that nobody can fill the disk.
 */
export class Refusals {
  #tallies: ReadonlyMap<string, Tally> = new Map();
  /** By key, how many were counted outside of any transaction and are not told yet. */
  readonly #noted: Map<string, number> = new Map();

  /**
   * Counts a refusal without a transaction, if an entry of this minute tells of one like it.
   * Otherwise it has to be taken in one, and this is false.
   */
  note(kind: Refusal, now: number): boolean {
    const { key } = placeOf(this.#tallies, kind);
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
      take: (given, now, kind = given) => {
        const tallies = changed ?? before;
        const { key, source, isOwn } = placeOf(tallies, kind);
        // What stands for many says nothing that is so of the first of them alone.
        const fields = isOwn ? given : { ...given, target: undefined, detail: undefined };
        const minute = Math.floor(now / MINUTE_MS);
        const tally = tallies.get(key);
        if (tally?.minute === minute) {
          toChange().set(key, { ...tally, unrecorded: tally.unrecorded + 1 });
          return [];
        }
        toChange().set(key, { source, minute, fields, unrecorded: 0 });
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

/** What tells one refusal from others: from where, of what, and why. */
export type Refusal = {
  readonly [K in 'ip' | 'actor' | 'action' | 'reason' | 'target' | 'detail']?:
    EntryFields[K] | undefined;
};

interface PlaceOfTally {
  readonly key: string;
  readonly source: string;
  /** Whether it is counted by itself, and not among others. */
  readonly isOwn: boolean;
}

/** Where a refusal is counted: by itself, or with others of its client, or with those of everybody. */
function placeOf(tallies: ReadonlyMap<string, Tally>, kind: Refusal): PlaceOfTally {
  const { ip, actor, action, reason, target, detail } = kind;
  const source = actor ?? (ip === undefined ? undefined : networkOfClient(ip)) ?? ip ?? '';
  const key = JSON.stringify([source, action, reason, target, detail]);
  if (tallies.has(key)) return { key, source, isOwn: true };
  if (countOf(tallies, source) >= OF_ONE_MAX) {
    return { key: JSON.stringify([source, OTHERS]), source, isOwn: false };
  }
  if (tallies.size >= TALLIES_MAX) return { key: OTHERS, source: OTHERS, isOwn: false };
  return { key, source, isOwn: true };
}

function countOf(tallies: ReadonlyMap<string, Tally>, source: string): number {
  let count = 0;
  for (const tally of tallies.values()) if (tally.source === source) count += 1;
  return count;
}

/** It stands for many requests, so it has an id of its own. */
function summary({ fields }: Tally, count: number): readonly EntryFields[] {
  return count === 0 ? [] : [{ ...fields, request: uuidv7(), count }];
}
