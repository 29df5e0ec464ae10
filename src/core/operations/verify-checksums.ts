import { z } from 'zod';

import {
  checkVersions,
  versionCount,
  type Damage,
  type VersionPlace,
} from '../../domain/secrets/check-versions.ts';
import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { utf8 } from '../../lib/bytes.ts';
import type { Call, Operation } from '../operation.ts';

export interface VerifyChecksumsInput {
  /** `next` of the batch before. Default: from the beginning. */
  readonly cursor?: string | undefined;
}

/** A version, or a secret's own row, that is not as it was written. */
export interface DamagedSecret {
  readonly secretId: string;
  /** Where it is, for those who may list it. */
  readonly workspace: string | undefined;
  readonly environment: string | undefined;
  readonly path: string | undefined;
  /** `undefined`: the secret's own row, or what is said about it. */
  readonly version: number | undefined;
  /** `integrity_error` or `decryption_failed`. */
  readonly reason: string;
}

/** One batch. Call it again with `next` as `cursor` until it is finished. */
export interface ChecksumsVerified {
  /** How many versions were checked, those of the batches before included. */
  readonly done: number;
  readonly total: number;
  readonly finished: boolean;
  /** What this batch found. */
  readonly damaged: readonly DamagedSecret[];
  readonly next: string | undefined;
}

interface Progress {
  readonly place: VersionPlace | undefined;
  readonly done: number;
}

/** Errors: `invalid_input` (cursor). */
export const verifyChecksums: Operation<VerifyChecksumsInput, ChecksumsVerified> = {
  name: 'secrets.verifyChecksums',
  summary: 'Checks that every version is as it was written. Gives no value out.',
  input: z.strictObject({ cursor: z.string().max(1024).optional() }),
  secretMembers: [],
  mutates: false,
  requires: () => [{ capability: 'read', resource: ['sys', 'health'] }],
  subject: () => ({}),
  apply: async ({ cursor }, call) => {
    const { place, done: before } = decode(cursor);
    const { checked, damaged, next } = await checkVersions(call, place);
    const done = before + checked;
    const total = Math.max(await versionCount(call), done);
    for (const { secretId, version, reason } of damaged) {
      call.record('secrets.damaged', { secretId, version, detail: reason });
    }
    call.about({ detail: `${checked} versions, ${damaged.length} damaged` });
    return {
      done,
      total,
      finished: next === undefined,
      damaged: damaged.map((each) => named(call, each)),
      next: next === undefined ? undefined : encode({ place: next, done }),
    };
  },
};

function named(call: Call, { secretId, secret, version, reason }: Damage): DamagedSecret {
  const workspace = call.directory.workspaces().find(({ id }) => id === secret?.workspace_id);
  const environment =
    workspace &&
    call.directory.environments(workspace).find(({ id }) => id === secret?.environment_id);
  const isTold =
    secret !== undefined &&
    workspace !== undefined &&
    environment !== undefined &&
    call.may('list', [workspace.name, environment.name, ...secret.path.split('/')]);
  return {
    secretId,
    workspace: isTold ? workspace.name : undefined,
    environment: isTold ? environment.name : undefined,
    path: isTold ? secret.path : undefined,
    version,
    reason,
  };
}

function encode({ place, done }: Progress): string {
  return toBase64Url(utf8(`${place?.secretId ?? ''} ${place?.version ?? 0} ${done}`));
}

function decode(cursor: string | undefined): Progress {
  if (cursor === undefined) return { place: undefined, done: 0 };
  const bytes = fromBase64Url(cursor);
  const text = String.fromCharCode(...(bytes ?? []));
  const [, secretId, version, done] = /^([0-9a-f-]{36}) (\d{1,10}) (\d{1,15})$/.exec(text) ?? [];
  if (secretId === undefined) {
    throw new StrongroomError('invalid_input', 'the cursor is not one of ours');
  }
  return { place: { secretId, version: Number(version) }, done: Number(done) };
}
