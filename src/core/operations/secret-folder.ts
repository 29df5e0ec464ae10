import { z } from 'zod';

import type { Capability } from '../../domain/access/capability.ts';
import { requireSecret } from '../../domain/secrets/find.ts';
import { pathFault } from '../../domain/secrets/path.ts';
import { secretsUnder } from '../../domain/secrets/rows-under.ts';
import { StrongroomError } from '../../errors.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Requirement } from '../operation.ts';

/** A secret's path, or with `/` at its end a folder: every secret whose path begins so. */
export const pathOrFolder: z.ZodType<string> = z
  .string()
  .superRefine((text, context) => {
    const fault = pathFault(isFolder(text) ? text.slice(0, -1) : text);
    if (fault !== undefined) context.addIssue({ code: 'custom', params: { fault } });
  })
  .meta({ pattern: '^[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,15}/?$', maxLength: 256 });

/** What paths begin with, such as `payments/`. */
export const prefix: z.ZodType<string | undefined> = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9._/-]*$/, 'takes the beginning of a path, such as db/')
  .optional();

/** Whether a text names a folder. */
export function isFolder(path: string): boolean {
  return path.endsWith('/');
}

/** The right to something at a path, or somewhere in a folder; each secret in it is asked for besides. */
export function requirementAt(
  capability: Capability,
  environment: readonly [workspace: string, environment: string],
  path: string,
): Requirement {
  return isFolder(path)
    ? { capability, resource: [...environment, ...path.slice(0, -1).split('/')], reach: 'under' }
    : { capability, resource: [...environment, ...path.split('/')] };
}

/**
 * The secret at a path, or all in a folder.
 *
 * @throws {@link StrongroomError} `secret_not_found`, also for a folder without secrets;
 * `secret_deleted`; `invalid_input` beyond 10,000.
 */
export async function secretsAt(
  call: Call,
  environment: Environment,
  path: string,
): Promise<readonly SecretRow[]> {
  if (!isFolder(path)) return [await requireSecret(call, environment, path)];
  const rows = await secretsUnder(call, environment, path);
  if (rows.length > 0) return rows;
  throw new StrongroomError(
    'secret_not_found',
    `there are no secrets under ${path} in ${environment.name}`,
    { details: { environment: environment.name, path } },
  );
}

/**
 * Where something comes to be: into a folder under its own name, or as what is named.
 *
 * @throws {@link StrongroomError} `invalid_input` for a folder that would become a secret.
 */
export function targetPath(from: string, to: string): string {
  if (isFolder(from)) {
    if (isFolder(to)) return to;
    throw new StrongroomError('invalid_input', 'a folder becomes a folder', {
      hint: `write ${to}/ if that is meant`,
    });
  }
  return isFolder(to) ? to + from.slice(from.lastIndexOf('/') + 1) : to;
}

/** An environment of whatever workspace, which a secret names by id. */
export function environmentById(call: Call, id: string): Environment {
  const found = call.directory.environmentById(id);
  if (found !== undefined) return found;
  throw new StrongroomError('environment_not_found', 'the environment of then is no more');
}
