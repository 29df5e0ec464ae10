import { statement, type Parameters } from '../../store/statement.ts';
import type { Work } from '../work.ts';

const removeReads = statement((db, p: Parameters<{ secretId: string }>) =>
  db.deleteFrom('secret_reads').where('secret_id', '=', p('secretId')),
);

/** Stops counting how often a secret was read: only those that are live are counted. */
export async function forgetReads(
  { transaction }: Pick<Work, 'transaction'>,
  secretId: string,
): Promise<void> {
  await transaction.run(removeReads, { secretId });
}
