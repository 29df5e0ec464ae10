import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { findEnvironmentFiles, importCommand } from './environment-files.ts';

test('files beside .env are found with the environment that their name tells, examples left out', () => {
  const directory = mkdtempSync(join(tmpdir(), 'environment-files-'));
  try {
    const names = [
      '.env',
      '.env.prod',
      '.env.production.local',
      '.env.local',
      '.env.stage',
      '.env.test',
      '.env.qa',
      ".env.it's",
      '.env.example',
      '.env.production.example',
      '.env.vault',
      '.envrc',
    ];
    for (const name of names) writeFileSync(join(directory, name), '');
    mkdirSync(join(directory, '.env.staging'));
    expect(findEnvironmentFiles(directory).map((each) => importCommand(each))).toStrictEqual([
      `strongroom import '.env.it'\\''s' -e <environment>`,
      'strongroom import .env.local -e development',
      'strongroom import .env.prod -e production',
      'strongroom import .env.production.local -e production',
      'strongroom import .env.qa -e <environment>',
      'strongroom import .env.stage -e staging',
      'strongroom import .env.test -e testing',
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
