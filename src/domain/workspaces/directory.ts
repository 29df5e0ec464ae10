import { StrongroomError } from '../../errors.ts';
import { ENVIRONMENTS, WORKSPACES } from '../../store/protected-tables.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { statement } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';

/** An environment and the workspace that it is in. */
export interface Environment {
  readonly id: string;
  readonly name: string;
  readonly position: number;
  readonly isProtected: boolean;
  readonly workspace: Workspace;
}

/** A workspace; its environments are in the directory. */
export interface Workspace {
  readonly id: string;
  readonly name: string;
}

// Sorted here: sorted by the database, a row that an index leaves out would be missed.
const allWorkspaces = statement((db) => db.selectFrom('workspaces').selectAll());

const allEnvironments = statement((db) => db.selectFrom('environments').selectAll());

/** Every workspace and environment by name, as of one epoch. */
export class Directory {
  readonly #workspaces: ReadonlyMap<string, Workspace>;
  readonly #environments: ReadonlyMap<string, readonly Environment[]>;

  private constructor(
    workspaces: ReadonlyMap<string, Workspace>,
    environments: ReadonlyMap<string, readonly Environment[]>,
  ) {
    this.#workspaces = workspaces;
    this.#environments = environments;
  }

  /** Reads and checks all rows. */
  static async load(transaction: Transaction, mac: RowMac): Promise<Directory> {
    const workspaces = new Map<string, Workspace>();
    const byId = new Map<string, Workspace>();
    const environments = new Map<string, Environment[]>();
    const workspaceRows = await transaction.all(allWorkspaces, {});
    for (const row of workspaceRows.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      mac.check(WORKSPACES, row);
      const workspace = { id: row.id, name: row.name };
      workspaces.set(row.name, workspace);
      byId.set(row.id, workspace);
      environments.set(row.id, []);
    }
    const environmentRows = await transaction.all(allEnvironments, {});
    for (const row of environmentRows.toSorted((a, b) => a.position - b.position)) {
      mac.check(ENVIRONMENTS, row);
      const workspace = byId.get(row.workspace_id);
      if (workspace === undefined) continue;
      environments.get(workspace.id)?.push({
        id: row.id,
        name: row.name,
        position: row.position,
        isProtected: row.protected === 1,
        workspace,
      });
    }
    return new Directory(workspaces, environments);
  }

  /** All workspaces by name. */
  workspaces(): readonly Workspace[] {
    return [...this.#workspaces.values()];
  }

  /** A workspace by name, if there is one. */
  findWorkspace(name: string): Workspace | undefined {
    return this.#workspaces.get(name);
  }

  /**
   * A workspace by name.
   *
   * @throws {@link StrongroomError} `workspace_not_found`.
   */
  workspace(name: string): Workspace {
    const workspace = this.#workspaces.get(name);
    if (workspace === undefined) {
      throw new StrongroomError('workspace_not_found', `there is no workspace ${name}`, {
        details: { workspace: name },
        hint: 'see `strongroom workspace list`',
      });
    }
    return workspace;
  }

  /** A workspace's environments in their order. */
  environments(workspace: Workspace): readonly Environment[] {
    return this.#environments.get(workspace.id) ?? [];
  }

  /**
   * An environment by name.
   *
   * @throws {@link StrongroomError} `workspace_not_found`, `environment_not_found`.
   */
  environment(workspaceName: string, name: string): Environment {
    const workspace = this.workspace(workspaceName);
    const found = this.environments(workspace).find((environment) => environment.name === name);
    if (found === undefined) {
      throw new StrongroomError('environment_not_found', `there is no environment ${name}`, {
        details: { workspace: workspaceName, environment: name },
        hint: 'see `strongroom environment list`, or make it with `strongroom environment create`',
      });
    }
    return found;
  }
}
