import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { IMPORTS } from '../../store/protected-tables.ts';
import { insertRow, removeRow } from '../../store/rows.ts';
import type { ImportRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Directory, Environment } from './directory.ts';

/** An environment, or a folder of it: empty for all, or ending with `/`. */
export interface Folder {
  readonly environment: Environment;
  readonly folder: string;
}

const ENVIRONMENT_IMPORTS_MAX = 64;

/** Every import by the id of the environment that imports; those that win come first. */
export function groupImports(
  rows: readonly ImportRow[],
): ReadonlyMap<string, readonly ImportRow[]> {
  return Map.groupBy(
    rows.toSorted((a, b) => b.position - a.position),
    (row) => row.environment_id,
  );
}

/**
 * Lets one environment or folder have what it lacks from another. Of several
 * imports the one that was made last wins.
 *
 * @throws {@link StrongroomError} `import_exists`; `import_cycle` naming the environments on the
 * way; `invalid_input` beyond 64 imports of one environment.
 */
export async function createImport(
  work: Work,
  directory: Directory,
  { target, source }: { readonly target: Folder; readonly source: Folder },
): Promise<ImportRow> {
  const present = directory.imports(target.environment);
  if (findImport(directory, target, source) !== undefined) {
    throw new StrongroomError(
      'import_exists',
      `${nameOf(target)} has what it lacks from ${nameOf(source)} already`,
    );
  }
  if (present.length >= ENVIRONMENT_IMPORTS_MAX) {
    throw new StrongroomError(
      'invalid_input',
      `an environment has at most ${ENVIRONMENT_IMPORTS_MAX} imports`,
    );
  }
  requireNoCycle(directory, target.environment, source.environment);
  return insertRow(work.transaction, work.mac, IMPORTS, {
    id: uuidv7(),
    workspace_id: target.environment.workspace.id,
    environment_id: target.environment.id,
    folder: target.folder,
    source_environment_id: source.environment.id,
    source_folder: source.folder,
    position: (present[0]?.position ?? 0) + 1,
    created_at: work.now,
    created_by: work.actor,
  });
}

/**
 * Takes an import away.
 *
 * @throws {@link StrongroomError} `import_not_found`.
 */
export async function removeImport(
  work: Work,
  directory: Directory,
  { target, source }: { readonly target: Folder; readonly source: Folder },
): Promise<ImportRow> {
  const row = findImport(directory, target, source);
  if (row === undefined) throw importNotFound(target, nameOf(source));
  await removeRow(work.transaction, work.mac, IMPORTS, row);
  return row;
}

/** What is said where an environment or folder has nothing from a place, be there that place or not. */
export function importNotFound(target: Folder, source: string): StrongroomError {
  return new StrongroomError('import_not_found', `${nameOf(target)} has nothing from ${source}`, {
    hint: `see \`strongroom inherit list -e ${target.environment.name}\``,
  });
}

/** Where a path of the importing environment is looked for at the source, if the import covers it. */
export function throughImport(
  { folder, source_folder: sourceFolder }: Pick<ImportRow, 'folder' | 'source_folder'>,
  path: string,
): string | undefined {
  if (!path.startsWith(folder)) return undefined;
  return `${sourceFolder}${path.slice(folder.length)}`;
}

/** A folder as people name it. */
export function nameOf({ environment, folder }: Folder): string {
  const name = `${environment.workspace.name}/${environment.name}`;
  return folder === '' ? name : `${name}/${folder}`;
}

function findImport(directory: Directory, target: Folder, source: Folder): ImportRow | undefined {
  return directory
    .imports(target.environment)
    .find(
      (row) =>
        row.folder === target.folder &&
        row.source_environment_id === source.environment.id &&
        row.source_folder === source.folder,
    );
}

/** Breadth first, so that the shortest way back is the one that is named. */
function requireNoCycle(directory: Directory, target: Environment, source: Environment): void {
  const ways: (readonly Environment[])[] = [[source]];
  const seen = new Set<string>();
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const last = way.at(-1);
    if (last === undefined || seen.has(last.id)) continue;
    seen.add(last.id);
    if (last.id === target.id) throw importCycle([target, ...way]);
    for (const row of directory.imports(last)) {
      const next = directory.environmentById(row.source_environment_id);
      if (next !== undefined) ways.push([...way, next]);
    }
  }
}

function importCycle(way: readonly Environment[]): StrongroomError {
  const names = way.map((environment) => nameOf({ environment, folder: '' }));
  const isItself = names.length === 2;
  return new StrongroomError(
    'import_cycle',
    isItself
      ? 'an environment cannot have what it lacks from itself'
      : `the environments would have what they lack from each other: ${names.join(' → ')}`,
    { details: { environments: names }, hint: 'move what both need to an environment of its own' },
  );
}
