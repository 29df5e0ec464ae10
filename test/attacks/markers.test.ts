import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type TemporaryVault,
} from '../../src/testing/temporary-vault.ts';

const MARKERS = [
  /mArKeR-7c1e/i,
  // As a number by itself: ids and hashes may have its digits by chance.
  /(?<![\w+/-])77000\d{4}(?![\w+/])/,
  Buffer.from('mArKeR-7c1e').toString('hex'),
];

let place: TemporaryVault;
let output: { stdout: string; stderr: string };
let planted = 0;
let calls = 0;
beforeAll(async () => {
  place = await makeTemporaryVault();
  const program = join(import.meta.dirname, 'plant-markers.ts');
  const child = spawnSync(process.execPath, [program, place.path, place.configDirectory], {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  output = { stdout: child.stdout, stderr: child.stderr };
  [planted, calls] = (/planted (\d+) calls (\d+)\n$/.exec(child.stdout) ?? [])
    .slice(1)
    .map(Number) as [number, number];
});
afterAll(() => place.remove());

/** What of a marker is in a text, as it stands or in base64. */
function found(text: string): string[] {
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.from(`${'x'.repeat(shift)}mArKeR-7c1e-`)
      .toString('base64')
      .slice(4, -4),
  );
  return [
    ...MARKERS.flatMap((marker) => new RegExp(marker).exec(text) ?? []),
    ...base64.filter((marker) => text.includes(marker)),
  ];
}

const entries = (): Record<string, unknown>[] =>
  tamper(place, (db) => db.prepare('SELECT body FROM audit_entries ORDER BY seq').all()).map(
    (row) => JSON.parse(String(row['body'])) as Record<string, unknown>,
  );

describe('A83: more than 500 markers in every member of every input, in every type', () => {
  it('were planted, and calls with them were made', () => {
    expect(planted).toBeGreaterThan(1500);
    expect(calls).toBeGreaterThan(900);
    // The search finds what is there.
    expect(found('a mArKeR-7c1e-0001')).not.toEqual([]);
    expect(found(Buffer.from('a mArKeR-7c1e-0001').toString('base64'))).not.toEqual([]);
    expect(found(Buffer.from('ab mArKeR-7c1e-0001').toString('base64'))).not.toEqual([]);
    expect(found('{"n":770000123.5}')).not.toEqual([]);
  });

  it('leave each request with exactly one entry of its own', () => {
    const own = entries().filter(({ action }) => !String(action).startsWith('vault.'));
    const requests = new Map<unknown, Record<string, unknown>[]>();
    for (const entry of own) {
      requests.set(entry['request'], [...(requests.get(entry['request']) ?? []), entry]);
    }
    // One more than the calls: that of the stranger.
    expect(requests.size).toBe(calls + 1);
    for (const group of requests.values()) {
      const [first, ...rest] = group;
      // An import writes one further entry for each secret that it changed.
      expect(rest.length === 0 || first?.['action'] === 'secrets.import').toBe(true);
    }
  });

  it('are in no entry of the audit log, in no export of it and in no checkpoint', async () => {
    expect(found(JSON.stringify(entries()))).toEqual([]);
    const parts = await openParts(place);
    const session = parts.as(OWNER);
    let text = '';
    let part = await session.audit.export();
    for (;;) {
      text += JSON.stringify(part);
      if (part.next === undefined) break;
      part = await session.audit.export({ from: part.next, checkpoint: part.checkpoint });
    }
    expect(text).toContain('secrets.create');
    expect(found(text)).toEqual([]);
    await parts.vault.close();
  });

  it('are in no file of the vault or beside its key', () => {
    const names = readdirSync(place.root, { recursive: true, withFileTypes: true }).filter((each) =>
      each.isFile(),
    );
    expect(names.length).toBeGreaterThanOrEqual(6);
    for (const name of names) {
      const content = readFileSync(join(name.parentPath, name.name));
      expect([name.name, /mArKeR-7c1e/i.test(content.toString('latin1'))]).toEqual([
        name.name,
        false,
      ]);
    }
  });

  it('are not in what a program prints that logs every answer and every error', () => {
    expect(output.stderr.length).toBeGreaterThan(100_000);
    expect(output.stdout).toContain('[secret]');
    expect(found(output.stderr)).toEqual([]);
    expect(found(output.stdout)).toEqual([]);
  });

  it('are of a session in no form but a keyed one', () => {
    const sessions = entries().flatMap(({ session }) => (session === undefined ? [] : [session]));
    expect(new Set(sessions).size).toBe(calls + 1);
    expect(sessions.every((each) => /^[\w-]{22}$/.test(String(each)))).toBe(true);
  });
});
