// What `strongroom run` adds to starting a program.
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { COMMAND, olderNode, privateEnvironment, timed } from './commands.ts';
import type { Command } from './commands.ts';
import { median, newDirectory, report } from './harness.ts';
import { library, valueOf } from './vaults.ts';

const SECRETS = 50;
const PAIRS = 21;

const directory = newDirectory('run');
const env = privateEnvironment(directory);
const { init, open } = await library();
const place = {
  path: join(directory, '.strongroom'),
  configDirectory: String(env['XDG_CONFIG_HOME']),
};
const owner = env['STRONGROOM_PRINCIPAL'] ?? userInfo().username;
await init({ ...place, owner });
const vault = await open(place);
await vault.as({ principal: owner }).secrets.import({
  environment: 'development',
  secrets: Array.from({ length: SECRETS }, (_, index) => ({
    path: `SERVICE_KEY_${index.toString().padStart(2, '0')}`,
    value: valueOf(index),
  })),
});
await vault.close();

function beyondNode(node: string): { readonly run: number; readonly node: number } {
  const shared = { node, cwd: directory, env };
  const run: Command = { ...shared, args: [COMMAND, 'run', '-e', 'development', '--', 'true'] };
  const empty: Command = { ...shared, args: ['-e', '0'] };
  for (let warmUp = 0; warmUp < 3; warmUp += 1) {
    timed(run);
    timed(empty);
  }
  const [runs, empties]: [number[], number[]] = [[], []];
  const differences: number[] = [];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const took = timed(run);
    const tookNode = timed(empty);
    runs.push(took);
    empties.push(tookNode);
    differences.push(took - tookNode);
  }
  return { run: median(differences), node: median(empties) };
}

const here = beyondNode(process.execPath);
report({
  question: `strongroom run -- true, 50 secrets, warm, beyond node -e 0 (median of ${PAIRS} pairs)`,
  measured: here.run,
  unit: 'ms',
  limit: 150,
  bare: here.node,
  note: `node -e 0 of Node ${process.versions.node}`,
});
const older = olderNode();
const wrapped = older === undefined ? undefined : beyondNode(older.path);
report({
  question: 'the same through the wrapper on an older Node, beyond node -e 0 of that',
  measured: wrapped?.run,
  unit: 'ms',
  ...(wrapped === undefined ? {} : { bare: wrapped.node }),
  note:
    older === undefined ? 'no older Node on PATH' : `node -e 0 of Node ${older.version.slice(1)}`,
});
