import type { UnlockedEnvelope } from '../../crypto/envelope.ts';
import type { SecretRow } from '../../store/tables.ts';

/** A secret whose row was checked. */
export interface RecentSecret {
  readonly row: SecretRow;
  /** Its current value, still encrypted, with its key at hand; `undefined` as long as nobody asked for it. */
  readonly unlocked: UnlockedEnvelope | undefined;
}

const SECRETS_MAX = 1024;
const ENVELOPE_BYTES_MAX = 4096;

/** As long as unwrapped workspace keys are kept: a key that is revoked bites after that. */
const KEPT_MS = 5 * 60 * 1000;

/** What a path of an environment is called in {@link RecentSecrets}. */
export function recentKey(environmentId: string, path: string): string {
  return environmentId + path;
}

/**
 * The secrets that are read again and again. Nothing in it is ever trusted on its own:
 * whoever uses it holds the row's MAC against the one in the database, in the
 * transaction of the read. Values stay encrypted.
 */
export class RecentSecrets {
  readonly #secrets: Map<string, RecentSecret & { readonly until: number }> = new Map();
  /** Those that were read once: going through all of a vault drops nothing that is in use. */
  readonly #once: Set<string> = new Set();

  /** What was kept of the secret at a path, if anything. */
  find(key: string, now: number): RecentSecret | undefined {
    const known = this.#secrets.get(key);
    return known !== undefined && known.until > now ? known : undefined;
  }

  /** Whether a secret that is read and not kept is to be kept: it was read not long ago. */
  isWanted(key: string): boolean {
    if (this.#once.delete(key)) return true;
    if (this.#once.size >= SECRETS_MAX) dropFirst(this.#once);
    this.#once.add(key);
    return false;
  }

  /** Drops what was kept of the secret at a path. */
  forget(environmentId: string, path: string): void {
    this.#secrets.delete(recentKey(environmentId, path));
  }

  /** Drops what was kept of a workspace, with the keys that decrypt it. */
  forgetWorkspace(workspaceId: string): void {
    for (const [key, { row }] of this.#secrets) {
      if (row.workspace_id === workspaceId) this.#secrets.delete(key);
    }
  }

  /** Keeps a secret in place of the one that was kept longest. Large values are not kept. */
  keep(secret: RecentSecret, now: number): void {
    if (secret.unlocked !== undefined && secret.unlocked.envelope.length > ENVELOPE_BYTES_MAX)
      return;
    const key = recentKey(secret.row.environment_id, secret.row.path);
    this.#secrets.delete(key);
    if (this.#secrets.size >= SECRETS_MAX) dropFirst(this.#secrets);
    this.#secrets.set(key, { ...secret, until: now + KEPT_MS });
  }
}

/** Drops the member that was added first. */
function dropFirst(members: Map<string, unknown> | Set<string>): void {
  for (const first of members.keys()) {
    members.delete(first);
    break;
  }
}
