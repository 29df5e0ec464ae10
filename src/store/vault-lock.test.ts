import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { acquireVaultLock } from './vault-lock.ts';

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Another process that takes the lock and says so; it holds it until it is killed. */
async function holdElsewhere(): Promise<{ pid: number; kill(): Promise<void> }> {
  const script = `
    const { acquireVaultLock } = await import(${JSON.stringify(join(import.meta.dirname, 'vault-lock.ts'))});
    await acquireVaultLock(process.argv[1], { holder: 'the other program' });
    console.log('held');
    setInterval(() => undefined, 1000);
  `;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', script, '--', directory],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  return {
    pid: child.pid ?? 0,
    kill: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

describe('the lock of a vault', () => {
  it('keeps a second holder out and says who holds it', async () => {
    const lock = await acquireVaultLock(directory, { holder: 'first' });
    await expect(
      acquireVaultLock(directory, { holder: 'second', waitMs: 0 }),
    ).rejects.toMatchObject({
      code: 'vault_in_use',
      details: { pid: String(process.pid), holder: 'first' },
    });
    lock.release();
    const next = await acquireVaultLock(directory, { holder: 'second', waitMs: 0 });
    next.release();
  });

  it('is given to whoever waits when it becomes free', async () => {
    const lock = await acquireVaultLock(directory, { holder: 'first' });
    const waiting = acquireVaultLock(directory, { holder: 'second', waitMs: 30_000 });
    setTimeout(() => lock.release(), 50);
    const next = await waiting;
    expect(JSON.parse(readFileSync(join(directory, 'lock.json'), 'utf8'))).toMatchObject({
      pid: process.pid,
      holder: 'second',
    });
    next.release();
  });

  it('is free as soon as its holder was killed, whatever the notice says', async () => {
    const other = await holdElsewhere();
    await expect(acquireVaultLock(directory, { holder: 'we', waitMs: 0 })).rejects.toMatchObject({
      code: 'vault_in_use',
      message: expect.stringContaining(`process ${other.pid} (the other program)`) as string,
    });
    await other.kill();
    const lock = await acquireVaultLock(directory, { holder: 'we', waitMs: 5_000 });
    lock.release();
  });

  it.each(['', 'not json', '{"pid":"x","holder":7}', 'null', '[]'])(
    'says that the holder is unknown when the notice is %j',
    async (notice) => {
      const lock = await acquireVaultLock(directory, { holder: 'first' });
      writeFileSync(join(directory, 'lock.json'), notice);
      await expect(acquireVaultLock(directory, { holder: 'we', waitMs: 0 })).rejects.toMatchObject({
        code: 'vault_in_use',
        details: { pid: 'unknown', holder: 'unknown' },
      });
      lock.release();
    },
  );

  it('is refused as read_only where no file can be made', async () => {
    const nowhere = join(directory, 'none');
    await expect(acquireVaultLock(nowhere, { holder: 'we' })).rejects.toMatchObject({
      code: 'read_only',
    });
  });

  it('does not take a file that is no database for a lock', async () => {
    writeFileSync(join(directory, 'lock.db'), 'something else '.repeat(1000));
    await expect(acquireVaultLock(directory, { holder: 'we', waitMs: 0 })).rejects.toMatchObject({
      code: 'not_a_vault',
    });
  });
});
