import { spawn } from 'node:child_process';

import type { Client } from '../client/client.ts';
import type { SignedIn } from '../core/operations/signed-in.ts';
import type { FinishSsoInput, SsoBegun, SsoLinked } from '../core/operations/sso.ts';
import type { Session } from '../core/session.ts';
import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import { listenForReturn } from './return-listener.ts';
import { secondFactor } from './sign-in.ts';
import type { Terminal } from './terminal.ts';

/** What somebody signs in with by way of a provider. */
export interface SsoGiven {
  /** The provider, as the server calls it. */
  readonly name: string;
  /** What an earlier sign-in left here. */
  readonly known: string | undefined;
  /** Where the code of a second factor is, instead of with who is asked. */
  readonly codeFile?: string | undefined;
  /** Of a user who has no account of this provider yet. */
  readonly invite?: SecretValue | undefined;
  /** Whether the provider has to ask anew who it is. */
  readonly fresh?: boolean | undefined;
}

/**
 * Signs a person in by way of a provider: they prove who they are in a browser
 * on this machine, and the code that it brings back is of use only with what
 * is kept here.
 *
 * @throws {@link StrongroomError} `unauthenticated`, `access_denied`, `expired_token`.
 */
export async function signInSso(
  client: Client,
  terminal: Terminal,
  { name, known, codeFile, invite, fresh }: SsoGiven,
): Promise<SignedIn> {
  const returned = await visit(terminal, (port) => client.auth.beginSso({ name, port, fresh }));
  using challenge = returned.challenge;
  const first = await client.auth.finishSso({ ...returned, challenge, known, invite });
  return secondFactor(client, terminal, first, { known, codeFile });
}

/**
 * Links the caller with their account of a provider.
 *
 * @throws {@link StrongroomError} `reauth_required`, `unauthenticated`, `access_denied`, `expired_token`.
 */
export async function linkSso(
  { auth }: Pick<Session, 'auth'>,
  terminal: Terminal,
  name: string,
): Promise<SsoLinked> {
  const returned = await visit(terminal, (port) => auth.beginSsoLink({ name, port }));
  using challenge = returned.challenge;
  return await auth.finishSsoLink({ ...returned, challenge });
}

async function visit(
  terminal: Terminal,
  begin: (port: number) => Promise<SsoBegun>,
): Promise<Pick<FinishSsoInput, 'state' | 'code' | 'iss'> & Pick<SsoBegun, 'challenge'>> {
  await using listener = await listenForReturn();
  const { challenge, address, state, expiresAt } = await begin(listener.port);
  try {
    const page = webAddress(address);
    terminal.warn(`prove who you are at ${page}`);
    openBrowser(page, terminal);
    return { ...(await listener.wait(state, Date.parse(expiresAt))), challenge };
  } catch (error) {
    challenge.wipe();
    throw error;
  }
}

/** An address that a browser may be sent to: nothing else is shown, nor given to a program. */
function webAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url.href;
  throw new StrongroomError('unreachable', 'the server names no address of a provider');
}

/** Opens a browser where somebody sits at one. If there is none, the address has been shown. */
function openBrowser(address: string, terminal: Terminal): void {
  const isLinux = process.platform === 'linux';
  const hasScreen = process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY'];
  const hasBrowser = process.platform === 'darwin' || (isLinux && hasScreen !== undefined);
  if (!hasBrowser || !terminal.canAsk || terminal.isJson) return;
  const program = isLinux ? 'xdg-open' : 'open';
  const child = spawn(program, [address], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
