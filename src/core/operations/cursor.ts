import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { uuidBytes, uuidText } from '../../lib/ids.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { Call, Requirement } from '../operation.ts';
import { workspaceOf } from './schema.ts';

const ID_BYTES = 16;

/** A list of secrets of a workspace, or of one of its environments. */
export interface ListPlace {
  readonly workspace?: string | undefined;
  /** Default: all environments of the workspace, in their order. */
  readonly environment?: string | undefined;
}

/** How many secrets one page of a list has if nobody says, and at most. */
export const PAGE_LIMIT = { byDefault: 100, max: 1000 } as const;

/** How many secrets one call of a list looks at. */
export const LOOKS_MAX = 5000;

/** The right to list anything there; what is not to be listed is passed over one by one. */
export function requiresToList(input: ListPlace): readonly Requirement[] {
  const { environment } = input;
  const resource = [workspaceOf(input), ...(environment === undefined ? [] : [environment])];
  return [{ capability: 'list', resource, reach: 'under' }];
}

/** The environments of a list, and who decides what is in it. */
export function listScope(
  call: Call,
  input: ListPlace,
): {
  readonly environments: readonly Environment[];
  readonly mayList: (environment: Environment, path: string) => boolean;
} {
  const workspace = call.directory.workspace(workspaceOf(input));
  const environments =
    input.environment === undefined
      ? call.directory.environments(workspace)
      : [call.directory.environment(workspace.name, input.environment)];
  return {
    environments,
    mayList: (environment, path) =>
      call.may('list', [workspace.name, environment.name, ...path.split('/')]),
  };
}

/** A cursor holds an id: a path might be one that the caller may not know. */
export function encodeCursor(id: string | undefined): string | undefined {
  return id === undefined ? undefined : toBase64Url(uuidBytes(id));
}

/**
 * The id in a cursor.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function decodeCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const bytes = fromBase64Url(cursor);
  if (bytes?.length === ID_BYTES) return uuidText(bytes);
  throw new StrongroomError('invalid_input', 'the cursor is not one of ours');
}
