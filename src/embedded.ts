import { basename } from 'node:path';

import type { SecurityContext } from './core/context.ts';
import type { WorkReport } from './core/due-work.ts';
import { checkSchedule, runDueWork, Scheduler, type ScheduleOptions } from './core/scheduler.ts';
import { initVault, type FirstSlot, type NewVault } from './core/init-vault.ts';
import { openVault } from './core/open-vault.ts';
import { restoreVault, type RestoredVault } from './core/restore-vault.ts';
import type { VaultEnvironment } from './core/environment.ts';
import { createSession, type Session } from './core/session.ts';
import type { UnsealedVault } from './core/vault.ts';
import { verifyBackupFile, type BackupFacts } from './domain/backup/verify-file.ts';
import type { StrongroomError } from './errors.ts';
import type { Clock } from './lib/ids.ts';
import type { SlotKey } from './seal/slot.ts';

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
  /**
   * Does the work that is due while the vault is open: rotations by policy, trash whose
   * retention is over, keys, backups. Default: nothing of the kind; `strongroom jobs run` does it too.
   */
  readonly schedule?: boolean | ScheduleOptions | undefined;
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
  readonly #scheduler: Scheduler;

  /** @internal Use {@link open}. */
  constructor(vault: UnsealedVault, scheduler: Scheduler) {
    this.#vault = vault;
    this.#scheduler = scheduler;
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

  /**
   * An environment as an application uses it: one value, all values, the address of a database,
   * an API key, or all of it in `process.env`.
   *
   * @param name - Such as `production`.
   * @param context - Who acts, and in which workspace; the rest as for {@link Vault.as}.
   * @throws TypeError if no principal is named, or a member is not of its type.
   *
   * @example
   * const production = vault.environment('production', { principal: 'ada' });
   * using url = await production.databaseUrl();
   */
  environment(
    name: string,
    context: SecurityContext & { readonly workspace?: string | undefined },
  ): VaultEnvironment {
    const { workspace, ...caller } = context;
    return this.as(caller).environment(name, { workspace });
  }

  /**
   * Does the work that is due, once: rotations by policy, trash whose retention
   * is over, keys, backups. Each piece goes on record in the name of the system.
   *
   * @param context - Who asks for it: needs `admin` on `sys/jobs`.
   * @returns What was done, and what failed and is tried again the next time.
   * @throws {@link StrongroomError} `denied`, `principal_unknown`.
   *
   * @example
   * const { done, failures } = await vault.runDueWork({ principal: 'ada' });
   */
  runDueWork(context: SecurityContext): Promise<WorkReport> {
    return runDueWork(this.as(context), this.#scheduler);
  }

  /** Finishes what is under way, signs the log, and lets another process have the vault. */
  async close(): Promise<void> {
    await this.#scheduler.stop();
    await this.#vault.close();
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
 * @throws RangeError if the schedule's `everyMs` is out of range.
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
  const { path, seal, schedule = false, ...rest } = options;
  const scheduling = typeof schedule === 'boolean' ? {} : { ...schedule };
  checkSchedule(scheduling);
  const keys = seal === undefined || Array.isArray(seal) ? seal : [seal];
  const holder = basename(process.argv[1] ?? process.title);
  const vault = await openVault(path, {
    ...rest,
    keys: keys as readonly SlotKey[] | undefined,
    holder,
  });
  const scheduler = new Scheduler(vault, options.now ?? Date.now, scheduling);
  if (schedule !== false) scheduler.start();
  return new Vault(vault, scheduler);
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

/** Options of {@link restore}. */
export interface RestoreOptions extends Pick<
  OpenOptions,
  'path' | 'seal' | 'now' | 'configDirectory'
> {
  /** The backup. */
  readonly file: string;
  /** Name of who decides to restore; on record in the restored vault's new audit log. */
  readonly by: string;
  /**
   * Whether the restored vault takes the place of the one that this machine knows: from then on
   * that one is refused here, as an older copy. Default no.
   */
  readonly replace?: boolean | undefined;
}

/**
 * Restores a whole vault from a backup into an empty directory. The backup is
 * read to its end before anything is written, and the vault is there whole or
 * not at all.
 *
 * @throws {@link StrongroomError} `backup_damaged`, `schema_too_new`, `file_not_found`, `wrong_key`,
 * `key_not_found` and the other codes of opening, `vault_exists`, `vault_has_checkpoint`,
 * `file_exists`, `storage_full`, `read_only`.
 *
 * @example
 * const file = '/mnt/backups/strongroom-….backup';
 * const { secrets } = await restore({ file, path: '.strongroom', by: 'ada' });
 */
export async function restore(options: RestoreOptions): Promise<RestoredVault> {
  const { path, seal, ...rest } = options;
  const keys = seal === undefined || Array.isArray(seal) ? seal : [seal];
  return restoreVault(path, { ...rest, keys: keys as readonly SlotKey[] | undefined });
}

/**
 * Tells from the public key alone whether a backup is whole and unchanged.
 * Needs neither the vault nor anything that opens it.
 *
 * @param options - The file, and the key as `session.backups.key()` gives it.
 * @throws {@link StrongroomError} `backup_damaged`, `backup_unverifiable`, `file_not_found`,
 * `schema_too_new`, `invalid_input`.
 *
 * @example
 * const { createdAt, sha256 } = await verifyBackup({ file, verifierKeys });
 */
export async function verifyBackup(options: {
  readonly file: string;
  readonly verifierKeys: string;
}): Promise<BackupFacts> {
  return verifyBackupFile(options.file, options.verifierKeys);
}
