// The operations that are killed and starved in the middle, each with what it
// needs before, what it promises, and how to see afterwards whether it was done.
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { init, open, StrongroomError, type Session } from '../../src/index.ts';
import { SCHEMA_VERSION } from '../../src/store/migrate.ts';
import { backup, restoration } from './backup-operations.ts';
import { checkVault } from './check.ts';
import { KEY_OPERATIONS } from './key-operations.ts';
import { IMPORTED, sha256, tagsOfStep, valueOf, type LedgerLine } from './ledger.ts';
import { environment, type Place } from './places.ts';

/** What was found after an operation was cut short. */
export interface Aftermath {
  readonly problems: readonly string[];
  /** Whether the operation was wholly done; otherwise it was not at all. */
  readonly isDone: boolean;
}

/** One operation that may be cut short at any point. */
export interface FaultOperation {
  /** Makes what the operation needs at a place; each run has a copy of it. */
  readonly setUp: (place: Place) => Promise<void>;
  /** Resolves when the operation was acknowledged and all is closed. `done` tells that it was acknowledged. */
  readonly run: (place: Place, done: () => void) => Promise<void>;
  /** Looks at what is left. `isAcknowledged` tells whether the operation said that it was done. */
  readonly look: (place: Place, isAcknowledged: boolean) => Promise<Aftermath>;
}

const at = (path: string): { readonly environment: string; readonly path: string } => ({
  environment,
  path,
});

/** The line of a ledger for a change that was acknowledged. */
function ack(op: LedgerLine['op'], path: string, version: number): LedgerLine {
  return { op, path, version, sha256: sha256(valueOf(path, version)), outcome: 'ok' };
}

/** What every vault has before an operation, with the ledger about it. */
const BEFORE: readonly LedgerLine[] = [
  ack('create', 'old/a', 1),
  ack('create', 'old/b', 1),
  ack('describe', 'old/b', 1),
];

async function makeVault(place: Place): Promise<void> {
  await init({ ...place, owner: 'ada' });
  await inVault(place, async ({ secrets }) => {
    await secrets.create({ ...at('old/a'), value: valueOf('old/a', 1) });
    await secrets.create({ ...at('old/b'), value: valueOf('old/b', 1) });
    await secrets.update({ ...at('old/b'), tags: [...tagsOfStep(0)] });
  });
}

async function inVault(place: Place, work: (session: Session) => Promise<unknown>): Promise<void> {
  await using vault = await open(place);
  await work(vault.as({ principal: 'ada' }));
}

/** How far secrets have come, from the rows themselves: changes as each changes one of them. */
function progress(place: Place): string {
  const db = new DatabaseSync(join(place.path, 'vault.db'), { readOnly: true });
  try {
    const rows = db.prepare('SELECT path, current_version, states FROM secrets ORDER BY id').all();
    return JSON.stringify(rows);
  } finally {
    db.close();
  }
}

/** An operation on secrets, held against a ledger. */
function onSecrets(
  work: (session: Session) => Promise<unknown>,
  promise: LedgerLine,
  before: readonly LedgerLine[] = BEFORE,
): FaultOperation {
  let untouched = '';
  return {
    setUp: async (place) => {
      await makeVault(place);
      if (before.length > BEFORE.length)
        await inVault(place, ({ secrets }) => secrets.delete(at('old/b')));
      untouched = progress(place);
    },
    run: async (place, done) => {
      await inVault(place, async (session) => {
        await work(session);
        done();
      });
    },
    look: async (place, isAcknowledged) => {
      // Without an acknowledgement it may have been kept or not, but not more than it.
      const line = isAcknowledged ? promise : { ...promise, outcome: 'unknown' as const };
      const { problems } = await check(place, [...before, line]);
      const isDone = progress(place) !== untouched;
      return { problems, isDone };
    },
  };
}

function check(place: Place, acks: readonly LedgerLine[]): ReturnType<typeof checkVault> {
  return checkVault(place.path, place.configDirectory, acks);
}

const initialize: FaultOperation = {
  setUp: async ({ path, configDirectory }) => {
    for (const directory of [path, configDirectory])
      mkdirSync(join(directory, '..'), { recursive: true });
  },
  run: async (place, done) => {
    await init({ ...place, owner: 'ada' });
    done();
  },
  look: async (place, isAcknowledged) => {
    const isDone = existsSync(join(place.path, 'vault.db'));
    if (!isDone && isAcknowledged) return { problems: ['the vault is not there'], isDone };
    if (!isDone) await init({ ...place, owner: 'ada' });
    return { problems: (await check(place, [])).problems, isDone };
  },
};

/** Puts the vault of an earlier schema at a place, with its key file. */
export function copyGolden({ path, configDirectory }: Place, schema: number): void {
  const golden = join(import.meta.dirname, '..', 'golden', `schema-${schema}`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  mkdirSync(configDirectory, { recursive: true });
  cpSync(join(golden, 'vault.db'), join(path, 'vault.db'));
  cpSync(join(golden, 'master.key'), join(path, 'master.key'));
  for (const name of readdirSync(path)) chmodSync(join(path, name), 0o600);
}

/** A vault of the first schema that is opened by this version. */
const migrate: FaultOperation = {
  setUp: async (place) => copyGolden(place, 1),
  run: (place, done) => openGolden(place, async () => done()),
  look: async (place, isAcknowledged) => {
    const isDone = schemaOf(join(place.path, 'vault.db')) === SCHEMA_VERSION;
    const problems = isAcknowledged && !isDone ? ['the migration is lost'] : [];
    const kept = join(place.path, 'vault.db.schema-1');
    if (isDone && !existsSync(kept)) problems.push('changed before it was copied');
    return { problems: [...problems, ...(await checkGolden(place, 1))], isDone };
  },
};

async function openGolden(
  { path, configDirectory }: Place,
  work: (session: Session) => Promise<unknown>,
): Promise<void> {
  const seal = { kind: 'keyfile', path: join(path, 'master.key') } as const;
  await using vault = await open({ path, configDirectory, seal });
  await work(vault.as({ principal: 'ada' }));
}

/** The schema of a database file; 0 if it has none. */
function schemaOf(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const row = db.prepare('SELECT max(version) AS version FROM schema_versions').get();
    return Number(row?.['version'] ?? 0);
  } finally {
    db.close();
  }
}

/** The vault of an earlier schema opens now, holds what it held, and so does the copy of it. */
export async function checkGolden(place: Place, schema: number): Promise<string[]> {
  const problems: string[] = [];
  try {
    await openGolden(place, async ({ secrets, tokens, audit }) => {
      // It needs keys that the vault did not have.
      await tokens.create();
      for (const [version, value] of [
        [1, 'first'],
        [2, 'second'],
      ] as const) {
        const input = { environment: 'production', path: 'db/PASSWORD', version };
        if ((await secrets.read(input)).value?.reveal() !== value) problems.push('another value');
      }
      const { secrets: held } = await audit.verify();
      if (held !== 7) problems.push(`${held} secrets of 7`);
    });
    const kept = join(place.path, `vault.db.schema-${schema}`);
    if (schemaOf(kept) !== schema) problems.push('the copy is not of the schema of before');
    if (schemaOf(join(place.path, 'vault.db')) !== SCHEMA_VERSION) problems.push('not migrated');
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    problems.push(`${error.code}: ${error.message}`);
  }
  return problems;
}

/** Every operation that is cut short, by its name. */
export const FAULT_OPERATIONS: Readonly<Record<string, FaultOperation>> = {
  init: initialize,
  create: onSecrets(
    ({ secrets }) => secrets.create({ ...at('new/a'), value: valueOf('new/a', 1) }),
    ack('create', 'new/a', 1),
  ),
  cas: onSecrets(
    ({ secrets }) => secrets.update({ ...at('old/a'), value: valueOf('old/a', 2), cas: 1 }),
    ack('update', 'old/a', 2),
  ),
  describe: onSecrets(
    ({ secrets }) => secrets.update({ ...at('old/a'), tags: [...tagsOfStep(0)] }),
    ack('describe', 'old/a', 1),
  ),
  delete: onSecrets(({ secrets }) => secrets.delete(at('old/b')), ack('delete', 'old/b', 1)),
  undelete: onSecrets(({ secrets }) => secrets.undelete(at('old/b')), ack('undelete', 'old/b', 1), [
    ...BEFORE,
    ack('delete', 'old/b', 1),
  ]),
  import: onSecrets(
    ({ secrets }) =>
      secrets.import({
        environment,
        secrets: IMPORTED.map((name) => `new/at-once/group/${name}`).map((path) => ({
          path,
          value: valueOf(path, 1),
        })),
      }),
    ack('import', 'new/at-once/group', 1),
  ),
  ...KEY_OPERATIONS,
  migrate,
  backup,
  restore: restoration,
};
