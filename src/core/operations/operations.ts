import type { Operation } from '../operation.ts';
import { explainAccess, testAccess, whoCan } from './access-explain.ts';
import { replayAccess } from './access-replay.ts';
import { denyAccess, grantAccess, listAccess, revokeAccess } from './access-rules.ts';
import {
  auditKey,
  checkpointAudit,
  exportAudit,
  proveAudit,
  queryAudit,
  verifyAudit,
} from './audit.ts';
import { createBackup, backupKey, listBackups } from './create-backup.ts';
import { pruneAudit } from './prune-audit.ts';
import { pruneBackups, runScheduledBackup, verifyBackup } from './keep-backups.ts';
import { restoreParts } from './restore-parts.ts';
import { generateFernet } from './generate-fernet.ts';
import { readLayout } from './read-layout.ts';
import { createImport, deleteImport, listImports } from './inherit.ts';
import { listJobs } from './jobs.ts';
import { keyHealth } from './key-health.ts';
import { keyStatus } from './key-status.ts';
import { retireKeys, rewrapKeys, rotateDueKeys, rotateKey } from './keys.ts';
import { openEvents } from './open-events.ts';
import { promoteEnvironment } from './promote.ts';
import { listOverrides } from './overrides.ts';
import { machines, users, type PrincipalOperations } from './principals.ts';
import { readHealth } from './read-health.ts';
import { readMetrics } from './read-metrics.ts';
import { sealVault } from './seal-vault.ts';
import { beginRoot, rotateRoot } from './root-key.ts';
import { addSlot, confirmSlot, drill, listSlots, removeSlotOperation } from './slots.ts';
import { environmentNames, resolveEnvironment } from './resolve-environment.ts';
import { groups, roles } from './sets.ts';
import { listTrash, purgeTrash } from './trash.ts';
import { runJobs } from './run-jobs.ts';
import { readSettings, writeSettings } from './settings.ts';
import { inviteUser } from './invites.ts';
import {
  createEnvironment,
  createWorkspace,
  deleteWorkspace,
  listEnvironments,
  listWorkspaces,
} from './workspaces.ts';
import { credentialOperations, type CredentialOperations } from './credential-operations.ts';
import { secretOperations, type SecretOperations } from './secret-operations.ts';

/** Everything that Strongroom can do, by group. */
export interface Operations extends CredentialOperations {
  readonly secrets: SecretOperations;
  readonly overrides: { readonly list: typeof listOverrides };
  readonly imports: {
    readonly create: typeof createImport;
    readonly list: typeof listImports;
    readonly delete: typeof deleteImport;
  };
  readonly trash: { readonly list: typeof listTrash; readonly purge: typeof purgeTrash };
  readonly layouts: { readonly read: typeof readLayout };
  readonly workspaces: {
    readonly create: typeof createWorkspace;
    readonly delete: typeof deleteWorkspace;
    readonly list: typeof listWorkspaces;
  };
  readonly environments: {
    readonly create: typeof createEnvironment;
    readonly list: typeof listEnvironments;
    readonly promote: typeof promoteEnvironment;
    readonly resolve: typeof resolveEnvironment;
    readonly names: typeof environmentNames;
  };
  readonly audit: {
    readonly query: typeof queryAudit;
    readonly export: typeof exportAudit;
    readonly verify: typeof verifyAudit;
    readonly prune: typeof pruneAudit;
    readonly proof: typeof proveAudit;
    readonly checkpoint: typeof checkpointAudit;
    readonly key: typeof auditKey;
  };
  readonly keys: {
    readonly status: typeof keyStatus;
    readonly health: typeof keyHealth;
    readonly generateFernet: typeof generateFernet;
    readonly rotate: typeof rotateKey;
    readonly rotateDue: typeof rotateDueKeys;
    readonly rewrap: typeof rewrapKeys;
    readonly retire: typeof retireKeys;
    readonly beginRoot: typeof beginRoot;
    readonly rotateRoot: typeof rotateRoot;
    readonly drill: typeof drill;
  };
  readonly slots: {
    readonly list: typeof listSlots;
    readonly add: typeof addSlot;
    readonly confirm: typeof confirmSlot;
    readonly remove: typeof removeSlotOperation;
  };
  readonly jobs: { readonly list: typeof listJobs; readonly run: typeof runJobs };
  readonly backups: {
    readonly create: typeof createBackup;
    readonly list: typeof listBackups;
    readonly verify: typeof verifyBackup;
    readonly prune: typeof pruneBackups;
    readonly key: typeof backupKey;
    readonly runScheduled: typeof runScheduledBackup;
    readonly restoreParts: typeof restoreParts;
  };
  readonly users: PrincipalOperations & { readonly invite: typeof inviteUser };
  readonly machines: PrincipalOperations;
  readonly groups: {
    readonly create: typeof groups.create;
    readonly list: typeof groups.list;
    readonly describe: typeof groups.describe;
    readonly rename: typeof groups.rename;
    readonly remove: typeof groups.remove;
    readonly add: typeof groups.join;
    readonly drop: typeof groups.leave;
  };
  readonly roles: {
    readonly create: typeof roles.create;
    readonly list: typeof roles.list;
    readonly describe: typeof roles.describe;
    readonly rename: typeof roles.rename;
    readonly remove: typeof roles.remove;
    readonly assign: typeof roles.join;
    readonly unassign: typeof roles.leave;
  };
  readonly access: {
    readonly grant: typeof grantAccess;
    readonly deny: typeof denyAccess;
    readonly revoke: typeof revokeAccess;
    readonly list: typeof listAccess;
    readonly explain: typeof explainAccess;
    readonly whoCan: typeof whoCan;
    readonly test: typeof testAccess;
    readonly replay: typeof replayAccess;
  };
  readonly health: { readonly read: typeof readHealth };
  readonly metrics: { readonly read: typeof readMetrics };
  readonly vault: { readonly seal: typeof sealVault };
  readonly events: { readonly open: typeof openEvents };
  readonly settings: {
    readonly read: typeof readSettings;
    readonly write: typeof writeSettings;
  };
}

/** The registry: each operation stands here once, under its name. */
export const operations: Operations = {
  ...credentialOperations,
  secrets: secretOperations,
  overrides: { list: listOverrides },
  imports: { create: createImport, list: listImports, delete: deleteImport },
  trash: { list: listTrash, purge: purgeTrash },
  layouts: { read: readLayout },
  workspaces: { create: createWorkspace, delete: deleteWorkspace, list: listWorkspaces },
  environments: {
    create: createEnvironment,
    list: listEnvironments,
    promote: promoteEnvironment,
    resolve: resolveEnvironment,
    names: environmentNames,
  },
  audit: {
    query: queryAudit,
    export: exportAudit,
    verify: verifyAudit,
    prune: pruneAudit,
    proof: proveAudit,
    checkpoint: checkpointAudit,
    key: auditKey,
  },
  keys: {
    status: keyStatus,
    health: keyHealth,
    generateFernet,
    rotate: rotateKey,
    rotateDue: rotateDueKeys,
    rewrap: rewrapKeys,
    retire: retireKeys,
    beginRoot,
    rotateRoot,
    drill,
  },
  slots: { list: listSlots, add: addSlot, confirm: confirmSlot, remove: removeSlotOperation },
  jobs: { list: listJobs, run: runJobs },
  backups: {
    create: createBackup,
    list: listBackups,
    verify: verifyBackup,
    prune: pruneBackups,
    key: backupKey,
    runScheduled: runScheduledBackup,
    restoreParts,
  },
  users: { ...users, invite: inviteUser },
  machines,
  groups: {
    create: groups.create,
    list: groups.list,
    describe: groups.describe,
    rename: groups.rename,
    remove: groups.remove,
    add: groups.join,
    drop: groups.leave,
  },
  roles: {
    create: roles.create,
    list: roles.list,
    describe: roles.describe,
    rename: roles.rename,
    remove: roles.remove,
    assign: roles.join,
    unassign: roles.leave,
  },
  access: {
    grant: grantAccess,
    deny: denyAccess,
    revoke: revokeAccess,
    list: listAccess,
    explain: explainAccess,
    whoCan,
    test: testAccess,
    replay: replayAccess,
  },
  health: { read: readHealth },
  metrics: { read: readMetrics },
  vault: { seal: sealVault },
  events: { open: openEvents },
  settings: { read: readSettings, write: writeSettings },
};

type InputOf<O> = O extends Operation<infer I, unknown, infer _> ? I : never;
type OutputOf<O> = O extends { readonly apply: (...args: never[]) => Promise<infer R> } ? R : never;

/** The operations as methods of a caller: input in, answer out. */
export type Methods<Options> = {
  readonly [G in keyof Operations]: {
    readonly [M in keyof Operations[G]]: Record<string, never> extends InputOf<Operations[G][M]>
      ? (
          input?: InputOf<Operations[G][M]>,
          options?: Options,
        ) => Promise<OutputOf<Operations[G][M]>>
      : (
          input: InputOf<Operations[G][M]>,
          options?: Options,
        ) => Promise<OutputOf<Operations[G][M]>>;
  };
};
