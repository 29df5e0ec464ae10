import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { canRun, fill, isRoot, Scratch } from '../faults/places.ts';
import { startServed } from './served.ts';

/** Mounting needs root. */
const canMount = canRun(isRoot, 'on full disks', 'root');
const VALUE = '/api/secrets/workspaces/default/secrets/by-name/production/db/password:value';

describe('a server whose disk is full', () => {
  test.runIf(canMount)(
    'A88 gives nothing out that it cannot put on record, says so, and recovers by itself',
    async () => {
      using scratch = new Scratch();
      const root = scratch.mount('vault', 'size=4m');
      const served = await startServed({ root });
      const at = { environment: 'production', path: 'db/password' };
      await served.owner().secrets.write({ ...at, value: 'marker-71' });
      expect((await served.ask(VALUE, { token: served.token })).status).toBe(200);

      const ballast = fill(root);
      // What is left of the database's own last pages may still take some entries.
      let last = await served.ask(VALUE, { token: served.token });
      for (let tries = 0; tries < 3000 && last.status === 200; tries += 1) {
        last = await served.ask(VALUE, { token: served.token });
      }
      const began = performance.now();
      const refused = await served.ask(VALUE, { token: served.token });
      expect(performance.now() - began).toBeLessThan(1000);
      expect([503, 507]).toContain(refused.status);
      expect(refused.body).not.toContain('marker');
      expect(await served.ask('/health/ready')).toMatchObject({
        status: 503,
        body: '{"status":"audit_blocked"}\n',
      });
      expect((await served.ask('/health/live')).status).toBe(200);

      rmSync(ballast);
      const freed = performance.now();
      while ((await served.ask('/health/ready')).status !== 200) {
        expect(performance.now() - freed).toBeLessThan(5000);
        await sleep(100);
      }
      expect((await served.ask(VALUE, { token: served.token })).status).toBe(200);
      await served.close();
    },
  );
});
