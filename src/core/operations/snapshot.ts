import { findSecretAt } from '../../domain/secrets/at.ts';
import { findSecret } from '../../domain/secrets/find.ts';
import type { PastCursor } from '../../domain/secrets/list-at.ts';
import { listSecretsAt } from '../../domain/secrets/list-at.ts';
import { FOLDER_SECRETS_MAX } from '../../domain/secrets/limits.ts';
import { secretsUnder, tooMany } from '../../domain/secrets/rows-under.ts';
import { StrongroomError } from '../../errors.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { mayAt } from '../rights-at.ts';
import * as schema from './schema.ts';

/** A secret of a snapshot: as it was, and as it is. */
export interface Taken {
  readonly row: SecretRow;
  readonly present: SecretRow;
}

const PAGE = 1000;

/**
 * What an environment has, or had at a moment, by path: what the caller may know of.
 *
 * @param options - `prefix`: what paths begin with; `at`: milliseconds since 1970.
 * @throws {@link StrongroomError} `invalid_input` beyond 10,000 secrets.
 */
export async function snapshotOf(
  call: Call,
  environment: Environment,
  { prefix, at }: { readonly prefix: string; readonly at: number | undefined },
): Promise<ReadonlyMap<string, Taken>> {
  if (at !== undefined) return snapshotAt(call, environment, { prefix, at });
  const rows = await secretsUnder(call, environment, prefix);
  const known = rows.filter((row) => mayAt(call, 'list', environment, row.path));
  return new Map(known.map((row) => [row.path, { row, present: row }]));
}

/** As {@link snapshotOf}, of the secret at one path alone, or nothing. */
export async function snapshotOfOne(
  call: Call,
  environment: Environment,
  { path, at }: { readonly path: string; readonly at: number | undefined },
): Promise<ReadonlyMap<string, Taken>> {
  if (!mayAt(call, 'list', environment, path)) return new Map();
  if (at === undefined) {
    const row = await findSecret(call, environment, path);
    return new Map(row && [[path, { row, present: row }]]);
  }
  const past = await findSecretAt(call, environment, { path, at });
  if (past === undefined || !mayNow(call, 'list', past.present)) return new Map();
  return new Map([[path, { row: past.former, present: past.present }]]);
}

async function snapshotAt(
  call: Call,
  environment: Environment,
  { prefix, at }: { readonly prefix: string; readonly at: number },
): Promise<ReadonlyMap<string, Taken>> {
  const taken = new Map<string, Taken>();
  let after: PastCursor | undefined;
  do {
    const { rows, next } = await listSecretsAt(call, [environment], {
      at,
      filter: { prefix },
      limit: PAGE,
      after,
      looksMax: FOLDER_SECRETS_MAX,
      mayList: mayListAt(call),
    });
    for (const { former, present } of rows) taken.set(former.path, { row: former, present });
    if (taken.size > FOLDER_SECRETS_MAX) throw tooMany();
    after = next;
  } while (after !== undefined);
  return taken;
}

/** Whether the caller may know of a secret by its place of then, and by its place of now. */
export function mayListAt(
  call: Call,
): (environment: Environment, former: SecretRow, present: SecretRow) => boolean {
  return (environment, former, present) =>
    mayAt(call, 'list', environment, former.path) && mayNow(call, 'list', present);
}

/** Whether the caller may do something with a secret where it is now. */
export function mayNow(call: Call, capability: 'list' | 'read', present: SecretRow): boolean {
  const environment = call.directory.environmentById(present.environment_id);
  return environment !== undefined && mayAt(call, capability, environment, present.path);
}

/**
 * The moment of an input in milliseconds.
 *
 * @throws {@link StrongroomError} `invalid_input` if it has not come yet.
 */
export function pastMoment(call: Call, text: string): number {
  const at = schema.toMs(text) ?? call.now;
  if (at <= call.now) return at;
  throw new StrongroomError('invalid_input', 'that moment has not come yet', {
    hint: 'name one of the past, such as yesterday',
  });
}
