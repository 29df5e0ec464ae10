// Works on a vault until it is killed, and writes each answer down, after it
// came, as one line on standard output: the ledger that `check.ts` believes.
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { initVault } from '../../src/core/init-vault.ts';
import { openVault } from '../../src/core/open-vault.ts';
import { createSession, type Session } from '../../src/core/session.ts';
import { StrongroomError } from '../../src/errors.ts';
import { IMPORTED, LIFE, REFUSED, sha256, tagsOfStep, valueOf, type LedgerLine } from './ledger.ts';

const { values: args } = parseArgs({
  options: {
    path: { type: 'string' },
    config: { type: 'string' },
    /** First part of every path, so that runs on one vault do not meet. */
    run: { type: 'string', default: 'run' },
    init: { type: 'boolean', default: false },
    writers: { type: 'string', default: '8' },
    readers: { type: 'string', default: '8' },
    /** Stops after so many steps of each writer. Default: never. */
    steps: { type: 'string', default: 'Infinity' },
    /** Longest pause between two calls of one client, in milliseconds. */
    pause: { type: 'string', default: '4' },
    /** Test-only: commits that a power cut undoes. */
    unsafe: { type: 'boolean', default: false },
  },
});
const { path = '', config = '', run } = args;
const environment = 'development';
const steps = Number(args.steps);
const written: { path: string; version: number }[] = [];
/** How many writers are still at work: the readers stop with the last one. */
const atWork = { writers: Number(args.writers) };

function note(line: Omit<LedgerLine, 'sha256'> & { readonly value?: string }): void {
  const { value = '', ...rest } = line;
  writeSync(1, `${JSON.stringify({ ...rest, sha256: sha256(value) })}\n`);
}

/** Runs one call and writes down how it ended. */
async function attempt(
  line: Pick<LedgerLine, 'op' | 'path' | 'version'> & { readonly value: string },
  call: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await call();
    note({ ...line, outcome: 'ok' });
    return true;
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    const outcome = error.code === 'outcome_unknown' ? 'unknown' : 'failed';
    note({ ...line, outcome, code: error.code });
    return false;
  }
}

async function pause(): Promise<void> {
  const ms = Number(args.pause);
  if (ms > 0) await sleep(Math.random() * ms);
}

async function write(session: Session, client: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) {
    const place = `${run}/w${client}/${step}`;
    if (step % 5 === 4) await importGroup(session, place);
    else await writeSecret(session, place, step);
    await pause();
  }
  atWork.writers -= 1;
}

/** Up to three versions of a secret. Of five secrets one goes on to live; the readers leave it alone. */
async function writeSecret(session: Session, path: string, step: number): Promise<void> {
  const count = 1 + (step % 3);
  const isLiving = step % 5 === 1;
  const isDone = await writeVersions(session, path, { count, isRead: !isLiving });
  if (isDone && isLiving) await live(session, path, count);
}

/** Resolves to whether all of it was done. */
async function writeVersions(
  session: Session,
  path: string,
  { count, isRead }: { readonly count: number; readonly isRead: boolean },
): Promise<boolean> {
  for (let version = 1; version <= count; version += 1) {
    const value = valueOf(path, version);
    const op = version === 1 ? 'create' : 'update';
    const isDone = await attempt({ op, path, version, value }, () =>
      session.secrets.write({ environment, path, value, cas: version - 1 }),
    );
    // What became of it is not known here, so nothing is built on it.
    if (!isDone) return false;
    if (isRead) written.push({ path, version });
    await pause();
  }
  const stale = { op: 'stale', path, version: count + 1, value: REFUSED } as const;
  await attempt(stale, () =>
    session.secrets.write({ environment, path, value: REFUSED, cas: count + 7 }),
  );
  return true;
}

/** Changes a secret without a new version, deletes it, and takes it back. */
async function live(session: Session, path: string, version: number): Promise<void> {
  const { secrets } = session;
  const at = { environment, path };
  for (const [index, op] of LIFE.entries()) {
    const isDone = await attempt({ op, path, version, value: '' }, () => {
      if (op === 'delete') return secrets.delete(at);
      if (op === 'undelete') return secrets.undelete(at);
      return secrets.update({ ...at, tags: [...tagsOfStep(index)] });
    });
    if (!isDone) return;
    await pause();
  }
}

async function importGroup(session: Session, path: string): Promise<void> {
  const secrets = IMPORTED.map((name) => ({
    path: `${path}/${name}`,
    value: valueOf(`${path}/${name}`, 1),
  }));
  await attempt({ op: 'import', path, version: 1, value: '' }, () =>
    session.secrets.import({ environment, secrets }),
  );
}

async function read(session: Session): Promise<void> {
  while (atWork.writers > 0) {
    const known = written[Math.floor(Math.random() * written.length)];
    if (known !== undefined) {
      const value = valueOf(known.path, known.version);
      await attempt({ op: 'read', ...known, value }, async () => {
        const found = await session.secrets.read({ environment, ...known });
        if (found.value?.reveal() !== value) throw new TypeError('a read gave another value');
      });
    }
    await sleep(known === undefined ? 5 : Math.random() * Number(args.pause));
  }
}

if (args.init) {
  await initVault(path, { owner: 'ada', configDirectory: config });
  note({ op: 'init', path: '', version: 0, outcome: 'ok' });
}
const vault = await openVault(path, {
  holder: 'writer',
  configDirectory: config,
  ...(args.unsafe ? { sqlite: { testOnlySynchronous: 'NORMAL' } } : {}),
});
const session = createSession(vault, { principal: 'ada' }, 'library');
const clients: Promise<void>[] = [];
for (let client = 0; client < Number(args.writers); client += 1) {
  clients.push(write(session, client));
}
for (let client = 0; client < Number(args.readers); client += 1) clients.push(read(session));
await Promise.all(clients);
await vault.close();
