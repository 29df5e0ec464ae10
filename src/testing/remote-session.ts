import type { Carrier } from '../domain/identities/sessions.ts';
import type { CallOptions } from '../core/context.ts';
import type { Caller } from '../core/item.ts';
import type { Operation } from '../core/operation.ts';
import { operations, type Methods } from '../core/operations/operations.ts';
import { SecretValue } from '../secret-value.ts';
import type { OpenParts } from './temporary-vault.ts';

/** How somebody calls over the network. */
export interface Remote {
  /** Default: none, as of whoever is not known yet. */
  readonly credential?: SecretValue | string | null | undefined;
  readonly carrier?: Carrier;
  /** Default `192.0.2.1`. */
  readonly ip?: string;
  /** DER of a client certificate. */
  readonly certificate?: Uint8Array;
}

/** The methods of somebody who calls over the network, with a credential or without one. */
export function remoteSession(
  { vault }: Pick<OpenParts, 'vault'>,
  { credential, carrier, ip = '192.0.2.1', certificate }: Remote = {},
): Methods<CallOptions> {
  const text = credential instanceof SecretValue ? credential.reveal() : (credential ?? undefined);
  const caller: Caller = {
    context: { principal: '', ip, userAgent: 'a test', certificate },
    face: 'rest',
    credential: text,
    carrier,
  };
  const groups = Object.entries(operations).map(([group, methods]) => [
    group,
    Object.fromEntries(
      Object.entries(methods as Readonly<Record<string, Operation<unknown, unknown>>>).map(
        ([name, operation]) => [
          name,
          (input: unknown = {}, options?: CallOptions) =>
            vault.call(operation, caller, input, options),
        ],
      ),
    ),
  ]);
  return Object.fromEntries(groups) as Methods<CallOptions>;
}

/** A password that is not too weak. */
export const PASSWORD = 'seven quiet herons by the weir';

/** Makes a user who has a password, as an invite gives it. */
export async function userWithPassword(
  parts: OpenParts,
  name: string,
  { owner = 'ada', password = PASSWORD }: { owner?: string; password?: string } = {},
): Promise<void> {
  if (name !== owner) await parts.as(owner).users.create({ name });
  const { invite } = await parts.as(owner).users.invite({ name });
  const { session } = await remoteSession(parts).auth.acceptInvite({ invite, password });
  await remoteSession(parts, { credential: session }).auth.signOut();
}

/** A whole session of somebody, with a second factor if they have one. */
export async function signedInAs(
  parts: Pick<OpenParts, 'vault'>,
  name: string,
  { code }: { readonly code?: () => string } = {},
): Promise<SecretValue> {
  const { auth } = remoteSession(parts);
  const first = await auth.signIn({ name, password: PASSWORD });
  if (first.session !== null) return first.session;
  const second = await auth.verifyTotp({
    challenge: first.challenge ?? '',
    code: code?.() ?? '',
  });
  if (second.session === null) throw new TypeError('no session was given');
  return second.session;
}
