import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { inspect } from 'node:util';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

import { init, open, StrongroomError, type Vault } from '../../src/index.ts';
import { checkVault } from './check.ts';
import { readLedger, valueOf, type LedgerLine } from './ledger.ts';
import {
  canRun,
  codeOf,
  environment,
  errorOf,
  fill,
  isRoot,
  makeVault,
  read,
  Scratch,
  write,
} from './places.ts';

const writer = fileURLToPath(new URL('writer.ts', import.meta.url));

/** Mounting needs root. */
const canMount = canRun(isRoot, 'on full disks', 'root');

/** Writes until nothing fits any more. Gives the code of the first failure, and what was acknowledged before. */
async function writeUntilFull(vault: Vault): Promise<{ code: string; acks: LedgerLine[] }> {
  const acks: LedgerLine[] = [];
  for (let count = 0; count < 5000; count += 1) {
    try {
      acks.push(await write(vault, `more/until/${count}/full`));
    } catch (error) {
      if (error instanceof StrongroomError) return { code: error.code, acks };
      throw error;
    }
  }
  return { code: 'never', acks };
}

async function elapsed(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

/** Calls again until it works. */
async function untilItWorks(call: () => Promise<unknown>, deadlineMs: number): Promise<number> {
  const began = performance.now();
  for (;;) {
    const failure = await errorOf(call());
    const ms = performance.now() - began;
    if (failure === undefined) return ms;
    if (ms > deadlineMs) throw failure;
  }
}

describe.skipIf(!canMount)('F6 a full disk', () => {
  test('A88 F6 a full disk refuses writes as storage_full and reads as audit_blocked, gives nothing out, and works again once there is space', async () => {
    using scratch = new Scratch();
    const disk = scratch.mount('disk', 'size=6m');
    const place = { path: `${disk}/vault`, configDirectory: scratch.at('config') };
    const acks = await makeVault(place, ['known/a', 'known/b']);
    const vault = await open(place);
    const ballast = fill(disk);

    const full = await writeUntilFull(vault);
    expect(full.code).toBe('storage_full');
    expect(vault.isAuditBlocked).toBe(true);
    acks.push(...full.acks);

    const reads = Array.from({ length: 64 }, () => errorOf(read(vault, 'known/a')));
    expect(await elapsed(() => Promise.all(reads))).toBeLessThan(1000);
    for (const error of await Promise.all(reads)) {
      expect(error?.code).toBe('audit_blocked');
      expect(inspect(error, { depth: 10 })).not.toContain(valueOf('known/a', 1).slice(0, 30));
    }
    expect(await elapsed(() => errorOf(write(vault, 'too/much')))).toBeLessThan(1000);

    rmSync(ballast);
    expect(await untilItWorks(() => read(vault, 'known/a'), 5000)).toBeLessThan(5000);
    expect(await read(vault, 'known/b')).toBe(valueOf('known/b', 1));
    acks.push(await write(vault, 'afterwards/a'));
    expect(vault.isAuditBlocked).toBe(false);
    await vault.close();
    expect((await checkVault(place.path, place.configDirectory, acks)).problems).toEqual([]);
  });

  test('F6 a vault on a full disk does not open, says why, and opens once there is space', async () => {
    using scratch = new Scratch();
    const disk = scratch.mount('disk', 'size=4m');
    const place = { path: `${disk}/vault`, configDirectory: scratch.at('config') };
    const acks = await makeVault(place, ['known/a']);
    const ballast = fill(disk);
    expect(await codeOf(open(place))).toBe('storage_full');
    expect(await codeOf(open({ ...place, waitMs: 0 }))).toBe('storage_full');
    rmSync(ballast);
    expect((await checkVault(place.path, place.configDirectory, acks)).problems).toEqual([]);
  });

  test('F6 init on a disk that fills up at any point leaves no vault and no key, and can be repeated', async () => {
    using scratch = new Scratch();
    const disk = scratch.mount('disk', 'size=3m');
    const place = { path: `${disk}/vault`, configDirectory: `${disk}/config` };
    const ballast = fill(disk);
    const codes: (string | undefined)[] = [];
    for (let size = statSync(ballast).size; size > 0; size -= 60 * 1024) {
      codes.push(await codeOf(init({ ...place, owner: 'ada' })));
      if (codes.at(-1) === undefined) break;
      expect(existsSync(place.path) ? readdirSync(place.path) : []).not.toContain('vault.db');
      expect(
        filesBelow(disk).filter((file) => /master\.key|checkpoint|\.init-/.test(file)),
      ).toEqual([]);
      truncateSync(ballast, Math.max(0, size - 60 * 1024));
    }
    expect(codes.pop()).toBeUndefined();
    expect(codes.length).toBeGreaterThan(3);
    expect(new Set(codes)).toEqual(new Set(['storage_full']));
    rmSync(ballast);
    expect((await checkVault(place.path, place.configDirectory, [])).problems).toEqual([]);
  });

  test('F6 a full disk under the checkpoint kept outside does not hinder the vault, and is no rollback later', async () => {
    using scratch = new Scratch();
    const disk = scratch.mount('disk', 'size=1m');
    const place = { path: scratch.at('vault'), configDirectory: `${disk}/config` };
    const acks = await makeVault(place, ['known/a']);
    const vault = await open(place);
    const ballast = fill(disk);
    acks.push(await write(vault, 'known/b'));
    await vault.close();
    expect(vault.checkpointFault?.code).toBe('storage_full');
    expect((await checkWithout(place, acks)).problems).toEqual([]);
    rmSync(ballast);
    expect((await checkVault(place.path, place.configDirectory, acks)).problems).toEqual([]);
  });

  test('F6 without inodes an open vault goes on, and one that is closed says so', async () => {
    using scratch = new Scratch();
    const disk = scratch.mount('disk', 'size=16m,nr_inodes=40');
    const place = { path: `${disk}/vault`, configDirectory: scratch.at('config') };
    const acks = await makeVault(place, ['known/a']);
    const vault = await open(place);
    for (let count = 0; count < 40; count += 1) {
      try {
        writeFileSync(`${disk}/inode-${count}`, '');
      } catch {
        break;
      }
    }
    acks.push(await write(vault, 'known/b'));
    await vault.close();
    writeFileSync(`${disk}/inode-wal`, '');
    writeFileSync(`${disk}/inode-shm`, '');
    expect(['storage_full', 'read_only']).toContain(await codeOf(open(place)));
    for (const file of readdirSync(disk)) if (file.startsWith('inode')) rmSync(`${disk}/${file}`);
    expect((await checkVault(place.path, place.configDirectory, acks)).problems).toEqual([]);
  });
});

test('F6 a limit on file sizes fails writes without ending the process, and nothing acknowledged is lost', async () => {
  using scratch = new Scratch();
  const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
  const acks = await makeVault(place, ['known/a']);
  const limit = statSync(`${place.path}/vault.db`).size + 100 * 1024;
  const ledger = scratch.at('ledger');
  const out = openSync(ledger, 'a');
  const child = spawnSync(
    'prlimit',
    [
      `--fsize=${limit}`,
      process.execPath,
      writer,
      '--path',
      place.path,
      '--config',
      place.configDirectory,
    ].concat(['--steps', '60', '--writers', '8', '--readers', '2', '--pause', '0']),
    { stdio: ['ignore', out, 'pipe'], timeout: 50_000 },
  );
  closeSync(out);
  expect(child.signal).toBeNull();
  const lines = readLedger(ledger);
  const refused = lines.filter(({ op, outcome }) => op !== 'stale' && outcome !== 'ok');
  expect(refused.length).toBeGreaterThan(0);
  const codes = new Set(refused.map(({ code }) => code));
  for (const code of codes) {
    expect(['storage_full', 'storage_failed', 'outcome_unknown', 'audit_blocked']).toContain(code);
  }
  const report = await checkVault(place.path, place.configDirectory, [...acks, ...lines]);
  expect(report.problems).toEqual([]);
});

/** Looks at a vault whose checkpoint outside cannot be written, without writing one. */
async function checkWithout(
  place: { readonly path: string; readonly configDirectory: string },
  acks: readonly LedgerLine[],
): Promise<{ problems: string[] }> {
  const problems: string[] = [];
  const vault = await open(place);
  for (const { path } of acks) {
    if ((await read(vault, path)) !== valueOf(path, 1)) problems.push(path);
  }
  await vault.as({ principal: 'ada' }).secrets.list({ environment });
  await errorOf(vault.close());
  return { problems };
}

function filesBelow(directory: string): string[] {
  return execFileSync('find', [directory, '-type', 'f'], { encoding: 'utf8' }).split('\n');
}
