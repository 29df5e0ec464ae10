import { StrongroomError } from '../../errors.ts';
import type { CheckedRows } from '../../store/integrity.ts';
import type { ImportRow } from '../../store/tables.ts';
import { groupImports } from './imports.ts';

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

/** The rows that a directory is made from. */
export type DirectoryRows = Pick<CheckedRows, 'workspaces' | 'environments' | 'imports'>;

/** What is said of a workspace that there is not, and of one that whoever asks may know nothing of. */
export function workspaceNotFound(named: string): StrongroomError {
  return new StrongroomError('workspace_not_found', `there is no workspace ${named}`, {
    details: { workspace: named },
    hint: 'see `strongroom workspace list`; it has only those that you may see',
  });
}

/** Every workspace, environment and import, as of one epoch. */
export class Directory {
  readonly #workspaces: ReadonlyMap<string, Workspace>;
  readonly #workspacesById: ReadonlyMap<string, Workspace>;
  readonly #environments: ReadonlyMap<string, readonly Environment[]>;
  readonly #byId: ReadonlyMap<string, Environment>;
  readonly #imports: ReadonlyMap<string, readonly ImportRow[]>;

  private constructor(
    workspaces: ReadonlyMap<string, Workspace>,
    environments: ReadonlyMap<string, readonly Environment[]>,
    imports: ReadonlyMap<string, readonly ImportRow[]>,
  ) {
    this.#workspaces = workspaces;
    this.#workspacesById = new Map([...workspaces.values()].map((each) => [each.id, each]));
    this.#environments = environments;
    this.#byId = new Map([...environments.values()].flat().map((each) => [each.id, each]));
    this.#imports = imports;
  }

  /** Made from all rows, which were checked. */
  static from(rows: DirectoryRows): Directory {
    const workspaces = new Map<string, Workspace>();
    const byId = new Map<string, Workspace>();
    const environments = new Map<string, Environment[]>();
    for (const row of rows.workspaces.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const workspace = { id: row.id, name: row.name };
      workspaces.set(row.name, workspace);
      byId.set(row.id, workspace);
      environments.set(row.id, []);
    }
    for (const row of rows.environments.toSorted((a, b) => a.position - b.position)) {
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
    return new Directory(workspaces, environments, groupImports(rows.imports));
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
    if (workspace === undefined) throw workspaceNotFound(name);
    return workspace;
  }

  /** A workspace by id, if there is one. */
  workspaceById(id: string): Workspace | undefined {
    return this.#workspacesById.get(id);
  }

  /** An environment by id, if there is one. */
  environmentById(id: string): Environment | undefined {
    return this.#byId.get(id);
  }

  /** What an environment has what it lacks from; those that win come first. */
  imports(environment: Environment): readonly ImportRow[] {
    return this.#imports.get(environment.id) ?? [];
  }

  /** Id of the workspace that a resource is of: its first segment's, or the third's under `sys`. */
  workspaceIdOf(resource: readonly string[]): string | null {
    const name = resource[0] === 'sys' ? resource[2] : resource[0];
    return (name === undefined ? undefined : this.findWorkspace(name)?.id) ?? null;
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
