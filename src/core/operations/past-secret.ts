import { findSecretAt, type PastSecret } from '../../domain/secrets/at.ts';
import { requireActive } from '../../domain/secrets/find.ts';
import { listSecretsAt, type PastCursor } from '../../domain/secrets/list-at.ts';
import { StrongroomError } from '../../errors.ts';
import { uuidBytes, uuidText } from '../../lib/ids.ts';
import type { OpeningWork } from '../../domain/work.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import { denied } from '../denials.ts';
import type { Call } from '../operation.ts';
import {
  listBinding,
  LOOKS_MAX,
  PAGE_LIMIT,
  sealCursor,
  unsealCursor,
  type ListBinding,
  type ListPlace,
} from './cursor.ts';
import { mayListAt, mayNow, pastMoment } from './snapshot.ts';
import { toSummary, type SecretSummary } from './secret-view.ts';

/** A secret of a moment. */
export interface Past extends PastSecret {
  /** Milliseconds since 1970. */
  readonly at: number;
}

/**
 * The secret that was at a path at a moment, if the caller has the right also
 * where it is now.
 *
 * @param at - RFC 3339.
 * @throws {@link StrongroomError} `secret_not_found`, `denied`, `secret_inactive`, `invalid_input`, `integrity_error`.
 */
export async function requirePast(
  call: Call,
  environment: Environment,
  {
    path,
    at,
    capability,
  }: {
    readonly path: string;
    readonly at: string;
    readonly capability: 'list' | 'read';
  },
): Promise<Past> {
  const moment = pastMoment(call, at);
  const past = await findSecretAt(call, environment, { path, at: moment });
  if (past === undefined) {
    throw new StrongroomError(
      'secret_not_found',
      `there was no secret ${path} in ${environment.name} at that moment`,
      { details: { path, environment: environment.name, at } },
    );
  }
  const { present } = past;
  if (!mayNow(call, capability, present)) {
    const resource = [environment.workspace.name, environment.name];
    throw denied({ capability, resource }, call.request);
  }
  // Also what was inactive when it was deleted is not given out.
  if (capability === 'read') requireActive(present, environment);
  return { ...past, at: moment };
}

/** The summary of a secret as it was at a moment. */
export function toPastSummary(
  call: Call,
  environment: Environment,
  { former, at }: { readonly former: SecretRow; readonly at: number },
): SecretSummary {
  return toSummary({ ...call, now: at }, environment, former);
}

/** What a list of a moment can be narrowed to; see `secrets.list`. */
export interface ListPastInput extends ListPlace {
  readonly at?: string | undefined;
  readonly prefix?: string | undefined;
  readonly type?: string | undefined;
  readonly tag?: string | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** Filters that are about the present. */
const TAKEN: ReadonlySet<string> = new Set([
  'at',
  'workspace',
  'environment',
  'prefix',
  'type',
  'tag',
  'limit',
  'cursor',
]);

/**
 * One page of what was there at a moment.
 *
 * @throws {@link StrongroomError} `invalid_input` for a filter that is of the present alone, or a strange cursor.
 */
export async function listPast(
  call: Call,
  environments: readonly Environment[],
  input: ListPastInput & { readonly at: string },
): Promise<{ readonly secrets: readonly SecretSummary[]; readonly next: string | undefined }> {
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined || TAKEN.has(name)) continue;
    throw new StrongroomError('invalid_input', `a list of the past is not narrowed by ${name}`, {
      hint: 'narrow it by prefix, type or tag',
    });
  }
  const at = pastMoment(call, input.at);
  const binding = listBinding(call, 'secrets.list', input);
  const { rows, next } = await listSecretsAt(call, environments, {
    at,
    filter: { prefix: input.prefix, type: input.type, tag: input.tag },
    limit: input.limit ?? PAGE_LIMIT.byDefault,
    after: input.cursor === undefined ? undefined : decodePastCursor(call, input.cursor, binding),
    looksMax: LOOKS_MAX,
    mayList: mayListAt(call),
  });
  return {
    secrets: rows.map(({ former, environment }) =>
      toPastSummary(call, environment, { former, at }),
    ),
    next: next === undefined ? undefined : encodePastCursor(call, next, binding),
  };
}

const MOMENTS = ['former', 'now', 'start'] as const;
const ID_BYTES = 16;

/** Where it goes on may be a secret that the caller may not know of, so it is sealed. */
function encodePastCursor(work: OpeningWork, cursor: PastCursor, binding: ListBinding): string {
  const id = cursor.moment === 'start' ? cursor.environmentId : cursor.id;
  const content = Uint8Array.of(MOMENTS.indexOf(cursor.moment), ...uuidBytes(id));
  return sealCursor(work, { kind: 'past', binding }, content);
}

function decodePastCursor(work: OpeningWork, cursor: string, binding: ListBinding): PastCursor {
  const bytes = unsealCursor(work, { kind: 'past', binding }, cursor);
  const moment = MOMENTS[bytes[0] ?? MOMENTS.length];
  if (bytes.length === 1 + ID_BYTES && moment !== undefined) {
    const id = uuidText(bytes.subarray(1));
    return moment === 'start' ? { moment, environmentId: id } : { moment, id };
  }
  throw new StrongroomError('invalid_input', 'the cursor is not one of ours');
}
