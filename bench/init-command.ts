// How long the first command takes in a project with a .env of 40 variables.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { realisticDotenv } from '../src/testing/realistic-dotenv.ts';
import { COMMAND, privateEnvironment, timed } from './commands.ts';
import { median, newDirectory, report } from './harness.ts';

const ROUNDS = 7;

const [ours, bare]: [number[], number[]] = [[], []];
for (let round = 0; round < ROUNDS; round += 1) {
  const directory = newDirectory('init');
  const project = join(directory, 'project');
  mkdirSync(project);
  writeFileSync(join(project, '.env'), realisticDotenv());
  const shared = { node: process.execPath, cwd: project, env: privateEnvironment(directory) };
  ours.push(timed({ ...shared, args: [COMMAND, 'init', '--yes'] }));
  bare.push(timed({ ...shared, args: ['-e', '0'] }));
}
report({
  question: `strongroom init --yes with a .env of 40 variables, cold (median of ${ROUNDS})`,
  measured: median(ours) / 1000,
  unit: 's',
  limit: 2,
  bare: median(bare) / 1000,
  note: 'node -e 0; new directories and an empty compile cache each time, the file cache is warm',
});
