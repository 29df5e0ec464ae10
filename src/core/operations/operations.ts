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
import { pruneBackups, runScheduledBackup, verifyBackup } from './keep-backups.ts';
import { restoreParts } from './restore-parts.ts';
import { describeSecret, secretHistory } from './describe-secret.ts';
import { diffSecrets } from './diff-secrets.ts';
import { dueSecrets } from './due-secrets.ts';
import { generateValue } from './generate-value.ts';
import { importSecrets, readLayout } from './import-secrets.ts';
import { createImport, deleteImport, listImports } from './inherit.ts';
import { listJobs } from './jobs.ts';
import { keyStatus } from './key-status.ts';
import { retireKeys, rewrapKeys, rotateDueKeys, rotateKey } from './keys.ts';
import { destroySecret } from './destroy-secret.ts';
import { listSecrets } from './list-secrets.ts';
import { copySecrets, moveSecret, renameSecret } from './place-secret.ts';
import { promoteEnvironment } from './promote.ts';
import { listOverrides, overrideSecret, removeOverride } from './overrides.ts';
import { machines, users, type PrincipalOperations } from './principals.ts';
import { readHealth } from './read-health.ts';
import { readSecret } from './read-secret.ts';
import { beginRoot, rotateRoot } from './root-key.ts';
import { addSlot, confirmSlot, drill, listSlots, removeSlotOperation } from './slots.ts';
import { environmentNames, resolveEnvironment } from './resolve-environment.ts';
import { resolveSecret } from './resolve-secret.ts';
import { expiringSecrets, searchSecrets } from './search-secrets.ts';
import { secretStatistics } from './statistics.ts';
import { groups, roles } from './sets.ts';
import { deleteSecret, undeleteSecret } from './trash-secret.ts';
import { listTrash, purgeTrash } from './trash.ts';
import { verifyChecksums } from './verify-checksums.ts';
import { verifySecret } from './verify-secret.ts';
import { retirePreviousVersion, rollBackSecret, rotateSecret } from './rotate-secret.ts';
import { runJobs } from './run-jobs.ts';
import { readSettings, writeSettings } from './settings.ts';
import { rewindSecrets, undoChange } from './undo-change.ts';
import {
  createEnvironment,
  createWorkspace,
  deleteWorkspace,
  listEnvironments,
  listWorkspaces,
} from './workspaces.ts';
import { createSecret, updateSecret, writeSecret } from './write-secret.ts';

/** Everything that Strongroom can do, by group. */
export interface Operations {
  readonly secrets: {
    readonly create: typeof createSecret;
    readonly read: typeof readSecret;
    readonly update: typeof updateSecret;
    readonly write: typeof writeSecret;
    readonly delete: typeof deleteSecret;
    readonly undelete: typeof undeleteSecret;
    readonly destroy: typeof destroySecret;
    readonly verify: typeof verifySecret;
    readonly verifyChecksums: typeof verifyChecksums;
    readonly search: typeof searchSecrets;
    readonly expiring: typeof expiringSecrets;
    readonly statistics: typeof secretStatistics;
    readonly list: typeof listSecrets;
    readonly history: typeof secretHistory;
    readonly describe: typeof describeSecret;
    readonly import: typeof importSecrets;
    readonly rename: typeof renameSecret;
    readonly move: typeof moveSecret;
    readonly copy: typeof copySecrets;
    readonly diff: typeof diffSecrets;
    readonly undo: typeof undoChange;
    readonly rewind: typeof rewindSecrets;
    readonly generate: typeof generateValue;
    readonly rotate: typeof rotateSecret;
    readonly rollback: typeof rollBackSecret;
    readonly retire: typeof retirePreviousVersion;
    readonly due: typeof dueSecrets;
    readonly resolve: typeof resolveSecret;
    readonly override: typeof overrideSecret;
    readonly removeOverride: typeof removeOverride;
  };
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
    readonly proof: typeof proveAudit;
    readonly checkpoint: typeof checkpointAudit;
    readonly key: typeof auditKey;
  };
  readonly keys: {
    readonly status: typeof keyStatus;
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
  readonly users: PrincipalOperations;
  readonly machines: PrincipalOperations;
  readonly groups: {
    readonly create: typeof groups.create;
    readonly list: typeof groups.list;
    readonly describe: typeof groups.describe;
    readonly remove: typeof groups.remove;
    readonly add: typeof groups.join;
    readonly drop: typeof groups.leave;
  };
  readonly roles: {
    readonly create: typeof roles.create;
    readonly list: typeof roles.list;
    readonly describe: typeof roles.describe;
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
  readonly settings: {
    readonly read: typeof readSettings;
    readonly write: typeof writeSettings;
  };
}

/** The registry: each operation stands here once, under its name. */
export const operations: Operations = {
  secrets: {
    create: createSecret,
    read: readSecret,
    update: updateSecret,
    write: writeSecret,
    delete: deleteSecret,
    undelete: undeleteSecret,
    destroy: destroySecret,
    verify: verifySecret,
    verifyChecksums,
    search: searchSecrets,
    expiring: expiringSecrets,
    statistics: secretStatistics,
    list: listSecrets,
    history: secretHistory,
    describe: describeSecret,
    import: importSecrets,
    rename: renameSecret,
    move: moveSecret,
    copy: copySecrets,
    diff: diffSecrets,
    undo: undoChange,
    rewind: rewindSecrets,
    generate: generateValue,
    rotate: rotateSecret,
    rollback: rollBackSecret,
    retire: retirePreviousVersion,
    due: dueSecrets,
    resolve: resolveSecret,
    override: overrideSecret,
    removeOverride,
  },
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
    proof: proveAudit,
    checkpoint: checkpointAudit,
    key: auditKey,
  },
  keys: {
    status: keyStatus,
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
  users,
  machines,
  groups: {
    create: groups.create,
    list: groups.list,
    describe: groups.describe,
    remove: groups.remove,
    add: groups.join,
    drop: groups.leave,
  },
  roles: {
    create: roles.create,
    list: roles.list,
    describe: roles.describe,
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
