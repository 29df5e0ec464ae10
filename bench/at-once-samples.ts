// What each operation of people, machines, keys and backups succeeds with, where that has to be made
// first: a password, a code, a passkey, a way to sign in, something that is in the trash.
import { join } from 'node:path';

import { totpCode, totpStep } from '../src/crypto/totp.ts';
import { fromBase32 } from '../src/lib/base32.ts';
import { at } from '../src/testing/foreign-ids.ts';
import { allowPasskeys, makePasskey, ORIGIN } from '../src/testing/passkeys.ts';
import { PASSWORD, remoteSession, userWithPassword } from '../src/testing/remote-session.ts';
import { CLIENT, startProvider, type SignInProvider } from '../src/testing/sign-in-provider.ts';
import { SoftwareAuthenticator } from '../src/testing/software-authenticator.ts';
import { startIssuer, type TokenIssuer } from '../src/testing/token-issuer.ts';
import type { TwoWorkspaces } from '../src/testing/two-workspaces.ts';
import type { SecretValue } from '../src/index.ts';

/** What an operation is called with, and by whom. */
export interface Sample {
  readonly input: object;
  readonly token?: string;
}

/** Makes what at least one call of many succeeds with. */
export type MakeSample = () => Promise<Sample>;

/** Samples, and what has to be ended with them. */
export interface Samples {
  readonly of: Readonly<Record<string, MakeSample>>;
  close(): Promise<void>;
}

const AUDIENCE = 'strongroom';
const STEP_MS = 30_000;
const PORT = 45_678;
const WAY = 'corp';

/** Starts what samples need beside the vault. Whoever does closes it. */
export async function startSamples({ place, parts, owner }: TwoWorkspaces): Promise<Samples> {
  const issuer: TokenIssuer = await startIssuer(Date.now);
  const provider: SignInProvider = await startProvider(Date.now);
  await owner.settings.write({ name: 'outbound_hosts', value: [issuer.host, provider.host] });
  await allowPasskeys(parts);
  await owner.sso.create({
    name: WAY,
    issuer: provider.issuer,
    clientId: CLIENT.id,
    clientSecret: CLIENT.secret,
    createsUsers: true,
  });
  let made = 0;
  const fresh = (): string => `sample-${(made += 1)}`;
  const anyone = remoteSession(parts).auth;

  /** A user with a password, and a session of theirs from just now. */
  const person = async () => {
    const name = fresh();
    await userWithPassword(parts, name);
    const { session } = await anyone.signIn({ name, password: PASSWORD });
    const credential = held(session);
    return { name, token: credential.reveal(), credential, auth: as(credential) };
  };
  const as = (credential: SecretValue) => remoteSession(parts, { credential }).auth;
  /** The same with a second factor: its codes, and the session that goes on. */
  const withTotp = async () => {
    const { name, auth } = await person();
    const { factor, secret } = await auth.enrollTotp();
    const bytes = fromBase32(secret.reveal()) ?? new Uint8Array();
    const code = (later = 0): string => totpCode(bytes, totpStep(Date.now() + later * STEP_MS));
    const { session, recoveryCodes } = await auth.confirmTotp({ factor, code: code() });
    const codes = (recoveryCodes ?? []).map((each) => each.reveal());
    return { name, factor, code, codes, token: held(session).reveal() };
  };
  const challenged = async (name: string): Promise<string> =>
    held((await anyone.signIn({ name, password: PASSWORD })).challenge).reveal();
  const withPasskey = async () => {
    const { credential } = await person();
    return makePasskey(parts, credential);
  };
  const trusted = async () => {
    const name = fresh();
    await owner.trusts.create({
      name,
      machine: name,
      environment: 'production',
      trust: { kind: 'jwt', issuer: issuer.issuer, audiences: [AUDIENCE], claims: { sub: [name] } },
    });
    return name;
  };
  const role = async () => {
    const machine = fresh();
    await owner.machines.create({ name: machine });
    const { roleId } = await owner.approle.create({ machine });
    const { id, secretId } = await owner.approle.newSecretId({ role: machine });
    return { machine, roleId, id, secretId: secretId.reveal() };
  };
  const device = async () => {
    const { device: text, userCode } = await anyone.beginDevice();
    return { device: text.reveal(), code: userCode.reveal() };
  };
  const decision = async (): Promise<Sample> => {
    const { token } = await person();
    return { token, input: { code: (await device()).code } };
  };
  const linking = async () => {
    const { token, auth } = await person();
    const { challenge, address } = await auth.beginSsoLink({ name: WAY, port: PORT });
    const back = provider.visit(address, { sub: fresh() });
    return { token, input: { challenge: challenge.reveal(), ...back } };
  };
  const shares = async () => {
    const slot = { kind: 'shamir', threshold: 2, shares: 2 } as const;
    const { slot: added, shares: given = [] } = await owner.slots.add({ slot });
    return { slot: added.id, shares: given.map((share) => share.reveal()) };
  };
  const method = async (): Promise<Sample> => ({ input: { kind: 'jwt', name: await trusted() } });
  const directory = join(place.root, 'backups');
  const backup = () => owner.backups.create({ directory, proof: 'later' });

  const of: Readonly<Record<string, MakeSample>> = {
    'auth.signIn': async () => {
      const { name } = await person();
      return { input: { name, password: PASSWORD } };
    },
    'auth.verifyTotp': async () => {
      const { name, code } = await withTotp();
      return { input: { challenge: await challenged(name), code: code(1) } };
    },
    'auth.useRecoveryCode': async () => {
      const { name, codes } = await withTotp();
      return { input: { challenge: await challenged(name), code: codes[0] ?? '' } };
    },
    'auth.reauthenticate': async () => {
      const { token } = await person();
      return { token, input: { password: PASSWORD } };
    },
    'auth.acceptInvite': async () => {
      const name = fresh();
      await owner.users.create({ name });
      const { invite } = await owner.users.invite({ name });
      return { input: { invite: invite.reveal(), password: PASSWORD } };
    },
    'auth.changePassword': async () => {
      const { token } = await person();
      return { token, input: { current: PASSWORD, password: `${PASSWORD} and another` } };
    },
    'auth.confirmTotp': async () => {
      const { token, auth } = await person();
      const { factor, secret } = await auth.enrollTotp();
      const bytes = fromBase32(secret.reveal()) ?? new Uint8Array();
      return { token, input: { factor, code: totpCode(bytes, totpStep(Date.now())) } };
    },
    'auth.removeFactor': async () => {
      const { token, factor } = await withTotp();
      return { token, input: { factor } };
    },
    'auth.renewRecoveryCodes': async () => {
      const { token } = await withTotp();
      return { token, input: {} };
    },
    'auth.enrollPasskey': async () => {
      const { token } = await person();
      return { token, input: {} };
    },
    'auth.confirmPasskey': async () => {
      const { token, auth } = await person();
      const { challenge, options } = await auth.enrollPasskey();
      const credential = new SoftwareAuthenticator({ origin: ORIGIN }).create(options);
      return { token, input: { challenge: challenge.reveal(), credential } };
    },
    'auth.beginPasskey': async () => ({ input: {} }),
    'auth.verifyPasskey': async () => {
      const { authenticator } = await withPasskey();
      const { challenge, options } = await anyone.beginPasskey();
      const credential = authenticator.get(options);
      return { input: { challenge: challenge.reveal(), credential } };
    },
    'auth.beginReauthentication': async () => {
      const { session } = await withPasskey();
      return { token: session.reveal(), input: {} };
    },
    'auth.reauthenticatePasskey': async () => {
      const { session, authenticator } = await withPasskey();
      const { challenge, options } = await as(session).beginReauthentication();
      const credential = authenticator.get(options);
      return { token: session.reveal(), input: { challenge: challenge.reveal(), credential } };
    },
    'auth.signInAppRole': async () => {
      const { roleId, secretId } = await role();
      return { input: { roleId, secretId } };
    },
    'auth.signInJwt': async () => {
      const sub = await trusted();
      return { input: { token: await issuer.sign({ aud: AUDIENCE, sub }) } };
    },
    'auth.beginSso': async () => ({ input: { name: WAY, port: PORT } }),
    'auth.finishSso': async () => {
      const { challenge, address } = await anyone.beginSso({ name: WAY, port: PORT });
      const back = provider.visit(address, { sub: fresh(), preferred_username: fresh() });
      return { input: { challenge: challenge.reveal(), ...back } };
    },
    'auth.beginSsoLink': async () => {
      const { token } = await person();
      return { token, input: { name: WAY, port: PORT } };
    },
    'auth.finishSsoLink': linking,
    'auth.lookAtDevice': decision,
    'auth.confirmDevice': decision,
    'auth.denyDevice': decision,
    'auth.finishDevice': async () => {
      const { auth } = await person();
      const { device: text, code } = await device();
      await auth.confirmDevice({ code });
      return { input: { device: text } };
    },
    'tokens.revoke': async () => {
      const name = fresh();
      await owner.machines.create({ name });
      const { id } = await owner.tokens.create({ subject: `machine:${name}` });
      return { input: { token: id } };
    },
    'approle.revokeSecretId': async () => {
      const { machine, id } = await role();
      return { input: { role: machine, id } };
    },
    'methods.disable': method,
    'methods.enable': method,
    'methods.remove': method,
    'sso.update': async () => ({ input: { name: WAY, groups: [] } }),
    'trusts.renew': async () => {
      const name = fresh();
      const jwks = JSON.stringify({ keys: [issuer.publicKey] });
      const trust = { kind: 'jwt', issuer: issuer.issuer, audiences: [AUDIENCE] } as const;
      const own = { ...trust, claims: { sub: [name] }, jwks };
      await owner.trusts.create({ name, machine: name, environment: 'production', trust: own });
      return { input: { name, jwks } };
    },
    'secrets.undelete': async () => {
      const path = 'own/secrets.undelete';
      await owner.secrets.delete({ ...at, path });
      return { input: { ...at, path } };
    },
    'secrets.undo': async () => {
      const path = fresh();
      await owner.secrets.write({ ...at, path, value: 'v' });
      const { entries } = await owner.audit.query({ ...at, path, limit: 1 });
      const change = entries[0]?.request ?? '';
      return { input: { workspace: at.workspace, change, dryRun: true } };
    },
    'keys.beginRoot': async () => {
      await owner.slots.add({ slot: { kind: 'recovery' } });
      return { input: { drop: ['keyfile'] } };
    },
    'keys.rotateRoot': async () => {
      await owner.keys.beginRoot({ keep: [{ kind: 'keyfile', path: place.keyFile }] });
      return { input: {} };
    },
    'slots.confirm': async () => ({ input: await shares() }),
    'slots.remove': async () => {
      const { slot } = await owner.slots.add({ slot: { kind: 'recovery' } });
      return { input: { slot: slot.id } };
    },
    'backups.create': async () => {
      process.env['STRONGROOM_BACKUP_PATH'] = directory;
      return { input: { proof: 'later' } };
    },
    'backups.verify': async () => ({ input: { id: (await backup()).id } }),
    'backups.restoreParts': async () => {
      const path = 'own/backups.restoreParts';
      return { input: { ...at, path, id: (await backup()).id } };
    },
  };
  return {
    of,
    close: async () => {
      await issuer.close();
      await provider.close();
    },
  };
}

function held(text: SecretValue | null): SecretValue {
  if (text === null) throw new TypeError('it was given');
  return text;
}
