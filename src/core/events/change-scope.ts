import { StrongroomError } from '../../errors.ts';
import { FIRST_WORKSPACE } from '../../domain/workspaces/names.ts';
import type { Directory, Environment, Workspace } from '../../domain/workspaces/directory.ts';
import type { Requirement } from '../operation.ts';
import type { Change } from './change.ts';

/** Which changes somebody wants to be told of. */
export interface ChangeFilter {
  /** Default: all, or `default` with an environment. */
  readonly workspace?: string | undefined;
  /** This one, and what it has from others. */
  readonly environment?: string | undefined;
  /** Paths that begin with this, such as `payments/`; in what it has from others, those that come to stand there. */
  readonly prefix?: string | undefined;
}

/** A part of an environment. */
interface Part {
  readonly environmentId: string;
  readonly prefix: string;
}

/** More than this no environment has from others; what would be beyond it counts whole. */
const PARTS_MAX = 1000;

/** A filter by the ids of what it names, as of one epoch. */
export class ChangeScope {
  /** `undefined`: all. */
  readonly #workspaceId: string | undefined;
  /** `undefined`: any environment of the workspace. */
  readonly #parts: ReadonlyMap<string, readonly string[]> | undefined;
  readonly #prefix: string;

  /** @throws {@link StrongroomError} `workspace_not_found`, `environment_not_found`. */
  constructor(directory: Directory, filter: ChangeFilter) {
    const workspace = workspaceIn(directory, filter);
    this.#workspaceId = workspace?.id;
    this.#prefix = filter.prefix ?? '';
    if (workspace === undefined || filter.environment === undefined) return;
    const environment = directory.environment(workspace.name, filter.environment);
    this.#parts = partsOf(directory, environment, this.#prefix);
  }

  /** Whether a change is asked for; whether it may be told is another question. */
  has({ workspaceId, environmentId, path }: Change): boolean {
    if (this.#parts !== undefined) {
      const prefixes = this.#parts.get(environmentId) ?? [];
      return prefixes.some((prefix) => path === undefined || path.startsWith(prefix));
    }
    if (this.#workspaceId !== undefined && this.#workspaceId !== workspaceId) return false;
    return path === undefined || path.startsWith(this.#prefix);
  }
}

/** The right without which there is nothing to be told; each change is asked for besides. */
export function requiresToFollow(filter: ChangeFilter): readonly Requirement[] {
  const workspace = workspaceNameOf(filter);
  if (workspace === undefined) return [];
  const { environment } = filter;
  const resource = environment === undefined ? [workspace] : [workspace, environment];
  return [{ capability: 'list', resource, reach: 'under' }];
}

/** The workspace that a filter names, or means. */
export function workspaceNameOf({ workspace, environment }: ChangeFilter): string | undefined {
  return workspace ?? (environment === undefined ? undefined : FIRST_WORKSPACE);
}

function workspaceIn(directory: Directory, filter: ChangeFilter): Workspace | undefined {
  const name = workspaceNameOf(filter);
  return name === undefined ? undefined : directory.workspace(name);
}

/** The parts of environments from which something comes to be in an environment, however far. */
function partsOf(
  directory: Directory,
  environment: Environment,
  prefix: string,
): ReadonlyMap<string, readonly string[]> {
  const found: Part[] = [];
  const seen = new Set<string>();
  const waiting: Part[] = [{ environmentId: environment.id, prefix }];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    const key = `${part.environmentId} ${part.prefix}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const isTooMany = found.length >= PARTS_MAX;
    found.push(isTooMany ? { ...part, prefix: '' } : part);
    const source = directory.environmentById(part.environmentId);
    if (source === undefined || isTooMany) continue;
    for (const row of directory.imports(source)) {
      const through = prefixThrough(row.folder, row.source_folder, part.prefix);
      if (through === undefined) continue;
      waiting.push({ environmentId: row.source_environment_id, prefix: through });
    }
  }
  const byId = Map.groupBy(found, ({ environmentId }) => environmentId);
  return new Map([...byId].map(([id, parts]) => [id, parts.map((part) => part.prefix)]));
}

/** What paths at the source begin with that come to stand under a prefix. */
function prefixThrough(folder: string, sourceFolder: string, prefix: string): string | undefined {
  if (prefix.startsWith(folder)) return sourceFolder + prefix.slice(folder.length);
  return folder.startsWith(prefix) ? sourceFolder : undefined;
}

/** Whether an error says that what a filter names is not there any more. */
export function isGone(error: unknown): boolean {
  if (!(error instanceof StrongroomError)) return false;
  return error.code === 'workspace_not_found' || error.code === 'environment_not_found';
}
