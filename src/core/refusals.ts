import type { EntryFields } from '../domain/audit/entry.ts';
import { uuidv7 } from '../lib/ids.ts';

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
 * Requests that were refused before a principal was known. The first from an
 * address for a reason goes on record at once, the rest of that minute as one
 * entry with a count, so that strangers cannot fill the disk.
 */
export class Refusals {
  #tallies: ReadonlyMap<string, Tally> = new Map();

  /** Begins to count for a transaction. One at a time: the last that is accepted stands. */
  stage(): StagedRefusals {
    const before = this.#tallies;
    let changed: Map<string, Tally> | undefined;
    // Most transactions refuse nobody, so the copy waits for the first change.
    const toChange = (): Map<string, Tally> => (changed ??= new Map(before));
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
        return [...summary(tally), { ...fields, count: 1 }];
      },
      drain: (now, all = false) => {
        const minute = Math.floor(now / MINUTE_MS);
        const due: EntryFields[] = [];
        for (const [key, tally] of changed ?? before) {
          if (!all && tally.minute === minute) continue;
          due.push(...summary(tally));
          toChange().delete(key);
        }
        return due;
      },
      accept: () => {
        this.#tallies = changed ?? before;
      },
    };
  }
}

function keyOf(tallies: ReadonlyMap<string, Tally>, { ip, reason }: EntryFields): string {
  const source = `${ip ?? ''} ${reason ?? ''}`;
  return tallies.size >= SOURCES_MAX && !tallies.has(source) ? OTHERS : source;
}

/** It stands for many requests, so it has an id of its own. */
function summary(tally: Tally | undefined): readonly EntryFields[] {
  if (tally === undefined || tally.unrecorded === 0) return [];
  return [{ ...tally.fields, request: uuidv7(), count: tally.unrecorded }];
}
