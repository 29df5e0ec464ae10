import { describe, expect, it } from 'vitest';

import { operations } from './operations.ts';
import { requirementsOf } from './requirements-of.ts';
import type { Operation } from '../operation.ts';

const NAMES = Object.values(operations).flatMap((methods) =>
  Object.values(methods as Readonly<Record<string, Operation<unknown, unknown>>>).map(
    ({ name }) => name,
  ),
);
const WHOLE = { workspace: 'default', environment: 'production', path: 'db/PASSWORD' };

function texts(action: string, subject: object = WHOLE): readonly string[] | undefined {
  return requirementsOf(action, subject)?.map(
    ({ capability, resource }) => `${capability} ${resource.join('/')}`,
  );
}

describe('the rights that an entry of the log stands for', () => {
  it('are those of what was done with one secret', () => {
    for (const [action, expected] of [
      ['secrets.read', ['read']],
      ['secrets.update', ['write']],
      ['secrets.import', ['write']],
      ['secrets.destroy', ['delete', 'admin']],
      ['secrets.rotate', ['rotate']],
    ] as const) {
      expect(texts(action)?.slice(0, expected.length)).toEqual(
        expected.map((capability) => `${capability} default/production/db/PASSWORD`),
      );
    }
  });

  it('are not known where they depend on more than a workspace, an environment and a path', () => {
    for (const action of [
      'secrets.rename',
      'secrets.move',
      'secrets.copy',
      'secrets.diff',
      'environments.promote',
      'imports.create',
      'imports.delete',
      'access.grant',
      'groups.add',
      'settings.write',
      'backups.restoreParts',
    ]) {
      expect(texts(action), action).toBeUndefined();
    }
  });

  it('never are of a resource that is not named, whatever an entry leaves out', () => {
    const { workspace, environment, path } = WHOLE;
    for (const name of NAMES) {
      for (const subject of [{}, { workspace }, { workspace, environment }, { path }, WHOLE]) {
        const segments = requirementsOf(name, subject)?.flatMap(({ resource }) => resource) ?? [];
        expect(
          segments.filter((segment: string | undefined) => (segment ?? '') === ''),
          name,
        ).toEqual([]);
        expect(segments.join('/'), name).not.toContain('undefined');
      }
    }
  });
});
