import type { EntryFields } from '../domain/audit/entry.ts';
import { uuidv7 } from '../lib/ids.ts';

const MINUTE_MS = 60_000;
const SOURCES_MAX = 1024;
const OTHERS = 'others';

interface Tally {
  readonly minute: number;
  readonly fields: EntryFields;
  unrecorded: number;
}

/**
 * Requests that were refused before a principal was known. The first from an
 * address for a reason goes on record at once, the rest of that minute as one
 * entry with a count, so that strangers cannot fill the disk.
 */
export class Refusals {
  readonly #tallies: Map<string, Tally> = new Map();

  /** Takes a refusal; gives the entries that are due now. */
  take(fields: EntryFields, now: number): readonly EntryFields[] {
    const source = `${fields.ip ?? ''} ${fields.reason ?? ''}`;
    const isCrowded = this.#tallies.size >= SOURCES_MAX && !this.#tallies.has(source);
    const key = isCrowded ? OTHERS : source;
    const minute = Math.floor(now / MINUTE_MS);
    const tally = this.#tallies.get(key);
    if (tally?.minute === minute) {
      tally.unrecorded += 1;
      return [];
    }
    this.#tallies.set(key, { minute, fields, unrecorded: 0 });
    return [...summary(tally), { ...fields, count: 1 }];
  }

  /** The counts that no entry has told yet of minutes that are over, or (`all`) of every minute. */
  drain(now: number, all = false): readonly EntryFields[] {
    const minute = Math.floor(now / MINUTE_MS);
    const due: EntryFields[] = [];
    for (const [key, tally] of this.#tallies) {
      if (!all && tally.minute === minute) continue;
      due.push(...summary(tally));
      this.#tallies.delete(key);
    }
    return due;
  }
}

/** It stands for many requests, so it has an id of its own. */
function summary(tally: Tally | undefined): readonly EntryFields[] {
  if (tally === undefined || tally.unrecorded === 0) return [];
  return [{ ...tally.fields, request: uuidv7(), count: tally.unrecorded }];
}
