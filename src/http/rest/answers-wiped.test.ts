import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type * as values from '../../domain/secrets/value.ts';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';

/** Every value that left the domain. */
const left = vi.hoisted((): values.ValueOutput[] => []);

vi.mock('../../domain/secrets/value.ts', async (original) => {
  const real = await original<typeof values>();
  const fromRecord: typeof real.fromRecord = (record) => {
    const output = real.fromRecord(record);
    left.push(output);
    return output;
  };
  return { ...real, fromRecord };
});

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (const path of ['a', 'b']) {
    await server.owner.secrets.write({
      environment: 'production',
      path,
      value: `value of ${path}`,
    });
  }
});
beforeEach(() => {
  left.length = 0;
});
afterAll(() => server.close());

const SECRETS = '/api/secrets/workspaces/default/secrets';

async function ask(target: string, more: RequestInit = {}): Promise<string> {
  const Authorization = `Bearer ${server.ownerToken}`;
  const headers = { Authorization, 'Content-Type': 'application/json', ...more.headers };
  const answer = await fetch(`${server.address}${SECRETS}/${target}`, { ...more, headers });
  expect(answer.status).toBe(200);
  return answer.text();
}

describe('values of an answer over HTTP', () => {
  it('are wiped once it was sent: in JSON', async () => {
    expect(await ask('by-name/production/a:value')).toContain('value of a');
    expect(left.length).toBe(1);
    expect(() => left[0]?.value?.reveal()).toThrow(/wiped/);
  });

  it('are wiped once it was sent: as bytes', async () => {
    const headers = { Accept: 'application/octet-stream' };
    expect(await ask('by-name/production/a:value', { headers })).toBe('value of a');
    expect(left.length).toBe(1);
    expect(() => left[0]?.value?.reveal()).toThrow(/wiped/);
  });

  it('are wiped once it was sent: many', async () => {
    const body = JSON.stringify({ environment: 'production', names: ['a', 'b'] });
    expect(await ask('batch-read', { method: 'POST', body })).toContain('value of b');
    expect(left.length).toBe(2);
    for (const { value } of left) expect(() => value?.reveal()).toThrow(/wiped/);
  });
});
