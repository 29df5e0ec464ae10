import { encodeCursor, encodePosition } from '../core/operations/cursor.ts';
import { NEW_PASSKEY, USED_PASSKEY } from './passkey-samples.ts';

/** Who calls: somebody who may do everything in the workspace `ours`, and nothing anywhere else. */
export const CALLER = 'eve';
export const at = { workspace: 'ours', environment: 'production' };
const generator = 'password:24';
const NO_ID = '01890000-0000-7000-8000-000000000000';

/** For each operation an input that names only what the caller's own workspace has. */
export const OURS: Readonly<Record<string, (own: Own) => object>> = {
  'secrets.create': ({ path }) => ({ ...at, path: `${path}-new`, value: 'v', owner: CALLER }),
  'secrets.read': ({ path }) => ({ ...at, path }),
  'secrets.readMany': ({ path }) => ({ ...at, paths: [path] }),
  'secrets.accesses': ({ path }) => ({ ...at, path }),
  'secrets.update': ({ path }) => ({ ...at, path, value: 'w', owner: CALLER }),
  'secrets.write': ({ path }) => ({ ...at, path, value: 'w', owner: CALLER }),
  'secrets.delete': ({ path }) => ({ ...at, path }),
  'secrets.undelete': ({ gone }) => ({ ...at, path: gone }),
  'secrets.destroy': ({ path, secret }) => ({ ...at, path, all: true, id: secret }),
  'secrets.verify': ({ path }) => ({ ...at, path, candidate: 'v' }),
  'secrets.verifyChecksums': () => ({}),
  'secrets.search': () => ({ ...at, prefix: 'own/', owner: CALLER, tag: 'ours' }),
  'secrets.expiring': () => ({ ...at, before: '2040-01-01T00:00:00Z' }),
  'secrets.statistics': () => at,
  'secrets.list': () => ({ ...at, prefix: 'own/', tag: 'ours' }),
  'secrets.history': ({ path }) => ({ ...at, path }),
  'secrets.describe': ({ path }) => ({ ...at, path }),
  'secrets.import': ({ path }) => ({ ...at, secrets: [{ path: `${path}-new`, value: 'v' }] }),
  'secrets.rename': ({ path }) => ({ ...at, path, to: `${path}-renamed` }),
  'secrets.move': ({ path }) => ({ ...at, path, toWorkspace: 'ours', toEnvironment: 'testing' }),
  'secrets.copy': ({ path }) => ({ ...at, path, toWorkspace: 'ours', toEnvironment: 'testing' }),
  'secrets.diff': ({ path }) => ({ ...at, path, toWorkspace: 'ours', toEnvironment: 'staging' }),
  'secrets.undo': ({ request }) => ({ workspace: 'ours', change: request, dryRun: true }),
  'secrets.rewind': ({ since }) => ({ ...at, prefix: 'own/', since, dryRun: true }),
  'secrets.generate': () => ({ workspace: 'ours', generator, type: 'password' }),
  'secrets.rotate': ({ path }) => ({ ...at, path, generator }),
  'secrets.rollback': ({ path }) => ({ ...at, path }),
  'secrets.retire': ({ path }) => ({ ...at, path }),
  'secrets.due': () => at,
  'secrets.resolve': ({ path }) => ({ ...at, path }),
  'secrets.override': ({ path }) => ({ ...at, path, value: 'mine' }),
  'secrets.removeOverride': ({ path }) => ({ ...at, path }),
  'overrides.list': () => at,
  'imports.create': () => ({
    ...at,
    folder: 'own',
    source: { workspace: 'ours', environment: 'staging', folder: 'own' },
  }),
  'imports.list': () => at,
  'imports.delete': () => ({
    ...at,
    folder: 'own',
    source: { workspace: 'ours', environment: 'testing', folder: 'own' },
  }),
  'trash.list': () => at,
  'trash.purge': () => ({ workspace: 'ours' }),
  'layouts.read': () => at,
  'workspaces.create': () => ({ name: 'made' }),
  'workspaces.delete': () => ({ name: 'ours' }),
  'workspaces.list': () => ({}),
  'environments.create': () => ({ workspace: 'ours', name: 'made' }),
  'environments.list': () => ({ workspace: 'ours' }),
  'environments.promote': () => ({
    workspace: 'ours',
    from: 'staging',
    to: 'testing',
    prefix: 'own/',
  }),
  'environments.resolve': ({ path }) => ({ ...at, only: [path] }),
  'environments.names': () => at,
  'audit.query': () => ({ ...at, path: 'own/secrets.read', actor: CALLER, before: 1_000_000 }),
  'audit.export': () => ({}),
  'audit.verify': () => ({}),
  'audit.proof': ({ seq }) => ({ seq }),
  'audit.checkpoint': () => ({}),
  'audit.key': () => ({}),
  'audit.prune': () => ({}),
  'keys.status': () => ({}),
  'keys.health': () => ({ workspace: 'ours' }),
  'keys.generateFernet': () => ({}),
  'keys.rotate': () => ({ workspace: 'ours' }),
  'keys.rotateDue': () => ({}),
  'keys.rewrap': () => ({ workspace: 'ours' }),
  'keys.retire': () => ({ workspace: 'ours' }),
  'keys.beginRoot': () => ({}),
  'keys.rotateRoot': () => ({}),
  'keys.drill': () => ({ openers: [] }),
  'slots.list': () => ({}),
  'slots.add': () => ({ slot: { kind: 'recovery' } }),
  'slots.confirm': () => ({ slot: 'shamir', shares: [] }),
  'slots.remove': () => ({ slot: 'shamir' }),
  'jobs.list': () => ({}),
  'jobs.run': () => ({}),
  'backups.create': () => ({ directory: '/nowhere' }),
  'backups.list': () => ({}),
  'backups.verify': () => ({ file: '/nowhere/a.backup' }),
  'backups.prune': () => ({ keepLast: 1 }),
  'backups.key': () => ({}),
  'backups.runScheduled': () => ({}),
  'backups.restoreParts': ({ path, backup }) => ({ ...at, path, id: backup }),
  'auth.signIn': () => ({ name: CALLER, password: 'not a password' }),
  'auth.verifyTotp': () => ({ challenge: 'none', code: '000000' }),
  'auth.useRecoveryCode': () => ({ challenge: 'none', code: 'none' }),
  'auth.reauthenticate': () => ({ password: 'not a password' }),
  'auth.signOut': () => ({ everywhere: true }),
  'auth.whoAmI': () => ({}),
  'auth.acceptInvite': () => ({ invite: 'none', password: 'not a password' }),
  'auth.changePassword': () => ({ current: 'not a password', password: 'not a password' }),
  'auth.listFactors': () => ({}),
  'auth.enrollTotp': () => ({}),
  'auth.confirmTotp': () => ({ factor: NO_ID, code: '000000' }),
  'auth.removeFactor': () => ({ factor: NO_ID }),
  'auth.renewRecoveryCodes': () => ({}),
  'auth.enrollPasskey': () => ({}),
  'auth.confirmPasskey': () => ({ challenge: 'none', credential: NEW_PASSKEY }),
  'auth.beginPasskey': () => ({ challenge: 'none' }),
  'auth.verifyPasskey': () => ({ challenge: 'none', credential: USED_PASSKEY }),
  'auth.beginReauthentication': () => ({}),
  'auth.reauthenticatePasskey': () => ({ challenge: 'none', credential: USED_PASSKEY }),
  'auth.signInAppRole': () => ({ roleId: NO_ID, secretId: 'none' }),
  'auth.signInJwt': () => ({ token: 'none' }),
  'auth.signInCertificate': () => ({}),
  'auth.ways': () => ({}),
  'auth.beginSso': () => ({ name: 'none', port: 45_678 }),
  'auth.finishSso': () => ({ challenge: 'none', state: 'none', code: 'none' }),
  'auth.beginSsoLink': () => ({ name: 'none', port: 45_678 }),
  'auth.finishSsoLink': () => ({ challenge: 'none', state: 'none', code: 'none' }),
  'auth.beginDevice': () => ({}),
  'auth.lookAtDevice': () => ({ code: 'none' }),
  'auth.confirmDevice': () => ({ code: 'none' }),
  'auth.denyDevice': () => ({ code: 'none' }),
  'auth.finishDevice': () => ({ device: 'none' }),
  'approle.create': () => ({ machine: 'our-bot' }),
  'approle.update': () => ({ name: 'our-bot' }),
  'approle.newSecretId': () => ({ role: 'our-bot' }),
  'approle.listSecretIds': () => ({ role: 'our-bot' }),
  'approle.revokeSecretId': () => ({ role: 'our-bot', id: NO_ID }),
  'trusts.create': () => ({
    ...at,
    trust: { kind: 'github', repository: 'acme/app', ref: 'main' },
    machine: 'our-bot',
  }),
  'trusts.renew': () => ({ name: 'our-bot', jwks: '{}' }),
  'sso.create': () => ({
    name: 'made-way',
    issuer: 'https://idp.example',
    clientId: 'vault',
    groups: [{ value: 'a', group: 'our-group', workspace: 'ours' }],
  }),
  'sso.update': () => ({
    name: 'our-bot',
    groups: [{ value: 'a', group: 'our-group', workspace: 'ours' }],
  }),
  'methods.list': () => ({}),
  'methods.disable': () => ({ kind: 'jwt', name: 'our-bot' }),
  'methods.enable': () => ({ kind: 'jwt', name: 'our-bot' }),
  'methods.remove': () => ({ kind: 'jwt', name: 'our-bot' }),
  'tokens.create': () => ({ subject: `user:${CALLER}` }),
  'tokens.list': () => ({ subject: `user:${CALLER}` }),
  'tokens.revoke': () => ({ token: NO_ID }),
  'tokens.purge': () => ({}),
  'users.invite': () => ({ name: CALLER }),
  'users.create': () => ({ name: 'made' }),
  'users.list': () => ({}),
  'users.rename': () => ({ name: CALLER, to: 'made' }),
  'users.disable': () => ({ name: CALLER }),
  'users.enable': () => ({ name: CALLER }),
  'users.remove': () => ({ name: CALLER }),
  'machines.create': () => ({ name: 'made' }),
  'machines.list': () => ({}),
  'machines.rename': () => ({ name: 'our-bot', to: 'made' }),
  'machines.disable': () => ({ name: 'our-bot' }),
  'machines.enable': () => ({ name: 'our-bot' }),
  'machines.remove': () => ({ name: 'our-bot' }),
  'groups.create': () => ({ workspace: 'ours', name: 'made' }),
  'groups.list': () => ({ workspace: 'ours' }),
  'groups.describe': () => ({ workspace: 'ours', name: 'our-group' }),
  'groups.add': () => ({ workspace: 'ours', name: 'our-group', member: `user:${CALLER}` }),
  'groups.drop': () => ({ workspace: 'ours', name: 'our-group', member: `user:${CALLER}` }),
  'groups.rename': () => ({ workspace: 'ours', name: 'our-group', to: 'our-group' }),
  'groups.remove': () => ({ workspace: 'ours', name: 'old-group' }),
  'roles.create': () => ({ workspace: 'ours', name: 'made-role' }),
  'roles.list': () => ({ workspace: 'ours' }),
  'roles.describe': () => ({ workspace: 'ours', name: 'our-role' }),
  'roles.assign': () => ({ workspace: 'ours', name: 'our-role', member: `user:${CALLER}` }),
  'roles.unassign': () => ({ workspace: 'ours', name: 'our-role', member: `user:${CALLER}` }),
  'roles.rename': () => ({ workspace: 'ours', name: 'our-role', to: 'our-role' }),
  'roles.remove': () => ({ workspace: 'ours', name: 'old-role' }),
  'access.grant': () => ({ subject: `user:${CALLER}`, can: ['list'], pattern: 'ours/testing/a' }),
  'access.deny': () => ({ subject: `user:${CALLER}`, can: ['list'], pattern: 'ours/testing/a' }),
  'access.revoke': ({ grant }) => ({ grant }),
  'access.list': () => ({ workspace: 'ours', subject: `user:${CALLER}` }),
  'access.explain': () => ({
    principal: CALLER,
    capability: 'read',
    resource: 'ours/production/a',
  }),
  'access.whoCan': () => ({ capability: 'read', resource: 'ours/production/a' }),
  'access.test': () => ({
    cases: [
      {
        principal: CALLER,
        capability: 'read',
        resource: 'ours/production/a',
        expected: 'allow',
      },
    ],
  }),
  'access.replay': () => ({ since: '2026-01-01T00:00:00Z' }),
  'health.read': () => ({}),
  'metrics.read': () => ({}),
  'vault.seal': () => ({}),
  'events.open': () => at,
  'settings.read': () => ({ workspace: 'ours' }),
  'settings.write': () => ({ workspace: 'ours', name: 'trash_retention_days', value: 7 }),
};

/** What of `ours` an input may name. */
export interface Own {
  /** A secret that is there for this operation alone, and its id. */
  readonly path: string;
  readonly secret: string;
  /** A secret in the trash. */
  readonly gone: string;
  readonly grant: string;
  readonly request: string;
  readonly seq: number;
  readonly since: string;
  readonly backup: string;
}

/** What `theirs` has; the caller has no right to any of it. */
export interface Theirs {
  readonly workspaceId: string;
  readonly environmentId: string;
  readonly secret: string;
  readonly gone: string;
  readonly group: string;
  readonly role: string;
  readonly grant: string;
  readonly bot: string;
  readonly request: string;
  readonly seq: number;
}

export const NAMES = {
  workspace: 'theirs',
  environment: 'vorkuta',
  folder: 'oubliette',
  path: 'oubliette/TOKEN',
  gone: 'oubliette/GONE',
  group: 'foreign-group',
  role: 'foreign-role',
  value: 'not-a-real-foreign-value',
  description: 'a foreign description',
  tag: 'foreign-tag',
} as const;

/**
 * What of `theirs` stands where an input names something: by parameter, or by
 * operation and parameter where a name means something else there. Principals
 * and slots are of the vault and have no workspace; where an input names one,
 * a group of `theirs` stands in its place.
 */
export const FOREIGN: Readonly<Record<string, (theirs: Theirs) => unknown>> = {
  workspace: () => NAMES.workspace,
  toWorkspace: () => NAMES.workspace,
  'source.workspace': () => NAMES.workspace,
  environment: () => NAMES.environment,
  toEnvironment: () => NAMES.environment,
  'source.environment': () => NAMES.environment,
  'environments.promote.from': () => NAMES.environment,
  'environments.promote.to': () => NAMES.environment,
  path: () => NAMES.path,
  'secrets.undelete.path': () => NAMES.gone,
  'only[]': () => NAMES.path,
  'except[]': () => NAMES.path,
  'paths[]': () => NAMES.path,
  prefix: () => `${NAMES.folder}/`,
  'source.folder': () => NAMES.folder,
  folder: () => NAMES.folder,
  tag: () => NAMES.tag,
  owner: ({ group }) => group,
  id: ({ secret }) => secret,
  after: ({ secret }) => secret,
  cursor: ({ secret }) => encodeCursor(secret),
  'trash.list.cursor': ({ gone }) => encodePosition({ moment: 0, id: gone }),
  'secrets.expiring.cursor': ({ secret }) => encodePosition({ moment: 0, id: secret }),
  'secrets.due.cursor': ({ secret }) => encodePosition({ moment: 0, id: secret }),
  'groups.list.cursor': ({ group }) => encodeCursor(group),
  'roles.list.cursor': ({ role }) => encodeCursor(role),
  'access.list.cursor': ({ grant }) => encodeCursor(grant),
  'access.whoCan.cursor': ({ bot }) => encodeCursor(bot),
  change: ({ request }) => request,
  seq: ({ seq }) => seq,
  'secrets.accesses.before': ({ seq }) => seq + 1,
  'audit.query.before': ({ seq }) => seq + 1,
  actor: ({ bot }) => bot,
  'workspaces.delete.name': () => NAMES.workspace,
  'groups.describe.name': () => NAMES.group,
  'groups.add.name': () => NAMES.group,
  'groups.drop.name': () => NAMES.group,
  'groups.rename.name': () => NAMES.group,
  'groups.remove.name': () => NAMES.group,
  'roles.describe.name': () => NAMES.role,
  'roles.assign.name': () => NAMES.role,
  'roles.unassign.name': () => NAMES.role,
  'roles.rename.name': () => NAMES.role,
  'roles.remove.name': () => NAMES.role,
  'users.invite.name': ({ group }) => group,
  'users.rename.name': ({ group }) => group,
  'users.disable.name': ({ group }) => group,
  'users.enable.name': ({ group }) => group,
  'users.remove.name': ({ group }) => group,
  'machines.rename.name': ({ bot }) => bot,
  'machines.disable.name': ({ bot }) => bot,
  'machines.enable.name': ({ bot }) => bot,
  'machines.remove.name': ({ bot }) => bot,
  member: () => `group:${NAMES.group}`,
  subject: () => `group:${NAMES.group}`,
  'access[].subject': () => `group:${NAMES.group}`,
  'add[].subject': () => `group:${NAMES.group}`,
  pattern: () => `${NAMES.workspace}/${NAMES.environment}/**`,
  'add[].pattern': () => `${NAMES.workspace}/${NAMES.environment}/**`,
  grant: ({ grant }) => grant,
  'remove[]': ({ grant }) => grant,
  principal: () => `group:${NAMES.group}`,
  'cases[].principal': () => `group:${NAMES.group}`,
  resource: () => `${NAMES.workspace}/${NAMES.environment}/${NAMES.path}`,
  'cases[].resource': () => `${NAMES.workspace}/${NAMES.environment}/${NAMES.path}`,
  factor: ({ secret }) => secret,
  'tokens.revoke.token': ({ secret }) => secret,
  machine: ({ bot }) => bot,
  role: ({ bot }) => bot,
  'approle.update.name': ({ bot }) => bot,
  'trusts.renew.name': ({ bot }) => bot,
  'sso.update.name': ({ bot }) => bot,
  'groups[].group': () => NAMES.group,
  'groups[].workspace': () => NAMES.workspace,
  'methods.disable.name': ({ bot }) => bot,
  'methods.enable.name': ({ bot }) => bot,
  'methods.remove.name': ({ bot }) => bot,
  slot: ({ secret }) => secret,
  'confirm[].slot': ({ secret }) => secret,
  'renew[].slot': ({ secret }) => secret,
  'drop[]': ({ secret }) => secret,
  replaces: ({ secret }) => secret,
};

/** Parameters that name nothing that a workspace has: by name, or by operation and name. */
export const NAMELESS: ReadonlySet<string> = new Set(
  [
    // What is written, and how it is made.
    'value newValue candidate type typeIfNew tags[] addTags[] removeTags[] description usage',
    'metadata active expiresAt rotation generator references replace removeFields[] access[].can[]',
    'secrets[].path secrets[].value secrets[].type layout conditions can[] add[].effect',
    'add[].can[] add[].conditions',
    // A version is one of the secret beside it, of which stage and field are parts.
    'version toVersion versions[] stage field cas',
    // Times, bounds and switches.
    'at before since until within changedBefore changedAfter secrets.diff.from secrets.diff.to',
    'rotationIntervalDays daysAhead search offset ifMatch ifNoneMatch representation',
    'limit all delete due dryRun show expired automatic running reencrypt deep prove proof due',
    'keepDays keepLast evenKept wholeVault text action outcome capability cases[].capability',
    'cases[].expected circumstances.ip circumstances.userAgent circumstances.mfa circumstances.at',
    'cases[].circumstances.ip cases[].circumstances.userAgent cases[].circumstances.mfa',
    'cases[].circumstances.at',
    // Who signs in, with what, and what is asked for of a credential.
    'auth.signIn.name password current challenge device invite known carrier code everywhere',
    'label ttl uses cidr[] kind jwks crls sessionTtl secretIdTtl secretIdUses trust',
    'auth.signInAppRole.roleId auth.signInAppRole.secretId auth.signInJwt.method',
    'auth.signInJwt.token auth.signInCertificate.method approle.create.name trusts.create.name',
    // What browsers say of passkeys, which are of people.
    'credential.id credential.rawId credential.type credential.response.clientDataJSON',
    'credential.response.attestationObject credential.response.transports[]',
    'credential.response.authenticatorData credential.response.signature',
    'credential.response.userHandle',
    // Providers are of the whole vault, and named to whoever signs in.
    'sso.create.name issuer clientId clientSecret scopes[] algorithms[] nameClaim groupClaim',
    'groups[].value mfaAmr[] mfaAcr[] createsUsers port fresh state iss',
    'auth.beginSso.name auth.beginSsoLink.name',
    // What does not exist yet, or need not.
    'imports.create.folder imports.create.source.folder',
    'secrets.create.path secrets.write.path secrets.override.path',
    'to as workspaces.create.name environments.create.name users.create.name',
    'machines.create.name groups.create.name roles.create.name',
    // Settings are the same everywhere.
    'settings.read.name settings.write.name',
    // Parts of an export are counted, and its checkpoint is of the whole log.
    'audit.export.from audit.export.checkpoint',
    // Keys, and files of the machine.
    'file directory keys[] shares[] openers[] keep[] slot.kind slot.path slot.passphrase slot.kdf',
    'slot.key slot.threshold slot.shares confirm[].shares[] renew[].by',
    'backups.verify.id',
    // One of somebody else is told from none at all by nobody: test/http/events.test.ts.
    'events.open.lastEventId',
  ].flatMap((line) => line.split(' ')),
);

const ONLY_NARROWS = 'what it names is looked for among one’s own, and not found';
const ONLY_CONTINUES = 'one’s own things after that place are listed';
const ABOUT_ONESELF = 'whether one may is told to everybody, of any name';

/** What is answered all the same, and why; the answer then has nothing of theirs. */
export const ANSWERED: Readonly<Record<string, string>> = {
  'secrets.search.prefix': ONLY_NARROWS,
  'secrets.search.tag': ONLY_NARROWS,
  'secrets.search.owner': ONLY_NARROWS,
  'secrets.list.prefix': ONLY_NARROWS,
  'events.open.prefix': ONLY_NARROWS,
  'secrets.list.tag': ONLY_NARROWS,
  'secrets.rewind.prefix': ONLY_NARROWS,
  'environments.promote.prefix': ONLY_NARROWS,
  'audit.query.path': ONLY_NARROWS,
  'audit.query.environment': ONLY_NARROWS,
  'audit.query.workspace': ONLY_NARROWS,
  'audit.query.actor': ONLY_NARROWS,
  'secrets.accesses.before': ONLY_CONTINUES,
  'secrets.readMany.paths[]': 'that there is no such secret of one’s own is told of each by itself',
  'audit.query.before': ONLY_CONTINUES,
  'trash.list.cursor': ONLY_CONTINUES,
  'secrets.expiring.cursor': ONLY_CONTINUES,
  'secrets.due.cursor': ONLY_CONTINUES,
  'groups.list.cursor': ONLY_CONTINUES,
  'roles.list.cursor': ONLY_CONTINUES,
  'access.list.cursor': ONLY_CONTINUES,
  'access.whoCan.cursor': ONLY_CONTINUES,
  'backups.restoreParts.after': ONLY_CONTINUES,
  'access.explain.resource': ABOUT_ONESELF,
};

/** What is about one's own factors and credentials alone, of which whoever calls without one has none. */
export const OF_ONESELF: ReadonlySet<string> = new Set([
  'auth.confirmTotp',
  'auth.beginReauthentication',
  'auth.removeFactor',
  'auth.renewRecoveryCodes',
  'auth.signInAppRole',
  'auth.signInJwt',
  'auth.signInCertificate',
  'auth.beginSso',
  'auth.finishSso',
  'auth.beginSsoLink',
  'auth.finishSsoLink',
  'tokens.revoke',
]);

/** What a list of an input has in it where the input of an operation has no such list. */
export const ELEMENTS: Readonly<Record<string, object>> = {
  access: { subject: `user:${CALLER}`, can: ['list'] },
  add: { subject: `user:${CALLER}`, effect: 'deny', can: ['list'], pattern: 'ours/testing/a' },
  confirm: { slot: 'shamir', shares: [] },
  renew: { slot: 'shamir', by: { kind: 'recovery' } },
};
