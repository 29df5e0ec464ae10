import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { uuidBytes, uuidText } from '../../lib/ids.ts';
import type { MomentPosition } from '../../domain/secrets/list-by-moment.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { Call, Requirement } from '../operation.ts';
import { workspaceOf } from './schema.ts';

const ID_BYTES = 16;
/** Milliseconds since 1970, or before, and an id. */
const POSITION = /^(-?\d{1,16})\.([\w-]{22})$/;

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
  const id = idOf(cursor);
  if (id !== undefined) return id;
  throw notOurs();
}

/** The cursor of a list by a moment. */
export function encodePosition(position: MomentPosition | undefined): string | undefined {
  return position && `${position.moment}.${toBase64Url(uuidBytes(position.id))}`;
}

/**
 * The position in a cursor of a list by a moment.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function decodePosition(cursor: string | undefined): MomentPosition | undefined {
  if (cursor === undefined) return undefined;
  const [, moment, text = ''] = POSITION.exec(cursor) ?? [];
  const id = idOf(text);
  if (id !== undefined) return { moment: Number(moment), id };
  throw notOurs();
}

function idOf(text: string): string | undefined {
  const bytes = fromBase64Url(text);
  return bytes?.length === ID_BYTES ? uuidText(bytes) : undefined;
}

function notOurs(): StrongroomError {
  return new StrongroomError('invalid_input', 'the cursor is not one of ours');
}
