import type { Capability } from './capability.ts';

/** A role that every vault has, and the rules that it stands for. */
export interface BuiltInRole {
  readonly name: string;
  readonly grants: readonly {
    readonly capabilities: readonly Capability[];
    readonly pattern: string;
  }[];
}

/** `**` covers every workspace; what belongs to the vault itself is named under `sys`. */
export const BUILT_IN_ROLES: readonly BuiltInRole[] = [
  { name: 'reader', grants: [{ capabilities: ['list', 'read'], pattern: '**' }] },
  {
    name: 'writer',
    grants: [{ capabilities: ['list', 'read', 'write', 'delete'], pattern: '**' }],
  },
  { name: 'rotator', grants: [{ capabilities: ['list', 'rotate'], pattern: '**' }] },
  {
    name: 'auditor',
    grants: [
      { capabilities: ['list'], pattern: '**' },
      { capabilities: ['list', 'read'], pattern: 'sys/audit/**' },
      { capabilities: ['read'], pattern: 'sys/health' },
    ],
  },
  {
    name: 'admin',
    grants: [
      { capabilities: ['list', 'write', 'delete', 'rotate', 'admin'], pattern: '**' },
      { capabilities: ['list', 'read', 'admin'], pattern: 'sys/**' },
    ],
  },
  {
    name: 'owner',
    grants: [
      {
        capabilities: ['list', 'read', 'write', 'delete', 'rotate', 'admin'],
        pattern: '**',
      },
      {
        capabilities: ['list', 'read', 'write', 'delete', 'rotate', 'admin'],
        pattern: 'sys/**',
      },
    ],
  },
];
