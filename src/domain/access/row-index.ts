/** Rows by id, and by further keys, changed one at a time. */
export class RowIndex<R extends { readonly id: string }> {
  readonly #byId: Map<string, R> = new Map();
  readonly #keys: readonly (readonly [name: string, keyOf: (row: R) => string])[];
  readonly #byKey: ReadonlyMap<string, Map<string, Map<string, R>>>;

  /** @param keys - How rows are found, by the name that {@link RowIndex.by} is asked with. */
  constructor(keys: Readonly<Record<string, (row: R) => string>>) {
    this.#keys = Object.entries(keys);
    this.#byKey = new Map(this.#keys.map(([name]) => [name, new Map()]));
  }

  get size(): number {
    return this.#byId.size;
  }

  /** A row by its id. */
  get(id: string): R | undefined {
    return this.#byId.get(id);
  }

  /** All rows, in no order that means anything. */
  all(): readonly R[] {
    return [...this.#byId.values()];
  }

  /** The rows that have a key. */
  by(name: string, key: string): readonly R[] {
    return [...(this.#byKey.get(name)?.get(key)?.values() ?? [])];
  }

  /** Takes a row in. */
  add(row: R): void {
    this.#byId.set(row.id, row);
    for (const [name, keyOf] of this.#keys) {
      const index = this.#byKey.get(name);
      const key = keyOf(row);
      const rows = index?.get(key) ?? new Map<string, R>();
      rows.set(row.id, row);
      index?.set(key, rows);
    }
  }

  /** Takes a row out, found by its id and by what it says. */
  remove(row: R): void {
    this.#byId.delete(row.id);
    for (const [name, keyOf] of this.#keys) {
      const index = this.#byKey.get(name);
      const key = keyOf(row);
      const rows = index?.get(key);
      rows?.delete(row.id);
      if (rows?.size === 0) index?.delete(key);
    }
  }
}
