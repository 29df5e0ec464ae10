import { z } from 'zod';

import { workspaceKeys } from '../../domain/keys/workspace-keys.ts';
import { StrongroomError } from '../../errors.ts';
import { wipe } from '../../lib/bytes.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import * as schema from './schema.ts';

export interface KeyHealthInput {
  /** Whose key is tried. */
  readonly workspace?: string | undefined;
}

/** How what wraps keys is. */
export interface BackendHealth {
  /** Whether the workspace's key was unwrapped just now. */
  readonly healthy: boolean;
  /** Id of that key; `null` if there is none to be found. */
  readonly keyId: string | null;
  /** RFC 3339. */
  readonly lastCheck: string;
}

export interface KeyHealth {
  readonly currentBackend: 'local';
  readonly healthStatus: Readonly<Record<'local', BackendHealth>>;
}

export const keyHealth: Operation<KeyHealthInput, KeyHealth> = {
  name: 'keys.health',
  summary: 'Tries whether the active key of a workspace can be unwrapped.',
  errors: ['workspace_not_found'],
  input: z.strictObject({ workspace: schema.workspace }),
  output: schema.answer<KeyHealth>({
    currentBackend: z.literal('local'),
    healthStatus: z.record(
      z.literal('local'),
      schema.answer<BackendHealth>({
        healthy: z.boolean(),
        keyId: z.uuid().nullable(),
        lastCheck: schema.instant,
      }),
    ),
  }),
  rest: [{ method: 'GET', path: `${ADMIN}/encryption/health` }],
  secretMembers: [],
  mutates: false,
  requires: () => [{ capability: 'read', resource: ['sys', 'keys'] }],
  subject: (input) => ({ workspace: schema.workspaceOf(input) }),
  apply: async (input, call) => {
    const { id } = call.directory.workspace(schema.workspaceOf(input));
    const key = await activeKey(call, id);
    const healthy = key !== undefined && isUnwrapped(call, key);
    const local = { healthy, keyId: key ?? null, lastCheck: isoTime(call.now) };
    return { currentBackend: 'local', healthStatus: { local } };
  },
};

async function activeKey(call: Call, workspaceId: string): Promise<string | undefined> {
  const rows = await workspaceKeys(call, workspaceId);
  return rows.find(({ state }) => state === 'active')?.id;
}

/** The key as it is wrapped, and not one that was unwrapped before. */
function isUnwrapped({ keyring }: Call, id: string): boolean {
  try {
    wipe(keyring.unwrap(id));
    return true;
  } catch (error) {
    if (error instanceof StrongroomError && error.code === 'integrity_error') return false;
    throw error;
  }
}
