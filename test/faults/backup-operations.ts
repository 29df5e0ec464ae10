// Backup and restore, as operations that are killed in the middle.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { init, open, restore, verifyBackup, type Vault } from '../../src/index.ts';
import { valueOf } from './ledger.ts';
import type { Aftermath, FaultOperation } from './operations.ts';
import { environment, read, type Place } from './places.ts';

const PATHS: readonly string[] = ['old/a', 'old/b'];

const backupsOf = ({ path }: Place): string => join(path, '..', 'backups');

async function makeVault(place: Place): Promise<void> {
  await init({ ...place, owner: 'ada' });
  await using vault = await open(place);
  for (const path of PATHS) {
    await vault
      .as({ principal: 'ada' })
      .secrets.create({ environment, path, value: valueOf(path, 1) });
  }
}

function backUp(vault: Vault, place: Place): Promise<{ readonly file: string }> {
  return vault.as({ principal: 'ada' }).backups.create({ directory: backupsOf(place) });
}

/** The files of backups that have the name of one. */
function filesOf(place: Place): readonly string[] {
  const directory = backupsOf(place);
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => name.endsWith('.backup'));
}

async function problemsOf(vault: Vault): Promise<string[]> {
  const problems: string[] = [];
  for (const path of PATHS) {
    if ((await read(vault, path)) !== valueOf(path, 1)) problems.push(`${path} is another`);
  }
  await vault.as({ principal: 'ada' }).audit.verify();
  return problems;
}

/** Whatever has the name of a backup is whole, and the next one removes what was left. */
export const backup: FaultOperation = {
  setUp: makeVault,
  run: async (place, done) => {
    await using vault = await open(place);
    await backUp(vault, place);
    done();
  },
  look: async (place, isAcknowledged) => {
    await using vault = await open(place);
    const { backups } = vault.as({ principal: 'ada' });
    const isDone = (await backups.list()).backups.length > 0;
    const problems = isAcknowledged && !isDone ? ['the backup is not on record'] : [];
    const { verifierKeys } = await backups.key();
    for (const name of filesOf(place)) {
      await verifyBackup({ file: join(backupsOf(place), name), verifierKeys });
    }
    if (isDone && filesOf(place).length === 0) problems.push('the file is not there');
    await backUp(vault, place);
    const left = readdirSync(backupsOf(place)).filter(
      (name) => !/\.backup(\.receipt)?$/.test(name),
    );
    return { problems: [...problems, ...left, ...(await problemsOf(vault))], isDone };
  },
};

/** A vault that was lost is restored whole or not at all, and opens afterwards. */
export const restoration: FaultOperation = {
  setUp: async (place) => {
    await makeVault(place);
    const vault = await open(place);
    await backUp(vault, place);
    await vault.close();
    rmSync(place.path, { recursive: true });
  },
  run: async (place, done) => {
    await restoreInto(place);
    done();
  },
  look: async (place, isAcknowledged): Promise<Aftermath> => {
    const isDone = existsSync(join(place.path, 'vault.db'));
    if (!isDone && isAcknowledged) return { problems: ['the vault is not there'], isDone };
    if (!isDone) await restoreInto(place);
    await using vault = await open(place);
    return { problems: await problemsOf(vault), isDone };
  },
};

async function restoreInto(place: Place): Promise<void> {
  const [name = ''] = filesOf(place);
  const file = join(backupsOf(place), name);
  await restore({ ...place, file, by: 'ada', replace: true });
}
