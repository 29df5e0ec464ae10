import type { EntryFields } from '../domain/audit/entry.ts';
import { sealVault } from '../core/operations/seal-vault.ts';
import { asStrongroomError } from '../core/unforeseen.ts';
import type { ServerLog } from './server-log.ts';

/** How often keys that opened nothing are told of: who tries them must not fill a disk. */
const INTERVAL_MS = 1000;

/** What the server's log says of a vault that is sealed and unsealed; who did it is on record. */
export class SealLog {
  readonly #log: ServerLog;
  /** Refusals since the last line of their code. */
  readonly #untold: Map<string, number> = new Map();

  constructor(log: ServerLog) {
    this.#log = log;
  }

  /** Tells it if an entry of the record says that somebody sealed the vault. */
  recorded({ action, outcome, request }: EntryFields): void {
    if (action === sealVault.name && outcome === 'ok')
      this.#log.write('warn', 'sealed', { request });
  }

  /** A key opened the vault. */
  unsealed(vault: string): void {
    this.#log.write('info', 'unsealed', { vault });
  }

  /** What was brought did not open it: one line for the first, and one each second for those that follow. */
  refused(error: unknown): void {
    const { code, message } = asStrongroomError(error);
    // Too many at once were not tried.
    if (code === 'rate_limited') return;
    const untold = this.#untold.get(code);
    if (untold !== undefined) this.#untold.set(code, untold + 1);
    else this.#tell(code, { message, count: 1 });
  }

  #tell(code: string, told: { readonly message: string; readonly count: number }): void {
    this.#log.write('warn', 'unseal_refused', { code, ...told });
    this.#untold.set(code, 0);
    const next = (): void => {
      const count = this.#untold.get(code) ?? 0;
      this.#untold.delete(code);
      if (count > 0) this.#tell(code, { ...told, count });
    };
    setTimeout(next, INTERVAL_MS).unref();
  }
}
