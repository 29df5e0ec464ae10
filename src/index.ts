import { basename } from 'node:path';

import type { SecurityContext } from './core/context.ts';
import { initVault, type FirstSlot, type NewVault } from './core/init-vault.ts';
import { openVault } from './core/open-vault.ts';
import { createSession, type Session } from './core/session.ts';
import type { UnsealedVault } from './core/vault.ts';
import type { StrongroomError } from './errors.ts';
import type { Clock } from './lib/ids.ts';
import type { SlotKey } from './seal/slot.ts';

export type { CallOptions, SecurityContext } from './core/context.ts';
export type { FirstSlot, NewVault } from './core/init-vault.ts';
export type {
  AuditEntries,
  AuditExportPart,
  ExportAuditInput,
  ProveEntryInput,
  QueryAuditInput,
} from './core/operations/audit.ts';
export type {
  SecretDescription,
  SecretHistory,
  SecretHistoryInput,
  SecretVersion,
} from './core/operations/describe-secret.ts';
export type {
  ImportedSecret,
  ImportSecretsInput,
  LayoutInput,
  SecretsImported,
} from './core/operations/import-secrets.ts';
export type { ListSecretsInput, SecretList } from './core/operations/list-secrets.ts';
export type { Health } from './core/operations/read-health.ts';
export type { ReadSecretInput, SecretRead } from './core/operations/read-secret.ts';
export type { AttributesInput } from './core/operations/schema.ts';
export type { SecretAddress } from './core/operations/secret-address.ts';
export type { SecretSummary } from './core/operations/secret-view.ts';
export type { DeleteSecretInput } from './core/operations/trash-secret.ts';
export type {
  CreateEnvironmentInput,
  CreateWorkspaceInput,
  EnvironmentSummary,
  ListEnvironmentsInput,
  WorkspaceSummary,
} from './core/operations/workspaces.ts';
export type {
  CreateSecretInput,
  SecretChanged,
  UpdateSecretInput,
  WriteSecretInput,
} from './core/operations/write-secret.ts';
export type { Session } from './core/session.ts';
export type { Capability } from './domain/access/capability.ts';
export type { AuditEntry, Outcome } from './domain/audit/entry.ts';
export type { LogVerified } from './domain/audit/verify-log.ts';
export type { SingleValue, ValueInput, ValueOutput } from './domain/secrets/value.ts';
export type { ErrorCode, ErrorDetails } from './errors.ts';
export type { SecretType } from './formats/secret-type.ts';
export type { SlotKey } from './seal/slot.ts';
export { StrongroomError } from './errors.ts';
export { maskSecret } from './mask.ts';
export { SecretValue } from './secret-value.ts';

/** Options of {@link open}. */
export interface OpenOptions {
  /** The vault's directory, such as `.strongroom`. */
  readonly path: string;
  /** What opens a slot; several are tried in order. Default: the vault's key file. */
  readonly seal?: SlotKey | readonly SlotKey[] | undefined;
  /** How long to wait while another process uses the vault, in milliseconds. Default 5,000. */
  readonly waitMs?: number | undefined;
  /**
   * Goes on with an older copy of the vault, which is otherwise refused with
   * `rollback_detected`. What was lost is then on record in a new audit log.
   */
  readonly acceptRollback?: boolean | undefined;
  /** Source of the time in milliseconds since 1970. Default: the system clock. */
  readonly now?: Clock | undefined;
  /** The directory of key files and checkpoints. Default: the user's configuration directory. */
  readonly configDirectory?: string | undefined;
}

/** Options of {@link init}. */
export interface InitOptions extends Pick<OpenOptions, 'path' | 'now' | 'configDirectory'> {
  /** Name of the user who becomes owner. */
  readonly owner: string;
  /** What opens the vault later. Default: a key file in the user's configuration directory. */
  readonly slots?: readonly FirstSlot[] | undefined;
}

/** An open, unsealed vault. One process has it at a time. */
export class Vault implements AsyncDisposable {
  readonly #vault: UnsealedVault;

  /** @internal Use {@link open}. */
  constructor(vault: UnsealedVault) {
    this.#vault = vault;
  }

  /** The vault's id. */
  get id(): string {
    return this.#vault.id;
  }

  /**
   * Whether accesses cannot be put on record at the moment, such as on a full
   * disk. Nothing is given out until they can.
   */
  get isAuditBlocked(): boolean {
    return this.#vault.isBlocked;
  }

  /**
   * Why the newest checkpoint could not be kept in the configuration
   * directory, if it could not. An older copy of the vault would go unnoticed.
   */
  get checkpointFault(): StrongroomError | undefined {
    return this.#vault.outsideFault;
  }

  /**
   * Path of the key file that opened the vault, if it lies in the vault's own
   * directory: then whoever copies the directory has the key too.
   */
  get keyBesideVault(): string | undefined {
    return this.#vault.keyBesideVault;
  }

  /**
   * The operations, in the name of a principal. There is no anonymous call.
   *
   * @param context - Who acts, and from where; goes on record with every call.
   * @throws TypeError if no principal is named, or a member is not of its type.
   *
   * @example
   * const session = vault.as({ principal: 'ada', ip: '192.0.2.7', userAgent: 'billing/3' });
   * const { value } = await session.secrets.read({ environment: 'production', path: 'db/password' });
   */
  as(context: SecurityContext): Session {
    return createSession(this.#vault, context, 'library');
  }

  /** Finishes what is under way, signs the log, and lets another process have the vault. */
  close(): Promise<void> {
    return this.#vault.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Opens and unseals a vault in this process.
 *
 * @throws {@link StrongroomError} `vault_not_found`, `vault_in_use` (naming the holder), `wrong_key`,
 * `key_not_found`, `key_file_exposed`, `integrity_error`, `audit_tampered`, `rollback_detected`,
 * `schema_too_new`, `database_corrupt`, `read_only`, `storage_full`.
 *
 * @example
 * import { open } from 'strongroom';
 *
 * await using vault = await open({ path: '.strongroom' });
 * const session = vault.as({ principal: 'ada' });
 * await session.secrets.write({ environment: 'development', path: 'API_KEY', value: 'hunter2' });
 * const { value } = await session.secrets.read({ environment: 'development', path: 'API_KEY' });
 */
export async function open(options: OpenOptions): Promise<Vault> {
  const { path, seal, ...rest } = options;
  const keys = seal === undefined || Array.isArray(seal) ? seal : [seal];
  const holder = basename(process.argv[1] ?? process.title);
  return new Vault(
    await openVault(path, { ...rest, keys: keys as readonly SlotKey[] | undefined, holder }),
  );
}

/**
 * Makes a vault. It is there whole or not at all.
 *
 * @returns Where the key is, and what is shown only now: recovery key and shares.
 * @throws {@link StrongroomError} `vault_exists`, `read_only`, `storage_full`, `key_too_short`,
 * `passphrase_too_short`, `file_exists`.
 *
 * @example
 * const made = await init({ path: '.strongroom', owner: 'ada', slots: [{ kind: 'keyfile' }, { kind: 'recovery' }] });
 */
export async function init(options: InitOptions): Promise<NewVault> {
  const { path, ...rest } = options;
  return initVault(path, rest);
}
