import type { SecretValue } from '../secret-value.ts';
import { remoteSession } from './remote-session.ts';
import {
  SoftwareAuthenticator,
  type AuthenticatorOptions,
  type Faults,
} from './software-authenticator.ts';
import { OWNER, type OpenParts } from './temporary-vault.ts';

/** Where the site is that passkeys are for in tests. */
export const ORIGIN = 'https://vault.example';

/** A passkey of somebody, and the session that goes on after it was made. */
export interface HeldPasskey {
  readonly authenticator: SoftwareAuthenticator;
  readonly factor: string;
  readonly session: SecretValue;
  readonly recoveryCodes: readonly SecretValue[] | null;
}

/** Sets where the site is. */
export async function allowPasskeys(parts: OpenParts, origin: string = ORIGIN): Promise<void> {
  await parts.as(OWNER).settings.write({ name: 'public_url', value: origin });
}

/** Makes a passkey for whoever has a session. */
export async function makePasskey(
  parts: OpenParts,
  session: SecretValue,
  options: Partial<AuthenticatorOptions> & { readonly faults?: Faults } = {},
): Promise<HeldPasskey> {
  const { auth } = remoteSession(parts, { credential: session });
  const authenticator = new SoftwareAuthenticator({ origin: ORIGIN, ...options });
  const begun = await auth.enrollPasskey();
  const credential = authenticator.create(begun.options, options.faults);
  const made = await auth.confirmPasskey({ challenge: begun.challenge, credential });
  if (made.session === null) throw new TypeError('a session goes on');
  return { authenticator, ...made, session: made.session };
}
