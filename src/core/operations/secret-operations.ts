import { describeSecret, secretHistory } from './describe-secret.ts';
import { destroySecret } from './destroy-secret.ts';
import { diffSecrets } from './diff-secrets.ts';
import { dueSecrets } from './due-secrets.ts';
import { generateValue } from './generate-value.ts';
import { importSecrets } from './import-secrets.ts';
import { listSecrets } from './list-secrets.ts';
import { overrideSecret, removeOverride } from './overrides.ts';
import { copySecrets, moveSecret, renameSecret } from './place-secret.ts';
import { readMany } from './read-many.ts';
import { readSecret } from './read-secret.ts';
import { resolveSecret } from './resolve-secret.ts';
import { retirePreviousVersion, rollBackSecret, rotateSecret } from './rotate-secret.ts';
import { expiringSecrets, searchSecrets } from './search-secrets.ts';
import { secretAccesses } from './secret-accesses.ts';
import { secretStatistics } from './statistics.ts';
import { deleteSecret, undeleteSecret } from './trash-secret.ts';
import { rewindSecrets, undoChange } from './undo-change.ts';
import { verifyChecksums } from './verify-checksums.ts';
import { verifySecret } from './verify-secret.ts';
import { createSecret, updateSecret, writeSecret } from './write-secret.ts';

/** What can be done with secrets. */
export interface SecretOperations {
  readonly create: typeof createSecret;
  readonly read: typeof readSecret;
  readonly readMany: typeof readMany;
  readonly update: typeof updateSecret;
  readonly write: typeof writeSecret;
  readonly delete: typeof deleteSecret;
  readonly undelete: typeof undeleteSecret;
  readonly destroy: typeof destroySecret;
  readonly verify: typeof verifySecret;
  readonly verifyChecksums: typeof verifyChecksums;
  readonly search: typeof searchSecrets;
  readonly expiring: typeof expiringSecrets;
  readonly statistics: typeof secretStatistics;
  readonly accesses: typeof secretAccesses;
  readonly list: typeof listSecrets;
  readonly history: typeof secretHistory;
  readonly describe: typeof describeSecret;
  readonly import: typeof importSecrets;
  readonly rename: typeof renameSecret;
  readonly move: typeof moveSecret;
  readonly copy: typeof copySecrets;
  readonly diff: typeof diffSecrets;
  readonly undo: typeof undoChange;
  readonly rewind: typeof rewindSecrets;
  readonly generate: typeof generateValue;
  readonly rotate: typeof rotateSecret;
  readonly rollback: typeof rollBackSecret;
  readonly retire: typeof retirePreviousVersion;
  readonly due: typeof dueSecrets;
  readonly resolve: typeof resolveSecret;
  readonly override: typeof overrideSecret;
  readonly removeOverride: typeof removeOverride;
}

/** What can be done with secrets. */
export const secretOperations: SecretOperations = {
  create: createSecret,
  read: readSecret,
  readMany,
  update: updateSecret,
  write: writeSecret,
  delete: deleteSecret,
  undelete: undeleteSecret,
  destroy: destroySecret,
  verify: verifySecret,
  verifyChecksums,
  search: searchSecrets,
  expiring: expiringSecrets,
  statistics: secretStatistics,
  accesses: secretAccesses,
  list: listSecrets,
  history: secretHistory,
  describe: describeSecret,
  import: importSecrets,
  rename: renameSecret,
  move: moveSecret,
  copy: copySecrets,
  diff: diffSecrets,
  undo: undoChange,
  rewind: rewindSecrets,
  generate: generateValue,
  rotate: rotateSecret,
  rollback: rollBackSecret,
  retire: retirePreviousVersion,
  due: dueSecrets,
  resolve: resolveSecret,
  override: overrideSecret,
  removeOverride,
};
