import type { Methods } from '../core/operations/operations.ts';
import type { SignedIn } from '../core/operations/signed-in.ts';
import type { BeginSsoInput, FinishSsoInput, SsoBegun } from '../core/operations/sso.ts';
import type { CallOptions } from '../core/context.ts';
import type { Session } from '../core/session.ts';
import { remoteSession, signedInAs, type Remote } from './remote-session.ts';
import { CLIENT, startProvider, type SignInProvider } from './sign-in-provider.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from './temporary-vault.ts';

/** The name of the way to sign in. */
export const NAME = 'corp';

/** The one secret that there is. */
export const SECRET = { environment: 'production', path: 'db/password' } as const;

/** What the provider says of bob, besides his `sub`. */
export const BOB = { preferred_username: 'bob' } as const;

/** What maps a value of a claim to the group of {@link SsoVault.inGroup}. */
export const GROUPS = [{ value: 'Ops Team', group: 'ops' }] as const;

/** A vault, a provider, and people who go there and come back. */
export interface SsoVault {
  readonly place: TemporaryVault;
  readonly parts: OpenParts;
  readonly owner: Session;
  readonly provider: SignInProvider;
  /** The time of both, in milliseconds since 1970. */
  now: number;
  /** Makes the way to sign in; whoever is not known becomes a user. */
  make(more?: object): Promise<unknown>;
  /** Makes a group whose members may read the secret. */
  inGroup(): Promise<void>;
  begin(more?: Partial<BeginSsoInput>, remote?: Remote): Promise<SsoBegun>;
  finish(given: FinishSsoInput): Promise<SignedIn>;
  /** Begins, proves who somebody is at the provider, and comes back. */
  signIn(claims?: object, more?: Partial<FinishSsoInput>): Promise<SignedIn>;
  /** Links a user who has a password. */
  linked(user: string, claims: object): Promise<unknown>;
  /** Whoever has signed in. */
  as(signedIn: Pick<SignedIn, 'session'>): Methods<CallOptions>;
  close(): Promise<void>;
}

/** Makes all of it. Whoever does closes it. */
export async function startSso(): Promise<SsoVault> {
  const clock = { now: Date.now() };
  const place = await makeTemporaryVault();
  const parts = await openParts(place, { now: () => clock.now });
  const owner = parts.as(OWNER);
  const provider = await startProvider(() => clock.now);
  await owner.secrets.write({ ...SECRET, value: 'v' });
  await owner.settings.write({ name: 'outbound_hosts', value: [provider.host] });
  const begin: SsoVault['begin'] = (more = {}, remote = {}) =>
    remoteSession(parts, remote).auth.beginSso({ name: NAME, port: 45_678, ...more });
  const finish: SsoVault['finish'] = (given) => remoteSession(parts).auth.finishSso(given);
  return {
    place,
    parts,
    owner,
    provider,
    get now() {
      return clock.now;
    },
    set now(now) {
      clock.now = now;
    },
    make: (more = {}) =>
      owner.sso.create({
        name: NAME,
        issuer: provider.issuer,
        clientId: CLIENT.id,
        clientSecret: CLIENT.secret,
        createsUsers: true,
        ...more,
      }),
    inGroup: async () => {
      await owner.groups.create({ name: 'ops', wholeVault: true });
      const can = ['list', 'read'] as const;
      await owner.access.grant({ subject: 'group:ops', can, pattern: 'default/production/**' });
    },
    begin,
    finish,
    signIn: async (claims = BOB, more = {}) => {
      const { challenge, address } = await begin();
      return finish({ challenge, ...provider.visit(address, claims), ...more });
    },
    linked: async (user, claims) => {
      const { auth } = remoteSession(parts, { credential: await signedInAs(parts, user) });
      const { challenge, address } = await auth.beginSsoLink({ name: NAME, port: 45_678 });
      return auth.finishSsoLink({ challenge, ...provider.visit(address, claims) });
    },
    as: ({ session }) => remoteSession(parts, { credential: session }),
    close: async () => {
      await provider.close();
      await parts.vault.close();
      place.remove();
    },
  };
}
