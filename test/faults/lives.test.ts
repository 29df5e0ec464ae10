import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { open } from '../../src/index.ts';
import { checkVault } from './check.ts';
import { LIFE, tagsOfStep, type LedgerLine } from './ledger.ts';
import { environment, makeVault, Scratch, type Place } from './places.ts';

// What holds vaults against ledgers after a kill has to notice what it is for.

const path = 'known/a';

let scratch: Scratch;
let place: Place;
let acks: LedgerLine[];
beforeEach(async () => {
  scratch = new Scratch();
  place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
  acks = await makeVault(place, [path]);
});
afterEach(() => scratch[Symbol.dispose]());

/** Takes so many steps of a life, and writes them down. */
async function live(steps: number): Promise<void> {
  await using vault = await open(place);
  const { secrets } = vault.as({ principal: 'ada' });
  for (const [index, op] of LIFE.slice(0, steps).entries()) {
    if (op === 'delete') await secrets.delete({ environment, path });
    else if (op === 'undelete') await secrets.undelete({ environment, path });
    else await secrets.update({ environment, path, tags: [...tagsOfStep(index)] });
    acks.push({ op, path, version: 1, sha256: '', outcome: 'ok' });
  }
}

async function problems(): Promise<string> {
  return (await checkVault(place.path, place.configDirectory, acks)).problems.join('\n');
}

function behindItsBack(sql: string): void {
  using db = new DatabaseSync(join(place.path, 'vault.db'));
  db.exec(sql);
}

describe('what is expected of a vault after a fault', () => {
  test.each([0, 1, 2, 3, 4])('is met by a vault after %i steps of a life', async (steps) => {
    await live(steps);
    expect(await problems()).toBe('');
  });

  test('is not met if an acknowledged step is missing', async () => {
    await live(1);
    acks.push({ op: 'delete', path, version: 1, sha256: '', outcome: 'ok' });
    expect(await problems()).toContain('I1 known/a: 1 of 2');
  });

  test('is not met if there is a step that nobody was told of, or that was refused', async () => {
    await live(3);
    acks.splice(-2, 2, {
      op: 'delete',
      path,
      version: 1,
      sha256: '',
      outcome: 'failed',
    });
    expect(await problems()).toContain('I2 known/a: a change nobody made');
  });

  test('allows what was answered after the picture of the disk was begun, and no more', async () => {
    await live(3);
    const later = [...acks];
    acks.splice(-2, 2);
    const check = async (known: readonly LedgerLine[]): Promise<string> => {
      const { path: at, configDirectory } = place;
      return (await checkVault(at, configDirectory, acks, { later: known })).problems.join();
    };
    expect(await check(later)).toBe('');
    expect(await check(acks)).toContain('I2 known/a: a change nobody made');
  });

  test('allows the one step that has no answer', async () => {
    await live(2);
    acks.splice(-1, 1, {
      op: 'delete',
      path,
      version: 1,
      sha256: '',
      outcome: 'unknown',
    });
    expect(await problems()).toBe('');
  });

  test('is not met if what a secret said before is missing', async () => {
    await live(2);
    behindItsBack('DELETE FROM secret_states WHERE number = 2');
    expect(await problems()).not.toBe('');
  });
});
