import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

  it('shows of a holder at most 64 characters, and none that a terminal obeys', async () => {
    const lock = await acquireVaultLock(directory, { holder: `\u001B[2J${'x'.repeat(100)}` });
    await expect(acquireVaultLock(directory, { holder: 'we', waitMs: 0 })).rejects.toMatchObject({
      details: { holder: `\\u001b[2J${'x'.repeat(60)}` },
    });
    lock.release();
  });

  it('says that the holder is unknown when the notice is too large to be one', async () => {
    const lock = await acquireVaultLock(directory, { holder: 'first' });
    const notice = JSON.stringify({ pid: 1, holder: 'x', more: 'x'.repeat(5000) });
    writeFileSync(join(directory, 'lock.json'), notice);
    await expect(acquireVaultLock(directory, { holder: 'we', waitMs: 0 })).rejects.toMatchObject({
      details: { pid: 'unknown' },
    });
    lock.release();
  });

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

describe('A95: the files of a vault that came with a project', () => {
  const NAMES = ['vault.db', 'vault.db-wal', 'vault.db-shm', 'lock.db', 'lock.db-journal'];

  /** A directory as somebody else made it, and one of the user's beside it. */
  function places(): { vault: string; victim: string; missing: string } {
    const vault = join(directory, 'vault');
    mkdirSync(vault);
    const victim = join(directory, 'victim');
    writeFileSync(victim, 'precious');
    return { vault, victim, missing: join(directory, 'missing') };
  }

  async function isRefused(vault: string): Promise<void> {
    await expect(acquireVaultLock(vault, { holder: 'we', waitMs: 0 })).rejects.toMatchObject({
      code: 'not_a_vault',
    });
  }

  it.each([...NAMES, 'lock.json'])(
    'A95 %s that is a link is refused and not followed',
    async (name) => {
      const { vault, victim } = places();
      symlinkSync(victim, join(vault, name));
      await isRefused(vault);
      expect(readFileSync(victim, 'utf8')).toBe('precious');
      expect(readdirSync(vault)).toEqual([name]);
    },
  );

  it.each([...NAMES, 'lock.json'])(
    'A95 %s that is a link to nothing makes no file elsewhere',
    async (name) => {
      const { vault, missing } = places();
      symlinkSync(missing, join(vault, name));
      await isRefused(vault);
      expect(existsSync(missing)).toBe(false);
    },
  );

  it.each([...NAMES, 'lock.json'])('A95 %s that is a pipe is not waited for', async (name) => {
    const { vault } = places();
    execFileSync('mkfifo', [join(vault, name)]);
    await isRefused(vault);
  });

  it('A95 a link in the place where the notice is prepared is replaced, not followed', async () => {
    const { vault, victim } = places();
    symlinkSync(victim, join(vault, 'lock.json.new'));
    const lock = await acquireVaultLock(vault, { holder: 'we' });
    lock.release();
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(readFileSync(join(vault, 'lock.json'), 'utf8')).toContain('"we"');
    expect(lstatSync(join(vault, 'lock.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(vault).toSorted()).toEqual(['lock.db', 'lock.json']);
  });
});
