// Changes of keys, slots and workspaces that are killed in the middle: rows F2,
// A40 and A77. Afterwards the old or the new keys open the vault, and a
// workspace is there as a whole or not at all.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import {
  init,
  open,
  SecretValue,
  StrongroomError,
  type Session,
  type SlotKey,
  type Vault,
} from '../../src/index.ts';
import { valueOf } from './ledger.ts';
import type { FaultOperation } from './operations.ts';
import { environment, type Place } from './places.ts';

const workspace = 'tenant';
const path = 'old/a';

/** What is done, and how to see that it was. */
interface KeyChange {
  /** What has to be there before, besides what every vault has. */
  readonly before?: (session: Session, place: Place) => Promise<unknown>;
  readonly work: (session: Session, vault: Vault, place: Place) => Promise<unknown>;
  readonly isDone: (session: Session) => Promise<boolean>;
  /** What opens the vault afterwards, and what it opened with before. */
  readonly openers?: (place: Place) => { readonly after: SlotKey; readonly before?: SlotKey };
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

function cutShort({ before, work, isDone, openers }: KeyChange): FaultOperation {
  return {
    setUp: async (place) => {
      await setUp(place);
      if (before === undefined) return;
      await using vault = await open(place);
      await before(vault.as({ principal: 'ada' }), place);
    },
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
      if (openers !== undefined) problems.push(...(await misfits(place, openers(place), wasDone)));
      problems.push(...leftovers(place));
      return { problems, isDone: wasDone };
    },
  };
}

/** Whether exactly that opens the vault which should, before and after the change. */
async function misfits(
  place: Place,
  { before, after }: { readonly after: SlotKey; readonly before?: SlotKey },
  wasDone: boolean,
): Promise<string[]> {
  const problems: string[] = [];
  if ((await opens(place, after)) !== wasDone) problems.push(`the new ${after.kind} is amiss`);
  if (before !== undefined && (await opens(place, before)) === wasDone) {
    problems.push(`the old ${before.kind} is amiss`);
  }
  return problems;
}

async function opens(place: Place, seal: SlotKey): Promise<boolean> {
  try {
    const vault = await open({ ...place, seal });
    await vault.close();
    return true;
  } catch (error) {
    if (error instanceof StrongroomError && REFUSALS.has(error.code)) return false;
    throw error;
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['wrong_key', 'key_not_found']);

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

const beside = ({ path }: Place, name: string): string => join(path, '..', name);

/** Adds shares, and keeps them in a file for the process that is killed and the look afterwards. */
async function addShares({ slots }: Session, file: string, replaces?: string): Promise<string> {
  const spec = { kind: 'shamir', threshold: 2, shares: 3 } as const;
  const { slot, shares = [] } = await slots.add({ slot: spec, replaces });
  writeFileSync(file, shares.map((share) => share.reveal()).join('\n'), { mode: 0o600 });
  return slot.id;
}

function sharesIn(file: string): SecretValue[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((share) => SecretValue.text(share));
}

const sharesOf = (place: Place, name: string): SlotKey => ({
  kind: 'shamir',
  shares: sharesIn(beside(place, name)),
});

async function pendingOf({ slots }: Session): Promise<string> {
  return (await slots.list()).find(({ isPending }) => isPending)?.id ?? '';
}

const secondKeyFile = (place: Place): { readonly kind: 'keyfile'; readonly path: string } => ({
  kind: 'keyfile',
  path: beside(place, 'second.key'),
});

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
  'renew-slot-with-root-key': cutShort({
    work: async ({ keys }, vault, place) => {
      const key = { kind: 'keyfile', path: keyFileOf(place, vault) } as const;
      await keys.beginRoot({
        keep: [key],
        renew: [{ slot: 'recovery', by: secondKeyFile(place) }],
      });
      await keys.rotateRoot();
    },
    isDone: async ({ slots }) => (await slots.list()).every(({ kind }) => kind === 'keyfile'),
    openers: (place) => ({ after: secondKeyFile(place) }),
  }),
  'rewrap-workspace-keys': cutShort({
    before: ({ keys }) => keys.rotate({ workspace }),
    work: ({ keys }) => keys.rewrap({ workspace, limit: 4096 }),
    isDone: async ({ jobs }) => (await jobs.list({ running: true })).length === 0,
  }),
  'retire-workspace-key': cutShort({
    before: async ({ keys }) => {
      await keys.rotate({ workspace });
      await keys.rewrap({ workspace, limit: 4096 });
    },
    work: ({ keys }) => keys.retire({ workspace }),
    isDone: async ({ keys }) =>
      (await keys.status()).workspaces.some((each) =>
        each.keys.some(({ state }) => state === 'destroyed'),
      ),
  }),
  'confirm-shares': cutShort({
    before: (session, place) => addShares(session, beside(place, 'shares')),
    work: async (session, _vault, place) =>
      session.slots.confirm({
        slot: await pendingOf(session),
        shares: sharesIn(beside(place, 'shares')),
      }),
    isDone: async (session) => (await pendingOf(session)) === '',
    openers: (place) => ({ after: sharesOf(place, 'shares') }),
  }),
  'split-shares-anew': cutShort({
    before: async (session, place) => {
      const slot = await addShares(session, beside(place, 'old-shares'));
      await session.slots.confirm({ slot, shares: sharesIn(beside(place, 'old-shares')) });
      await addShares(session, beside(place, 'shares'), slot);
    },
    work: async (session, _vault, place) =>
      session.slots.confirm({
        slot: await pendingOf(session),
        shares: sharesIn(beside(place, 'shares')),
      }),
    isDone: async ({ slots }) => (await slots.list()).length === 3,
    openers: (place) => ({
      after: sharesOf(place, 'shares'),
      before: sharesOf(place, 'old-shares'),
    }),
  }),
  'add-key-file': cutShort({
    work: ({ slots }, _vault, place) => slots.add({ slot: secondKeyFile(place) }),
    isDone: async ({ slots }) => (await slots.list()).length === 3,
    openers: (place) => ({ after: secondKeyFile(place) }),
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

/** Those of them after which something else may open the vault or its values. */
export const KEY_CHANGES: readonly string[] = Object.keys(KEY_OPERATIONS).filter(
  (name) => name !== 'delete-workspace',
);
