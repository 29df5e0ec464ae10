// Many at once, and little memory: what is answered then, and what is left when the kernel ends the server.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { PASSWORD } from '../../src/testing/remote-session.ts';
import { canRun } from '../faults/places.ts';
import { ended, Sandbox } from '../sandbox.ts';
import { ask, startServed, type Answer } from './served.ts';

const SECRETS = '/api/secrets/workspaces/default/secrets';
const MIB = 1024 * 1024;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('L4 a storm of sign-ins', () => {
  it('L4 is answered with sessions, or with when to come back, and others are served meanwhile', async () => {
    const served = await startServed();
    const { token } = served;
    const password = PASSWORD;
    const at = { environment: 'production', path: 'db/password' };
    await served.owner().secrets.write({ ...at, value: 'v' });
    const names = Array.from({ length: 24 }, (_, index) => `user-${index}`);
    for (const name of names) {
      await served.owner().users.create({ name });
      const { invite } = await served.owner().users.invite({ name });
      const json = { invite: invite.reveal(), password };
      expect((await served.ask('/api/auth/accept-invite', { json })).status).toBe(200);
    }
    const before = process.memoryUsage().rss;
    const storm = Array.from({ length: 120 }, (_, index) =>
      served.ask('/api/auth/sign-in', { json: { name: names[index % names.length], password } }),
    );
    const reads: number[] = [];
    const storming = { isOver: false };
    const all = Promise.all(storm).finally(() => (storming.isOver = true));
    while (!storming.isOver) {
      const target = `${SECRETS}/by-name/production/db/password:value`;
      reads.push((await served.ask(target, { token })).status);
      await sleep(5);
    }
    const answers: readonly Answer[] = await all;
    const byStatus = (status: number): readonly Answer[] =>
      answers.filter((answer) => answer.status === status);
    expect(byStatus(200).length).toBeGreaterThan(10);
    // Nobody is tried oftener than wrong guesses are borne: so a right password is never said to be wrong.
    const [later, refused] = [byStatus(429), byStatus(401)];
    expect(refused).toEqual([]);
    expect(byStatus(200).length + later.length).toBe(answers.length);
    expect(later.every(({ headers }) => Number(headers['retry-after']) > 0)).toBe(true);
    expect(reads.every((status) => status === 200)).toBe(true);
    expect(reads.length).toBeGreaterThan(5);
    // 19 MiB a derivation, of which few run at a time.
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * MIB);
    await served.close();
  }, 60_000);
});

const CGROUPS = '/sys/fs/cgroup';
/** Where groups are made, and the file that limits one, by the version of cgroups. */
const [parent, limit] = existsSync(join(CGROUPS, 'cgroup.controllers'))
  ? [CGROUPS, 'memory.max']
  : [join(CGROUPS, 'memory'), 'memory.limit_in_bytes'];
const group = join(parent, `strongroom-test-${process.pid}`);
/** A group of processes with a limit of memory, if this machine has them and we may make one. */
function makeGroup(limitBytes: number): boolean {
  try {
    mkdirSync(group);
  } catch {
    return false;
  }
  try {
    // Of version 2 it has that file only where its parent hands the controller on.
    writeFileSync(join(group, limit), String(limitBytes), { flag: 'r+' });
    return true;
  } catch {
    drop(group);
    return false;
  }
}
const canLimit = canRun(
  makeGroup(256 * MIB) && drop(group),
  'with little memory',
  'root and the memory controller of cgroups',
);

function drop(directory: string): boolean {
  try {
    rmdirSync(directory);
  } catch {
    // Whoever was in it is not gone yet.
  }
  return true;
}

interface Started {
  readonly child: ChildProcess;
  readonly port: number;
  readonly token: string;
}

async function start(sandbox: Sandbox, before = '', options = ''): Promise<Started> {
  const line = `${before} exec strongroom serve --port 0 --json ${options}`;
  const child = sandbox.start('sh', '-c', line);
  children.push(child);
  let text = '';
  child.stdout?.on('data', (part: Uint8Array) => (text += Buffer.from(part).toString()));
  for (;;) {
    try {
      const { address, token = '' } = JSON.parse(text) as { address: string; token?: string };
      return { child, port: Number(new URL(address).port), token };
    } catch {
      if (child.exitCode !== null) throw new Error('the server ended');
      await sleep(20);
    }
  }
}

describe('F11 little memory', () => {
  it.runIf(canLimit)(
    'F11 is enough for a load, and what was acknowledged is there after the kernel ended the server',
    async () => {
      expect(makeGroup(256 * MIB)).toBe(true);
      const sandbox = new Sandbox();
      try {
        const server = await start(
          sandbox,
          `echo 1000 > /proc/self/oom_score_adj; echo $$ > ${group}/cgroup.procs;`,
        );
        const kept: string[] = [];
        const write = async (index: number): Promise<void> => {
          const name = `load/${index}`;
          const json = { name, environment: 'production', value: `value-${index}-`.repeat(80) };
          const made = await ask(server.port, SECRETS, { token: server.token, json });
          if (made.status === 201) kept.push(name);
        };
        for (let round = 0; round < 20; round += 1) {
          await Promise.all(Array.from({ length: 25 }, (_, index) => write(round * 25 + index)));
        }
        expect(kept).toHaveLength(500);
        const status = readFileSync(`/proc/${server.child.pid ?? 0}/status`, 'utf8');
        const peakKb = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]);
        expect(peakKb / 1024).toBeLessThan(200);

        // Somebody else in the group takes the rest of it, and the kernel ends the server, as it was told.
        const over = ended(server.child);
        const hog = spawn('sh', [
          '-c',
          `echo $$ > ${group}/cgroup.procs; exec python3 -c 'import time; x = b"x" * ${230 * MIB}; time.sleep(20)'`,
        ]);
        children.push(hog);
        let index = 500;
        const load = { isOver: false };
        void over.then(() => (load.isOver = true));
        while (!load.isOver && index < 20_000) {
          await Promise.allSettled([write(index), write(index + 1)]);
          index += 2;
        }
        expect(await over).toBe('SIGKILL');
        hog.kill('SIGKILL');

        const again = await start(sandbox, '', '--owner-token');
        const { token } = again;
        const names: string[] = [];
        let cursor: string | undefined;
        do {
          const target = `${SECRETS}?environment=production&limit=1000${cursor === undefined ? '' : `&cursor=${cursor}`}`;
          const { body } = await ask(again.port, target, { token });
          const page = JSON.parse(body) as { secrets: readonly { name: string }[]; next?: string };
          names.push(...page.secrets.map(({ name }) => name));
          cursor = page.next;
        } while (cursor !== undefined);
        const there = new Set(names);
        expect(kept.filter((name) => !there.has(name))).toEqual([]);
        const end = ended(again.child);
        again.child.kill('SIGTERM');
        expect(await end).toBe(0);
        expect(sandbox.run('strongroom audit verify').code).toBe(0);
      } finally {
        for (const child of children.splice(0)) child.kill('SIGKILL');
        await sleep(200);
        drop(group);
        sandbox[Symbol.dispose]();
      }
    },
    240_000,
  );
});
