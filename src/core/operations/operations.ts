import type { Operation } from '../operation.ts';
import {
  auditKey,
  checkpointAudit,
  exportAudit,
  proveAudit,
  queryAudit,
  verifyAudit,
} from './audit.ts';
import { describeSecret, secretHistory } from './describe-secret.ts';
import { importSecrets, readLayout } from './import-secrets.ts';
import { listSecrets } from './list-secrets.ts';
import { readHealth } from './read-health.ts';
import { readSecret } from './read-secret.ts';
import { deleteSecret, undeleteSecret } from './trash-secret.ts';
import {
  createEnvironment,
  createWorkspace,
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
    readonly list: typeof listSecrets;
    readonly history: typeof secretHistory;
    readonly describe: typeof describeSecret;
    readonly import: typeof importSecrets;
  };
  readonly layouts: { readonly read: typeof readLayout };
  readonly workspaces: {
    readonly create: typeof createWorkspace;
    readonly list: typeof listWorkspaces;
  };
  readonly environments: {
    readonly create: typeof createEnvironment;
    readonly list: typeof listEnvironments;
  };
  readonly audit: {
    readonly query: typeof queryAudit;
    readonly export: typeof exportAudit;
    readonly verify: typeof verifyAudit;
    readonly proof: typeof proveAudit;
    readonly checkpoint: typeof checkpointAudit;
    readonly key: typeof auditKey;
  };
  readonly health: { readonly read: typeof readHealth };
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
    list: listSecrets,
    history: secretHistory,
    describe: describeSecret,
    import: importSecrets,
  },
  layouts: { read: readLayout },
  workspaces: { create: createWorkspace, list: listWorkspaces },
  environments: { create: createEnvironment, list: listEnvironments },
  audit: {
    query: queryAudit,
    export: exportAudit,
    verify: verifyAudit,
    proof: proveAudit,
    checkpoint: checkpointAudit,
    key: auditKey,
  },
  health: { read: readHealth },
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
