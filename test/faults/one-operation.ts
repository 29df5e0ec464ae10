// Does one operation on a vault, so that it can be killed or starved in the
// middle: `one-operation.ts NAME DIRECTORY CONFIG`. Says `begin` when
// everything is loaded and `done` when it has its answer.
import { writeSync } from 'node:fs';

import { StrongroomError } from '../../src/index.ts';
import { FAULT_OPERATIONS } from './operations.ts';

const [, , name = '', path = '', configDirectory = ''] = process.argv;
writeSync(1, 'begin\n');
try {
  await FAULT_OPERATIONS[name]?.run({ path, configDirectory }, () => writeSync(1, 'done\n'));
} catch (error) {
  writeSync(1, `failed ${error instanceof StrongroomError ? error.code : String(error)}\n`);
  process.exitCode = 1;
}
