/** Waits so many milliseconds. Browsers have none of `node:timers`. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
