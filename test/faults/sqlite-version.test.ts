import { expect, test } from 'vitest';

import { requireSqliteVersion } from '../../src/store/sqlite-connection.ts';
import { codeOf } from './places.ts';

const refusal = (version: string): Promise<string | undefined> =>
  codeOf((async () => requireSqliteVersion(version))());

test.each(['3.51.2', '3.50.9', '3.7.17', '2.99.99', '0.0.0', '', '3.51'])(
  'A96 SQLite %j, which can lose commits when a write-ahead log is reset, is refused',
  async (version) => {
    expect(await refusal(version)).toBe('unsupported_runtime');
  },
);

test.each(['3.51.3', '3.51.10', '3.52.0', '4.0.0', process.versions['sqlite'] ?? ''])(
  'A96 SQLite %s is accepted',
  async (version) => {
    expect(await refusal(version)).toBeUndefined();
  },
);
