import { z } from 'zod';

import { readCurrent } from '../../domain/secrets/read-current.ts';
import { fromRecord, wipeOutput, wipeRecord } from '../../domain/secrets/value.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { StrongroomError, type ErrorCode } from '../../errors.ts';
import { denied } from '../denials.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { mayAt } from '../rights-at.ts';
import { addressOf } from './place-secret.ts';
import { secretRead, type SecretRead } from './read-secret.ts';
import * as schema from './schema.ts';
import { environmentOf } from './secret-address.ts';
import { toSummary } from './secret-view.ts';

export interface ReadManyInput {
  readonly workspace?: string | undefined;
  readonly environment: string;
  /** 1 to 256, each once. */
  readonly paths: readonly string[];
}

/** What became of one of the paths: either its secret, or why there is none. */
export interface ReadOfMany {
  readonly path: string;
  readonly secret?: SecretRead | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

/** One for each path, in their order. */
export interface SecretsRead {
  readonly secrets: readonly ReadOfMany[];
}

/** The schema of {@link SecretsRead}. */
export const secretsRead: z.ZodType<SecretsRead> = schema.answer<SecretsRead>({
  secrets: z.array(
    schema
      .answer<ReadOfMany>({
        path: z.string(),
        secret: secretRead.optional(),
        error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
      })
      .meta({ wire: schema.SECRET_NAMES }),
  ),
});

const PATHS_MAX = 256;

/** Together: an answer is put together in memory. */
const BYTES_MAX = 16 * 1024 * 1024;

/** What is wrong with one secret is told of that one, and the others are given. */
const OF_ONE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'denied',
  'secret_not_found',
  'secret_deleted',
  'secret_inactive',
  'decryption_failed',
  'integrity_error',
]);

/** Errors: `environment_not_found`, `workspace_not_found`, `invalid_input` if the values are more than 16 MiB together. */
export const readMany: Operation<ReadManyInput, SecretsRead> = {
  name: 'secrets.readMany',
  summary: 'Reads the values of many secrets of an environment at once, each on record by itself.',
  errors: ['environment_not_found'],
  input: z
    .strictObject({
      workspace: schema.workspace,
      environment: schema.environment,
      paths: z
        .array(schema.path)
        .min(1)
        .max(PATHS_MAX)
        .refine((paths) => new Set(paths).size === paths.length, 'takes each of them once'),
    })
    .meta({ wire: schema.SECRET_NAMES }),
  output: secretsRead,
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/secrets/batch-read` }],
  secretMembers: ['secrets'],
  mutates: false,
  // Which of them the caller may read is asked for each.
  requires: (input) => [
    {
      capability: 'read',
      resource: [schema.workspaceOf(input), input.environment],
      reach: 'under',
    },
  ],
  subject: (input) => ({
    workspace: schema.workspaceOf(input),
    environment: input.environment,
    detail: `${input.paths.length} secrets`,
  }),
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const secrets: ReadOfMany[] = [];
    let left = BYTES_MAX;
    try {
      for (const path of input.paths) {
        const { bytes, ...read } = await readOne(call, environment, { path, left });
        secrets.push(read);
        left -= bytes;
      }
    } catch (error) {
      for (const { secret } of secrets) if (secret !== undefined) wipeOutput(secret);
      throw error;
    }
    return { secrets };
  },
};

async function readOne(
  call: Call,
  environment: Environment,
  { path, left }: { readonly path: string; readonly left: number },
): Promise<ReadOfMany & { readonly bytes: number }> {
  const subject = addressOf(environment, path);
  try {
    requireRead(call, environment, path);
    const { row, record } = await readCurrent(call, environment, path);
    const bytes = record.fields.reduce((total, field) => total + field.bytes.length, 0);
    if (bytes > left) {
      wipeRecord(record);
      throw new StrongroomError('invalid_input', 'the values are too large to be read together', {
        hint: 'ask for fewer at once: 16 MiB is the most',
      });
    }
    call.record('secrets.read', { ...subject, secretId: row.id, version: row.current_version });
    const secret = { ...toSummary(call, environment, row), ...fromRecord(record) };
    return { path, secret, bytes };
  } catch (error) {
    if (!(error instanceof StrongroomError) || !OF_ONE.has(error.code)) throw error;
    const { code, message } = error;
    const outcome = code === 'denied' ? 'denied' : 'failed';
    call.record('secrets.read', subject, { outcome, reason: code });
    return { path, error: { code, message }, bytes: 0 };
  }
}

/** Whether there is anything at the path is not looked at before. */
function requireRead(call: Call, environment: Environment, path: string): void {
  if (mayAt(call, 'read', environment, path)) return;
  const resource = [environment.workspace.name, environment.name, ...path.split('/')];
  throw denied({ capability: 'read', resource }, call.request);
}
