import { createSecretKey, type KeyObject } from 'node:crypto';

import { unwrapKey, wrapKey } from '../crypto/aead.ts';
import { randomBytes } from '../crypto/random.ts';
import type { WrappingKey } from '../crypto/envelope.ts';
import { StrongroomError } from '../errors.ts';
import { tuple, u64, wipe } from '../lib/bytes.ts';
import { type Clock, uuidBytes, uuidv7 } from '../lib/ids.ts';
import type { KeyRow } from '../store/tables.ts';
import type { Unprotected } from '../store/row-mac.ts';
import { backupKeyOf } from './root-key.ts';

/** What a key under the root is for; see `docs/spec/keyring.md`. */
export type KeyPurpose =
  | 'row-mac'
  | 'checksum'
  | 'fingerprint'
  | 'workspace'
  | 'audit-ed25519'
  | 'audit-ml-dsa'
  | 'backup-ed25519'
  | 'token'
  | 'recovery-code'
  | 'pepper'
  | 'vault';

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

/** A root key as a handle that cannot be printed. */
export interface RootKeyHandle {
  /** See `rootKeyId`. */
  readonly id: string;
  /** A secret key of 32 bytes. */
  readonly key: KeyObject;
}

/**
 * Wraps and unwraps the keys under one root key. Holds every key row of the
 * vault, and the unwrapped workspace keys for a limited time. It follows the
 * database: {@link Keyring.load} takes the rows as they are there, and what was
 * added since is dropped by {@link Keyring.discard} when it is undone there.
 */
export class Keyring {
  readonly vaultId: string;
  readonly #now: Clock;
  #rootId: string;
  /** More than one only while the root is being changed. */
  readonly #roots: Map<string, KeyObject> = new Map();
  #loaded: ReadonlyMap<string, Unprotected<KeyRow>> = new Map();
  #rows: Map<string, Unprotected<KeyRow>> = new Map();
  #isTouched = false;
  readonly #byPurpose: Map<KeyPurpose, ReadonlyMap<number, KeyObject>> = new Map();
  readonly #activeByWorkspace: Map<string, string> = new Map();
  readonly #unwrapped: Map<string, { readonly key: KeyObject; readonly until: number }> = new Map();

  constructor(vaultId: string, root: RootKeyHandle, now: Clock = Date.now) {
    this.vaultId = vaultId;
    this.#rootId = root.id;
    this.#roots.set(root.id, root.key);
    this.#now = now;
  }

  /** The root key that the stored keys are wrapped under. */
  get rootKeyId(): string {
    return this.#rootId;
  }

  /** Takes every stored key in place of what was known. Their MACs have been checked, or will be before anything relies on them. */
  load(rows: readonly Unprotected<KeyRow>[]): void {
    this.#loaded = new Map(rows.map((row) => [row.id, row]));
    this.#isTouched = true;
    this.discard();
  }

  /** Goes back to the rows that were loaded, after what was added was undone in the database. */
  discard(): void {
    if (!this.#isTouched) return;
    this.#isTouched = false;
    this.#rows = new Map(this.#loaded);
    this.#byPurpose.clear();
    this.#activeByWorkspace.clear();
    for (const row of this.#rows.values()) this.#note(row);
    for (const id of this.#unwrapped.keys()) {
      if ((this.#rows.get(id)?.wrapped.length ?? 0) === 0) this.#unwrapped.delete(id);
    }
  }

  /** Forgets every root key but the one that the stored keys are under, once those are durable. */
  settle(): void {
    if (this.#roots.size === 1) return;
    for (const id of this.#roots.keys()) if (id !== this.#rootId) this.#roots.delete(id);
  }

  /**
   * Runs `use` with the bytes of the root key, which are wiped afterwards. For
   * making and proving slots alone.
   */
  async withRoot<T>(
    use: (root: { readonly id: string; readonly bytes: Uint8Array }) => Promise<T>,
  ): Promise<T> {
    const bytes = this.#root(this.#rootId).export();
    try {
      return await use({ id: this.#rootId, bytes });
    } finally {
      wipe(bytes);
    }
  }

  /**
   * Wraps every key under another root key, for the caller to store. The
   * keyring uses either root until {@link Keyring.settle}.
   *
   * @returns The rows with their new wrapping; a destroyed key has none.
   * @throws {@link StrongroomError} `integrity_error` if a row was altered.
   */
  rewrapUnder(root: RootKeyHandle): Unprotected<KeyRow>[] {
    this.#roots.set(root.id, root.key);
    return [...this.#rows.values()].map((row) => {
      const moved = { ...row, root_key_id: root.id };
      if (row.state === 'destroyed') return moved;
      const bytes = this.unwrap(row.id);
      try {
        return { ...moved, wrapped: wrapKey(root.key, bytes, this.#context(moved)) };
      } finally {
        wipe(bytes);
      }
    });
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
        root_key_id: this.#rootId,
        wrapped: wrapKey(
          this.#root(this.#rootId),
          bytes,
          this.#context({
            id,
            purpose,
            workspace_id: workspaceId,
            number,
            root_key_id: this.#rootId,
          }),
        ),
        created_at: this.#now(),
      };
    } finally {
      wipe(bytes);
    }
  }

  /** Takes a key that was stored or changed into use, until it is loaded or undone. */
  add(row: Unprotected<KeyRow>): void {
    this.#isTouched = true;
    this.#rows.set(row.id, row);
    this.#byPurpose.clear();
    this.#note(row);
  }

  #note(row: Unprotected<KeyRow>): void {
    if (this.#roots.has(row.root_key_id)) this.#rootId = row.root_key_id;
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
    const root = row === undefined ? undefined : this.#roots.get(row.root_key_id);
    if (row === undefined || row.state === 'destroyed' || root === undefined) {
      throw new StrongroomError('integrity_error', 'a key that data refers to is missing', {
        details: { key: id },
      });
    }
    try {
      return unwrapKey(root, row.wrapped, this.#context(row));
    } catch (cause) {
      throw new StrongroomError('integrity_error', 'a wrapped key was altered', {
        details: { key: id, purpose: row.purpose },
        cause,
      });
    }
  }

  /** The symmetric keys of a purpose that are not destroyed, by number, as handles that cannot be printed. */
  secretKeys(purpose: KeyPurpose): ReadonlyMap<number, KeyObject> {
    const keys = new Map<number, KeyObject>();
    for (const row of this.#rows.values()) {
      const isThere = row.purpose === purpose && row.state !== 'destroyed';
      if (isThere) keys.set(row.number, this.#secretKey(row.id));
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

  /** A key that HMACs of credentials are made with, by number; without one, the newest. */
  tokenKey(number?: number): { readonly number: number; readonly key: KeyObject } {
    return this.#numbered('token', number);
  }

  /** The numbers of the token keys that digests may have been made with, the newest first. */
  tokenKeyNumbers(): readonly number[] {
    return [...this.#keysOf('token').keys()].toSorted((a, b) => b - a);
  }

  /** A key that recovery codes are checked with, by number; without one, the newest. */
  recoveryCodeKey(number?: number): { readonly number: number; readonly key: KeyObject } {
    return this.#numbered('recovery-code', number);
  }

  /** A key that passwords are peppered with, by number; without one, the newest. */
  pepperKey(number?: number): { readonly number: number; readonly key: KeyObject } {
    return this.#numbered('pepper', number);
  }

  /**
   * The key that wraps new data keys of what belongs to no workspace.
   *
   * @throws {@link StrongroomError} `integrity_error` if there is none.
   */
  activeVaultKey(): WrappingKey {
    const row = [...this.#rows.values()].find(
      ({ purpose, state }) => purpose === 'vault' && state === 'active',
    );
    if (row === undefined) {
      throw new StrongroomError('integrity_error', 'the vault has no active key of its own');
    }
    return { id: row.id, key: this.workspaceKey(row.id) };
  }

  /**
   * A workspace key, or one of the vault's own, by id, unwrapped at most once every five minutes.
   *
   * @throws {@link StrongroomError} `key_not_found` if no workspace key has that id, which then
   * came from an altered envelope; `integrity_error` if its row was altered.
   */
  workspaceKey(id: string): KeyObject {
    const known = this.#unwrapped.get(id);
    const now = this.#now();
    if (known !== undefined && known.until > now) return known.key;
    const purpose = this.#rows.get(id)?.purpose;
    if (purpose !== 'workspace' && purpose !== 'vault') {
      throw new StrongroomError('key_not_found', 'there is no such workspace key', {
        details: { key: id },
      });
    }
    const key = this.#secretKey(id);
    this.#unwrapped.set(id, { key, until: now + UNWRAPPED_MS });
    return key;
  }

  /** The newest key of a purpose, or `undefined` if there is none yet. */
  newest(purpose: KeyPurpose): Unprotected<KeyRow> | undefined {
    return [...this.#rows.values()]
      .filter((row) => row.purpose === purpose)
      .toSorted((a, b) => b.number - a.number)[0];
  }

  /**
   * The key that protects the file keys of backups made under a root key.
   *
   * @throws {@link StrongroomError} `integrity_error` if that root key is not known (any more).
   */
  backupKey(rootId: string = this.#rootId): KeyObject {
    return backupKeyOf(this.#root(rootId), this.vaultId);
  }

  /**
   * A root key, for a keyring of a copy of this vault.
   *
   * @throws {@link StrongroomError} `integrity_error` if it is not known (any more).
   */
  rootKey(id: string): KeyObject {
    return this.#root(id);
  }

  #numbered(
    purpose: KeyPurpose,
    number: number | undefined,
  ): { readonly number: number; readonly key: KeyObject } {
    const keys = this.#keysOf(purpose);
    const wanted = number ?? Math.max(...keys.keys());
    const key = keys.get(wanted);
    if (key === undefined) {
      throw new StrongroomError('integrity_error', `there is no ${purpose} key ${wanted}`);
    }
    return { number: wanted, key };
  }

  #keysOf(purpose: KeyPurpose): ReadonlyMap<number, KeyObject> {
    let keys = this.#byPurpose.get(purpose);
    if (keys === undefined) {
      keys = this.secretKeys(purpose);
      this.#byPurpose.set(purpose, keys);
    }
    return keys;
  }

  #secretKey(id: string): KeyObject {
    const bytes = this.unwrap(id);
    try {
      return createSecretKey(bytes);
    } finally {
      wipe(bytes);
    }
  }

  #root(id: string): KeyObject {
    const root = this.#roots.get(id);
    if (root !== undefined) return root;
    throw new StrongroomError('integrity_error', 'the root key that a key is under is not known', {
      details: { root: id },
    });
  }

  #context(
    key: Pick<KeyRow, 'id' | 'purpose' | 'workspace_id' | 'number' | 'root_key_id'>,
  ): Uint8Array {
    return tuple([
      'strongroom/v1/key',
      uuidBytes(this.vaultId),
      uuidBytes(key.id),
      key.purpose,
      key.workspace_id === null ? '' : uuidBytes(key.workspace_id),
      u64(key.number),
      'local',
      uuidBytes(key.root_key_id),
    ]);
  }
}
