import type { Capability } from './capability.ts';
import { toRules, type Grant } from './decide.ts';
import type { PrincipalView } from './policy.ts';

/** The id that the record and rows name the system by. */
export const SYSTEM_ID = '00000000-0000-7000-8000-000000000000';

/** The name that the system is shown by. No other principal can have it. */
export const SYSTEM_NAME = 'system';

/** What the system may do: the work that policies and settings ask for, and no reading of values. */
const RIGHTS: readonly (readonly [pattern: string, capabilities: readonly Capability[]])[] = [
  ['**', ['list', 'rotate', 'delete', 'admin']],
  ['sys/**', ['list', 'read', 'write', 'delete', 'admin']],
];

const grants: readonly Grant[] = RIGHTS.map(([pattern, capabilities], index) => ({
  id: `system-${index + 1}`,
  effect: 'allow',
  capabilities: new Set(capabilities),
  pattern: pattern.split('/'),
  workspaceId: null,
}));

/**
 * Who does the work that is due. It is no row, so nobody can take its name or
 * its place; no face can call as it, only the scheduler.
 */
export const SYSTEM: PrincipalView = {
  principal: { id: SYSTEM_ID, name: SYSTEM_NAME, kind: 'system' },
  grants: [],
  rules: toRules(grants),
};
