import { createSecretKey, type KeyObject } from 'node:crypto';

import { unwrapKey, wrapKey } from '../crypto/aead.ts';
import { randomBytes } from '../crypto/random.ts';
import type { WrappingKey } from '../crypto/envelope.ts';
import { StrongroomError } from '../errors.ts';
import { tuple, u64, wipe } from '../lib/bytes.ts';
import { type Clock, uuidBytes, uuidv7 } from '../lib/ids.ts';
import type { KeyRow } from '../store/tables.ts';
import type { Unprotected } from '../store/row-mac.ts';

/** What a key under the root is for; see `docs/spec/keyring.md`. */
export type KeyPurpose =
  'row-mac' | 'checksum' | 'fingerprint' | 'workspace' | 'audit-ed25519' | 'audit-ml-dsa';

/** How long an unwrapped workspace key is kept, in milliseconds. */
const UNWRAPPED_MS = 5 * 60 * 1000;

/** Says which key a row holds, before it is wrapped. */
export interface NewKey {
  readonly purpose: KeyPurpose;
  readonly workspaceId: string | null;
  readonly number: number;
  /** The key's bytes; wiped once they are wrapped. Default: 32 random bytes. */
  readonly bytes?: Uint8Array;
}

/**
 * Wraps and unwraps the keys under one root key. Holds every key row of the
 * vault, and the unwrapped workspace keys for a limited time.
 */
export class Keyring {
  readonly vaultId: string;
  readonly rootKeyId: string;
  readonly #root: KeyObject;
  readonly #now: Clock;
  readonly #rows: Map<string, Unprotected<KeyRow>> = new Map();
  readonly #byPurpose: Map<KeyPurpose, ReadonlyMap<number, KeyObject>> = new Map();
  readonly #activeByWorkspace: Map<string, string> = new Map();
  readonly #unwrapped: Map<string, { readonly key: KeyObject; readonly until: number }> = new Map();

  constructor(vaultId: string, root: { id: string; key: KeyObject }, now: Clock = Date.now) {
    this.vaultId = vaultId;
    this.rootKeyId = root.id;
    this.#root = root.key;
    this.#now = now;
  }

  /** Makes a key and its row. The caller stores the row, then calls {@link Keyring.add}. */
  create({ purpose, workspaceId, number, bytes = randomBytes(32) }: NewKey): Unprotected<KeyRow> {
    const id = uuidv7(this.#now);
    try {
      return {
        id,
        purpose,
        workspace_id: workspaceId,
        number,
        state: 'active',
        backend: 'local',
        root_key_id: this.rootKeyId,
        wrapped: wrapKey(this.#root, bytes, this.#context({ id, purpose, workspaceId, number })),
        created_at: this.#now(),
      };
    } finally {
      wipe(bytes);
    }
  }

  /** Takes a stored key into use. Its MAC has been checked, or will be before anything relies on it. */
  add(row: Unprotected<KeyRow>): void {
    this.#rows.set(row.id, row);
    this.#byPurpose.clear();
    if (row.purpose === 'workspace' && row.state === 'active' && row.workspace_id !== null) {
      this.#activeByWorkspace.set(row.workspace_id, row.id);
    }
  }

  /**
   * The bytes of a key.
   *
   * @throws {@link StrongroomError} `integrity_error` if the row was altered or is of another vault.
   */
  unwrap(id: string): Uint8Array {
    const row = this.#rows.get(id);
    if (row === undefined || row.state === 'destroyed' || row.root_key_id !== this.rootKeyId) {
      throw new StrongroomError('integrity_error', 'a key that data refers to is missing', {
        details: { key: id },
      });
    }
    try {
      return unwrapKey(
        this.#root,
        row.wrapped,
        this.#context({ ...row, workspaceId: row.workspace_id }),
      );
    } catch (cause) {
      throw new StrongroomError('integrity_error', 'a wrapped key was altered', {
        details: { key: id, purpose: row.purpose },
        cause,
      });
    }
  }

  /** The symmetric keys of a purpose by number, as handles that cannot be printed. */
  secretKeys(purpose: KeyPurpose): ReadonlyMap<number, KeyObject> {
    const keys = new Map<number, KeyObject>();
    for (const row of this.#rows.values()) {
      if (row.purpose === purpose) keys.set(row.number, this.#secretKey(row.id));
    }
    return keys;
  }

  /**
   * The key that wraps new data keys of a workspace.
   *
   * @throws {@link StrongroomError} `integrity_error` if the workspace has none.
   */
  activeWorkspaceKey(workspaceId: string): WrappingKey {
    const id = this.#activeByWorkspace.get(workspaceId);
    if (id === undefined) {
      throw new StrongroomError('integrity_error', 'the workspace has no active key', {
        details: { workspace: workspaceId },
      });
    }
    return { id, key: this.workspaceKey(id) };
  }

  /** A checksum key by number; without one, the newest, which new checksums are made with. */
  checksumKey(number?: number): { readonly number: number; readonly key: KeyObject } {
    return this.#numbered('checksum', number);
  }

  /** A row-MAC key by number; without one, the newest. */
  rowMacKey(number?: number): { readonly number: number; readonly key: KeyObject } {
    return this.#numbered('row-mac', number);
  }

  /** A fingerprint key by number; without one, the newest. */
  fingerprintKey(number?: number): { readonly number: number; readonly key: KeyObject } {
    return this.#numbered('fingerprint', number);
  }

  /**
   * A workspace key by id, unwrapped at most once every five minutes.
   *
   * @throws {@link StrongroomError} `key_not_found` if no workspace key has that id, which then
   * came from an altered envelope; `integrity_error` if its row was altered.
   */
  workspaceKey(id: string): KeyObject {
    const known = this.#unwrapped.get(id);
    const now = this.#now();
    if (known !== undefined && known.until > now) return known.key;
    if (this.#rows.get(id)?.purpose !== 'workspace') {
      throw new StrongroomError('key_not_found', 'there is no such workspace key', {
        details: { key: id },
      });
    }
    const key = this.#secretKey(id);
    this.#unwrapped.set(id, { key, until: now + UNWRAPPED_MS });
    return key;
  }

  #numbered(
    purpose: KeyPurpose,
    number: number | undefined,
  ): { readonly number: number; readonly key: KeyObject } {
    let keys = this.#byPurpose.get(purpose);
    if (keys === undefined) {
      keys = this.secretKeys(purpose);
      this.#byPurpose.set(purpose, keys);
    }
    const wanted = number ?? Math.max(...keys.keys());
    const key = keys.get(wanted);
    if (key === undefined) {
      throw new StrongroomError('integrity_error', `there is no ${purpose} key ${wanted}`);
    }
    return { number: wanted, key };
  }

  #secretKey(id: string): KeyObject {
    const bytes = this.unwrap(id);
    try {
      return createSecretKey(bytes);
    } finally {
      wipe(bytes);
    }
  }

  #context(key: {
    readonly id: string;
    readonly purpose: string;
    readonly workspaceId: string | null;
    readonly number: number;
  }): Uint8Array {
    return tuple([
      'strongroom/v1/key',
      uuidBytes(this.vaultId),
      uuidBytes(key.id),
      key.purpose,
      key.workspaceId === null ? '' : uuidBytes(key.workspaceId),
      u64(key.number),
      'local',
      uuidBytes(this.rootKeyId),
    ]);
  }
}
