import { openEnvelope, sealEnvelope, type EnvelopeContext } from '../../crypto/envelope.ts';
import { StrongroomError } from '../../errors.ts';
import { utf8, utf8Decode, wipe } from '../../lib/bytes.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { LayoutRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';

const LAYOUT_BYTES_MAX = 8 * 1024 * 1024;

const byEnvironment = statement((db, p: Parameters<{ environmentId: string }>) =>
  db.selectFrom('layouts').selectAll().where('environment_id', '=', p('environmentId')),
);

const put = statement((db, p: Parameters<LayoutRow>) =>
  db
    .insertInto('layouts')
    .values({
      environment_id: p('environment_id'),
      revision: p('revision'),
      envelope: p('envelope'),
    })
    .onConflict((conflict) =>
      conflict.column('environment_id').doUpdateSet((row) => ({
        revision: row.ref('excluded.revision'),
        envelope: row.ref('excluded.envelope'),
      })),
    ),
);

/**
 * Keeps the layout of an environment's imported `.env` file. It holds the
 * file's text, values too, so it is encrypted like them.
 *
 * @throws {@link StrongroomError} `value_too_large`.
 */
export async function writeLayout(
  work: Work,
  environment: Environment,
  layout: string,
): Promise<void> {
  const plaintext = utf8(layout);
  try {
    if (plaintext.length > LAYOUT_BYTES_MAX) {
      throw new StrongroomError('value_too_large', 'an imported file has at most 8 MiB');
    }
    const known = await work.transaction.get(byEnvironment, { environmentId: environment.id });
    const revision = (known?.revision ?? 0) + 1;
    const key = work.keyring.activeWorkspaceKey(environment.workspace.id);
    const envelope = sealEnvelope(key, context(work, environment, revision), plaintext);
    await work.keyUses.count(key.id);
    await work.transaction.run(put, { environment_id: environment.id, revision, envelope });
  } finally {
    wipe(plaintext);
  }
}

/** The layout that was kept, or `undefined`. */
export async function readLayout(
  work: Work,
  environment: Environment,
): Promise<string | undefined> {
  const row = await work.transaction.get(byEnvironment, { environmentId: environment.id });
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
