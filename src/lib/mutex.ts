/** Lets one task at a time through, in the order in which they came. */
export class Mutex {
  #tail: Promise<void> = Promise.resolve();

  /** Runs `task` when all earlier ones have ended, and settles as it does. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }
}
