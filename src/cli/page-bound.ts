import { StrongroomError } from '../errors.ts';

/** More pages than the longest list of a vault has. */
const PAGES_MAX = 100_000;
/** A page is empty where nothing fits of all that was looked at, 5,000 items or more; not so many are in a row. */
const EMPTY_MAX = 10_000;

/** Everything on the pages of one list; errors as {@link PageBound.after}. */
export async function everyPage<T>(
  ask: (cursor: string | undefined) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const found: T[] = [];
  const pages = new PageBound();
  let cursor: string | undefined;
  do {
    const { items, next } = await ask(cursor);
    found.push(...items);
    cursor = pages.after(next, items);
  } while (cursor !== undefined);
  return found;
}

/**
 * The first items of a list; errors as {@link PageBound.after}.
 *
 * @param ask - Gives the page that begins with a cursor, and `missing`, how many items are still wanted.
 */
export async function firstItems<T, C extends string | number>(
  limit: number,
  ask: (cursor: C | undefined, missing: number) => Promise<Page<T, C>>,
): Promise<FirstItems<T>> {
  const found: T[] = [];
  const pages = new PageBound();
  let cursor: C | undefined;
  do {
    const { items, next } = await ask(cursor, limit - found.length);
    found.push(...items);
    cursor = pages.after(next, items);
  } while (cursor !== undefined && found.length < limit);
  const hasMore = cursor !== undefined || found.length > limit;
  return { items: found.slice(0, limit), hasMore };
}

/** What {@link firstItems} gives. */
interface FirstItems<T> {
  readonly items: readonly T[];
  /** Whether there may be more. */
  readonly hasMore: boolean;
}

/** One page of a list. */
interface Page<T, C = string> {
  readonly items: readonly T[];
  readonly next: C | undefined;
}

/** Follows the pages of one list, so that a server whose list does not end keeps nobody for good. */
export class PageBound {
  readonly #seen = new Set<string | number>();
  #empty = 0;

  /**
   * What the next page begins with; `undefined`: there is none.
   *
   * @param next - As the page says.
   * @param items - What is on the page.
   * @throws {@link StrongroomError} `unreachable` for a page that there was already, and for too many
   * of them, or too many without anything on them.
   */
  after<C extends string | number>(next: C | undefined, items: readonly unknown[]): C | undefined {
    this.#empty = items.length === 0 ? this.#empty + 1 : 0;
    if (next === undefined) return undefined;
    if (this.#seen.has(next) || this.#seen.size >= PAGES_MAX || this.#empty >= EMPTY_MAX) {
      throw new StrongroomError('unreachable', 'the list that the server gives does not end', {
        hint: 'what answers there is no Strongroom, or something stands in between',
      });
    }
    this.#seen.add(next);
    return next;
  }
}
