import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

import { init, open } from '../../src/index.ts';
import { checkVault } from './check.ts';
import { valueOf } from './ledger.ts';
import { canRun, codeOf, isRoot, makeVault, read, Scratch, write, type Place } from './places.ts';

const program = fileURLToPath(new URL('one-operation.ts', import.meta.url));
const NOBODY = 65_534;

/** Runs an operation as a user without rights; resolves to what it said. */
function asNobody(operation: string, { path, configDirectory }: Place): string {
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--inh-caps=-all'];
  const command = [process.execPath, program, operation, path, configDirectory];
  return spawnSync('setpriv', [...user, ...command], { encoding: 'utf8', timeout: 30_000 }).stdout;
}

/** Mounting needs root. */
const canMount = canRun(isRoot, 'on disks that are read-only', 'root');
const nobodyCanRun = canRun(
  isRoot &&
    asNobody('nothing', { path: '/nowhere', configDirectory: '/nowhere' }).startsWith('begin'),
  'with file modes',
  'root, and a checkout that other users can read',
);

function ownedByNobody(scratch: Scratch): Place {
  const base = scratch.at('nobody');
  chmodSync(scratch.path, 0o755);
  mkdirSync(base);
  chownSync(base, NOBODY, NOBODY);
  return { path: join(base, 'vault'), configDirectory: join(base, 'config') };
}

describe('F10 places that cannot be written', () => {
  test.skipIf(!canMount)(
    'F10 a vault on a file system that was made read-only does not open, init leaves nothing there, and both say read_only; it opens again when it can be written',
    async () => {
      using scratch = new Scratch();
      const disk = scratch.mount('disk', 'size=16m');
      const place = { path: `${disk}/vault`, configDirectory: scratch.at('config') };
      const acks = await makeVault(place, ['known/a']);
      const vault = await open(place);
      acks.push(await write(vault, 'known/b'));
      await vault.close();

      execFileSync('mount', ['-o', 'remount,ro', disk]);
      expect(await codeOf(open(place))).toBe('read_only');
      expect(await codeOf(init({ ...place, path: `${disk}/another`, owner: 'ada' }))).toBe(
        'read_only',
      );
      expect(existsSync(`${disk}/another`)).toBe(false);
      execFileSync('mount', ['-o', 'remount,rw', disk]);
      expect((await checkVault(place.path, place.configDirectory, acks)).problems).toEqual([]);
    },
  );

  test.skipIf(!nobodyCanRun)(
    'F10 a directory of mode 000, a database that cannot be read and a directory that cannot be written are read_only, and nothing is changed',
    async () => {
      using scratch = new Scratch();
      const place = ownedByNobody(scratch);
      expect(asNobody('init', place)).toContain('done');
      const files = readdirSync(place.path);

      chmodSync(place.path, 0o000);
      expect(asNobody('create', place)).toContain('failed read_only');
      chmodSync(place.path, 0o500);
      expect(asNobody('create', place)).toContain('failed read_only');
      chmodSync(place.path, 0o700);
      chmodSync(join(place.path, 'vault.db'), 0o000);
      expect(asNobody('create', place)).toContain('failed read_only');
      chmodSync(join(place.path, 'vault.db'), 0o400);
      expect(asNobody('create', place)).toContain('failed read_only');
      chmodSync(join(place.path, 'vault.db'), 0o600);
      expect(readdirSync(place.path)).toEqual(files);

      const other = { ...place, path: join(place.path, '..', 'locked', 'vault') };
      mkdirSync(join(other.path, '..'));
      expect(asNobody('init', other)).toContain('failed read_only');
      expect(existsSync(other.path)).toBe(false);
      expect(asNobody('create', place)).toContain('done');
    },
  );

  test('F10 a vault whose directory is removed underneath acknowledges nothing more and makes nothing new', async () => {
    using scratch = new Scratch();
    const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
    await makeVault(place, ['known/a']);
    const vault = await open(place);
    rmSync(place.path, { recursive: true });
    expect(await codeOf(write(vault, 'known/b'))).toBe('outcome_unknown');
    expect(await codeOf(read(vault, 'known/a'))).toBe('audit_blocked');
    expect(await codeOf(write(vault, 'known/c'))).toBe('storage_failed');
    expect(vault.isAuditBlocked).toBe(true);
    await vault.close();
    expect(existsSync(place.path)).toBe(false);
    expect(await codeOf(open(place))).toBe('vault_not_found');
  });

  test('F10 a vault that is moved while it is open says that the outcome is unknown, and is whole where it is', async () => {
    using scratch = new Scratch();
    const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
    const acks = await makeVault(place, ['known/a']);
    const vault = await open(place);
    renameSync(place.path, scratch.at('moved'));
    expect(await codeOf(write(vault, 'known/b'))).toBe('outcome_unknown');
    expect(await codeOf(read(vault, 'known/a'))).toBe('audit_blocked');
    await vault.close();
    const moved = await open({ ...place, path: scratch.at('moved') });
    expect(await read(moved, 'known/a')).toBe(valueOf('known/a', 1));
    await moved.close();
    expect((await checkVault(scratch.at('moved'), place.configDirectory, acks)).problems).toEqual(
      [],
    );
  });
});
