/** Counts what was compared with a peer, and says so. */
export class Report {
  #passed = 0;
  #failed = 0;
  readonly #leftOut: string[] = [];

  /** Counts one comparison. */
  check(name: string, holds: boolean, reason = ''): void {
    if (holds) this.#passed += 1;
    else this.#failed += 1;
    const why = holds || reason === '' ? '' : `: ${reason}`;
    process.stdout.write(`${holds ? 'ok    ' : 'FAILED'}  ${name}${why}\n`);
  }

  /**
   * A peer cannot be had here. That is a failure where `CI` is set, so that it
   * is never left out there unnoticed.
   */
  leaveOut(peer: string, reason: string): void {
    const text = `${peer} (${reason})`;
    if ((process.env['CI'] ?? '') !== '') this.check(`${peer} is there`, false, reason);
    else this.#leftOut.push(text);
  }

  /** Prints the closing lines. @returns The exit code. */
  close(): number {
    for (const peer of this.#leftOut) process.stdout.write(`left out: ${peer}\n`);
    process.stdout.write(`${this.#passed} passed, ${this.#failed} failed\n`);
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1;
  }
}
