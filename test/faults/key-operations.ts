// Changes of keys, slots and workspaces that are killed in the middle: rows F2,
// A40 and A77. Afterwards the old or the new keys open the vault, and a
// workspace is there as a whole or not at all.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { init, open, StrongroomError, type Session, type Vault } from '../../src/index.ts';
import { valueOf } from './ledger.ts';
import type { FaultOperation } from './operations.ts';
import { environment, type Place } from './places.ts';

const workspace = 'tenant';
const path = 'old/a';

/** What is done, and how to see that it was. */
interface KeyChange {
  readonly work: (session: Session, vault: Vault, place: Place) => Promise<unknown>;
  readonly isDone: (session: Session) => Promise<boolean>;
}

/** Two slots, so that one can be removed, and a workspace that can be deleted. */
async function setUp(place: Place): Promise<void> {
  const slots = [{ kind: 'keyfile' }, { kind: 'recovery' }] as const;
  await init({ ...place, owner: 'ada', slots });
  await using vault = await open(place);
  const session = vault.as({ principal: 'ada' });
  const value = valueOf(path, 1);
  await session.secrets.create({ environment, path, value });
  await session.workspaces.create({ name: workspace });
  await session.secrets.create({ workspace, environment, path, value });
}

function cutShort({ work, isDone }: KeyChange): FaultOperation {
  return {
    setUp,
    run: async (place, done) => {
      await using vault = await open(place);
      await work(vault.as({ principal: 'ada' }), vault, place);
      done();
    },
    look: async (place, isAcknowledged) => {
      const problems: string[] = [];
      let wasDone = false;
      try {
        await using vault = await open(place);
        const session = vault.as({ principal: 'ada' });
        wasDone = await isDone(session);
        if (isAcknowledged && !wasDone) problems.push('an acknowledged change is lost');
        problems.push(...(await problemsOf(session)));
      } catch (error) {
        if (!(error instanceof StrongroomError)) throw error;
        problems.push(`${error.code}: ${error.message}`);
      }
      problems.push(...leftovers(place));
      return { problems, isDone: wasDone };
    },
  };
}

/** Everything that is there can be read, written and verified. */
async function problemsOf({ secrets, workspaces, audit, health }: Session): Promise<string[]> {
  const problems: string[] = [];
  for (const { name } of await workspaces.list()) {
    const at = { workspace: name, environment };
    const found = await secrets.read({ ...at, path });
    if (found.value?.reveal() !== valueOf(path, 1)) problems.push(`another value in ${name}`);
    await secrets.write({ ...at, path: 'later', value: 'written after the fault' });
  }
  await audit.verify();
  const { status, damage } = await health.read();
  if (status !== 'ok') problems.push(...damage);
  return problems;
}

/** A40: of a workspace that is gone no row is left. */
function leftovers(place: Place): string[] {
  const db = new DatabaseSync(join(place.path, 'vault.db'), { readOnly: true });
  try {
    return ['secrets', 'environments', 'keys', 'secret_states'].flatMap((table) => {
      const { count } = db
        .prepare(
          `SELECT count(*) AS count FROM ${table} WHERE workspace_id IS NOT NULL AND workspace_id NOT IN (SELECT id FROM workspaces)`,
        )
        .get() as { count: number };
      return count === 0 ? [] : [`A40 ${count} rows of ${table} of a workspace that is gone`];
    });
  } finally {
    db.close();
  }
}

function keyFileOf({ configDirectory }: Place, { id }: Vault): string {
  return join(configDirectory, 'strongroom', 'vaults', id, 'master.key');
}

/** Every change of keys that is cut short, by its name. */
export const KEY_OPERATIONS: Readonly<Record<string, FaultOperation>> = {
  'rotate-workspace-key': cutShort({
    work: ({ keys }) => keys.rotate(),
    isDone: async ({ keys }) => ((await keys.status()).workspaces[0]?.keys.length ?? 0) > 1,
  }),
  'rotate-root-key': cutShort({
    work: async ({ keys }, vault, place) => {
      const key = { kind: 'keyfile', path: keyFileOf(place, vault) } as const;
      await keys.beginRoot({ keep: [key], drop: ['recovery'] });
      await keys.rotateRoot();
    },
    isDone: async ({ slots }) => (await slots.list()).length === 1,
  }),
  'add-slot': cutShort({
    work: ({ slots }) => slots.add({ slot: { kind: 'shamir', threshold: 2, shares: 3 } }),
    isDone: async ({ slots }) => (await slots.list()).length === 3,
  }),
  'remove-slot': cutShort({
    work: ({ slots }) => slots.remove({ slot: 'recovery' }),
    isDone: async ({ slots }) => (await slots.list()).length === 1,
  }),
  'delete-workspace': cutShort({
    work: ({ workspaces }) => workspaces.delete({ name: workspace }),
    isDone: async ({ workspaces }) => (await workspaces.list()).length === 1,
  }),
};
