// A small vault with rows in every table, for faults that may strike any of them.
import { randomBytes } from 'node:crypto';

import { z } from 'zod';

import type { Call, InnerOperation } from '../../src/core/operation.ts';
import { initVault } from '../../src/core/init-vault.ts';
import type { Session } from '../../src/core/session.ts';
import { FactorSet } from '../../src/domain/identities/factor-set.ts';
import type { Work } from '../../src/domain/work.ts';
import { parseDotenv } from '../../src/formats/dotenv.ts';
import { serializeLayout } from '../../src/formats/dotenv-layout.ts';
import { uuidv7 } from '../../src/lib/ids.ts';
import { SecretValue } from '../../src/secret-value.ts';
import * as protectedTables from '../../src/store/protected-tables.ts';
import type { ProtectedTable, RowMac } from '../../src/store/row-mac.ts';
import { insertRow } from '../../src/store/rows.ts';
import type { ProtectedColumns, TableName } from '../../src/store/tables.ts';
import { openParts, OWNER, storedRows, type OpenParts } from '../../src/testing/temporary-vault.ts';
import type { DatabaseSync } from 'node:sqlite';
import { valueOf } from './ledger.ts';
import { environment, type Place } from './places.ts';

/** Every table whose rows carry a MAC, as the store declares them. */
export const PROTECTED: readonly ProtectedTable<TableName>[] = Object.values(
  protectedTables,
).flatMap((each): ProtectedTable<TableName>[] =>
  'table' in each ? [each as unknown as ProtectedTable<TableName>] : [],
);

const SECRETS = 12;

/** Versions by path, of all secrets that are not deleted. */
export type Expected = ReadonlyMap<string, number>;

/**
 * Makes a vault at a place, with at least two rows in every protected table,
 * and leaves it open. Values are those of `valueOf`.
 */
export async function makeWholeVault(
  place: Place,
): Promise<{ readonly parts: OpenParts; readonly expected: Expected }> {
  const made = await initVault(place.path, {
    owner: OWNER,
    configDirectory: place.configDirectory,
    slots: [{ kind: 'keyfile' }, { kind: 'recovery' }],
  });
  const parts = await openParts({
    ...place,
    root: place.path,
    made,
    keyFile: made.keyFiles[0] ?? '',
    remove: () => undefined,
  });
  const session = parts.as(OWNER, { userAgent: 'faults' });
  const expected = await writeSecrets(session);
  await writeTheRest(session, parts);
  return { parts, expected };
}

async function writeSecrets(session: Session): Promise<Expected> {
  const expected = new Map<string, number>();
  for (let index = 0; index < SECRETS; index += 1) {
    const path = `group/s${index}`;
    expected.set(path, 1 + (index % 3));
    for (let version = 1; version <= 1 + (index % 3); version += 1) {
      const value = valueOf(path, version);
      await session.secrets.write(
        { environment, path, value },
        { idempotencyKey: `${path} ${version}` },
      );
    }
    const described = { description: `of ${path}`, tags: [`tag-${index}`] };
    if (index % 4 === 0) await session.secrets.update({ environment, path, ...described });
    await session.secrets.read({ environment, path });
  }
  for (const path of ['group/s1', 'group/s2']) {
    await session.secrets.delete({ environment, path });
    await session.secrets.undelete({ environment, path });
  }
  const deleted = { environment, path: 'gone/a' };
  await session.secrets.create({ ...deleted, value: valueOf('gone/a', 1) });
  await session.secrets.delete(deleted);
  return expected;
}

async function writeTheRest(session: Session, parts: OpenParts): Promise<void> {
  await session.workspaces.create({ name: 'payments' });
  for (const each of ['development', 'staging']) {
    const layout = SecretValue.text(serializeLayout(parseDotenv(`A=${each}\n`)));
    await session.secrets.import({ environment: each, secrets: [], layout });
  }
  await session.audit.query({ path: 'group/s1' });
  await parts.vault.call(fillTables, parts.vault.caller({ principal: OWNER }, 'library'), {});
}

/** Rows that no operation above makes, put in as an operation would, so that they are counted and vouched for. */
const fillTables: InnerOperation<object, number> = {
  name: 'faults.fill',
  summary: 'Puts rows into the tables that have none.',
  input: z.strictObject({}),
  secretMembers: [],
  mutates: true,
  requires: () => [{ capability: 'write', resource: ['default', environment, 'any'] }],
  subject: () => ({}),
  apply: async (_input, call) => {
    const ids = idsFor(call, call.directory.environment('default', environment));
    for (const table of PROTECTED) {
      const make = MORE_ROWS[table.table];
      if (make === undefined) continue;
      for (const index of [1, 2]) {
        await insertRow(call.transaction, call.mac, table as never, make(index, ids) as never);
      }
    }
    await fillFactors(call);
    return PROTECTED.length;
  },
};

/** Factors are vouched for by the row of whose they are. */
async function fillFactors(call: Call): Promise<void> {
  const principal = call.standing.principal(call.principal.id);
  if (principal === undefined) throw new TypeError('the owner is there');
  const factors = await FactorSet.of(call, principal);
  for (const counter of [1, 2]) {
    await factors.add(call, {
      kind: 'totp',
      label: `phone-${counter}`,
      lookup: `${counter}`,
      data: {},
      secret: () => randomBytes(200),
      confirmedAt: call.now,
      counter,
    });
  }
  await factors.store(call);
}

/** What rows refer to. */
interface Ids {
  /** Ids of the groups that are made. */
  readonly made: readonly string[];
  readonly now: number;
  readonly actor: string;
  readonly workspace: string;
  readonly environment: string;
}

function idsFor(
  work: Work,
  found: { readonly id: string; readonly workspace: { readonly id: string } },
): Ids {
  return {
    made: [uuidv7(), uuidv7(), uuidv7()],
    now: work.now,
    actor: work.actor,
    workspace: found.workspace.id,
    environment: found.id,
  };
}

/** Rows for the tables that the operations above leave empty. */
const MORE_ROWS: Readonly<Partial<Record<TableName, (index: number, ids: Ids) => object>>> = {
  principals: (index, { now }) => ({
    id: uuidv7(),
    kind: 'user',
    name: `user-${index}`,
    created_at: now,
    disabled_at: now,
    factors: null,
    generation: index,
  }),
  groups: (index, { made, workspace, now, actor }) => ({
    id: made[index],
    workspace_id: workspace,
    name: `team-${index}`,
    created_at: now,
    created_by: actor,
  }),
  memberships: (index, { made, workspace, now, actor }) => ({
    id: uuidv7(),
    workspace_id: workspace,
    member_kind: 'principal',
    member_id: actor,
    parent_kind: 'group',
    parent_id: made[index],
    created_at: now,
    method_id: uuidv7(),
  }),
  settings: (index, { workspace, now, actor }) => ({
    id: uuidv7(),
    workspace_id: workspace,
    name: index === 1 ? 'trash_retention_days' : 'key_rotation_days',
    value: '30',
    updated_at: now,
    updated_by: actor,
  }),
  imports: (index, { workspace, environment: id, now, actor }) => ({
    id: uuidv7(),
    workspace_id: workspace,
    environment_id: id,
    folder: `seen-${index}/`,
    source_environment_id: id,
    source_folder: 'group/',
    position: index,
    created_at: now,
    created_by: actor,
  }),
  personal_values: (index, { workspace, environment: id, now, actor }) => ({
    id: uuidv7(),
    workspace_id: workspace,
    environment_id: id,
    path: `mine/${index}`,
    principal_id: actor,
    revision: 1,
    envelope: randomBytes(200),
    created_at: now,
    updated_at: now,
  }),
  verify_attempts: (index, { now, actor }) => ({
    principal_id: actor,
    secret_id: uuidv7(),
    since: now,
    attempts: index,
  }),
  jobs: (index, { workspace, now, actor }) => ({
    id: uuidv7(),
    kind: `kind-${index}`,
    workspace_id: workspace,
    state: 'finished',
    input: '{}',
    position: null,
    done: index,
    total: index,
    failed: 0,
    detail: null,
    created_at: now,
    created_by: actor,
    updated_at: now,
    finished_at: now,
  }),
  backups: (index, { now }) => ({
    id: uuidv7(),
    file: `/backups/${index}`,
    created_at: now,
    size_bytes: 1000 * index,
    sha256: randomBytes(32),
    root_key_id: 'root',
    audit_log: uuidv7(),
    audit_size: index,
    secrets: index,
    versions: index,
    proven_at: null,
    receipt: null,
    verified_at: null,
    keep_until: null,
    removed_at: now,
  }),
  tokens: (index, { made, now, actor }) => ({
    id: uuidv7(),
    kind: 'token',
    principal_id: actor,
    family_id: made[index],
    method_id: made[index],
    token_key: index,
    digest: randomBytes(32),
    lookup: randomBytes(32),
    label: `token-${index}`,
    limits: null,
    state: null,
    client: null,
    carrier: 'bearer',
    bound_to: null,
    restore_id: '',
    principal_generation: 0,
    method_generation: 0,
    created_at: now,
    created_by: actor,
    expires_at: null,
    idle_ms: null,
    used_at: null,
    uses_left: index,
    authenticated_at: null,
    mfa_at: null,
  }),
  revocations: (index, { now, actor }) => ({
    id: uuidv7(),
    revoked_at: now + index,
    revoked_by: actor,
    until: null,
  }),
  auth_methods: (index, { now, actor }) => ({
    id: uuidv7(),
    kind: 'oidc',
    name: `provider-${index}`,
    principal_id: null,
    config: '{}',
    secret: randomBytes(200),
    revision: index,
    generation: index,
    disabled_at: null,
    created_at: now,
    created_by: actor,
  }),
  attempts: (index, { now }) => ({
    id: `source-${index}`,
    fingerprint_key: 1,
    since: now,
    failures: index,
    last_at: now,
    locked_until: null,
  }),
};

/** The tables that never have more than one row in a vault like this. */
export const SINGLE_ROWS: readonly TableName[] = ['vault', 'audit_logs'];

/** Codes of the rows of protected tables that fail their check; empty if none does. */
export function rowFaults(db: DatabaseSync, mac: RowMac): string[] {
  const faults: string[] = [];
  for (const table of PROTECTED) {
    for (const row of storedRows(db, table.table)) {
      try {
        mac.check(table, row as unknown as ProtectedColumns);
      } catch (error) {
        faults.push(`${table.table}: ${(error as { code?: string }).code ?? String(error)}`);
      }
    }
  }
  return faults;
}
