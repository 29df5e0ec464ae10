import { describe, expect, it } from 'vitest';

import { choosePaths } from './choose-paths.ts';

const PATHS = ['PORT', 'api/KEY', 'db/KEY', 'db/PASSWORD'];

describe('choosing paths', () => {
  it('takes a path, or the last segment of all that have it, and keeps the order', () => {
    expect(choosePaths(PATHS, {}, 'staging')).toEqual(PATHS);
    expect(choosePaths(PATHS, { only: ['KEY', 'PORT'] }, 'staging')).toEqual(PATHS.slice(0, 3));
    expect(choosePaths(PATHS, { only: ['db/KEY'] }, 'staging')).toEqual(['db/KEY']);
    expect(choosePaths(PATHS, { except: ['KEY'] }, 'staging')).toEqual(['PORT', 'db/PASSWORD']);
    expect(choosePaths(PATHS, { only: ['KEY'], except: ['db/KEY'] }, 'staging')).toEqual([
      'api/KEY',
    ]);
    expect(choosePaths(PATHS, { only: [] }, 'staging')).toEqual([]);
  });

  it('refuses a name that fits none', () => {
    for (const choice of [{ only: ['NONE'] }, { except: ['db'] }]) {
      expect(() => choosePaths(PATHS, choice, 'staging')).toThrow(
        expect.objectContaining({ code: 'secret_not_found' }),
      );
    }
  });

  it('looks at each path a few times only, however many names are asked for', () => {
    const count = 1000;
    let looks = 0;
    const listed = new Proxy(
      Array.from({ length: count }, (_, n) => `app/K${n}`),
      {
        get: (of, name, receiver) => {
          if (typeof name === 'string' && /^\d+$/.test(name)) looks += 1;
          return Reflect.get(of, name, receiver) as unknown;
        },
      },
    );
    const only = Array.from({ length: count }, (_, n) => `K${n}`);
    expect(choosePaths(listed, { only }, 'staging')).toHaveLength(count);
    expect(looks).toBeLessThan(10 * count);
  });
});
