import { randomInt } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { describeRot, rot, Specimens, type Rotten } from './bit-rot.ts';

const FLIPS: readonly (readonly [kind: Rotten, flips: number])[] = [
  ['database', 300],
  ['rows', 150],
  ['wal', 100],
  ['key', 50],
  ['checkpoint', 50],
];

let specimens: Specimens;

beforeAll(async () => {
  specimens = await Specimens.make();
});

afterAll(() => specimens[Symbol.dispose]());

describe('F8 bits that flip by themselves', () => {
  test('F8 an undamaged vault reads as it was written', async () => {
    for (const [kind] of FLIPS) {
      expect(await specimens.untouched(kind)).toEqual({ result: 'harmless', detail: '' });
    }
  });

  test.each(FLIPS)(
    'F8 one flipped bit of the %s is noticed or without effect, and never gives another value (%i flips)',
    async (kind, flips) => {
      const seed = String(randomInt(2 ** 32));
      const found = await rot(specimens, kind, { flips, seed });
      process.stdout.write(`${describeRot(found)}, seed ${seed}\n`);
      expect(found.wrong).toEqual([]);
      // Flips that never did anything would mean that the wrong file was read.
      expect(found.counts['harmless'] ?? 0).toBeLessThan(flips);
    },
    300_000,
  );
});
