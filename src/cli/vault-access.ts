import { userInfo } from 'node:os';

import type { Session } from '../core/session.ts';
import type { UnsealedVault } from '../core/vault.ts';
import { StrongroomError } from '../errors.ts';
import { configDirectory } from '../seal/locations.ts';
import type { SlotKey } from '../seal/slot.ts';
import { TRIES_MAX } from './ask-again.ts';
import { opensWithPassphrase, withKeyHint, withPrincipalHint } from './key-hints.ts';
import {
  findVault,
  locateVault,
  PROJECT_CONFIG,
  readProjectConfig,
  type Setting,
} from './project.ts';
import { withProfileHint } from './profile-hints.ts';
import { locateServer } from './server-target.ts';
import { withEnvironmentSuggestion } from './suggest.ts';
import type { Terminal } from './terminal.ts';
import { keysOf, type KeyOptions } from './vault-keys.ts';

/** Options that every command takes. */
export interface GlobalOptions extends KeyOptions {
  readonly path?: string;
  readonly address?: string;
  readonly profile?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly workspace?: string;
  readonly principal?: string;
  readonly acceptRollback?: boolean;
}

const DEFAULT_ENVIRONMENT = 'development';

/** How to come by an open vault. */
export interface OpeningOptions {
  readonly waitMs?: number;
  /** Instead of what options and variables say. */
  readonly keys?: readonly SlotKey[] | undefined;
  /** Neither asks for a passphrase where nothing else opens the vault, nor warns. */
  readonly isQuiet?: boolean;
}

/**
 * Runs `work` as the caller, on a server if one is named, else on the vault of
 * this machine, which is opened and closed again whatever happens.
 */
export async function withSession<T>(
  options: GlobalOptions,
  terminal: Terminal,
  work: (session: Session) => Promise<T>,
  opening: OpeningOptions = {},
): Promise<T> {
  const server = locateServer(options);
  if (server === undefined) return withVault(options, terminal, work, opening);
  requireNoPrincipal(options);
  const { remoteSession } = await import('./remote-session.ts');
  const session = remoteSession(server);
  try {
    return await withEnvironmentSuggestion(session, () => work(session));
  } catch (error) {
    throw withProfileHint(error, server, options);
  }
}

/**
 * As {@link withSession}, where it takes the vault itself.
 *
 * @throws {@link StrongroomError} `usage` where a server is named.
 */
export async function withLocalVault<T>(
  options: GlobalOptions,
  terminal: Terminal,
  work: (session: Session, vault: UnsealedVault) => Promise<T>,
  opening: OpeningOptions = {},
): Promise<T> {
  requireLocal(options);
  return withVault(options, terminal, work, opening);
}

/**
 * Refuses what takes the vault itself, before anything is asked for it.
 *
 * @throws {@link StrongroomError} `usage` where a server is named.
 */
export function requireLocal(options: GlobalOptions): void {
  const server = locateServer(options);
  if (server === undefined) return;
  throw new StrongroomError('usage', 'this is done where the vault is, not on a server', {
    hint: `name the vault's directory with --path, instead of ${server.source}`,
  });
}

/**
 * A server knows by the sign-in who acts: whoever names another would act as themselves all the same.
 *
 * @throws {@link StrongroomError} `usage` if another is named.
 */
export function requireNoPrincipal({ principal }: GlobalOptions): void {
  if (principal === undefined) return;
  throw new StrongroomError('usage', 'on a server, who acts is who signed in', {
    hint: 'leave --principal out, or sign in as them: `strongroom login ADDRESS --profile NAME`',
  });
}

async function withVault<T>(
  options: GlobalOptions,
  terminal: Terminal,
  work: (session: Session, vault: UnsealedVault) => Promise<T>,
  opening: OpeningOptions,
): Promise<T> {
  const { vault } = await unseal(options, terminal, opening);
  const { createSession } = await import('../core/session.ts');
  if (vault.keyBesideVault !== undefined && opening.isQuiet !== true) noteKeyBesideVault(terminal);
  const principal = principalOf(options);
  const context = { principal: principal.value, userAgent: 'strongroom-cli' };
  try {
    const session = createSession(vault, context, 'cli');
    return await withEnvironmentSuggestion(session, () => work(session, vault));
  } catch (error) {
    throw withPrincipalHint(error, principal);
  } finally {
    await vault.close();
    if (vault.outsideFault !== undefined && opening.isQuiet !== true) {
      terminal.warnOnce(
        `nothing can be kept in ${configDirectory()}: an older copy of the vault would go unnoticed (STRONGROOM_CONFIG_HOME names another directory)`,
      );
    }
  }
}

/**
 * Settles what opens the vault, by opening it once: so that nothing that was
 * typed before is lost to a wrong key. A server's is open.
 *
 * @returns Keys that open it; `undefined` is the key file, and a server's.
 */
export async function settleKeys(
  options: GlobalOptions,
  terminal: Terminal,
): Promise<readonly SlotKey[] | undefined> {
  if (locateServer(options) !== undefined) {
    requireNoPrincipal(options);
    return undefined;
  }
  const { vault, keys } = await unseal(options, terminal, {});
  await vault.close();
  return keys;
}

async function unseal(
  options: GlobalOptions,
  terminal: Terminal,
  { waitMs, keys: given, isQuiet = false }: OpeningOptions,
): Promise<{ readonly vault: UnsealedVault; readonly keys: readonly SlotKey[] | undefined }> {
  // Loaded here, because help, completion and the offline verifier do without.
  const { openVault } = await import('../core/open-vault.ts');
  const path = findVault(options.path);
  const open = (keys: readonly SlotKey[] | undefined): Promise<UnsealedVault> =>
    openVault(path, {
      keys,
      holder: `strongroom ${process.argv[2] ?? ''}`.trim(),
      acceptRollback: options.acceptRollback,
      waitMs,
    });
  const mayAsk = given === undefined && !isQuiet && terminal.canAsk;
  let keys = given ?? (await keysOf(options, terminal));
  let tries = options.passphraseFile === '-' ? 1 : 0;
  for (;;) {
    try {
      return { vault: await open(keys), keys };
    } catch (error) {
      const isMissing = keys === undefined && opensWithPassphrase(error);
      const isWrong = tries > 0 && tries < TRIES_MAX && isWrongPassphrase(error);
      if (!mayAsk || !(isMissing || isWrong)) throw withKeyHint(error);
      if (isWrong) terminal.note('that is not the passphrase; once more');
      keys = [{ kind: 'passphrase', passphrase: await terminal.askSecret('Passphrase') }];
      tries += 1;
    }
  }
}

function isWrongPassphrase(error: unknown): boolean {
  return error instanceof StrongroomError && error.code === 'wrong_passphrase';
}

/** Tells once, since `init` opens the vault that it made, that a copy of the vault would hold its key. */
export function noteKeyBesideVault(terminal: Terminal): void {
  terminal.warnOnce('the key lies beside the vault: whoever copies the directory can open it');
}

/** Who acts: `--principal`, then `STRONGROOM_PRINCIPAL`, then the operating system's user. */
export function principalOf(options: GlobalOptions): Setting {
  if (options.principal !== undefined) return { value: options.principal, source: '--principal' };
  const variable = process.env['STRONGROOM_PRINCIPAL'] ?? '';
  if (variable !== '') return { value: variable, source: 'STRONGROOM_PRINCIPAL' };
  return { value: systemUser(), source: 'the system user' };
}

/** The name of the operating system's user, who `init` makes owner. */
export function currentUser(): string {
  return principalOf({}).value;
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 0}`;
  }
}

/**
 * The environment to use: `-e`, then `STRONGROOM_ENVIRONMENT`, then the
 * project's setting, then `development`. Says which, if it was not named.
 */
export function environmentOf(
  named: string | undefined,
  options: GlobalOptions,
  terminal: Terminal,
): string {
  // Without a vault nobody should be asked for a value first.
  if (locateServer(options) === undefined) findVault(options.path);
  const { value } = settledEnvironment(named, options);
  if (named === undefined) terminal.note(`environment ${value}`);
  return value;
}

/** As {@link environmentOf}, saying where that is settled. */
export function settledEnvironment(named: string | undefined, options: GlobalOptions): Setting {
  if (named !== undefined) return { value: named, source: '--environment' };
  const variable = process.env['STRONGROOM_ENVIRONMENT'] ?? '';
  if (variable !== '') return { value: variable, source: 'STRONGROOM_ENVIRONMENT' };
  const vault = locateVault(options.path);
  const project = vault === undefined ? undefined : readProjectConfig(vault.value).environment;
  if (project !== undefined) return { value: project, source: PROJECT_CONFIG };
  return { value: DEFAULT_ENVIRONMENT, source: 'default' };
}
