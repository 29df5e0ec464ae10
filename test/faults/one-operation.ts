// Does one operation on a vault, so that it can be killed or starved in the
// middle: `one-operation.ts init|create|cas|import DIRECTORY CONFIG`. Says
// `begin` when everything is loaded and `done` when it has its answer.
import { writeSync } from 'node:fs';

import { init, open, StrongroomError, type Session } from '../../src/index.ts';
import { IMPORTED, valueOf } from './ledger.ts';

const environment = 'development';

/** What each operation does in an open vault. */
const OPERATIONS: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  create: (session) =>
    session.secrets.create({ environment, path: 'new/a', value: valueOf('new/a', 1) }),
  cas: (session) =>
    session.secrets.write({ environment, path: 'old/a', value: valueOf('old/a', 2), cas: 1 }),
  import: (session) => {
    const paths = IMPORTED.map((name) => `new/at-once/group/${name}`);
    const secrets = paths.map((path) => ({ path, value: valueOf(path, 1) }));
    return session.secrets.import({ environment, secrets });
  },
};

async function run(name: string, path: string, configDirectory: string): Promise<void> {
  writeSync(1, 'begin\n');
  if (name === 'init') {
    await init({ path, owner: 'ada', configDirectory });
    writeSync(1, 'done\n');
    return;
  }
  const vault = await open({ path, configDirectory });
  try {
    await OPERATIONS[name]?.(vault.as({ principal: 'ada' }));
    writeSync(1, 'done\n');
  } finally {
    await vault.close();
  }
}

try {
  await run(process.argv[2] ?? '', process.argv[3] ?? '', process.argv[4] ?? '');
} catch (error) {
  writeSync(1, `failed ${error instanceof StrongroomError ? error.code : String(error)}\n`);
  process.exitCode = 1;
}
