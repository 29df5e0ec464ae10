import { openEnvelope, sealEnvelope, type EnvelopeContext } from '../../crypto/envelope.ts';
import { StrongroomError } from '../../errors.ts';
import { utf8, utf8Decode, wipe } from '../../lib/bytes.ts';
import { LAYOUTS } from '../../store/protected-tables.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { LayoutRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';

const LAYOUT_BYTES_MAX = 8 * 1024 * 1024;

const byEnvironment = statement((db, p: Parameters<{ environmentId: string }>) =>
  db.selectFrom('layouts').selectAll().where('environment_id', '=', p('environmentId')),
);

/**
 * Keeps the layout of an environment's imported `.env` file. It holds the
 * file's text, values too, so it is encrypted like them.
 *
 * @returns Its revision.
 * @throws {@link StrongroomError} `value_too_large`.
 */
export async function writeLayout(
  work: Work,
  environment: Environment,
  layout: string,
): Promise<number> {
  const plaintext = utf8(layout);
  try {
    if (plaintext.length > LAYOUT_BYTES_MAX) {
      throw new StrongroomError('value_too_large', 'an imported file has at most 8 MiB');
    }
    const known = await find(work, environment);
    const revision = (known?.revision ?? 0) + 1;
    const key = work.keyring.activeWorkspaceKey(environment.workspace.id);
    const envelope = sealEnvelope(key, context(work, environment, revision), plaintext);
    await work.keyUses.count(key.id);
    const { transaction, mac } = work;
    const row = { environment_id: environment.id, revision, envelope };
    await (known === undefined
      ? insertRow(transaction, mac, LAYOUTS, row)
      : updateRow(transaction, mac, LAYOUTS, { from: known, set: row }));
    return revision;
  } finally {
    wipe(plaintext);
  }
}

/** The layout that was kept, or `undefined`. */
export async function readLayout(
  work: Work,
  environment: Environment,
): Promise<string | undefined> {
  const row = await find(work, environment);
  if (row === undefined) return undefined;
  const plaintext = openEnvelope(row.envelope, context(work, environment, row.revision), (id) =>
    work.keyring.workspaceKey(id),
  );
  try {
    return utf8Decode(plaintext);
  } finally {
    wipe(plaintext);
  }
}

/**
 * Drops the layout if it has one of some names in it: the file's text has the
 * values too, and one that is destroyed must not live on there.
 */
export async function removeLayoutNaming(
  work: Work,
  environment: Environment,
  names: readonly string[],
): Promise<boolean> {
  const text = await readLayout(work, environment);
  if (text === undefined || !names.some((name) => text.includes(name))) return false;
  const row = await find(work, environment);
  if (row !== undefined) await removeRow(work.transaction, work.mac, LAYOUTS, row);
  return true;
}

async function find(work: Work, environment: Environment): Promise<LayoutRow | undefined> {
  const row = await work.transaction.get(byEnvironment, { environmentId: environment.id });
  if (row !== undefined) work.mac.check(LAYOUTS, row);
  return row;
}

function context(work: Work, environment: Environment, revision: number): EnvelopeContext {
  return {
    domain: 'layout',
    vaultId: work.keyring.vaultId,
    workspaceId: environment.workspace.id,
    environmentId: environment.id,
    subjectId: environment.id,
    number: revision,
  };
}
